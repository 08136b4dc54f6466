# SPDX-License-Identifier: Apache-2.0
"""Calls that a kernel refuses, each with its line: `python uapi.py` prints errno by name.

Runs on an emulated board and knows nothing of it; layouts are those of <linux/i2c-dev.h>,
<linux/spi/spidev.h> and <linux/gpio.h>.
"""

import ctypes
import errno
import fcntl
import json
import os
import struct
from typing import NamedTuple

I2C, SPI, GPIO = "/dev/i2c-1", "/dev/spidev0.0", "/dev/gpiochip0"
TMP117 = 0x49
DEBOUNCE, FLAGS = 3, 1
(USED, ACTIVE_LOW, INPUT, OUTPUT, RISING, FALLING, DRAIN, SOURCE, UP, DOWN, NO_BIAS, _REALTIME,
 HARDWARE) = (1 << bit for bit in range(13))  # fmt: skip
BUTTON, FAN = 26, 18


class Row(NamedTuple):
    """One call.

    name     : what is asked
    source   : the kernel's file and condition
    expected : errno, 0 where the kernel takes it
    act      : raises OSError
    """

    name: str
    source: str
    expected: int
    act: object


ROWS = []


def row(name, source, expected, act):
    ROWS.append(Row(name, source, expected, act))


# --- i2c-dev -------------------------------------------------------------------------------------


class Message(ctypes.Structure):
    _fields_ = (("addr", ctypes.c_uint16), ("flags", ctypes.c_uint16), ("len", ctypes.c_uint16),
                ("buf", ctypes.c_void_p))  # fmt: skip


class Smbus(ctypes.Structure):
    _fields_ = (("read_write", ctypes.c_uint8), ("command", ctypes.c_uint8),
                ("size", ctypes.c_uint32), ("data", ctypes.c_void_p))  # fmt: skip


def with_fd(path, act, flags=os.O_RDWR):
    fd = os.open(path, flags)
    try:
        return act(fd)
    finally:
        os.close(fd)


def i2c(*calls):
    """ioctls with a number as argument, on one descriptor."""

    def act(fd):
        for code, value in calls:
            fcntl.ioctl(fd, code, value)

    return lambda: with_fd(I2C, act)


def i2c_long(code, value):
    """An argument of more than Python's ioctl takes."""

    def act(fd):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ioctl(fd, ctypes.c_ulong(code), ctypes.c_ulong(value)) < 0:
            raise OSError(ctypes.get_errno(), "ioctl")

    return lambda: with_fd(I2C, act)


def rdwr(count=1, address=TMP117, length=2, flags=1):
    def act(fd):
        data = ctypes.create_string_buffer(max(1, length))
        messages = (Message * max(1, count))()
        for one in messages:
            one.addr, one.flags, one.len = address, flags, length
            one.buf = ctypes.addressof(data)
        fcntl.ioctl(fd, 0x0707, struct.pack("=QI4x", ctypes.addressof(messages), count))

    return lambda: with_fd(I2C, act)


def smbus(read_write, size, count=1, *, setup=()):
    def act(fd):
        for code, value in ((0x0703, TMP117), *setup):
            fcntl.ioctl(fd, code, value)
        data = ctypes.create_string_buffer(bytes((count,)) + bytes(33))
        fcntl.ioctl(fd, 0x0720, Smbus(read_write, 0, size, ctypes.addressof(data)))

    return lambda: with_fd(I2C, act)


SLAVE, TENBIT, FORCE, PEC = 0x0703, 0x0704, 0x0706, 0x0708
row("rdwr: 42 messages", "i2c-dev.c: nmsgs > I2C_RDWR_IOCTL_MAX_MSGS (42)", 0, rdwr(42))
row("rdwr: 43 messages", "i2c-dev.c: nmsgs > I2C_RDWR_IOCTL_MAX_MSGS (42)", errno.EINVAL, rdwr(43))
row("rdwr: no message", "i2c-dev.c: !rdwr_arg.msgs || rdwr_arg.nmsgs == 0", errno.EINVAL, rdwr(0))
row("rdwr: 8192 bytes", "i2c-dev.c: msgs[i].len > 8192", 0, rdwr(length=8192))
row("rdwr: 8193 bytes", "i2c-dev.c: msgs[i].len > 8192", errno.EINVAL, rdwr(length=8193))
row("rdwr: nobody there", "i2c-bcm2835.c: I2C_S_ERR", errno.EREMOTEIO, rdwr(address=0x22))
row("rdwr: address 0x80", "stricter: no I2C_FUNC_10BIT_ADDR", errno.EOPNOTSUPP, rdwr(address=0x80))
row("rdwr: I2C_M_TEN", "stricter: no I2C_FUNC_10BIT_ADDR", errno.EOPNOTSUPP, rdwr(flags=0x11))
row("rdwr: I2C_M_NOSTART", "stricter: no I2C_FUNC_NOSTART", errno.EOPNOTSUPP, rdwr(flags=0x4001))
row("slave 0x7f", "i2c-dev.c: !(flags & I2C_M_TEN) && arg > 0x7f", 0, i2c((SLAVE, 0x7F)))
row("slave 0x80", "i2c-dev.c: !(flags & I2C_M_TEN) && arg > 0x7f", errno.EINVAL, i2c((SLAVE, 0x80)))
row("slave 0x3ff of ten bits", "i2c-dev.c: arg > 0x3ff", 0, i2c((TENBIT, 1), (SLAVE, 0x3FF)))
row("slave 0x400 of ten bits", "i2c-dev.c: arg > 0x3ff", errno.EINVAL,
    i2c((TENBIT, 1), (SLAVE, 0x400)))  # fmt: skip
row("slave of a kernel driver", "i2c-dev.c: I2C_SLAVE && i2cdev_check_addr()", errno.EBUSY,
    i2c((SLAVE, 0x48)))  # fmt: skip
row("the same by force", "i2c-dev.c: only I2C_SLAVE is checked", 0, i2c((FORCE, 0x48)))
row("ten bits, then a call", "stricter: no I2C_FUNC_10BIT_ADDR", errno.EOPNOTSUPP,
    smbus(1, 1, setup=((TENBIT, 1),)))  # fmt: skip
row("retries beyond int", "i2c-dev.c: arg > INT_MAX", errno.EINVAL, i2c_long(0x0701, 1 << 31))
row("timeout beyond int", "i2c-dev.c: arg > INT_MAX", errno.EINVAL, i2c_long(0x0702, 1 << 31))
row("unknown ioctl", "i2c-dev.c: default: return -ENOTTY", errno.ENOTTY, i2c((0x0709, 0)))
row("smbus: size 9", "i2c-dev.c: size out of range", errno.EINVAL, smbus(1, 9))
row("smbus: read_write 2", "i2c-dev.c: read_write out of range", errno.EINVAL, smbus(2, 2))
row("smbus: 32 bytes written", "i2c-core-smbus.c: > I2C_SMBUS_BLOCK_MAX", 0, smbus(0, 8, 32))
row("smbus: 33 bytes written", "i2c-core-smbus.c: Invalid block write size", errno.EINVAL,
    smbus(0, 8, 33))  # fmt: skip
row("smbus: 33 bytes read", "i2c-core-smbus.c: Invalid block read size", errno.EINVAL,
    smbus(1, 8, 33))  # fmt: skip
row("smbus: block of 33", "i2c-core-smbus.c: Invalid block write size", errno.EINVAL,
    smbus(0, 5, 33))  # fmt: skip
row("smbus: length from the chip", "stricter: no I2C_FUNC_SMBUS_READ_BLOCK_DATA",
    errno.EOPNOTSUPP, smbus(1, 5))  # fmt: skip
row("smbus: PEC of a chip that has none", "i2c-core-smbus.c: i2c_smbus_check_pec()",
    errno.EBADMSG, smbus(1, 3, setup=((PEC, 1),)))  # fmt: skip


# --- spidev --------------------------------------------------------------------------------------


def spi_set(number, layout, value):
    code = 1 << 30 | struct.calcsize(layout) << 16 | ord("k") << 8 | number
    return lambda: with_fd(SPI, lambda fd: fcntl.ioctl(fd, code, struct.pack(layout, value)))


def spi_message(lengths, *, bits=0, wires=0, direction=1, size=None, buffers=True):
    def act(fd):
        data = ctypes.create_string_buffer(max(1, *lengths) if buffers else 1)
        at = ctypes.addressof(data) if buffers else 0
        parts = b"".join(struct.pack("=QQIIHBBBBBx", 0, at, length, 0, 0, bits, 0, 0, wires, 0)
                         for length in lengths)  # fmt: skip
        code = direction << 30 | (size or len(parts)) << 16 | ord("k") << 8
        fcntl.ioctl(fd, code, bytearray(parts), True)

    return lambda: with_fd(SPI, act)


def read(path, count):
    return lambda: with_fd(path, lambda fd: os.read(fd, count))


BUFSIZ = 65536
row("read of bufsiz", "spidev.c: count > bufsiz", 0, read(SPI, BUFSIZ))
row("read beyond bufsiz", "spidev.c: count > bufsiz", errno.EMSGSIZE, read(SPI, BUFSIZ + 1))
row("read of nothing", "spidev.c: a message of length 0", 0, read(SPI, 0))
row("write beyond bufsiz", "spidev.c: count > bufsiz", errno.EMSGSIZE,
    lambda: with_fd(SPI, lambda fd: os.write(fd, bytes(BUFSIZ + 1))))  # fmt: skip
row("message of bufsiz", "spidev.c: rx_total > bufsiz", 0, spi_message([BUFSIZ]))
row("message beyond bufsiz", "spidev.c: rx_total > bufsiz", errno.EMSGSIZE,
    spi_message([BUFSIZ, 1]))  # fmt: skip
row("segments are rounded up", "spidev.c: ALIGN(len, ARCH_DMA_MINALIGN)", errno.EMSGSIZE,
    spi_message([BUFSIZ - 128, 1, 1]))  # fmt: skip
row("message beyond int", "spidev.c: total > INT_MAX", errno.EMSGSIZE,
    spi_message([1 << 30, 1 << 30], buffers=False))  # fmt: skip
row("message of nothing", "spidev.c: n_ioc == 0", 0,
    lambda: with_fd(SPI, lambda fd: fcntl.ioctl(fd, 1 << 30 | ord("k") << 8, 0)))  # fmt: skip
row("message of half a segment", "spidev.c: tmp % sizeof(struct spi_ioc_transfer)", errno.EINVAL,
    spi_message([4], size=31))  # fmt: skip
row("message the wrong way", "spidev.c: _IOC_DIR(cmd) != _IOC_WRITE", errno.ENOTTY,
    spi_message([4], direction=2))  # fmt: skip
row("words of 16 bits", "spi.c: bits_per_word_mask of spi-bcm2835", errno.EINVAL,
    spi_message([4], bits=16))  # fmt: skip
row("two wires", "spi.c: rx_nbits == SPI_NBITS_DUAL without SPI_RX_DUAL", errno.EINVAL,
    spi_message([4], wires=2))  # fmt: skip
row("mode with LSB first", "spi.c: unsupported mode bits", errno.EINVAL, spi_set(1, "=B", 0x08))
row("mode with loop", "spi.c: unsupported mode bits", errno.EINVAL, spi_set(1, "=B", 0x20))
row("mode of two wires", "spi.c: ugly_bits are dropped", 0, spi_set(5, "=I", 0x100))
row("mode of two and four wires", "spi.c: dual and quad at the same time", errno.EINVAL,
    spi_set(5, "=I", 0x300))  # fmt: skip
row("mode beyond its bits", "spidev.c: tmp & ~SPI_MODE_MASK", errno.EINVAL,
    spi_set(5, "=I", 1 << 20))  # fmt: skip
row("LSB first", "spi.c: unsupported mode bits", errno.EINVAL, spi_set(2, "=B", 1))
row("9 bits a word", "spi.c: bits_per_word_mask of spi-bcm2835", errno.EINVAL, spi_set(3, "=B", 9))
row("speed 0", "spidev.c: if (tmp == 0) -EINVAL", errno.EINVAL, spi_set(4, "=I", 0))
row("unknown ioctl of spidev", "spidev.c: _IOC_NR(cmd)", errno.ENOTTY, spi_set(6, "=B", 0))
row("ioctl of another family", "spidev.c: _IOC_TYPE(cmd) != SPI_IOC_MAGIC", errno.ENOTTY,
    lambda: with_fd(SPI, lambda fd: fcntl.ioctl(fd, 0x0703, 0x48)))  # fmt: skip


# --- gpio v2 -------------------------------------------------------------------------------------

GET_LINE, GET_VALUES, SET_VALUES, SET_CONFIG = 0xC250B407, 0xC010B40E, 0xC010B40F, 0xC110B40D
LINE_INFO = 0xC100B405


def config(flags, attributes=(), *, count=None, padding=0):
    body = b"".join(struct.pack("=IIQQ", *one) for one in attributes)
    return struct.pack("=QI5I240s", flags, len(attributes) if count is None else count,
                       padding, 0, 0, 0, 0, body)  # fmt: skip


def request(fd, offsets, settings, *, lines=None, padding=0):
    """Descriptor of the lines."""
    asked = bytearray(struct.pack("=64I32s", *offsets, *[0] * (64 - len(offsets)), b"uapi"))
    count = len(offsets) if lines is None else lines
    asked += settings + struct.pack("=II5Ii", count, 0, padding, 0, 0, 0, 0, 0)
    fcntl.ioctl(fd, GET_LINE, asked, True)
    return struct.unpack_from("=i", asked, len(asked) - 4)[0]


def lines(offsets, settings, then=None, **more):
    def act(fd):
        line = request(fd, offsets, settings, **more)
        try:
            if then is not None:
                then(line)
        finally:
            os.close(line)

    return lambda: with_fd(GPIO, act)


def values(code, bits, mask):
    return lambda line: fcntl.ioctl(line, code, bytearray(struct.pack("=QQ", bits, mask)), True)


def again(offset):
    """The same line by a second request."""
    return lambda _: with_fd(GPIO, lambda fd: os.close(request(fd, [offset], config(INPUT))))


def raw(code, size):
    """A call with an empty structure."""
    return lambda fd: fcntl.ioctl(fd, code, bytearray(size), True)


def reconfigure(settings):
    return lambda line: fcntl.ioctl(line, SET_CONFIG, bytearray(settings), True)


def line_info(offset, padding=0):
    asked = bytearray(256)
    struct.pack_into("=I", asked, 64, offset)
    struct.pack_into("=I", asked, 240, padding)
    return lambda: with_fd(GPIO, lambda fd: fcntl.ioctl(fd, LINE_INFO, asked, True))


def closed(path):
    def act():
        fd = os.open(path, os.O_RDWR)
        os.close(fd)
        fcntl.ioctl(fd, GET_LINE if path == GPIO else 0x0705, bytearray(592), True)

    return act


IN, OUT = config(INPUT), config(OUTPUT)
row("line in", "gpiolib-cdev.c: linereq_create()", 0, lines([BUTTON], IN))
row("no line", "gpiolib-cdev.c: num_lines == 0", errno.EINVAL, lines([BUTTON], IN, lines=0))
row("65 lines", "gpiolib-cdev.c: num_lines > GPIO_V2_LINES_MAX", errno.EINVAL,
    lines([BUTTON], IN, lines=65))  # fmt: skip
row("request with padding", "gpiolib-cdev.c: memchr_inv(ulr.padding)", errno.EINVAL,
    lines([BUTTON], IN, padding=1))  # fmt: skip
row("line 54 of 54", "gpiolib.c: hwnum >= gdev->ngpio", errno.EINVAL, lines([54], IN))
row("one line twice in a request", "gpiolib.c: gpiod_request_commit()", errno.EBUSY,
    lines([BUTTON, BUTTON], IN))  # fmt: skip
row("line of another request", "gpiolib.c: gpiod_request_commit()", errno.EBUSY,
    lines([BUTTON], IN, again(BUTTON)))  # fmt: skip
for name, flags, expected in (
    ("unknown flag", 1 << 40, errno.EINVAL),
    ("used is no flag to ask for", USED | INPUT, errno.EINVAL),
    ("in and out", INPUT | OUTPUT, errno.EINVAL),
    ("edge of an output", OUTPUT | RISING, errno.EINVAL),
    ("edge without direction", FALLING, errno.EINVAL),
    ("open drain and source", OUTPUT | DRAIN | SOURCE, errno.EINVAL),
    ("open drain of an input", INPUT | DRAIN, errno.EINVAL),
    ("bias without direction", UP, errno.EINVAL),
    ("two biases", INPUT | UP | DOWN, errno.EINVAL),
    ("bias and none", INPUT | NO_BIAS | UP, errno.EINVAL),
    ("hardware clock without CONFIG_HTE", INPUT | RISING | HARDWARE, errno.EOPNOTSUPP),
):
    row(name, "gpiolib-cdev.c: gpio_v2_line_flags_validate()", expected,
        lines([BUTTON], config(flags)))  # fmt: skip
row("11 attributes", "gpiolib-cdev.c: num_attrs > GPIO_V2_LINE_NUM_ATTRS_MAX", errno.EINVAL,
    lines([BUTTON], config(INPUT, count=11)))  # fmt: skip
row("config with padding", "gpiolib-cdev.c: memchr_inv(lc->padding)", errno.EINVAL,
    lines([BUTTON], config(INPUT, padding=1)))  # fmt: skip
row("debounced input", "gpiolib-cdev.c: gpio_v2_line_config_debounced()", 0,
    lines([BUTTON], config(INPUT, [(DEBOUNCE, 0, 5000, 1)])))  # fmt: skip
row("debounced output", "gpiolib-cdev.c: debounce requires explicit input", errno.EINVAL,
    lines([FAN], config(OUTPUT, [(DEBOUNCE, 0, 5000, 1)])))  # fmt: skip
row("flags of one line by attribute", "gpiolib-cdev.c: gpio_v2_line_config_flags()", errno.EINVAL,
    lines([BUTTON, FAN], config(INPUT, [(FLAGS, 0, OUTPUT | RISING, 2)])))  # fmt: skip
row("set an input", "gpiolib-cdev.c: setting inputs is not allowed", errno.EPERM,
    lines([BUTTON], IN, values(SET_VALUES, 1, 1)))  # fmt: skip
row("set no line", "gpiolib-cdev.c: num_set == 0", errno.EINVAL,
    lines([FAN], OUT, values(SET_VALUES, 1, 0)))  # fmt: skip
row("set only lines beyond", "gpiolib-cdev.c: num_set == 0", errno.EINVAL,
    lines([FAN], OUT, values(SET_VALUES, 2, 2)))  # fmt: skip
row("set lines beyond as well", "gpiolib-cdev.c: i < lr->num_lines", 0,
    lines([FAN], OUT, values(SET_VALUES, 0, 3)))  # fmt: skip
row("get no line", "gpiolib-cdev.c: num_get == 0", errno.EINVAL,
    lines([FAN], OUT, values(GET_VALUES, 0, 0)))  # fmt: skip
row("reconfigured to nonsense", "gpiolib-cdev.c: linereq_set_config()", errno.EINVAL,
    lines([BUTTON], IN, reconfigure(config(INPUT | OUTPUT))))  # fmt: skip
row("event read too short", "gpiolib-cdev.c: count < sizeof(le)", errno.EINVAL,
    lines([BUTTON], config(INPUT | RISING), lambda line: os.read(line, 47)))  # fmt: skip
row("chip call on a line", "gpiolib-cdev.c: linereq_ioctl() default", errno.EINVAL,
    lines([BUTTON], IN, raw(LINE_INFO, 256)))  # fmt: skip
row("unknown call on the chip", "gpiolib-cdev.c: gpio_ioctl() default", errno.EINVAL,
    lambda: with_fd(GPIO, raw(0xC004B4FF, 4)))  # fmt: skip
row("info of line 54", "gpiolib.c: hwnum >= gdev->ngpio", errno.EINVAL, line_info(54))
row("info with padding", "gpiolib-cdev.c: memchr_inv(lineinfo.padding)", errno.EINVAL,
    line_info(3, padding=1))  # fmt: skip
for path in (I2C, SPI, GPIO):
    row(f"closed {path}", "fs/ioctl.c: no such descriptor", errno.EBADF, closed(path))


def number_of(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return 0


if __name__ == "__main__":
    print(json.dumps({one.name: number_of(one.act) for one in ROWS}))
