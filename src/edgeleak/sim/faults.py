# SPDX-License-Identifier: Apache-2.0
"""What can break: small frozen facts, applied by the plant where reality breaks.

`Nack` and `Stuck` are what a chip or the bus does to a transfer; everything else is a `Fault`
that is injected with `plant.inject` and ends with `plant.clear(name)`.  `skip` events pass
before the first is broken, `count` are broken (None: until cleared).
"""

import difflib
import errno
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from edgeleak import schema
from edgeleak.errors import ConfigError
from edgeleak.schema import number, switch, word
from edgeleak.sim.chips.chip import Nack as Nack

FOR_EVER_NS = 1 << 62


class Stuck(Exception):
    """The bus hangs for `block_ns`, then the adapter gives up: ETIMEDOUT."""

    def __init__(self, block_ns: int) -> None:
        super().__init__(f"bus stuck for {block_ns / 1e6:g} ms")
        self.block_ns = block_ns


class Gone(Exception):
    """The node does not carry out the call; unplugged it is ENODEV."""

    def __init__(self, number: int = errno.ENODEV) -> None:
        super().__init__(errno.errorcode[number])
        self.number = number


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is broken."""

    skip: int = number("", 0, 1 << 30, "events that pass before the first is broken", 0)
    count: int | None = number("", 1, 1 << 30, "events broken; without it until cleared", None)

    @property
    def name(self) -> str:
        """Kebab-case class name, as in scenario files and on the control channel."""
        return name_of(type(self))


def name_of(kind: type[Fault]) -> str:
    return _in_kebab_case(kind.__name__)


@cache
def _in_kebab_case(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFails(Fault):
    """Calls on any node fail in the kernel; `skip` and `count` are calls of all nodes together."""

    error: str = word("name of the errno", "EIO", ("EIO", "EINTR", "EAGAIN", "ENODEV", "EREMOTEIO"))


# --- I2C -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BusNack(Fault):
    """Address not acknowledged; the device saw nothing.  None: every address."""

    address: int | None = number("", 0, 0x7F, "only this chip; without it every one", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NackAfterData(Fault):
    """The device took the data, then the acknowledge was lost: a half-done write."""

    address: int | None = number("", 0, 0x7F, "only this chip; without it every one", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusStuck(Fault):
    """SDA or SCL held low: each call blocks `block_ms` (inf: for ever), then times out."""

    block_ms: float = number("ms", 0, math.inf, "how long each call hangs", 35.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCorrupted(Fault):
    """Bits of the first byte read are turned by `mask`."""

    address: int | None = number("", 0, 0x7F, "only this chip; without it every one", None)
    mask: int = number("", 1, 0xFF, "bits turned", 0x01)


@dataclass(frozen=True, slots=True, kw_only=True)
class I2cUnplugged(Fault):
    """The adapter's node is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBound(Fault):
    """A driver of the kernel owns this address: I2C_SLAVE is refused, I2C_SLAVE_FORCE is not."""

    address: int = number("", 0, 0x7F, "that the driver took", 0x48)


# --- temperatures ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorFault(Fault):
    """Which thermistor: fpa, hot or led."""

    which: str = word("whose bead", "fpa", ("fpa", "hot", "led"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorOpen(ThermistorFault):
    """The divider sits at its supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorShort(ThermistorFault):
    """The divider sits at ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorFrozen(ThermistorFault):
    """The ADC returns what it measured last, without noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorDetached(ThermistorFault):
    """The bead lost its plate and drifts to the hot side within `tau_s`."""

    tau_s: float = number("s", 0.01, 1e4, "drift to the hot side", 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorBit(ThermistorFault):
    """Bit `bit` of the ADC's code stays where it is put."""

    bit: int = number("", 0, 14, "of the code, 0 the lowest", 7)
    is_set: bool = switch("where the bit stays", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorOffset(ThermistorFault):
    """Reads `kelvin` too warm."""

    kelvin: float = number("K", -100, 100, "added to the reading", 1.0)


# --- cooler, fan, supply ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TecReversed(Fault):
    """Module wired the wrong way: positive current heats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TecOpen(Fault):
    """Broken lead: no current flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TecShort(Fault):
    """Shorted module: current flows, no heat is pumped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanDead(Fault):
    """The fan stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanSlow(Fault):
    """The fan turns at `share` of its speed."""

    share: float = number("1", 0, 1, "of full speed", 0.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBlocked(Fault):
    """The sink's resistance is `factor` times nominal."""

    factor: float = number("1", 0.1, 100, "on the sink's resistance", 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrownOut(Fault):
    """The supply sags to `volts`."""

    volts: float = number("V", 0, 6, "at the board's input", 4.2)


# --- LED -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LedOpen(Fault):
    """Broken bond wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedShort(Fault):
    """Broken junction: the driver's own limit flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedHot(Fault):
    """The LED's surroundings are `kelvin` warmer than the housing."""

    kelvin: float = number("K", -50, 200, "around the LED, above the housing", 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedAged(Fault):
    """`hours` of light are behind it."""

    hours: float = number("h", 0, 1e6, "of light behind it", 20_000.0)


# --- sensor link and optics: the sensor models ask for these --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CrcError(Fault):
    """`bits` random bits of a line turned."""

    bits: int = number("", 1, 1000, "turned in a line", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropLine(Fault):
    """A line is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateLine(Fault):
    """A line comes twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapLines(Fault):
    """A line changes places with the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongId(Fault):
    """A valid line carries another line's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard(Fault):
    """A discard or idle packet instead of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSync(Fault):
    """The stream is shifted by `shift_bytes` until a proper resync."""

    shift_bytes: int = number("bytes", 1, 2000, "the stream is late by", 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRead(Fault):
    """A read returns `share` of what was asked."""

    share: float = number("1", 0, 1, "of the bytes asked that come", 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenFrame(Fault):
    """The same pixels again and again (`loop` frames in turn), counters move."""

    loop: int = number("frames", 1, 100, "repeated in turn", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterStuck(Fault):
    """Pixels move, frame counter and uptime do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiUnplugged(Fault):
    """The SPI node is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorDead(Fault):
    """All bits low and no data-ready: the cable fell off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelsStuck(Fault):
    """Every pixel of a frame reads `counts`."""

    counts: int = number("counts", 0, 16383, "of every pixel", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedScene(Fault):
    """`share` of the picture is at full scale."""

    share: float = number("1", 0, 1, "of the picture", 0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutterStuck(Fault):
    """The shutter stays `closed` (True) or open whatever it is told."""

    closed: bool = switch("where it is stuck", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LensCovered(Fault):
    """A cap at `degc` in front of the lens; NaN is the housing's temperature."""

    degc: float = number("degC", -60, 150, "of the cap; without it the housing's", math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedFlagWrong(Fault):
    """The line flags say the opposite of what the LED did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDataReady(Fault):
    """The data-ready line never rises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioUnplugged(Fault):
    """The GPIO chip is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRefused(Fault):
    """EIO for whoever sets this output; every other line works."""

    line: str = word("output that cannot be set", "status_red")


KINDS: dict[str, type[Fault]] = {
    name_of(kind): kind
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, Fault) and kind not in (Fault, ThermistorFault)
}
"""Every fault by its name."""


def make(name: str, parameters: dict[str, Any], where: str = "") -> Fault:
    """A fault from its name and parameters; ConfigError names place, range or nearest word."""
    kind = KINDS.get(name)
    where = where or f"fault {name}"
    if kind is None:
        raise ConfigError(f"{where}: fault '{name}' is not known; {near(name, KINDS)}")
    given = {key: value for key, value in parameters.items() if value is not None}
    return schema.build(kind, given, where)


def near(word: str, known: Iterable[str]) -> str:
    """What somebody who wrote `word` may have meant."""
    found = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"nearest is '{found[0]}'" if found else f"known are {', '.join(sorted(known))}"


@dataclass(slots=True)
class Active:
    """A fault at work.

    since_ns : when it began
    seen     : events it could have broken
    hits     : events it broke
    memory   : what the place it breaks keeps (a frozen value)
    """

    fault: Fault
    since_ns: int
    seen: int = 0
    hits: int = 0
    memory: Any = None

    @property
    def is_spent(self) -> bool:
        """It broke as many events as it should."""
        return self.fault.count is not None and self.hits >= self.fault.count

    def strikes(self) -> bool:
        """Count one event; True when this one breaks."""
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        if self.is_spent:
            return False
        self.hits += 1
        return True
