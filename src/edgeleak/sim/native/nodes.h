/* SPDX-License-Identifier: Apache-2.0
 * Nodes of the server: which paths they are, and what can be done with one besides ioctl.
 */
#ifndef EDGELEAK_NODES_H
#define EDGELEAK_NODES_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"
#include "interpose.h"
#include "wire.h"

#define BUFSIZ_PATH "/sys/module/spidev/parameters/bufsiz"

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

static int access_node(const char *path, int mode)
{
    struct stat ignored;
    if (stat_node(path, &ignored))
        return -1;
    return mode & X_OK ? finish(-EACCES) : 0;
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

/* The drivers have no read_iter, so the kernel makes every iovec a read of its own. */
static ssize_t readv_node(int fd, uint32_t who, const struct iovec *parts, int count)
{
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

static ssize_t writev_node(uint32_t who, const struct iovec *parts, int count)
{
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

#endif
