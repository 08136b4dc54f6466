/* SPDX-License-Identifier: Apache-2.0
 * I2C: combined messages, SMBus calls, what the adapter can do.
 */
#ifndef EDGELEAK_I2C_H
#define EDGELEAK_I2C_H

#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "blackbox.h"
#include "client.h"
#include "ioctl.h"
#include "native.h"
#include "wire.h"

static bool i2c_is_read(const struct i2c_msg *one)
{
    return one->flags & I2C_M_RD;
}

/* What the messages wrote, or read, one after the other. */
static void i2c_collect(char *to, const struct i2c_rdwr_ioctl_data *all, bool is_read)
{
    for (const struct i2c_msg *one = all->msgs; one < all->msgs + all->nmsgs; one++)
        if (i2c_is_read(one) == is_read) {
            memcpy(to, one->buf, one->len);
            to += one->len;
        }
}

/* The server's answer to the messages that read. */
static void i2c_deliver(const struct i2c_rdwr_ioctl_data *all, const char *from, size_t size)
{
    size_t at = 0;
    for (const struct i2c_msg *one = all->msgs; one < all->msgs + all->nmsgs; one++)
        if (i2c_is_read(one) && at + one->len <= size) {
            memcpy(one->buf, from + at, one->len);
            at += one->len;
        }
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
        *(i2c_is_read(one) ? &in : &out) += one->len;
    }
    char *const data = malloc(out + in + 1), *const back = data + out;
    if (!data)
        return -ENOMEM;
    i2c_collect(data, all, false);
    struct iovec payload[2] = {{heads, all->nmsgs * sizeof *heads}, {data, out}};
    ask.want = all->nmsgs;
    struct reply got = {0};
    const int result = own >= 0 ? native_ioctl(own, &ask, (void *)all)
                                : call(ask, payload, 2, back, in, &got);
    if (own >= 0) {
        i2c_collect(back, all, true);
        box_note(&ask, payload, 2, result, back, result < 0 ? 0 : in, monotonic_ns());
    } else if (result >= 0) {
        i2c_deliver(all, back, got.size);
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

/* The kernel's number is an unsigned long, the server's has 64 bits. */
static int i2c_functions(struct request ask, unsigned long *out, int own)
{
    uint64_t functions = 0;
    if (own >= 0) {
        const int native_result = native_ioctl(own, &ask, out);
        functions = *out;
        box_note(&ask, NULL, 0, native_result, &functions, sizeof functions, monotonic_ns());
        return native_result;
    }
    const int result = call(ask, NULL, 0, &functions, sizeof functions, NULL);
    if (result >= 0)
        *out = (unsigned long)functions;
    return result;
}

static int i2c_ioctl(struct request ask, void *argument, int own)
{
    switch (ask.code) {
    case I2C_RDWR:
        return i2c_messages(ask, argument, own);
    case I2C_SMBUS:
        return smbus_call(ask, argument, own);
    case I2C_FUNCS:
        return i2c_functions(ask, argument, own);
    default:
        return by_value(ask, (unsigned long)(uintptr_t)argument, own);
    }
}

#endif
