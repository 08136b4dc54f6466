/* SPDX-License-Identifier: Apache-2.0
 * Device nodes that live in the plant's server: /dev/spidevB.C, /dev/i2c-N, /dev/gpiochipN.
 *
 * Loaded with LD_PRELOAD into an unmodified program.  Opening a node connects to the server
 * ($EDGELEAK_SIM_SOCKET) and returns that very socket as the device's descriptor, so dup, poll,
 * close, fork and exec need no book-keeping: the kernel keeps it, and the server sees its end.
 * Each thread speaks to the server through a channel of its own (client.h), so calls of threads and
 * of forked processes cannot mix and no lock is held.
 *
 * Calls are not interruptible while the server works, as the kernel's transfers are not.
 * Without the variable, or with no server there, everything passes to the real functions.
 *
 * With $EDGELEAK_BLACKBOX every transaction is recorded (blackbox.h), on the server's nodes and on
 * a board's real ones (native.h).
 *
 * Here are the functions that are replaced; what they do with a node is in the headers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"
#include "gpio.h"
#include "i2c.h"
#include "interpose.h"
#include "ioctl.h"
#include "native.h"
#include "nodes.h"
#include "spidev.h"

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "64-bit systems only");

#define GPIO_SUBSYSTEM "/sys/bus/gpio"

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

/* --- open and close ----------------------------------------------------------------------- */

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

EXPORT int close(int fd)
{
    native_closed(fd);
    return REAL(close)(fd);
}

/* --- stat, access, realpath -------------------------------------------------------------- */

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

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
    const uint32_t who = who_is(fd), own = who ? 0 : native_who(fd);
    if (own)
        return native_readv(fd, own, parts, count);
    return who ? readv_node(fd, who, parts, count) : REAL(readv)(fd, parts, count);
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
    const uint32_t who = who_is(fd), own = who ? 0 : native_who(fd);
    if (own)
        return native_writev(fd, own, parts, count);
    return who ? writev_node(who, parts, count) : REAL(writev)(fd, parts, count);
}

/* --- ioctl ------------------------------------------------------------------------------- */

EXPORT int ioctl(int fd, unsigned long code, ...)
{
    va_list rest;
    va_start(rest, code);
    void *const argument = va_arg(rest, void *);
    va_end(rest);
    const uint32_t who = who_is(fd), recorded = who ? 0 : native_who(fd);
    if (!who && !recorded)
        return REAL(ioctl)(fd, code, argument);
    const struct request ask = {
        .op = OP_IOCTL, .who = who ? who : recorded, .code = code & 0xffffffffUL};
    const int own = who ? -1 : fd;
    if (_IOC_TYPE(ask.code) == SPI_IOC_MAGIC && !_IOC_NR(ask.code))
        return finish(spi_message(ask, argument, own));
    if (ask.code >> 8 == 0x07)
        return finish(i2c_ioctl(ask, argument, own));
    if (ask.code == GPIO_V2_GET_LINE_IOCTL)
        return finish(request_lines(ask, argument, own));
    return finish(by_size(ask, argument, own));
}
