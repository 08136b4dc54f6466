# SPDX-License-Identifier: Apache-2.0
"""Current and enable of the cooler with bounded retries; what went wrong comes back as a trip."""

from edgeleak import codes
from edgeleak.control.observation import Trip
from edgeleak.drivers.ad5693r import ReadBackError
from edgeleak.drivers.tec import Tec
from edgeleak.errors import BusError
from edgeleak.services.cooler_inputs import CoolerInputs

TRIES = 2


class CoolerOutput:
    """The driver, its retries, and the current as last read back.

    tec    : the driver
    inputs : owns the retry budget of the period and the error counters
    """

    def __init__(self, tec: Tec, inputs: CoolerInputs) -> None:
        self.tec, self._inputs = tec, inputs
        self.applied_a = 0.0
        self.has_failed = False

    def begin_period(self) -> bool:
        """True when the last write failed; while off that stands until zero was written."""
        failed = self.has_failed
        if self.tec.is_on or self.tec.is_rested:
            self.has_failed = False
        return failed

    def start(self, now_ns: int) -> Trip | None:
        """Zero, read back, enable; a bus error only counts as a missed period."""
        self.applied_a = 0.0
        try:
            self.tec.start(now_ns)
        except ReadBackError as error:
            self._inputs.note_error(error)
            return Trip(codes.TEC_READ_BACK, TRIES, TRIES, True)
        except BusError as error:
            self._inputs.note_error(error)
            self.has_failed = True
        return None

    def drive(self, wanted_a: float, now_ns: int) -> Trip | None:
        """Write, see it read back, refresh the enable; not one whose command has expired."""
        try:
            self.applied_a = self._write(wanted_a, now_ns)
        except ReadBackError:
            return Trip(codes.TEC_READ_BACK, TRIES, TRIES, True)
        except BusError:
            self.has_failed = True
            if self.tec.is_expired(now_ns):
                return None
        return self._refresh(now_ns)

    def cut(self) -> bool:
        """Enable off now; True when it was on."""
        was_on = self.tec.is_on
        try:
            self.tec.off()
        except BusError as error:
            self._inputs.note_error(error)  # without the line the monostable runs out
        self.applied_a = 0.0
        return was_on

    def rest(self, now_ns: int) -> None:
        """While off: the command to zero, tried again each period until it is."""
        try:
            self.tec.rest(now_ns)
        except BusError as error:
            self._inputs.note_error(error)
            self.has_failed = True

    def _write(self, wanted_a: float, now_ns: int) -> float:
        while True:
            try:
                return self.tec.set_current_a(wanted_a, now_ns)
            except BusError as error:
                self._inputs.note_error(error)
                if isinstance(error, ReadBackError) or not self._inputs.may_retry():
                    raise

    def _refresh(self, now_ns: int) -> Trip | None:
        """A line that refuses is one thing, a program that comes too late another."""
        silent_s, refresh_s = self.tec.enable.silent_s, self.tec.enable.refresh_s
        try:
            if self.tec.refresh(now_ns):
                return None
        except BusError as error:
            self._inputs.note_error(error)
            return Trip(codes.ENABLE_LINE, error.errno or 0, refresh_s, True)
        return Trip(codes.ENABLE_DROPPED, silent_s, refresh_s, True)
