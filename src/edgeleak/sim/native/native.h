/* SPDX-License-Identifier: Apache-2.0
 * A board's real nodes, recorded: which descriptors they are, and their calls with a note of each.
 */
#ifndef EDGELEAK_NATIVE_H
#define EDGELEAK_NATIVE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "blackbox.h"
#include "interpose.h"
#include "nodes.h"
#include "wire.h"

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

static void native_closed(int fd)
{
    if (native_who(fd))
        __atomic_store_n(&native[fd], 0, __ATOMIC_RELAXED);
}

/* A whole call of the kernel; the answer is in `argument` afterwards. */
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

#endif
