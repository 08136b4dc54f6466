# SPDX-License-Identifier: Apache-2.0
"""What can break: small frozen facts, applied by the plant where reality breaks.

`Nack` and `Stuck` are what a chip or the bus does to a transfer; everything else is a `Fault`
that is injected with `plant.inject` and ends with `plant.clear(name)`.  `skip` events pass
before the first is broken, `count` are broken (None: until cleared).
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edgeleak.errors import UsageError
from edgeleak.sim.chips.chip import Nack as Nack

FOR_EVER_NS = 1 << 62


class Stuck(Exception):
    """The bus hangs for `block_ns`, then the adapter gives up: ETIMEDOUT."""

    def __init__(self, block_ns: int) -> None:
        super().__init__(f"bus stuck for {block_ns / 1e6:g} ms")
        self.block_ns = block_ns


class Gone(Exception):
    """The node is unplugged: ENODEV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is broken."""

    skip: int = 0
    count: int | None = None

    @property
    def name(self) -> str:
        """Kebab-case class name, as in scenario files and on the control channel."""
        return name_of(type(self))


def name_of(kind: type[Fault]) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", kind.__name__).lower()


# --- I2C -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BusNack(Fault):
    """Address not acknowledged; the device saw nothing.  None: every address."""

    address: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NackAfterData(Fault):
    """The device took the data, then the acknowledge was lost: a half-done write."""

    address: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusStuck(Fault):
    """SDA or SCL held low: each call blocks `block_ms` (inf: for ever), then times out."""

    block_ms: float = 35.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCorrupted(Fault):
    """Bits of the first byte read are turned by `mask`."""

    address: int | None = None
    mask: int = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class I2cUnplugged(Fault):
    """The adapter's node is gone."""


# --- temperatures ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorFault(Fault):
    """Which thermistor: fpa, hot or led."""

    which: str = "fpa"


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

    tau_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermistorOffset(ThermistorFault):
    """Reads `kelvin` too warm."""

    kelvin: float = 1.0


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

    share: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkBlocked(Fault):
    """The sink's resistance is `factor` times nominal."""

    factor: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrownOut(Fault):
    """The supply sags to `volts`."""

    volts: float = 4.2


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

    kelvin: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedAged(Fault):
    """`hours` of light are behind it."""

    hours: float = 20_000.0


# --- sensor link and optics: the sensor models ask for these --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CrcError(Fault):
    """`bits` random bits of a line turned."""

    bits: int = 1


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

    shift_bytes: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortRead(Fault):
    """A read returns `share` of what was asked."""

    share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenFrame(Fault):
    """The same pixels again and again (`loop` frames in turn), counters move."""

    loop: int = 1


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

    counts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedScene(Fault):
    """`share` of the picture is at full scale."""

    share: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutterStuck(Fault):
    """The shutter stays `closed` (True) or open whatever it is told."""

    closed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LensCovered(Fault):
    """A cap at `degc` in front of the lens; NaN is the housing's temperature."""

    degc: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedFlagWrong(Fault):
    """The line flags say the opposite of what the LED did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDataReady(Fault):
    """The data-ready line never rises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioUnplugged(Fault):
    """The GPIO chip is gone."""


KINDS: dict[str, type[Fault]] = {
    name_of(kind): kind
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, Fault) and kind not in (Fault, ThermistorFault)
}
"""Every fault by its name."""


def make(name: str, parameters: dict[str, Any]) -> Fault:
    """A fault from its name and parameters; UsageError names the nearest word."""
    kind = KINDS.get(name)
    if kind is None:
        raise UsageError(f"fault '{name}' is not known; {near(name, list(KINDS))}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key, value in parameters.items():
        if key not in fields:
            raise UsageError(f"fault '{name}' has no '{key}'; {near(key, list(fields))}")
        if not _fits(str(fields[key].type), value):
            raise UsageError(f"fault '{name}': {key} = {value!r}; expected {fields[key].type}")
    return kind(**parameters)


def _fits(annotation: str, value: Any) -> bool:
    kinds = annotation.replace("<class '", "").replace("'>", "").split(" | ")
    if value is None:
        return "None" in kinds
    if isinstance(value, bool):
        return "bool" in kinds
    if isinstance(value, int):
        return "int" in kinds or "float" in kinds
    return type(value).__name__ in kinds


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

    def strikes(self) -> bool:
        """Count one event; True when this one breaks."""
        self.seen += 1
        if self.seen <= self.fault.skip:
            return False
        if self.fault.count is not None and self.hits >= self.fault.count:
            return False
        self.hits += 1
        return True
