# SPDX-License-Identifier: Apache-2.0
"""Bring-up in small proofs: every chip of the board answers as itself, and the outputs rest.

A generator that yields how long to wait (see drivers.link.Steps), so that the control loop runs
it in a thread as well as under a simulated clock.  Each failure is one error that names address,
what was expected and what was found; nothing was switched on by then.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError, UnavailableError

TRIES = 3
PAUSE_NS = 5 * NS_PER_MS
ENABLES = ("tec_enable", "led_enable")
SUPPLIES = ("fan", "sensor_power")


class Proof(NamedTuple):
    """One thing that was shown."""

    what: str
    found: str


class Chip(NamedTuple):
    """One chip to probe."""

    name: str
    address: int
    probe: Callable[[], object]


def chips(board: Board, buses: Buses) -> list[Chip]:
    """Every chip that the board file names, besides the sensor, in the order of addresses."""
    i2c, found = buses.i2c, []
    if board.adc is not None:
        named = (
            board.adc.fpa_thermistor, board.adc.hot_thermistor, board.adc.tec_current,
            board.adc.tec_voltage, board.adc.led_thermistor, board.adc.led_current,
            board.adc.supply,
        )  # fmt: skip
        for address in {channel.address for channel in named}:
            found.append(Chip("ADS1115", address, Ads1115(i2c, address).probe))
    if (at := board.address) is not None:
        found += [
            Chip("TMP117", at.tmp117, Tmp117(i2c, at.tmp117).probe),
            Chip("SHT4x", at.sht4x, Sht4x(i2c, at.sht4x).probe),
            Chip("AD5693R (TEC)", at.tec_dac, Ad5693r(i2c, at.tec_dac).probe),
            Chip("AD5693R (LED)", at.led_dac, Ad5693r(i2c, at.led_dac).probe),
        ]
    return sorted(found, key=lambda chip: chip.address)


def steps(board: Board, buses: Buses, note: Callable[[Proof], None]) -> Iterator[int]:
    """Outputs off, then chip after chip; raises UnavailableError or WrongDeviceError.

    note : gets each proof
    """
    outputs_off(board, buses)
    note(Proof("enables", "off, read back"))
    for chip in chips(board, buses):
        yield from prove(chip)
        note(Proof(f"I2C 0x{chip.address:02x}", chip.name))
        yield NS_PER_MS


def prove(chip: Chip) -> Iterator[int]:
    """Ask a chip who it is, up to `TRIES` times; UnavailableError or WrongDeviceError."""
    for left in reversed(range(TRIES)):
        try:
            chip.probe()
            return
        except BusError as error:
            if not left:
                raise UnavailableError(_silent(chip, error)) from error
        yield PAUSE_NS


def outputs_off(board: Board, buses: Buses) -> None:
    """Both enables low; UnavailableError when a line reads back high.  Raises BusError."""
    _lower(board, buses, ENABLES)
    if found := enables_on(board, buses):
        raise UnavailableError(
            f"gpio {', '.join(found)}: reads back high after it was set low;"
            " cut the supply and look for a short or another program that holds the line"
        )


def rest(board: Board, buses: Buses) -> None:
    """Enables low first, then fan and sensor off.  Raises as `outputs_off`, after all of it."""
    try:
        outputs_off(board, buses)
    except (UnavailableError, BusError):
        with suppress(BusError):
            _lower(board, buses, SUPPLIES)
        raise
    _lower(board, buses, SUPPLIES)


def _lower(board: Board, buses: Buses, names: tuple[str, ...]) -> None:
    """Each of these lines that is wired, also after one that failed.  Raises BusError."""
    with ExitStack() as stack:
        for name in reversed(names):
            if name in board.gpio.lines:
                stack.callback(buses.lines.set, name, False)


def enables_on(board: Board, buses: Buses) -> list[str]:
    """Enables that read back on.  Raises BusError."""
    return [name for name in ENABLES if name in board.gpio.lines and buses.lines.get(name)]


def _silent(chip: Chip, error: BusError) -> str:
    return (
        f"I2C 0x{chip.address:02x}: expected {chip.name}, found no answer in {TRIES} tries"
        f" ({error}); check supply, cable and the address in board.toml"
    )
