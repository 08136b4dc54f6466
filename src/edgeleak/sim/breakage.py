# SPDX-License-Identifier: Apache-2.0
"""What is broken at the moment, and the parts that are broken as a whole.

Faults of single events (a transfer, a line) wait here until the event asks with `take`; faults
of a part (a wire, a sink) are put into its model when they begin and taken out when they end.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from edgeleak.errors import UsageError
from edgeleak.sim import faults
from edgeleak.sim.faults import Active, Fault
from edgeleak.sim.led_plant import LedPlant
from edgeleak.sim.tec_plant import TecPlant


class Breakage:
    """The plant's list of active faults.

    counters : `injected.<name>` and `hit.<name>` are counted there
    """

    def __init__(self, counters: "Counter[str]") -> None:
        self.active: dict[str, Active] = {}
        self._counters = counters
        self._parts: tuple[TecPlant | None, LedPlant | None] = (None, None)

    def connect(self, tec: TecPlant | None, led: LedPlant | None) -> None:
        """The parts that can break as a whole."""
        self._parts = tec, led

    def inject(self, fault: Fault, now_ns: int) -> None:
        """Break; the same kind again replaces the first."""
        if fault.name in self.active:
            self.clear(fault.name)
        self.active[fault.name] = Active(fault, now_ns)
        self._counters[f"injected.{fault.name}"] += 1
        self._touch(fault, True)

    def clear(self, name: str) -> Active | None:
        """Mend; None when it was not broken, UsageError for a name that no fault has."""
        if name not in faults.KINDS:
            raise UsageError(f"fault '{name}' is not known; {faults.near(name, faults.KINDS)}")
        active = self.active.pop(name, None)
        if active is not None:
            self._touch(active.fault, False)
        return active

    def of(self, kind: type[Any]) -> Any:
        """The lasting fault of this class, or None; counts nothing."""
        active = self.active.get(faults.name_of(kind)) if self.active else None
        return active.fault if active is not None else None

    def is_at_work(self, kind: type[Fault]) -> bool:
        """Broken now and not yet done with breaking; counts nothing."""
        active = self.active.get(faults.name_of(kind)) if self.active else None
        return active is not None and not active.is_spent

    def take(self, kind: type[Any], address: int | None = None) -> Any:
        """The fault of this class if it breaks the event at hand; counts event and hit."""
        active = self.active.get(faults.name_of(kind)) if self.active else None
        if active is None:
            return None
        wanted = getattr(active.fault, "address", None)
        if (wanted is not None and wanted != address) or not active.strikes():
            return None
        self._counters[f"hit.{active.fault.name}"] += 1
        return active.fault

    def drivable(self, levels: dict[str, bool]) -> dict[str, bool]:
        """Of these lines those that somebody could drive now."""
        if any(map(self.is_at_work, (faults.GpioUnplugged, faults.CallFails))):
            return {}
        if not self.is_at_work(faults.LineRefused):
            return levels
        refused = self.of(faults.LineRefused).line
        return {name: level for name, level in levels.items() if name != refused}

    def _touch(self, fault: Fault, is_on: bool) -> None:
        tec, led = self._parts
        if tec is not None and (act := TEC_PARTS.get(type(fault))):
            act(tec, fault, is_on)
        if led is not None and (act := LED_PARTS.get(type(fault))):
            act(led, fault, is_on)


def _set(name: str) -> Callable[[Any, Any, bool], None]:
    return lambda part, _, is_on: setattr(part, name, is_on)


def _age(led: LedPlant, fault: faults.LedAged, is_on: bool) -> None:
    led.hours += fault.hours if is_on else -fault.hours


TEC_PARTS: dict[type[Fault], Callable[[Any, Any, bool], None]] = {
    faults.TecShort: _set("is_short"),
}
LED_PARTS: dict[type[Fault], Callable[[Any, Any, bool], None]] = {
    faults.LedOpen: _set("is_open"),
    faults.LedShort: _set("is_short"),
    faults.LedAged: _age,
}
