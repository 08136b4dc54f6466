/* SPDX-License-Identifier: Apache-2.0
 * What the preload library and the plant's server say to each other; sim/wire.py is the other side.
 */
#ifndef EDGELEAK_WIRE_H
#define EDGELEAK_WIRE_H

#include <stdint.h>
#include <time.h>

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

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
