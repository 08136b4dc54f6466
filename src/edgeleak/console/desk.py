# SPDX-License-Identifier: Apache-2.0
"""What commands work on: the instrument, and what the console itself keeps of it."""

from collections.abc import Callable
from typing import Any

from edgeleak import codes
from edgeleak.console.history import History
from edgeleak.console.jobs import Clerk
from edgeleak.console.live import Live
from edgeleak.console.pins import PINS_NAME, Pins
from edgeleak.console.scpi import ScpiError
from edgeleak.services.health import State
from edgeleak.services.nuc_status import MOVING, Phase
from edgeleak.services.thermal_status import CoolerState

CALIBRATING, SETTLING, MEASURING = 1 << 0, 1 << 1, 1 << 4
RECORDING, GAS, DEGRADED, STARTING, SAFE = (1 << bit for bit in (8, 9, 10, 11, 12))
OPERATION_BITS = {
    CALIBRATING: "a correction is running, or was asked for",
    SETTLING: "cooling, settling or learning",
    MEASURING: "detecting: verdicts are GAS or NO GAS",
    RECORDING: "recording",
    GAS: "the verdict is GAS",
    DEGRADED: "a note stands, see SYSTem:NOTE?",
    STARTING: "boot or bring-up",
    SAFE: "safe mode: no actuator moves",
}
GROUP_BITS = {6: 1 << 3, 2: 1 << 4, 7: 1 << 8, 1: 1 << 9, 3: 1 << 10, 4: 1 << 11, 5: 1 << 12,
              8: 1 << 13, 9: 1 << 14}  # fmt: skip
"""Group of codes -> questionable bit; power, temperature and calibration where SCPI has them."""
NUC_CODES = (codes.NUC_MISSING, codes.NUC_RUNNING, codes.NUC_SETTLING, codes.NUC_REFUSED,
             codes.NUC_SILENT, codes.NUC_EARLY, codes.NUC_NOT_FLAT, codes.NUC_LEVEL,
             codes.NUC_CANCELLED, codes.NUC_OVERDUE, codes.NUC_DRIFTED, codes.PUT_CAP_ON,
             codes.CONFIRM_CAP, codes.HOLD_CAP, codes.TAKE_CAP_OFF, codes.OPEN_SCENE,
             codes.CAP_MOVED)  # fmt: skip
ON_THE_WAY = (State.COOLING, State.NUC, State.READY)
FAULT_BIT = 1 << 0
AT_REST = (State.FAULT, State.SAFE)


class Desk:
    """Belongs to the frames thread.

    instrument : whose console this is
    lines      : the log so far, newest last
    log        : adds to it
    """

    def __init__(self, instrument: Any, lines: Callable[[], list[str]],
                 log: Callable[[str], None]) -> None:  # fmt: skip
        self.instrument, self.lines, self.log = instrument, lines, log
        self.clerk = Clerk()
        self.pins = Pins(instrument.folders.state / PINS_NAME, instrument.clock.monotonic_ns)
        if self.pins.trouble:
            log(f"NOTE {self.pins.trouble}")
        self.live = Live(instrument)
        self.history = History(instrument, lines)

    def poll(self, now_ns: int) -> None:
        """Between two rounds of the peers."""
        self.history.poll(now_ns)
        self.clerk.settle()

    def may_drive(self) -> None:
        """ScpiError where actuators have to rest, whoever asks."""
        health = self.instrument.health
        if health.state in AT_REST or health.latched is not None:
            raise ScpiError(-221, f"state {health.state}: actuators rest; see FAULt:LAST?")

    def cooler(self) -> Any:
        """The cooler, or ScpiError on a board without one."""
        return _there(self.instrument.cooler, "cooler")

    def light(self) -> Any:
        return _there(self.instrument.light, "LED")

    def recorder(self) -> Any:
        return _there(self.instrument.recorder, "recorder")

    def operation(self) -> int:
        """Condition bits of STATus:OPERation."""
        on = self.instrument
        state, phase = on.health.state, on.nuc.status.phase
        bits = CALIBRATING if phase in MOVING or on.nuc.is_asked else 0
        is_settling = state in ON_THE_WAY or phase is Phase.SETTLING or self._is_cooling()
        bits |= SETTLING if is_settling else 0
        bits |= MEASURING if state is State.DETECTING else 0
        bits |= RECORDING if on.recorder is not None and on.recorder.is_recording else 0
        bits |= GAS if on.health.answer.kind == codes.Kind.GAS else 0
        bits |= DEGRADED if on.health.is_degraded else 0
        bits |= STARTING if state in (State.BOOT, State.SELFTEST) else 0
        return bits | (SAFE if state is State.SAFE else 0)

    def is_at_set_point(self) -> bool:
        """At the newest one: not the last moment of the old one, when the loop has yet to take it.

        ScpiError on a board without a cooler.
        """
        status = self.cooler().status
        is_taken = self.live.wish("degc", status.wish_degc) == status.wish_degc
        return bool(status.is_stable and is_taken)

    def _is_cooling(self) -> bool:
        cooler = self.instrument.cooler
        is_driven = cooler is not None and cooler.status.state is CoolerState.DRIVE
        return is_driven and not self.is_at_set_point()

    def questionable(self) -> int:
        """Condition bits of STATus:QUEStionable: what stands against an answer."""
        health = self.instrument.health
        bits = 0
        for code in (health.answer.trouble.code, health.note.code):
            if code:
                bits |= GROUP_BITS[7] if code in NUC_CODES else GROUP_BITS.get(code // 100, 0)
        return bits | (FAULT_BIT if health.latched is not None else 0)


def _there(part: Any, name: str) -> Any:
    if part is None:
        raise ScpiError(-241, f"this board has no {name}")
    return part
