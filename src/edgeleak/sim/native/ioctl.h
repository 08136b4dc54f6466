/* SPDX-License-Identifier: Apache-2.0
 * ioctl with an argument that says itself how large it is.
 *
 * own : a real node's descriptor, to call and to record; below 0 the server is asked
 */
#ifndef EDGELEAK_IOCTL_H
#define EDGELEAK_IOCTL_H

#include <linux/ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "blackbox.h"
#include "client.h"
#include "native.h"
#include "wire.h"

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

#endif
