# SPDX-License-Identifier: Apache-2.0
"""The self-test: every check of the board and its machine, and nothing is driven but the fan.

A generator of waits like bring-up, so that it runs on the board, on an emulated one and in
lockstep.  A check that fails is noted with what to do next, and the others go on; both enables
are low from the first step to the last, and no edge is ever given to them.
"""

import math
from collections.abc import Generator, Iterator

from edgeleak.board import AdcChannel, Thermistor
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.control.dew import dew_point_degc, window_degc
from edgeleak.drivers.ad5693r import Ad5693r, volts_of
from edgeleak.drivers.lines import Fan
from edgeleak.drivers.sht4x import MEASURE_NS, Sht4x
from edgeleak.drivers.tec import code_for, current_of, decode_current_a
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError, UnavailableError
from edgeleak.services import bringup, selftest_frames, selftest_machine
from edgeleak.services.checks import (
    Bench,
    Check,
    Verdict,
    as_note,
    guarded,
    skipped,
    volts,
    within,
)
from edgeleak.services.cooler_fan import SLOW_SHARE

SAMPLE_NS = 1200 * NS_PER_MS
FAN_LIMIT_NS = 4 * NS_PER_S
FAN_POLL_NS = 20 * NS_PER_MS
PLAUSIBLE_DEGC = (-45.0, 90.0)
HOUSING_DEGC = (-40.0, 70.0)
SUPPLY_MOST_V = 5.5
REST_A = 0.05
"""Telemetry of a driver that is off: its noise and offset stay below this."""


def steps(bench: Bench) -> Generator[int, None, None]:
    """Every check in its order; whoever runs it calls `rest` at the end, whatever happened."""
    yield from enables(bench, "enables before")
    yield from chips(bench)
    yield from _cooler_at_rest(bench)
    yield from _led_at_rest(bench)
    yield from _temperatures(bench)
    yield from supply(bench)
    yield from _climate(bench)
    yield from inputs(bench)
    yield from fan(bench)
    yield from enables(bench, "enables during")
    yield from selftest_frames.steps(bench)
    yield from selftest_machine.steps(bench)
    yield from enables(bench, "enables after")


def rest(bench: Bench) -> None:
    """Enables low, then fan and sensor off; UnavailableError where an enable does not obey,
    BusError where a line failed, each after all lines were tried."""
    bringup.rest(bench.board, bench.buses)


def enables(bench: Bench, what: str) -> Iterator[int]:
    """Both enables low, read back."""
    limit = "off, read back"
    try:
        bringup.outputs_off(bench.board, bench.buses)
        names = [name for name in bringup.ENABLES if name in bench.board.gpio.lines]
        bench.note(Check(what, ", ".join(f"{name} off" for name in names) or "none", limit))
    except (UnavailableError, BusError) as error:
        step = "cut the supply; look for a short or another program that holds the line"
        bench.note(Check(what, str(error).partition(";")[0], limit, Verdict.FAIL, step))
    yield NS_PER_MS


def chips(bench: Bench) -> Iterator[int]:
    """Every chip answers as itself."""
    for chip in bringup.chips(bench.board, bench.buses):
        what = f"I2C 0x{chip.address:02x}"
        bench.dead.add(chip.address)
        yield from guarded(bench, what, chip.name, _chip(bench, what, chip))
        yield NS_PER_MS


def _chip(bench: Bench, what: str, chip: bringup.Chip) -> Iterator[int]:
    yield from bringup.prove(chip)
    bench.dead.discard(chip.address)
    bench.note(Check(what, chip.name, chip.name))


def _cooler_at_rest(bench: Bench) -> Iterator[int]:
    """The command is 0 A and holds, and no current flows."""
    board = bench.board
    if board.tec is None or board.address is None or board.adc is None:
        return
    part, dac = board.tec, Ad5693r(bench.buses.i2c, board.address.tec_dac)

    def command() -> Iterator[int]:
        dac.write_code(code_for(part, 0.0))
        yield NS_PER_MS
        commanded_a = current_of(part, dac.read_code())
        bench.note(within("cooler command", commanded_a, -0.001, 0.001, "A",
                          "check cable and supply of the DAC", form=".4f"))  # fmt: skip

    def current(channel: AdcChannel) -> Iterator[int]:
        flows_a = decode_current_a(part, (yield from volts(bench, channel)))
        bench.note(within("cooler current", flows_a, -REST_A, REST_A, "A",
                          "cut the supply: the driver is on although its enable is low",
                          form=".3f"))  # fmt: skip

    if not skipped(bench, "cooler command", board.address.tec_dac):
        yield from guarded(bench, "cooler command", "0 A, read back", command())
    if not skipped(bench, "cooler current", board.adc.tec_current.address):
        yield from guarded(bench, "cooler current", "0 A", current(board.adc.tec_current))


def _led_at_rest(bench: Bench) -> Iterator[int]:
    """The command is 0 mA and holds; its telemetry keeps the last exposure, so it tells nothing."""
    board = bench.board
    if board.led is None or board.address is None:
        return
    part, dac = board.led, Ad5693r(bench.buses.i2c, board.address.led_dac)

    def command() -> Iterator[int]:
        dac.write_code(0)
        yield NS_PER_MS
        commanded_ma = volts_of(dac.read_code()) * part.ma_per_v
        bench.note(within("LED command", commanded_ma, 0, 0, "mA",
                          "check cable and supply of the DAC", form=".1f"))  # fmt: skip

    if not skipped(bench, "LED command", board.address.led_dac):
        yield from guarded(bench, "LED command", "0 mA, read back", command())


def _temperatures(bench: Bench) -> Iterator[int]:
    board = bench.board
    if board.adc is None:
        return
    for what, channel, part in (
        ("detector", board.adc.fpa_thermistor, board.fpa_thermistor),
        ("hot side", board.adc.hot_thermistor, board.hot_thermistor),
        ("LED", board.adc.led_thermistor, board.led_thermistor),
    ):
        if part is not None and not skipped(bench, what, channel.address):
            yield from guarded(bench, what, "a temperature", _beads(bench, what, channel, part))


def _beads(bench: Bench, what: str, channel: AdcChannel, part: Thermistor) -> Iterator[int]:
    degc = part.degc((yield from volts(bench, channel)))
    low, high = PLAUSIBLE_DEGC
    bench.note(within(what, degc, low, high, "degC",
                      "look for an open or shorted thermistor, then at its plug"))  # fmt: skip


def supply(bench: Bench) -> Iterator[int]:
    """The board's 5 V, as its own ADC sees them behind a divider."""
    if bench.board.adc is None or skipped(bench, "supply", bench.board.adc.supply.address):
        return
    channel, least_v = bench.board.adc.supply, bench.config.cooler.min_supply_v

    def measure() -> Iterator[int]:
        supply_v = channel.divider * (yield from volts(bench, channel))
        bench.note(within("supply", supply_v, least_v, SUPPLY_MOST_V, "V",
                          "charge the battery, or use a stronger supply"))  # fmt: skip

    yield from guarded(bench, "supply", f"{least_v:g} to {SUPPLY_MOST_V:g} V", measure())


def _climate(bench: Bench) -> Iterator[int]:
    """Housing temperature, humidity, and whether the window stays dry at the set-point."""
    if (at := bench.board.address) is None:
        return
    found: dict[str, float] = {}

    def housing() -> Iterator[int]:
        chip = Tmp117(bench.buses.i2c, at.tmp117)
        chip.start()
        yield SAMPLE_NS
        found["housing"] = chip.read_degc()
        bench.note(within("housing", found["housing"], *HOUSING_DEGC, "degC",
                          "let it reach room temperature, then check the chip"))  # fmt: skip

    def humidity() -> Iterator[int]:
        chip = Sht4x(bench.buses.i2c, at.sht4x)
        chip.start()
        yield MEASURE_NS + 2 * NS_PER_MS
        air_degc, percent = chip.read()
        found["dew"] = dew_point_degc(air_degc, percent)
        check = within("humidity", percent, 0, 80, "%",
                       "replace the desiccant and close the housing", form=".0f")  # fmt: skip
        bench.note(as_note(check))  # the cooler limits itself

    if not skipped(bench, "housing", at.tmp117):
        yield from guarded(bench, "housing", "a temperature", housing())
    if not skipped(bench, "humidity", at.sht4x):
        yield from guarded(bench, "humidity", "a measurement", humidity())
    if bench.board.tec is not None and found.keys() == {"housing", "dew"}:
        _note_window(bench, found["housing"], found["dew"])


def _note_window(bench: Bench, housing_degc: float, dew_degc: float) -> None:
    wanted = bench.config.cooler
    window = window_degc(housing_degc, wanted.set_point_degc, wanted.window_share)
    check = within("window over dew", window - dew_degc, wanted.dew_margin_k, math.inf, "K",
                   "replace the desiccant: the set-point will be limited", form=".1f")  # fmt: skip
    bench.note(as_note(check))  # the cooler limits itself


def inputs(bench: Bench) -> Iterator[int]:
    """Nobody holds the button; a strap is told of."""
    lines = bench.board.gpio.lines

    def look() -> Iterator[int]:
        if "button" in lines:
            is_held = bench.buses.lines.get("button")
            bench.note(Check("button", "pressed" if is_held else "released", "released",
                             Verdict.FAIL if is_held else Verdict.OK,
                             "let it go; if nobody holds it, look for a short"
                             if is_held else ""))  # fmt: skip
        if "safe_strap" in lines:
            is_set = bench.buses.lines.get("safe_strap")
            bench.note(Check("safe strap", "set" if is_set else "open", "open to cool and light",
                             Verdict.NOTE if is_set else Verdict.OK,
                             "remove the jumper to cool and light" if is_set else ""))  # fmt: skip
        yield NS_PER_MS

    yield from guarded(bench, "inputs", "readable", look())


def fan(bench: Bench) -> Iterator[int]:
    """It turns when told to; off again afterwards."""
    lines, wanted = bench.board.gpio.lines, bench.config.cooler
    if "fan" not in lines or "fan_tacho" not in lines or not wanted.min_fan_rpm:
        return
    part, clock = Fan(bench.buses.lines, pulses=bench.board.fan.pulses_per_turn), bench.clock

    def turn() -> Iterator[int]:
        usual_rpm, start_ns, rpm = SLOW_SHARE * wanted.usual_fan_rpm, clock.monotonic_ns(), 0.0
        part.set(True, start_ns)
        try:
            while rpm < usual_rpm and clock.monotonic_ns() - start_ns < FAN_LIMIT_NS:
                yield FAN_POLL_NS
                part.poll()
                rpm = part.rpm(clock.monotonic_ns())
        finally:
            part.set(False, clock.monotonic_ns())
        check = within("fan", rpm, wanted.min_fan_rpm, math.inf, "rpm",
                       "free the fan, check its plug and its tacho wire", form=".0f")  # fmt: skip
        if check.verdict is Verdict.OK and rpm < usual_rpm:
            check = check._replace(verdict=Verdict.NOTE, next_step="clean the fan")
        bench.note(check)

    yield from guarded(bench, "fan", "turns", turn())
