/* SPDX-License-Identifier: Apache-2.0
 * GPIO lines, character device version 2.
 */
#ifndef EDGELEAK_GPIO_H
#define EDGELEAK_GPIO_H

#include <linux/gpio.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blackbox.h"
#include "client.h"
#include "native.h"
#include "wire.h"

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

#endif
