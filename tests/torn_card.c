/* SPDX-License-Identifier: Apache-2.0
 *
 * Preload library: one folder is a memory card that can be torn out, filled, or made slow.
 *
 * TORN_CARD is the folder, TORN_CARD_STATE a file of four int32: errno of refused calls (0 none),
 * what is refused, ms that each write takes longer, and the count of calls that were struck;
 * TORN_CARD_SAYS is a pipe that gets a byte for each of these.
 * Calls of the C library are replaced, so the program under test is the real one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { GROWS, CHANGES, LOOKS }; /* what a call does, and how much a card refuses */
enum { MOST_FDS = 1024 };

struct state {
    int32_t number, what, stall_ms, struck;
};

static struct state *state;
static int says;
static const char *folder;
static size_t folder_bytes;
static _Bool is_ours[MOST_FDS];

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TORN_CARD_STATE");
    folder = getenv("TORN_CARD");
    if (!path || !folder)
        return;
    folder_bytes = strlen(folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || at == MAP_FAILED)
        abort();
    says = open(getenv("TORN_CARD_SAYS"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    state = at;
}

static _Bool on_card(const char *path)
{
    return state && path && strncmp(path, folder, folder_bytes) == 0;
}

static _Bool card_fd(int fd)
{
    return state && fd >= 0 && fd < MOST_FDS && is_ours[fd];
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void strike(void)
{
    __atomic_add_fetch(&state->struck, 1, __ATOMIC_SEQ_CST);
    if (REAL(write)(says, "", 1) < 0)
        errno = 0; /* the reader has enough of them */
}

/* -1 with errno when the card refuses. */
static int refused(_Bool on_the_card, int does)
{
    if (!on_the_card)
        return 0;
    int number = __atomic_load_n(&state->number, __ATOMIC_SEQ_CST);
    if (number == 0 || does > state->what)
        return 0;
    strike();
    errno = number;
    return -1;
}

static int opened(int fd, const char *path)
{
    if (fd >= 0 && fd < MOST_FDS)
        is_ours[fd] = on_card(path);
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        if (refused(on_card(path), flags & (O_ACCMODE | O_CREAT) ? GROWS : LOOKS)) \
            return -1; \
        return opened(REAL(name)(path, flags, mode), path); \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *data, size_t size)
{
    if (card_fd(fd)) {
        int ms = __atomic_load_n(&state->stall_ms, __ATOMIC_SEQ_CST);
        struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};
        if (ms) {
            strike();
            nanosleep(&rest, NULL);
        }
    }
    return refused(card_fd(fd), GROWS) ? -1 : REAL(write)(fd, data, size);
}

#define ON_FD(name) \
    int name(int fd) \
    { \
        return refused(card_fd(fd), CHANGES) ? -1 : REAL(name)(fd); \
    }
ON_FD(fsync)
ON_FD(fdatasync)

int ftruncate64(int fd, off64_t size)
{
    return refused(card_fd(fd), CHANGES) ? -1 : REAL(ftruncate64)(fd, size);
}

int close(int fd)
{
    _Bool was_ours = card_fd(fd);
    if (was_ours)
        is_ours[fd] = 0;
    int result = REAL(close)(fd);
    return refused(was_ours, LOOKS) ? -1 : result;
}

int rename(const char *from, const char *to)
{
    return refused(on_card(from), CHANGES) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return refused(on_card(path), CHANGES) ? -1 : REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return refused(on_card(path), GROWS) ? -1 : REAL(mkdir)(path, mode);
}

DIR *opendir(const char *path)
{
    return refused(on_card(path), LOOKS) ? NULL : REAL(opendir)(path);
}

int stat64(const char *path, struct stat64 *found)
{
    return refused(on_card(path), LOOKS) ? -1 : REAL(stat64)(path, found);
}

int statvfs64(const char *path, struct statvfs64 *found)
{
    return refused(on_card(path), LOOKS) ? -1 : REAL(statvfs64)(path, found);
}
