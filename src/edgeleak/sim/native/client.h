/* SPDX-License-Identifier: Apache-2.0
 * The server of the plant: one request and one reply at a time, on a channel of each thread.
 *
 * A node's descriptor is a socket connected to the server.  It is only an identity, its autobound
 * name; nothing is sent on it.
 */
#ifndef EDGELEAK_CLIENT_H
#define EDGELEAK_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "blackbox.h"
#include "wire.h"

#define CHANNEL_FROM 256 /* lowest descriptor of a channel: out of the program's way */

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

#endif
