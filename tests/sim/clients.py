# SPDX-License-Identifier: Apache-2.0
"""Programs that use the project's own Linux buses: `python clients.py NAME [WORD]`.

Like `programs.py`: a process of its own, one JSON document, no knowledge of the plant.
"""

import json
import os
import signal
import sys

from programs import TMP117, errno_of, open_spi, sensor_on


def open_and_fail():
    """The BusError of opening everything."""
    from edgeleak import board
    from edgeleak.bus.linux import open_buses
    from edgeleak.errors import BusError

    try:
        open_buses(board.load(sys.argv[2] if len(sys.argv) > 2 else "el1-a"))
    except BusError as error:
        return {"errno": error.errno, "exit_code": error.exit_code, "text": str(error)}
    return {"errno": 0}


def hold_enable():
    """A cooler service in one loop: mid-scale, then both enables refreshed at 20 Hz, for ever."""
    from edgeleak import board
    from edgeleak.bus.linux import open_buses
    from edgeleak.clock import SystemClock
    from edgeleak.drivers.enables import Enable

    buses, clock = open_buses(board.load("el1-a")), SystemClock()
    buses.i2c.transfer(0x4C, b"\x30\x80\x00")
    enables = [Enable(buses.lines, name) for name in ("tec_enable", "led_enable")]
    for enable in enables:
        enable.start()
    due_ns = clock.monotonic_ns()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        buses.i2c.transfer(0x4C, b"\x30\x81\x00")
        for enable in enables:
            enable.refresh()
        print("refreshed", flush=True)
        due_ns += 50_000_000
        clock.wait_until_ns(due_ns)


def until_error():
    """Use one bus until it fails; argv[2] names it."""
    from edgeleak import board
    from edgeleak.bus.linux import open_buses
    from edgeleak.errors import BusError

    buses, buffer = open_buses(board.load("el1-a")), memoryview(bytearray(1130))
    buses.lines.set("fan", True)
    act = {
        "i2c": lambda: buses.i2c.transfer(TMP117, b"\x0f", 2),
        "spi": lambda: buses.spi.read_into(buffer),
        "set": lambda: buses.lines.set("alarm", True),
        "edge": lambda: buses.lines.wait_edge("fan_tacho", 60.0),
        "button": lambda: buses.lines.wait_edge("button", 60.0),
    }[sys.argv[2]]
    print("running", flush=True)
    try:
        while True:
            act()
    except BusError as error:
        first = error.errno
    return {"errno": first, "again": errno_of(act), "reopen": errno_of(buses.i2c.reopen)}


def edges():
    """Times of tacho pulses and of a button press, as the kernel would stamp them."""
    from edgeleak import board
    from edgeleak.bus.linux import LinuxGpio

    lines = LinuxGpio(board.load("el1-a").gpio)
    lines.set("fan", True)
    print("running", flush=True)
    press_ns = lines.wait_edge("button", 30.0)
    is_down = lines.get("button")
    nothing = lines.wait_edge("button", 0.0)
    tacho = [lines.wait_edge("fan_tacho", 30.0) for _ in range(30)]
    return {"press_ns": press_ns, "is_down": is_down, "nothing": nothing, "tacho": tacho,
            "output": [lines.get("fan"), lines.get("alarm")]}  # fmt: skip


def one_call():
    """One I2C read, timed; for faults."""
    from edgeleak.bus.linux import LinuxI2c
    from edgeleak.clock import SystemClock
    from edgeleak.errors import BusError

    i2c, clock = LinuxI2c("/dev/i2c-1"), SystemClock()
    print("calling", flush=True)
    began_ns = clock.monotonic_ns()
    try:
        data, number = i2c.transfer(TMP117, b"\x0f", 2).hex(), 0
    except BusError as error:
        data, number = "", error.errno
    return {"data": data, "errno": number, "took_ms": (clock.monotonic_ns() - began_ns) / 1e6}


def speed():
    """Real bytes a second of full messages, seen by the program."""
    from edgeleak.clock import SystemClock

    lines, _ = sensor_on()
    fd, clock = open_spi().fileno(), SystemClock()
    buffer = bytearray(64410)
    began_ns = clock.monotonic_ns()
    for _ in range(40):
        os.readv(fd, [buffer])
    took_s = (clock.monotonic_ns() - began_ns) / 1e9
    lines.close()
    return {"bytes_per_s": 40 * 64410 / took_s}


def long_call():
    """Five messages of a frame in one readv, once a frame waits."""
    lines, i2c = sensor_on()
    i2c.transfer(0x3A, b"\x02\x00\x01")
    assert lines.wait_edge("data_ready", 10.0) is not None
    parts = [bytearray(40 * 1130) for _ in range(5)]
    count = os.readv(open_spi().fileno(), parts)
    lines.close()
    return {"bytes": count}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()), flush=True)
