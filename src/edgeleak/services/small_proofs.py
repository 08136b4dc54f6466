# SPDX-License-Identifier: Apache-2.0
"""Bring-up in small proofs: each moves one thing at most, for seconds, far below every limit.

Generators of waits like the self-test, whose checks they share.  Whoever runs them asks first
(`moves`), stops at the first failed check and calls `selftest.rest` at the end.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from edgeleak.board import AdcWiring, Addresses, LedPart, TecPart, Thermistor
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.el640 import El640
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.led import OFF, ON, Led, plan
from edgeleak.drivers.link import Progress
from edgeleak.drivers.sht4x import READ_SERIAL
from edgeleak.drivers.tec import Tec, decode_current_a
from edgeleak.errors import BusError, UnavailableError
from edgeleak.frame import FrameInfo
from edgeleak.services import selftest, selftest_frames
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.checks import Bench, Check, Verdict, guarded, volts, within

ADDRESSES = range(0x08, 0x78)
SHT4X = (0x44, 0x45, 0x46)
LED_MA, LED_PERIOD_US, LED_INTEGRATION_US = 20.0, 500_000, 8000
LED_SHARE = 0.3
FRAME_PATIENCE_NS = 6 * NS_PER_S
LIT_PATIENCE_NS = 800 * NS_PER_MS
"""After a frame came: the next exposure and its readout, and not the one after that."""
SENSOR_START_NS = 50 * NS_PER_MS
TEC_A, TEC_S, TEC_PERIOD_NS = 0.1, 2.0, 20 * NS_PER_MS
TEC_SHARE_A = 0.06
TEC_SETTLED_S = 0.5
LEAST_K = 0.05
"""0.1 A moves EL-1's cold side by 0.25 K in 2 s; the thermistor resolves 3 mK."""
MEAN_OF = 8


@dataclass(slots=True)
class Findings:
    """What one proof leaves for the next, and for whoever saves pictures.

    counts : the last frame, (H, W) uint16; None before one came
    """

    counts: np.ndarray | None = field(default=None)


class Proof(NamedTuple):
    """One small proof.

    moves : what an actuator is about to do; empty where nothing moves
    """

    name: str
    title: str
    moves: str
    steps: Callable[[Bench, Findings], Iterator[int]]
    look_at: str


def proofs(bench: Bench) -> list[Proof]:
    """The proofs that this board can give, in their order."""
    board = bench.board
    every = [
        Proof("power", "supply and resting outputs", "", _power,
              "the supply's voltage at the header, then what pulls the enables"),
        Proof("scan", "every address on the I2C bus", "", _scan,
              "SDA and SCL swapped, a missing pull-up, a chip without supply"),
        Proof("ids", "every chip answers as itself", "", _ids,
              "the part fitted at that address against board.toml"),
        Proof("sensor", "whole frames, and a picture", "", _sensor,
              "the sensor's flat cable, its supply, data_ready, spidev.bufsiz"),
        Proof("fan", "the fan turns", "the fan turns for up to 4 s", _fan,
              "the fan's plug, its transistor, the tacho's pull-up"),
        Proof("led", "one pulse of light",
              f"the LED shines once for {LED_INTEGRATION_US / 1000:g} ms at {LED_MA:g} mA", _led,
              "the LED's polarity, its driver's supply, the gate's two inputs"),
        Proof("tec", "the cooler cools",
              f"the cooler gets {TEC_A:g} A for {TEC_S:g} s", _tec,
              "the cooler's two wires, the thermistor's bond, the driver's supply"),
    ]  # fmt: skip
    lacking = {name for name, part in (("led", board.led), ("tec", board.tec)) if part is None}
    if "fan" not in board.gpio.lines or not bench.config.cooler.min_fan_rpm:
        lacking.add("fan")
    return [proof for proof in every if proof.name not in lacking]


def _power(bench: Bench, _: Findings) -> Iterator[int]:
    yield from selftest.enables(bench, "enables")
    yield from selftest.supply(bench)
    yield from selftest.inputs(bench)


def _scan(bench: Bench, _: Findings) -> Iterator[int]:
    """Found is what acknowledges; extra chips are told of, missing ones are named by `ids`."""
    found = []
    _supply_sensor(bench, True)
    yield bench.board.sensor.power_up_ms * NS_PER_MS + SENSOR_START_NS
    try:
        for address in ADDRESSES:
            if _answers(bench, address):
                found.append(address)
            yield NS_PER_MS
    finally:
        _supply_sensor(bench, False)
    listed = ", ".join(f"0x{address:02x}" for address in found) or "none"
    bench.note(Check("I2C addresses", listed, "at least one",
                     Verdict.OK if found else Verdict.FAIL,
                     "" if found else "look at SDA, SCL, pull-ups and the chips' supply",
                     len(found)))  # fmt: skip


def _supply_sensor(bench: Bench, is_on: bool) -> None:
    for name, level in (("sensor_power", is_on), ("sensor_reset", not is_on)):
        if name in bench.board.gpio.lines:
            bench.buses.lines.set(name, level)


def _answers(bench: Bench, address: int) -> bool:
    """As i2cdetect -r does; an SHT4x is deaf to reads and takes a harmless command instead."""
    try:
        if address in SHT4X:
            bench.buses.i2c.transfer(address, bytes((READ_SERIAL,)))
        else:
            bench.buses.i2c.transfer(address, b"", 1)
    except BusError:
        return False
    return True


def _ids(bench: Bench, _: Findings) -> Iterator[int]:
    yield from selftest.chips(bench)


def _sensor(bench: Bench, findings: Findings) -> Iterator[int]:
    def keep(counts: np.ndarray) -> None:
        findings.counts = counts.copy()

    yield from selftest_frames.steps(bench, keep)


def _fan(bench: Bench, _: Findings) -> Iterator[int]:
    yield from selftest.fan(bench)


def _is_strapped(bench: Bench, what: str) -> bool:
    """True, and noted, when the safe strap forbids that anything is driven."""
    lines = bench.board.gpio.lines
    if "safe_strap" not in lines or not bench.buses.lines.get("safe_strap"):
        return False
    bench.note(Check(what, "safe strap is set", "-", Verdict.SKIPPED, "remove the jumper"))
    return True


# --- light ---------------------------------------------------------------------------------------


def _led(bench: Bench, _: Findings) -> Iterator[int]:
    board = bench.board
    if board.led is None or board.adc is None or board.address is None \
            or board.led_thermistor is None or _is_strapped(bench, "LED"):  # fmt: skip
        return
    part, adc, at, bead = board.led, board.adc, board.address, board.led_thermistor
    yield from guarded(bench, "LED", "one pulse", _pulse(bench, part, adc, at, bead))


def _pulse(bench: Bench, part: LedPart, adc: AdcWiring, at: Addresses,
           bead: Thermistor) -> Iterator[int]:  # fmt: skip
    """One exposure with the gate open: slow frames, and dark again before the next one."""
    degc = bead.degc((yield from volts(bench, adc.led_thermistor)))
    sensor = El640(bench.buses, bench.board, bench.clock, integration_us=LED_INTEGRATION_US,
                   frame_period_us=LED_PERIOD_US, binned=True, wait_s=0.01)  # fmt: skip
    drive = plan(part, ON, LED_MA, LED_INTEGRATION_US, LED_PERIOD_US, degc)
    led = Led(Ad5693r(bench.buses.i2c, at.led_dac), Enable(bench.buses.lines, "led_enable"), part)
    camera = _Frames(bench, Acquisition(sensor, bench.clock, LED_PERIOD_US / 250), sensor)
    try:
        before = yield from camera.next()
        led.apply(drive)
        led.refresh()
        sensor.set_led_mode(ON)
        lit = yield from camera.lit(led.refresh)
        led.off()
        sensor.set_led_mode(OFF)
        after = yield from camera.next()
        measured_ma = (yield from volts(bench, adc.led_current)) / part.telemetry_v_per_a * 1000
    finally:
        led.off()
        camera.stop()
    flags = [info is not None and info.led_on for info in (before, lit, after)]
    words = ", ".join("lit" if is_lit else "dark" for is_lit in flags)
    is_right = flags == [False, True, False]
    bench.note(Check("LED flag", words, "dark, lit, dark",
                     Verdict.OK if is_right else Verdict.FAIL,
                     "" if is_right else "check the gate: exposure AND enable"))  # fmt: skip
    bench.note(within("LED current", measured_ma, (1 - LED_SHARE) * drive.current_ma,
                      (1 + LED_SHARE) * drive.current_ma, "mA",
                      "look for an open or shorted LED; check the sample-and-hold",
                      form=".1f"))  # fmt: skip


class _Frames:
    """Facts of whole frames, one at a time."""

    def __init__(self, bench: Bench, acquisition: Acquisition, sensor: El640) -> None:
        self._bench, self._acquisition = bench, acquisition
        self._counts = np.zeros(sensor.shape, np.uint16)
        acquisition.start()

    def next(self) -> Generator[int, None, FrameInfo]:
        """Steps that end in the next frame's facts."""
        info = yield from self._wait(lambda info: True, FRAME_PATIENCE_NS)
        if info is None:
            raise UnavailableError(
                f"no frame in {FRAME_PATIENCE_NS / 1e9:g} s; check the sensor's link"
            )
        return info

    def lit(self, keep_on: Callable[[], object]) -> Generator[int, None, FrameInfo | None]:
        """Steps that end in a frame that was lit, or in None before a second exposure.

        keep_on : called at every look
        """
        return (yield from self._wait(lambda info: info.led_on, LIT_PATIENCE_NS, keep_on))

    def _wait(self, is_wanted: Callable[[FrameInfo], bool], patience_ns: int,
              each: Callable[[], object] = lambda: None,
              ) -> Generator[int, None, FrameInfo | None]:  # fmt: skip
        clock = self._bench.clock
        end_ns = clock.monotonic_ns() + patience_ns
        while clock.monotonic_ns() < end_ns:
            each()
            progress = self._acquisition.step()
            info = self._acquisition.take(self._counts)
            if info is not None and is_wanted(info):
                return info
            yield NS_PER_MS if progress is Progress.MORE else 5 * NS_PER_MS
        return None

    def stop(self) -> None:
        self._acquisition.stop()


# --- cold ----------------------------------------------------------------------------------------


def _tec(bench: Bench, _: Findings) -> Iterator[int]:
    board = bench.board
    if board.tec is None or board.adc is None or board.address is None \
            or board.fpa_thermistor is None or _is_strapped(bench, "cooler"):  # fmt: skip
        return
    dac = Ad5693r(bench.buses.i2c, board.address.tec_dac)
    enable = Enable(bench.buses.lines, "tec_enable")
    tec = Tec(dac, enable, board.tec, board.gpio, bench.clock)
    nudge = _Nudge(bench, tec, board.tec, board.adc, board.fpa_thermistor)
    yield from guarded(bench, "cooler", f"falls by {LEAST_K:g} K", nudge.steps())


class _Nudge:
    """A small current for a short time, and where the detector's temperature goes."""

    def __init__(self, bench: Bench, tec: Tec, part: TecPart, adc: AdcWiring,
                 bead: Thermistor) -> None:  # fmt: skip
        self._bench, self._tec, self._part, self._adc, self._bead = bench, tec, part, adc, bead
        self._amps: list[float] = []

    def steps(self) -> Iterator[int]:
        """Current up, held, down again; the output is off however this ends."""
        tec, clock = self._tec, self._bench.clock
        before = yield from self._mean_degc()
        try:
            start_ns = clock.monotonic_ns()
            tec.start(start_ns)
            while (passed_s := (clock.monotonic_ns() - start_ns) / NS_PER_S) < TEC_S:
                yield from self._drive(TEC_A)
                yield from self._watch(before, passed_s)
            after = yield from self._mean_degc(TEC_A)
            while tec.current_a > 0.001:
                yield from self._drive(0.0)
        finally:
            tec.off()
        tec.rest(clock.monotonic_ns())  # from here the output runs out, then the command is zeroed
        yield (self._bench.board.gpio.bridge_ms + 1) * NS_PER_MS
        tec.rest(clock.monotonic_ns())
        self._note(before, after)

    def _drive(self, wanted_a: float) -> Iterator[int]:
        """One control period: command and refresh."""
        yield TEC_PERIOD_NS
        now_ns = self._bench.clock.monotonic_ns()
        self._tec.set_current_a(wanted_a, now_ns)
        if not self._tec.refresh(now_ns):
            raise UnavailableError(
                "the enable ran out between two refreshes; stop other programs and try again"
            )

    def _watch(self, before_degc: float, passed_s: float) -> Iterator[int]:
        """Ends the drive at once where it goes the wrong way."""
        amps = decode_current_a(self._part, (yield from volts(self._bench, self._adc.tec_current)))
        degc = yield from self._degc()
        if passed_s > TEC_SETTLED_S:
            self._amps.append(amps)
        if not abs(amps) < TEC_A + TEC_SHARE_A:
            raise UnavailableError(
                f"{amps:.3f} A flow, {TEC_A:g} A were commanded; check the driver's scale in"
                " board.toml"
            )
        if not degc < before_degc + 4 * LEAST_K:
            raise UnavailableError(
                f"the detector went from {before_degc:.2f} to {degc:.2f} degC while it was cooled;"
                " swap the two wires of the cooler"
            )

    def _degc(self) -> Generator[int, None, float]:
        return self._bead.degc((yield from volts(self._bench, self._adc.fpa_thermistor)))

    def _mean_degc(self, drive_a: float | None = None) -> Generator[int, None, float]:
        total = 0.0
        for _ in range(MEAN_OF):
            if drive_a is not None:
                yield from self._drive(drive_a)
            total += yield from self._degc()
        return total / MEAN_OF

    def _note(self, before_degc: float, after_degc: float) -> None:
        note = self._bench.note
        mean_a = sum(self._amps) / len(self._amps) if self._amps else math.nan
        note(within("cooler current", mean_a, TEC_A - TEC_SHARE_A, TEC_A + TEC_SHARE_A, "A",
                    "look for a broken wire; check the driver's supply", form=".3f"))  # fmt: skip
        fell_k = before_degc - after_degc
        step = ("swap the two wires of the cooler" if fell_k < -LEAST_K / 2
                else "check the cooler's wires and the thermistor's bond")  # fmt: skip
        note(within("detector fell by", fell_k, LEAST_K, math.inf, "K", step, form=".3f"))
