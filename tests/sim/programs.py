# SPDX-License-Identifier: Apache-2.0
"""Programs that run on an emulated board, each in its own process: `python programs.py NAME`.

They print one JSON document (or a line when something is reached) and know nothing of the plant.
"""

import array
import ctypes
import errno
import fcntl
import json
import os
import stat
import struct
import subprocess
import sys
import threading

MESSAGE = ord("k") << 8 | 1 << 30  # SPI_IOC_MESSAGE without its size
TMP117 = 0x49


def errno_of(act):
    """0 or the errno of a call."""
    try:
        act()
    except OSError as error:
        return error.errno
    return 0


def open_spi():
    import spidev

    spi = spidev.SpiDev()
    spi.open(0, 0)
    spi.mode = 3
    spi.max_speed_hz = 50_000_000
    return spi


def sensor_on():
    """Power the sensor and wait for its control port; it sends idle packets."""
    from edgeleak import board
    from edgeleak.bus.linux import LinuxGpio, LinuxI2c
    from edgeleak.errors import BusError

    lines = LinuxGpio(board.load("el1-a").gpio)
    lines.set("sensor_power", True)
    i2c = LinuxI2c("/dev/i2c-1")
    while True:
        try:
            i2c.transfer(0x3A, b"\x00", 2)
        except BusError:
            continue
        return lines, i2c


def spi_message(fd, segments):
    """SPI_IOC_MESSAGE of (length, has_rx, has_tx, cs_change); returns the received parts."""
    buffers, packed = [], b""
    for length, has_rx, has_tx, cs_change in segments:
        rx, tx = ctypes.create_string_buffer(length), ctypes.create_string_buffer(length)
        buffers.append((rx, tx))
        packed += struct.pack(
            "=QQIIHBBBBBB", ctypes.addressof(tx) if has_tx else 0,
            ctypes.addressof(rx) if has_rx else 0, length, 0, 0, 0, cs_change, 0, 0, 0, 0,
        )  # fmt: skip
    total = fcntl.ioctl(fd, MESSAGE | len(packed) << 16, array.array("B", packed))
    return total, [rx.raw.hex() for rx, _ in buffers]


def settings():
    spi = open_spi()
    spi.mode = 0
    spi.max_speed_hz = 1_000_000
    return {
        "mode": spi.mode,
        "hz": spi.max_speed_hz,
        "bits": spi.bits_per_word,
        "lsb": errno_of(lambda: setattr(spi, "lsbfirst", True)),
        "sixteen_bits": errno_of(lambda: setattr(spi, "bits_per_word", 16)),
        "loop": errno_of(lambda: setattr(spi, "loop", True)),
        "three_wire": errno_of(lambda: setattr(spi, "threewire", True)),
        "no_cs": errno_of(lambda: setattr(spi, "no_cs", True)),
        "mode_after": spi.mode,
    }


def transfers():
    lines, _ = sensor_on()
    spi = open_spi()
    found = {
        "xfer": bytes(spi.xfer([0] * 4)).hex(),
        "xfer2": bytes(spi.xfer2([0] * 4)).hex(),
        "xfer3": [len(spi.xfer3([0] * 70_000)), bytes(spi.xfer3([0] * 4)).hex()],
        "readbytes": bytes(spi.readbytes(4)).hex(),
        "read": os.read(spi.fileno(), 4).hex(),
        "writebytes": spi.writebytes([1, 2, 3]),
        "writebytes2": spi.writebytes2([0] * 70_000),
        "write": os.write(spi.fileno(), b"1234"),
    }
    lines.close()
    return found


def chip_select():
    lines, _ = sensor_on()
    spi = open_spi()
    fd = spi.fileno()
    one, two = bytearray(100), bytearray(100)
    found = {"readv": os.readv(fd, [one, two]), "parts": [one[:4].hex(), two[:4].hex()]}
    held = spi_message(fd, [(100, 1, 1, 0), (100, 1, 0, 0)])
    raised = spi_message(fd, [(100, 1, 1, 1), (100, 1, 0, 0)])
    skipped = spi_message(fd, [(2, 0, 1, 0), (4, 1, 0, 0)])
    whole = bytearray(200)
    os.readv(fd, [whole])
    found["held"] = held[1][0] + held[1][1] == whole.hex()
    found["raised"] = [raised[0], [part[:8] for part in raised[1]]]
    found["skipped"] = [skipped[0], skipped[1][1]]
    spi.mode = 0
    found["wrong_mode"] = os.read(fd, 4).hex()
    lines.close()
    return found


def limits():
    spi = open_spi()
    fd, most = spi.fileno(), 65536

    def many(count, length, rx=1, tx=0):
        return errno_of(lambda: spi_message(fd, [(length, rx, tx, 0)] * count))

    return {
        "read": errno_of(lambda: os.read(fd, most)),
        "read_longer": errno_of(lambda: os.read(fd, most + 1)),
        "write_longer": errno_of(lambda: os.write(fd, bytes(most + 1))),
        "readv_first": errno_of(lambda: os.readv(fd, [bytearray(most + 1), bytearray(4)])),
        "readv_second": os.readv(fd, [bytearray(8), bytearray(most + 1)]),
        "readv_sum": os.readv(fd, [bytearray(most), bytearray(most)]),
        "rounded": many(510, 1),  # 510 x 128 fits
        "rounded_exact": many(128, 129),  # 128 x 256 does
        "rounded_beyond": many(257, 129),  # 257 x 256 does not
        "both_ways": many(128, 512, 1, 1),  # rx and tx have a limit each
        "tx_beyond": many(129, 512, 0, 1),
        "rx_beyond": many(129, 512, 1, 0),
        "no_segment": spi_message(fd, [])[0],
    }


def registers():
    import smbus2

    bus = smbus2.SMBus(1)
    write, read = smbus2.i2c_msg.write(TMP117, [0x0F]), smbus2.i2c_msg.read(TMP117, 2)
    bus.i2c_rdwr(write, read)
    bus.write_i2c_block_data(TMP117, 0x07, [0x12, 0x34])
    bus.write_word_data(TMP117, 0x05, 0x7856)
    bus.i2c_rdwr(smbus2.i2c_msg.write(TMP117, [0x0F]))
    split = smbus2.i2c_msg.read(TMP117, 2)
    bus.i2c_rdwr(split)
    pair = [smbus2.i2c_msg.write(TMP117, [r]) for r in (0x07, 0x0F)]
    reads = [smbus2.i2c_msg.read(TMP117, 2) for _ in pair]
    bus.i2c_rdwr(pair[0], reads[0], pair[1], reads[1])
    return {
        "funcs": int(bus.funcs),
        "rdwr": bytes(read).hex(),
        "split": bytes(split).hex(),
        "four": [bytes(one).hex() for one in reads],
        "word": bus.read_word_data(TMP117, 0x0F),
        "block": bytes(bus.read_i2c_block_data(TMP117, 0x07, 2)).hex(),
        "written_word": bytes(bus.read_i2c_block_data(TMP117, 0x05, 2)).hex(),
        "byte": bus.read_byte_data(TMP117, 0x0F),
        "quick": errno_of(lambda: bus.write_quick(TMP117)),
        "nobody": errno_of(lambda: bus.read_byte(0x20)),
        "nobody_quick": errno_of(lambda: bus.write_quick(0x20)),
        "ten_bit": errno_of(lambda: fcntl.ioctl(bus.fd, 0x0704, 1)),
        "seven_bit": errno_of(lambda: fcntl.ioctl(bus.fd, 0x0704, 0)),
        "bad_address": errno_of(lambda: fcntl.ioctl(bus.fd, 0x0703, 0x80)),
        "unknown": errno_of(lambda: fcntl.ioctl(bus.fd, 0x07FF, 0)),
        "spi_ioctl": errno_of(lambda: fcntl.ioctl(bus.fd, 0x80016B01, bytearray(1))),
    }


def plain_i2c():
    fd = os.open("/dev/i2c-1", os.O_RDWR)
    fcntl.ioctl(fd, 0x0703, TMP117)
    return {"wrote": os.write(fd, b"\x0f"), "read": os.read(fd, 2).hex()}


def paths():
    spi = open_spi()
    found = os.stat("/dev/spidev0.0")
    return {
        "exists": [os.path.exists(p) for p in
                   ("/dev/spidev0.0", "/dev/i2c-1", "/dev/gpiochip0", "/dev/i2c-7")],
        "char": stat.S_ISCHR(found.st_mode),
        "device": [os.major(found.st_rdev), os.minor(found.st_rdev)],
        "fstat": os.fstat(spi.fileno()).st_rdev == found.st_rdev,
        "lstat": os.lstat("/dev/i2c-1").st_rdev == os.makedev(89, 1),
        "access": [os.access("/dev/i2c-1", m) for m in (os.F_OK, os.R_OK | os.W_OK, os.X_OK)],
        "realpath": os.path.realpath("/dev/gpiochip0"),
        "bufsiz": open("/sys/module/spidev/parameters/bufsiz").read(),
        "missing": errno_of(lambda: os.open("/dev/i2c-7", os.O_RDWR)),
        "others": [os.path.exists(p) for p in ("/dev/null", "/dev/no-such")],
        "stat_root": os.stat("/").st_ino,
        "root_ino": int(subprocess.run(["stat", "-c", "%i", "/"], env={"PATH": os.environ["PATH"]},
                                       capture_output=True, check=True).stdout),
        "tool": subprocess.run(["test", "-c", "/dev/spidev0.0"], check=False).returncode,
    }  # fmt: skip


def many_users():
    """Threads, a fork, a dup and an exec, all at once on one descriptor."""
    import smbus2

    bus = smbus2.SMBus(1)
    wrong = []

    def work(register, wanted):
        for _ in range(200):
            write, read = smbus2.i2c_msg.write(TMP117, [register]), smbus2.i2c_msg.read(TMP117, 2)
            bus.i2c_rdwr(write, read)
            if bytes(read) != wanted:
                wrong.append((register, bytes(read)))

    todo = [(0x0F, b"\x01\x17"), (0x02, b"\x60\x00"), (0x03, b"\x80\x00")]
    threads = [threading.Thread(target=work, args=one) for one in todo]
    for one in threads:
        one.start()
    child = os.fork()
    if child == 0:
        work(*todo[0])
        os._exit(len(wrong))
    for one in threads:
        one.join()
    fork_status = os.waitpid(child, 0)[1]
    other = os.dup(bus.fd)
    fcntl.ioctl(other, 0x0703, TMP117)
    os.write(other, b"\x0f")
    code = f"import os; os.write({other}, b'\\x0f'); print(os.read({other}, 2).hex())"
    heir = subprocess.run([sys.executable, "-c", code], pass_fds=[other], capture_output=True,
                          text=True, check=False)  # fmt: skip
    bus.close()
    return {
        "wrong": wrong, "fork": fork_status, "dup": os.read(other, 2).hex(),
        "heir": heir.stdout.strip() or heir.stderr, "closed": errno_of(lambda: os.read(bus.fd, 2))
        if bus.fd is not None else errno.EBADF,
    }  # fmt: skip


def foreign_gpio():
    """The kernel developers' own library, unmodified."""
    import datetime

    import gpiod
    from gpiod.line import Direction, Edge, Value

    from edgeleak import board

    wired = board.load("el1-a").gpio.lines
    tec, fan, tacho_line = (wired[name].line for name in ("tec_enable", "fan", "fan_tacho"))
    out = gpiod.LineSettings(direction=Direction.OUTPUT)
    rising = gpiod.LineSettings(edge_detection=Edge.RISING)
    low = gpiod.LineSettings(direction=Direction.INPUT, active_low=True)
    with gpiod.Chip("/dev/gpiochip0") as chip:
        found = {"is_chip": gpiod.is_gpiochip_device("/dev/gpiochip0"),
                 "lines": chip.get_info().num_lines}  # fmt: skip
        with chip.request_lines(consumer="one", config={(tec, fan): out}) as lines:
            lines.set_value(fan, Value.ACTIVE)
            found["values"] = [value == Value.ACTIVE for value in lines.get_values()]
            info = chip.get_line_info(fan)
            found["info"] = [info.used, info.consumer, info.direction == Direction.OUTPUT]
            found["busy"] = errno_of(lambda: chip.request_lines(config={fan: out}))
            with chip.request_lines(config={tacho_line: rising}) as tacho:
                found["edge"] = tacho.wait_edge_events(datetime.timedelta(seconds=5))
                event = tacho.read_edge_events()[0]
                found["event"] = [event.line_offset == tacho_line, event.line_seqno]
        with chip.request_lines(config={fan: low, tec: low}) as lines:
            found["free_again"] = [value == Value.ACTIVE for value in lines.get_values()]
    return found


def raw_gpio():
    """What gpiod does not show: refusals of the kernel."""
    from edgeleak import board
    from edgeleak.bus import gpio_v2

    lines = board.load("el1-a").gpio.lines
    chip = os.open("/dev/gpiochip0", os.O_RDWR)
    both = gpio_v2.INPUT | gpio_v2.OUTPUT
    edges_out = gpio_v2.OUTPUT | gpio_v2.EDGE_RISING
    button = gpio_v2.request_lines(chip, [lines["button"].line], [gpio_v2.INPUT])
    far = bytearray(256)
    far[64:68] = (54).to_bytes(4, "little")
    fan = gpio_v2.request_lines(chip, [lines["fan"].line], [gpio_v2.OUTPUT])
    return {
        "both": errno_of(lambda: gpio_v2.request_lines(chip, [6], [both])),
        "edges_out": errno_of(lambda: gpio_v2.request_lines(chip, [6], [edges_out])),
        "info_far": errno_of(lambda: fcntl.ioctl(chip, 0xC100B405, far)),
        "far": errno_of(lambda: gpio_v2.request_lines(chip, [54], [gpio_v2.INPUT])),
        "twice": errno_of(lambda: gpio_v2.request_lines(chip, [6, 6], [gpio_v2.INPUT] * 2)),
        "set_input": errno_of(lambda: gpio_v2.set_values(button, 1, 1)),
        "beyond_mask": errno_of(lambda: gpio_v2.set_values(fan, 1, 2)),
        "no_mask": errno_of(lambda: gpio_v2.get_values(fan, 0)),
        "short_read": errno_of(lambda: os.read(button, 47)),
        "read_chip": errno_of(lambda: os.read(chip, 48)),
        "wire_high": gpio_v2.get_values(button, 1),  # active low, released
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()), flush=True)
