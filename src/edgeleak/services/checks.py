# SPDX-License-Identifier: Apache-2.0
"""One check of a board: what was measured, what is allowed, the verdict, what to do next.

Shared by the self-test, which goes through all of them, and by the guided bring-up, which stops
at the first that fails.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from edgeleak.board import AdcChannel, Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS, Clock
from edgeleak.config import STATE_FOLDER, Config
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.errors import EdgeLeakError

FAILED = 69
"""Exit code of a board that is not as it should be."""


class Verdict(StrEnum):
    """What a check came to; a note is worth reading and fails nothing."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"
    SKIPPED = "skipped"


class Check(NamedTuple):
    """One row of the table.

    value, limit : measured and allowed, for people
    measured     : the number behind `value`, in `unit`; None where it is no number
    next_step    : what a person does now, where the verdict is not ok
    """

    what: str
    value: str
    limit: str
    verdict: Verdict = Verdict.OK
    next_step: str = ""
    measured: float | None = None
    unit: str = ""


Note = Callable[[Check], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is checked, and who hears of it.

    note  : gets each check
    state : folder of calibration and tuned values
    dead  : I2C addresses that did not answer as themselves; what needs them is skipped
    """

    board: Board
    config: Config
    buses: Buses
    clock: Clock
    note: Note
    state: Path = STATE_FOLDER
    dead: set[int] = field(default_factory=set)


def within(what: str, measured: float, low: float, high: float, unit: str, next_step: str, *,
           form: str = ".2f") -> Check:  # fmt: skip
    """Ok where `low` <= `measured` <= `high`; NaN and infinity fail."""
    limit = f"{_span(low, high)} {unit}".strip()
    value = f"{measured:{form}} {unit}".strip()
    if math.isfinite(measured) and low <= measured <= high:
        return Check(what, value, limit, measured=measured, unit=unit)
    number = measured if math.isfinite(measured) else None
    return Check(what, value, limit, Verdict.FAIL, next_step, number, unit)


def as_note(check: Check) -> Check:
    """What the running instrument lives with fails nothing."""
    return check if check.verdict is Verdict.OK else check._replace(verdict=Verdict.NOTE)


def _span(low: float, high: float) -> str:
    if low == high:
        return f"{low:g}"
    if math.isinf(low):
        return f"at most {high:g}"
    return f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"


def broken(what: str, error: Exception, limit: str) -> Check:
    """The check that an error ended; the error's own words say what to do."""
    found, _, step = str(error).partition("; ")
    return Check(what, found, limit, Verdict.FAIL, step)


def guarded(bench: Bench, what: str, limit: str, steps: Iterator[int]) -> Iterator[int]:
    """Carry out `steps`; an error of ours becomes a failed check, and the next one goes on."""
    try:
        yield from steps
    except EdgeLeakError as error:
        bench.note(broken(what, error, limit))


def skipped(bench: Bench, what: str, address: int) -> bool:
    """True, and noted, when the chip that this needs did not answer."""
    if address not in bench.dead:
        return False
    bench.note(Check(what, f"0x{address:02x} did not answer", "-", Verdict.SKIPPED))
    return True


def volts(bench: Bench, channel: AdcChannel) -> Generator[int, None, float]:
    """Steps that end in the voltage of one ADC input.  Raises BusError."""
    adc = Ads1115(bench.buses.i2c, channel.address)
    adc.start(channel.channel, channel.full_scale_v)
    while True:
        yield adc.conversion_ns + NS_PER_MS
        if adc.ready():
            return adc.result_volts()
