/* SPDX-License-Identifier: Apache-2.0
 * Device nodes that live in the plant's server: /dev/spidevB.C, /dev/i2c-N, /dev/gpiochipN.
 *
 * Loaded with LD_PRELOAD into an unmodified program.  Opening a node connects to the server
 * ($EDGELEAK_SIM_SOCKET) and returns that very socket as the device's descriptor, so dup, poll,
 * close, fork and exec need no book-keeping: the kernel keeps it, and the server sees its end.
 * The socket is only an identity (its autobound name); each thread speaks to the server through
 * a channel of its own, one request and one reply at a time, so calls of threads and of forked
 * processes cannot mix and no lock is held.
 *
 * Calls are not interruptible while the server works, as the kernel's transfers are not.
 * Without the variable, or with no server there, everything passes to the real functions.
 *
 * With $EDGELEAK_BLACKBOX every transaction is recorded (blackbox.h), on the server's nodes and on
 * a board's real ones.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/gpio.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/spi/spidev.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "64-bit systems only");

enum op { OP_OPEN = 1, OP_IOCTL, OP_READ, OP_WRITE, OP_STAT, OP_BUFSIZ };
enum { FLAG_DRAIN = 1 };   /* the line's queue is empty: take its token */
enum { READ_FOLLOWS = 1 }; /* same call as the read before: the kernel went on by itself */

struct request {
    uint32_t op;
    uint32_t who;  /* identity of the device's descriptor */
    uint64_t code; /* ioctl request, or open flags */
    uint32_t size; /* payload that follows */
    uint32_t want; /* bytes to read */
    uint64_t sent_ns; /* CLOCK_MONOTONIC of the call: when it reached the bus */
    uint64_t after_ns; /* since this thread had its last answer; all ones for a first call */
};

struct reply {
    int32_t result; /* below 0: -errno */
    uint32_t flags;
    uint32_t size; /* payload that follows */
    uint32_t reserved;
};

#define BUFSIZ_PATH "/sys/module/spidev/parameters/bufsiz"
#define GPIO_SUBSYSTEM "/sys/bus/gpio"
#define CHANNEL_FROM 256 /* lowest descriptor of a channel: out of the program's way */
#define EXPORT __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))real(#name))

EXPORT int __open_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __openat_2(int folder, const char *path, int flags);
EXPORT int __openat64_2(int folder, const char *path, int flags);
EXPORT ssize_t __read_chk(int fd, void *data, size_t size, size_t room);
EXPORT char *__realpath_chk(const char *path, char *out, size_t room);
EXPORT int __xstat(int version, const char *path, struct stat *out);
EXPORT int __lxstat(int version, const char *path, struct stat *out);
EXPORT int __fxstat(int version, int fd, struct stat *out);
EXPORT int __fxstatat(int version, int folder, const char *path, struct stat *out, int flags);
EXPORT int __xstat64(int version, const char *path, struct stat64 *out);
EXPORT int __lxstat64(int version, const char *path, struct stat64 *out);
EXPORT int __fxstat64(int version, int fd, struct stat64 *out);
EXPORT int __fxstatat64(int version, int folder, const char *path, struct stat64 *out, int flags);

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort(); /* the program called a function that its own C library lacks */
    return found;
}

#include "blackbox.h"

/* --- the server -------------------------------------------------------------------------- */

/* EDGELEAK_NO_SIM makes a library that only records: for a test of that on nodes of another one. */
static const char *sim_socket(void)
{
#ifdef EDGELEAK_NO_SIM
    return NULL;
#else
    return getenv("EDGELEAK_SIM_SOCKET");
#endif
}

static bool server_address(struct sockaddr_un *out)
{
    const char *path = sim_socket();
    if (!path || !*path || strlen(path) >= sizeof out->sun_path)
        return false;
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    strcpy(out->sun_path, path);
    return true;
}

/* A connected socket with a name of its own, or -errno. */
static int connect_server(void)
{
    struct sockaddr_un server;
    if (!server_address(&server))
        return -ENODEV;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const sa_family_t any = AF_UNIX;
    if (bind(fd, (const struct sockaddr *)&any, sizeof any) ||
        connect(fd, (struct sockaddr *)&server, sizeof server)) {
        close(fd);
        return -ENODEV;
    }
    return fd;
}

/* The autobound name as a number, 0 when `fd` has none. */
static uint32_t name_of(int fd)
{
    struct sockaddr_un own;
    socklen_t length = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &length) || own.sun_family != AF_UNIX)
        return 0;
    const size_t digits = length - offsetof(struct sockaddr_un, sun_path);
    if (digits < 2 || digits > 9 || own.sun_path[0])
        return 0;
    char text[10] = {0};
    memcpy(text, own.sun_path + 1, digits - 1);
    return (uint32_t)strtoul(text, NULL, 16) + 1;
}

/* Identity of a descriptor of ours, else 0; keeps errno. */
static uint32_t who_is(int fd)
{
    struct sockaddr_un server, peer;
    socklen_t length = sizeof peer;
    const int kept = errno;
    uint32_t who = 0;
    memset(&peer, 0, sizeof peer);
    if (fd >= 0 && server_address(&server) &&
        !getpeername(fd, (struct sockaddr *)&peer, &length) && peer.sun_family == AF_UNIX &&
        !strncmp(peer.sun_path, server.sun_path, sizeof peer.sun_path))
        who = name_of(fd);
    errno = kept;
    return who;
}

struct channel {
    int fd;
    pid_t owner;
    uint32_t name;
    uint64_t answered_ns; /* when the last reply was here, 0 before the first */
};

static pthread_key_t channel_key;
static pthread_once_t channel_once = PTHREAD_ONCE_INIT;

static void channel_end(void *one)
{
    struct channel *channel = one;
    if (channel->owner == getpid() && name_of(channel->fd) == channel->name)
        close(channel->fd);
    free(channel);
}

static void channel_begin(void)
{
    if (pthread_key_create(&channel_key, channel_end))
        abort();
}

/* This thread's channel, connected; -errno without a server. */
static int channel_fd(void)
{
    pthread_once(&channel_once, channel_begin);
    struct channel *channel = pthread_getspecific(channel_key);
    if (!channel) {
        channel = calloc(1, sizeof *channel);
        if (!channel || pthread_setspecific(channel_key, channel))
            return -ENOMEM;
        channel->fd = -1;
    }
    const bool is_own = channel->fd >= 0 && channel->name && name_of(channel->fd) == channel->name;
    if (is_own && channel->owner == getpid())
        return channel->fd;
    if (is_own)
        close(channel->fd); /* forked: this copy is the parent's */
    channel->fd = -1;
    const int low = connect_server();
    if (low < 0)
        return low;
    const int high = fcntl(low, F_DUPFD_CLOEXEC, CHANNEL_FROM);
    if (high >= 0)
        close(low);
    channel->fd = high >= 0 ? high : low;
    channel->owner = getpid();
    channel->name = name_of(channel->fd);
    channel->answered_ns = 0;
    return channel->fd;
}

static bool send_all(int fd, struct iovec *parts, size_t count)
{
    while (count) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        while (count && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++, count--;
        }
        if (count) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static bool receive_all(int fd, void *data, size_t size)
{
    for (char *at = data; size;) {
        const ssize_t got = recv(fd, at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got, size -= (size_t)got;
    }
    return true;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void box_note(const struct request *ask, const struct iovec *payload, size_t count,
                     int result, const void *answer, size_t size, uint64_t end_ns)
{
    const uint64_t took_ns = end_ns - ask->sent_ns;
    const struct box_head head = {
        .kind = BOX_BUS, .op = (uint16_t)ask->op, .begin_ns = ask->sent_ns, .code = ask->code,
        .took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns, .result = result,
        .who = ask->who, .want = ask->want, .answered = (uint32_t)size,
    };
    box_put(head, payload, count, answer);
}

/* One request with `count` payload parts; the reply's payload goes to `out`, at most `room`.
 * Returns the reply's result, -ENODEV when the server went away. */
static int call(struct request ask, const struct iovec *payload, size_t count, void *out,
                size_t room, struct reply *got)
{
    struct iovec parts[3];
    struct reply answer = {0};
    const int fd = channel_fd();
    if (fd < 0)
        return fd;
    ask.size = 0;
    for (size_t i = 0; i < count; i++)
        ask.size += (uint32_t)payload[i].iov_len;
    struct channel *channel = pthread_getspecific(channel_key);
    ask.sent_ns = monotonic_ns();
    ask.after_ns = channel->answered_ns ? ask.sent_ns - channel->answered_ns : UINT64_MAX;
    parts[0] = (struct iovec){&ask, sizeof ask};
    memcpy(parts + 1, payload, count * sizeof *payload);
    if (!send_all(fd, parts, count + 1) || !receive_all(fd, &answer, sizeof answer) ||
        answer.size > room || !receive_all(fd, out, answer.size)) {
        shutdown(fd, SHUT_RDWR); /* out of step: the next call connects again */
        close(fd);
        return -ENODEV;
    }
    channel->answered_ns = monotonic_ns();
    box_note(&ask, payload, count, answer.result, out, answer.size, channel->answered_ns);
    if (got)
        *got = answer;
    return answer.result;
}

static int finish(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* --- paths ------------------------------------------------------------------------------- */

static bool is_family(const char *path)
{
    static const char *const families[] = {"/dev/spidev", "/dev/i2c-", "/dev/gpiochip"};
    if (!path || strncmp(path, "/dev/", 5))
        return false;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (!strncmp(path, families[i], strlen(families[i])))
            return true;
    return false;
}

static bool is_node(const char *path)
{
    return is_family(path) && sim_socket();
}

static bool is_bufsiz(const char *path)
{
    return path && !strcmp(path, BUFSIZ_PATH) && sim_socket();
}

/* --- real nodes, recorded ------------------------------------------------------------------ */

#define NATIVE_MOST 4096
static uint32_t native[NATIVE_MOST], native_last; /* identity of a real node's descriptor */

static uint32_t native_who(int fd)
{
    return fd >= 0 && fd < NATIVE_MOST ? __atomic_load_n(&native[fd], __ATOMIC_RELAXED) : 0;
}

static uint32_t native_name(int fd)
{
    if (fd < 0 || fd >= NATIVE_MOST)
        return 0;
    const uint32_t who = __atomic_add_fetch(&native_last, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&native[fd], who, __ATOMIC_RELAXED);
    return who;
}

static int kernel_result(long result)
{
    return result < 0 ? -errno : (int)result;
}

static int native_opened(const char *path, int flags, int fd)
{
    if (!is_family(path) || !box_is_on())
        return fd;
    const int result = fd < 0 ? -errno : 0;
    struct iovec payload = {(void *)path, strlen(path)};
    struct request ask = {.op = OP_OPEN, .who = native_name(fd), .code = (uint64_t)(unsigned)flags};
    ask.sent_ns = monotonic_ns();
    box_note(&ask, &payload, 1, result, NULL, 0, ask.sent_ns);
    return fd;
}

EXPORT int close(int fd)
{
    if (native_who(fd))
        __atomic_store_n(&native[fd], 0, __ATOMIC_RELAXED);
    return REAL(close)(fd);
}

/* A whole call of the kernel; the answer is where `answer` says afterwards. */
static int native_ioctl(int fd, struct request *ask, void *argument)
{
    ask->sent_ns = monotonic_ns();
    return kernel_result(REAL(ioctl)(fd, (unsigned long)ask->code, argument));
}

static ssize_t native_readv(int fd, uint32_t who, const struct iovec *parts, int count)
{
    struct request ask = {.op = OP_READ, .who = who, .sent_ns = monotonic_ns()};
    const ssize_t total = REAL(readv)(fd, parts, count);
    const uint64_t end_ns = monotonic_ns();
    size_t left = total > 0 ? (size_t)total : 0;
    for (int i = 0; i < count; i++) {
        const size_t got = left < parts[i].iov_len ? left : parts[i].iov_len;
        if (i && !got)
            break;
        ask.want = (uint32_t)parts[i].iov_len;
        box_note(&ask, NULL, 0, total < 0 ? -errno : (int)got, parts[i].iov_base, got, end_ns);
        ask.code = READ_FOLLOWS;
        left -= got;
    }
    return total;
}

static ssize_t native_writev(int fd, uint32_t who, const struct iovec *parts, int count)
{
    struct request ask = {.op = OP_WRITE, .who = who, .sent_ns = monotonic_ns()};
    const ssize_t total = REAL(writev)(fd, parts, count);
    box_note(&ask, parts, count > 0 ? (size_t)count : 0, kernel_result(total), NULL, 0,
             monotonic_ns());
    return total;
}

static int open_node(const char *path, int flags)
{
    const int fd = connect_server();
    if (fd < 0)
        return finish(fd == -ENODEV ? -ENOENT : fd);
    struct iovec payload = {(void *)path, strlen(path)};
    struct request ask = {.op = OP_OPEN, .who = name_of(fd), .code = (uint64_t)(unsigned)flags};
    const int result = call(ask, &payload, 1, NULL, 0, NULL);
    if (result < 0) {
        close(fd);
        return finish(result);
    }
    if (!(flags & O_CLOEXEC))
        fcntl(fd, F_SETFD, 0);
    if (flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int open_bufsiz(void)
{
    const int bytes = call((struct request){.op = OP_BUFSIZ}, NULL, 0, NULL, 0, NULL);
    if (bytes < 0)
        return finish(-ENOENT);
    const int fd = memfd_create("bufsiz", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (dprintf(fd, "%d\n", bytes) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        close(fd);
        return finish(-EIO);
    }
    return fd;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(rest, unsigned) : 0;
}

#define DEFINE_OPEN(name)                                                                          \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        const mode_t mode = mode_of(flags, rest);                                                  \
        va_end(rest);                                                                              \
        if (is_node(path))                                                                         \
            return open_node(path, flags);                                                         \
        return is_bufsiz(path) ? open_bufsiz()                                                    \
                               : native_opened(path, flags, REAL(name)(path, flags, mode));        \
    }

#define DEFINE_OPENAT(name)                                                                        \
    EXPORT int name(int folder, const char *path, int flags, ...)                                  \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        const mode_t mode = mode_of(flags, rest);                                                  \
        va_end(rest);                                                                              \
        if (is_node(path))                                                                         \
            return open_node(path, flags);                                                         \
        return is_bufsiz(path)                                                                     \
                   ? open_bufsiz()                                                                 \
                   : native_opened(path, flags, REAL(name)(folder, path, flags, mode));            \
    }

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

EXPORT int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
    return open64(path, flags);
}

EXPORT int __openat_2(int folder, const char *path, int flags)
{
    return openat(folder, path, flags);
}

EXPORT int __openat64_2(int folder, const char *path, int flags)
{
    return openat64(folder, path, flags);
}

/* spidev reads its own limit with fopen; nodes are never opened so. */
#define DEFINE_FOPEN(name)                                                                         \
    EXPORT FILE *name(const char *restrict path, const char *restrict mode)                        \
    {                                                                                              \
        if (!is_bufsiz(path))                                                                      \
            return REAL(name)(path, mode);                                                         \
        const int fd = open_bufsiz();                                                              \
        return fd < 0 ? NULL : fdopen(fd, "r");                                                    \
    }

DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

/* --- stat, access, realpath -------------------------------------------------------------- */

/* Fill `out` for a node; -ENOENT when the server does not have it. */
static int stat_node(const char *path, struct stat *out)
{
    uint32_t numbers[2] = {0, 0};
    struct iovec payload = {(void *)path, strlen(path)};
    const int result =
        call((struct request){.op = OP_STAT}, &payload, 1, numbers, sizeof numbers, NULL);
    if (result < 0)
        return finish(-ENOENT);
    memset(out, 0, sizeof *out);
    out->st_mode = S_IFCHR | 0660;
    out->st_nlink = 1;
    out->st_uid = geteuid();
    out->st_gid = getegid();
    out->st_rdev = makedev(numbers[0], numbers[1]);
    out->st_ino = ((ino_t)numbers[0] << 20) + numbers[1] + 1;
    out->st_blksize = 4096;
    return 0;
}

static int stat_fd(int fd, struct stat *out)
{
    char path[PATH_MAX] = {0};
    const struct request ask = {.op = OP_STAT, .who = who_is(fd)};
    const int result = call(ask, NULL, 0, path, sizeof path - 1, NULL);
    return result < 0 ? finish(-ENODEV) : stat_node(path, out);
}

#define DEFINE_STAT(name, type)                                                                    \
    EXPORT int name(const char *restrict path, struct type *restrict out)                          \
    {                                                                                              \
        return is_node(path) ? stat_node(path, (struct stat *)out) : REAL(name)(path, out);        \
    }
#define DEFINE_FSTAT(name, type)                                                                   \
    EXPORT int name(int fd, struct type *out)                                                      \
    {                                                                                              \
        return who_is(fd) ? stat_fd(fd, (struct stat *)out) : REAL(name)(fd, out);                 \
    }
#define DEFINE_FSTATAT(name, type)                                                                 \
    EXPORT int name(int folder, const char *restrict path, struct type *restrict out, int flags)   \
    {                                                                                              \
        if (is_node(path))                                                                         \
            return stat_node(path, (struct stat *)out);                                            \
        if (!*path && flags & AT_EMPTY_PATH && who_is(folder))                                     \
            return stat_fd(folder, (struct stat *)out);                                            \
        return REAL(name)(folder, path, out, flags);                                               \
    }
#define DEFINE_XSTAT(name, type)                                                                   \
    EXPORT int name(int version, const char *path, struct type *out)                               \
    {                                                                                              \
        return is_node(path) ? stat_node(path, (struct stat *)out)                                 \
                             : REAL(name)(version, path, out);                                     \
    }
#define DEFINE_FXSTAT(name, type)                                                                  \
    EXPORT int name(int version, int fd, struct type *out)                                         \
    {                                                                                              \
        return who_is(fd) ? stat_fd(fd, (struct stat *)out) : REAL(name)(version, fd, out);        \
    }
#define DEFINE_FXSTATAT(name, type)                                                                \
    EXPORT int name(int version, int folder, const char *path, struct type *out, int flags)        \
    {                                                                                              \
        return is_node(path) ? stat_node(path, (struct stat *)out)                                 \
                             : REAL(name)(version, folder, path, out, flags);                      \
    }

DEFINE_STAT(stat, stat)
DEFINE_STAT(stat64, stat64)
DEFINE_STAT(lstat, stat)
DEFINE_STAT(lstat64, stat64)
DEFINE_FSTAT(fstat, stat)
DEFINE_FSTAT(fstat64, stat64)
DEFINE_FSTATAT(fstatat, stat)
DEFINE_FSTATAT(fstatat64, stat64)
DEFINE_XSTAT(__xstat, stat)
DEFINE_XSTAT(__xstat64, stat64)
DEFINE_XSTAT(__lxstat, stat)
DEFINE_XSTAT(__lxstat64, stat64)
DEFINE_FXSTAT(__fxstat, stat)
DEFINE_FXSTAT(__fxstat64, stat64)
DEFINE_FXSTATAT(__fxstatat, stat)
DEFINE_FXSTATAT(__fxstatat64, stat64)

EXPORT int statx(int folder, const char *restrict path, int flags, unsigned mask,
                 struct statx *restrict out)
{
    struct stat plain;
    const bool is_fd = !*path && flags & AT_EMPTY_PATH && who_is(folder);
    if (!is_fd && !is_node(path))
        return REAL(statx)(folder, path, flags, mask, out);
    if (is_fd ? stat_fd(folder, &plain) : stat_node(path, &plain))
        return -1;
    memset(out, 0, sizeof *out);
    out->stx_mask = STATX_BASIC_STATS;
    out->stx_mode = (uint16_t)plain.st_mode;
    out->stx_nlink = 1;
    out->stx_uid = plain.st_uid;
    out->stx_gid = plain.st_gid;
    out->stx_ino = plain.st_ino;
    out->stx_blksize = (uint32_t)plain.st_blksize;
    out->stx_rdev_major = major(plain.st_rdev);
    out->stx_rdev_minor = minor(plain.st_rdev);
    return 0;
}

static int access_node(const char *path, int mode)
{
    struct stat ignored;
    if (stat_node(path, &ignored))
        return -1;
    return mode & X_OK ? finish(-EACCES) : 0;
}

#define DEFINE_ACCESS(name)                                                                        \
    EXPORT int name(const char *path, int mode)                                                    \
    {                                                                                              \
        return is_node(path) ? access_node(path, mode) : REAL(name)(path, mode);                   \
    }

DEFINE_ACCESS(access)
DEFINE_ACCESS(euidaccess)
DEFINE_ACCESS(eaccess)

EXPORT int faccessat(int folder, const char *path, int mode, int flags)
{
    return is_node(path) ? access_node(path, mode) : REAL(faccessat)(folder, path, mode, flags);
}

/* libgpiod asks whether /sys/dev/char/MAJOR:MINOR/subsystem leads to the GPIO bus. */
static bool is_gpio_subsystem(const char *path)
{
    unsigned high, low;
    int length = 0;
    struct stat found;
    if (!path || !sim_socket() ||
        sscanf(path, "/sys/dev/char/%u:%u/subsystem%n", &high, &low, &length) != 2 ||
        length != (int)strlen(path))
        return false;
    char node[32];
    const int kept = errno;
    snprintf(node, sizeof node, "/dev/gpiochip%u", low);
    const bool is_ours = !stat_node(node, &found) && found.st_rdev == makedev(high, low);
    errno = kept;
    return is_ours;
}

static char *copy_path(const char *from, char *out)
{
    return out ? strcpy(out, from) : strdup(from);
}

EXPORT char *realpath(const char *restrict path, char *restrict out)
{
    struct stat ignored;
    if (is_gpio_subsystem(path))
        return copy_path(GPIO_SUBSYSTEM, out);
    if (!is_node(path))
        return REAL(realpath)(path, out);
    return stat_node(path, &ignored) ? NULL : copy_path(path, out);
}

EXPORT char *__realpath_chk(const char *path, char *out, size_t room)
{
    if (room < PATH_MAX)
        abort();
    return realpath(path, out);
}

EXPORT char *canonicalize_file_name(const char *path)
{
    return realpath(path, NULL);
}

/* --- read and write ---------------------------------------------------------------------- */

/* One message; a line without events waits for the token that says there is one. */
static ssize_t read_node(int fd, uint32_t who, void *data, size_t size, bool follows)
{
    struct request ask = {.op = OP_READ, .who = who, .code = follows ? READ_FOLLOWS : 0};
    struct reply got = {0};
    ask.want = size > INT_MAX ? INT_MAX : (uint32_t)size;
    for (;;) {
        const int result = call(ask, NULL, 0, data, size, &got);
        if (got.flags & FLAG_DRAIN) {
            char token;
            recv(fd, &token, 1, 0);
        }
        if (result != -EAGAIN || fcntl(fd, F_GETFL) & O_NONBLOCK)
            return finish(result);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, -1) < 0)
            return -1;
    }
}

EXPORT ssize_t read(int fd, void *data, size_t size)
{
    const uint32_t who = who_is(fd), own = who ? 0 : native_who(fd);
    if (own)
        return native_readv(fd, own, &(struct iovec){data, size}, 1);
    return who ? read_node(fd, who, data, size, false) : REAL(read)(fd, data, size);
}

EXPORT ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
    if (size > room)
        abort();
    return read(fd, data, size);
}

/* The drivers have no read_iter, so the kernel makes every iovec a read of its own. */
EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
    const uint32_t who = who_is(fd);
    if (!who && native_who(fd))
        return native_readv(fd, native_who(fd), parts, count);
    if (!who)
        return REAL(readv)(fd, parts, count);
    if (count < 0 || count > IOV_MAX)
        return finish(-EINVAL);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i].iov_len)
            continue;
        const ssize_t got = read_node(fd, who, parts[i].iov_base, parts[i].iov_len, total);
        if (got < 0)
            return total ? total : -1;
        total += got;
        if ((size_t)got != parts[i].iov_len)
            break;
    }
    return total;
}

static ssize_t write_node(uint32_t who, const void *data, size_t size)
{
    struct iovec payload = {(void *)data, size > INT_MAX ? INT_MAX : size};
    return finish(call((struct request){.op = OP_WRITE, .who = who}, &payload, 1, NULL, 0, NULL));
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
    const uint32_t who = who_is(fd), own = who ? 0 : native_who(fd);
    if (own)
        return native_writev(fd, own, &(struct iovec){(void *)data, size}, 1);
    return who ? write_node(who, data, size) : REAL(write)(fd, data, size);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    const uint32_t who = who_is(fd);
    if (!who && native_who(fd))
        return native_writev(fd, native_who(fd), parts, count);
    if (!who)
        return REAL(writev)(fd, parts, count);
    if (count < 0 || count > IOV_MAX)
        return finish(-EINVAL);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        const ssize_t sent = write_node(who, parts[i].iov_base, parts[i].iov_len);
        if (sent < 0)
            return total ? total : -1;
        total += sent;
    }
    return total;
}

/* --- ioctl ------------------------------------------------------------------------------- */

static struct request ioctl_of(uint32_t who, unsigned long code)
{
    return (struct request){.op = OP_IOCTL, .who = who, .code = code};
}

/* Argument by value, nothing comes back. */
static int by_value(struct request ask, unsigned long value, int own)
{
    uint64_t number = value;
    struct iovec payload = {&number, sizeof number};
    if (own >= 0) {
        const int result = native_ioctl(own, &ask, (void *)(uintptr_t)value);
        box_note(&ask, &payload, 1, result, NULL, 0, monotonic_ns());
        return result;
    }
    return call(ask, &payload, 1, NULL, 0, NULL);
}

/* Argument of the size in the request's number, in the directions it names. */
static int by_size(struct request ask, void *argument, int own)
{
    const size_t size = _IOC_SIZE(ask.code);
    const bool goes = _IOC_DIR(ask.code) & _IOC_WRITE, comes = _IOC_DIR(ask.code) & _IOC_READ;
    char asked[1 << _IOC_SIZEBITS]; /* the answer overwrites the argument */
    struct iovec payload = {asked, size};
    if (goes)
        memcpy(asked, argument, size);
    if (own >= 0) {
        const int result = native_ioctl(own, &ask, argument);
        box_note(&ask, &payload, goes, result, argument, comes && result >= 0 ? size : 0,
                 monotonic_ns());
        return result;
    }
    return call(ask, &payload, goes, argument, comes ? size : 0, NULL);
}

/* struct spi_ioc_transfer[n], then the bytes sent; back come the bytes received. */
static int spi_message(struct request ask, const struct spi_ioc_transfer *segments, int own)
{
    const size_t bytes = _IOC_SIZE(ask.code), count = bytes / sizeof *segments;
    size_t out = 0, in = 0;
    if (!bytes || bytes % sizeof *segments)
        return bytes ? -EINVAL : 0;
    for (size_t i = 0; i < count; i++) {
        out += segments[i].tx_buf ? segments[i].len : 0;
        in += segments[i].rx_buf ? segments[i].len : 0;
    }
    char *const data = malloc(out + in + 1), *const back = data + out;
    if (!data)
        return -ENOMEM;
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (segments[i].tx_buf) {
            memcpy(data + at, (void *)(uintptr_t)segments[i].tx_buf, segments[i].len);
            at += segments[i].len;
        }
    struct iovec payload[2] = {{(void *)segments, bytes}, {data, out}};
    struct reply got = {0};
    const int result = own >= 0 ? native_ioctl(own, &ask, (void *)segments)
                                : call(ask, payload, 2, back, in, &got);
    at = 0;
    for (size_t i = 0; own >= 0 && i < count; i++)
        if (segments[i].rx_buf) {
            memcpy(back + at, (void *)(uintptr_t)segments[i].rx_buf, segments[i].len);
            at += segments[i].len;
        }
    if (own >= 0)
        box_note(&ask, payload, 2, result, back, result < 0 ? 0 : in, monotonic_ns());
    at = 0;
    for (size_t i = 0; own < 0 && result >= 0 && i < count; i++)
        if (segments[i].rx_buf && at + segments[i].len <= got.size) {
            memcpy((void *)(uintptr_t)segments[i].rx_buf, back + at, segments[i].len);
            at += segments[i].len;
        }
    free(data);
    return result;
}

/* addr, flags, length (3 x u16) of each message, then the bytes written; back come those read. */
static int i2c_messages(struct request ask, const struct i2c_rdwr_ioctl_data *all, int own)
{
    if (!all->msgs || !all->nmsgs || all->nmsgs > I2C_RDWR_IOCTL_MAX_MSGS)
        return -EINVAL;
    uint16_t heads[I2C_RDWR_IOCTL_MAX_MSGS][3];
    size_t out = 0, in = 0;
    for (uint32_t i = 0; i < all->nmsgs; i++) {
        const struct i2c_msg *one = &all->msgs[i];
        if (one->len > 8192)
            return -EINVAL;
        heads[i][0] = one->addr, heads[i][1] = one->flags, heads[i][2] = one->len;
        *(one->flags & I2C_M_RD ? &in : &out) += one->len;
    }
    char *const data = malloc(out + in + 1), *const back = data + out;
    if (!data)
        return -ENOMEM;
    size_t at = 0;
    for (uint32_t i = 0; i < all->nmsgs; i++)
        if (!(all->msgs[i].flags & I2C_M_RD)) {
            memcpy(data + at, all->msgs[i].buf, all->msgs[i].len);
            at += all->msgs[i].len;
        }
    struct iovec payload[2] = {{heads, all->nmsgs * sizeof *heads}, {data, out}};
    ask.want = all->nmsgs;
    struct reply got = {0};
    const int result = own >= 0 ? native_ioctl(own, &ask, (void *)all)
                                : call(ask, payload, 2, back, in, &got);
    at = 0;
    for (uint32_t i = 0; own >= 0 && i < all->nmsgs; i++)
        if (all->msgs[i].flags & I2C_M_RD) {
            memcpy(back + at, all->msgs[i].buf, all->msgs[i].len);
            at += all->msgs[i].len;
        }
    if (own >= 0)
        box_note(&ask, payload, 2, result, back, result < 0 ? 0 : in, monotonic_ns());
    at = 0;
    for (uint32_t i = 0; own < 0 && result >= 0 && i < all->nmsgs; i++)
        if (all->msgs[i].flags & I2C_M_RD && at + all->msgs[i].len <= got.size) {
            memcpy(all->msgs[i].buf, back + at, all->msgs[i].len);
            at += all->msgs[i].len;
        }
    free(data);
    return result;
}

/* read_write, command, 2 of padding, size (u32), the data union; back comes the union. */
static int smbus_call(struct request ask, const struct i2c_smbus_ioctl_data *one, int own)
{
    struct __attribute__((packed)) {
        uint8_t read_write, command, padding[2];
        uint32_t size;
        union i2c_smbus_data data;
    } wire;
    memset(&wire, 0, sizeof wire);
    wire.read_write = one->read_write;
    wire.command = one->command;
    wire.size = one->size;
    if (one->data)
        wire.data = *one->data;
    struct iovec payload = {&wire, sizeof wire};
    if (own >= 0) {
        const int result = native_ioctl(own, &ask, (void *)one);
        const size_t size = one->data && result >= 0 ? sizeof *one->data : 0;
        box_note(&ask, &payload, 1, result, one->data, size, monotonic_ns());
        return result;
    }
    return call(ask, &payload, 1, one->data, one->data ? sizeof *one->data : 0, NULL);
}

static int i2c_ioctl(struct request ask, void *argument, int own)
{
    switch (ask.code) {
    case I2C_RDWR:
        return i2c_messages(ask, argument, own);
    case I2C_SMBUS:
        return smbus_call(ask, argument, own);
    case I2C_FUNCS: {
        uint64_t functions = 0;
        if (own >= 0) {
            const int native_result = native_ioctl(own, &ask, argument);
            functions = *(unsigned long *)argument;
            box_note(&ask, NULL, 0, native_result, &functions, sizeof functions, monotonic_ns());
            return native_result;
        }
        const int result = call(ask, NULL, 0, &functions, sizeof functions, NULL);
        if (result >= 0)
            *(unsigned long *)argument = (unsigned long)functions;
        return result;
    }
    default:
        return by_value(ask, (unsigned long)(uintptr_t)argument, own);
    }
}

/* Lines come as a new descriptor: an identity that the server knows as these lines. */
static int request_lines(struct request ask, struct gpio_v2_line_request *lines, int own)
{
    if (own >= 0) {
        struct gpio_v2_line_request asked = *lines;
        struct iovec native_payload = {&asked, sizeof asked};
        const int native_result = native_ioctl(own, &ask, lines);
        ask.want = native_result < 0 ? 0 : native_name(lines->fd);
        box_note(&ask, &native_payload, 1, native_result, NULL, 0, monotonic_ns());
        return native_result;
    }
    const int fd = connect_server();
    if (fd < 0)
        return fd;
    ask.want = name_of(fd);
    struct iovec payload = {lines, sizeof *lines};
    const int result = call(ask, &payload, 1, NULL, 0, NULL);
    if (result < 0) {
        close(fd);
        return result;
    }
    lines->fd = fd;
    return 0;
}

EXPORT int ioctl(int fd, unsigned long code, ...)
{
    va_list rest;
    va_start(rest, code);
    void *const argument = va_arg(rest, void *);
    va_end(rest);
    const uint32_t who = who_is(fd), recorded = who ? 0 : native_who(fd);
    if (!who && !recorded)
        return REAL(ioctl)(fd, code, argument);
    const struct request ask = ioctl_of(who ? who : recorded, code & 0xffffffffUL);
    const int own = who ? -1 : fd;
    if (_IOC_TYPE(ask.code) == SPI_IOC_MAGIC && !_IOC_NR(ask.code))
        return finish(spi_message(ask, argument, own));
    if (ask.code >> 8 == 0x07)
        return finish(i2c_ioctl(ask, argument, own));
    if (ask.code == GPIO_V2_GET_LINE_IOCTL)
        return finish(request_lines(ask, argument, own));
    return finish(by_size(ask, argument, own));
}
