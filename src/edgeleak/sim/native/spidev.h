/* SPDX-License-Identifier: Apache-2.0
 * SPI_IOC_MESSAGE: segments of one transfer, with chip select held.
 */
#ifndef EDGELEAK_SPIDEV_H
#define EDGELEAK_SPIDEV_H

#include <errno.h>
#include <linux/spi/spidev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "blackbox.h"
#include "client.h"
#include "native.h"
#include "wire.h"

/* What the segments sent or received, one after the other. */
static void spi_collect(char *to, const struct spi_ioc_transfer *segments, size_t count,
                        bool is_sent)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t from = is_sent ? segments[i].tx_buf : segments[i].rx_buf;
        if (!from)
            continue;
        memcpy(to, (void *)(uintptr_t)from, segments[i].len);
        to += segments[i].len;
    }
}

/* The server's answer to the segments that receive. */
static void spi_deliver(const struct spi_ioc_transfer *segments, size_t count, const char *from,
                        size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (segments[i].rx_buf && at + segments[i].len <= size) {
            memcpy((void *)(uintptr_t)segments[i].rx_buf, from + at, segments[i].len);
            at += segments[i].len;
        }
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
    spi_collect(data, segments, count, true);
    struct iovec payload[2] = {{(void *)segments, bytes}, {data, out}};
    struct reply got = {0};
    const int result = own >= 0 ? native_ioctl(own, &ask, (void *)segments)
                                : call(ask, payload, 2, back, in, &got);
    if (own >= 0) {
        spi_collect(back, segments, count, false);
        box_note(&ask, payload, 2, result, back, result < 0 ? 0 : in, monotonic_ns());
    } else if (result >= 0) {
        spi_deliver(segments, count, back, got.size);
    }
    free(data);
    return result;
}

#endif
