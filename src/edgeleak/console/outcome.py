# SPDX-License-Identifier: Apache-2.0
"""What became of a correction that a person asked for: taken, refused, or still waiting and for
what.  The command itself only asks; a camera that says `done` then has not done anything yet."""

from typing import Any

from edgeleak.clock import NS_PER_S
from edgeleak.codes import TABLE
from edgeleak.services.nuc import Nuc
from edgeleak.services.nuc_status import Phase
from edgeleak.services.sensor_nuc import SensorNuc

PATIENCE_S = 20.0
"""A correction takes 3.4 s at 11 frames a second; at half a frame a second nobody watches it."""
PROMPT_S = 2.0
"""A cap that is on already is known within a second."""
WAITS = "asked for, not taken: {}; it is taken as soon as may be, see CAL:STAT? and CAL:COUN?"


class Correction:
    """Called again and again: a text once it is known what came of the request, "" before.

    instrument : it has just been asked for a correction
    """

    def __init__(self, instrument: Any) -> None:
        self._on = instrument
        self._is_first = True
        self._counts = self._now_counts()
        self._begin_ns = instrument.clock.monotonic_ns()
        self._end_ns = self._begin_ns + round(PATIENCE_S * NS_PER_S)

    def __call__(self) -> str:
        nuc: Nuc | SensorNuc = self._on.nuc
        now_ns = self._on.clock.monotonic_ns()
        if nuc.is_asked:
            self._counts = self._now_counts()
            why = nuc.hindrance(now_ns) if self._is_first or now_ns > self._end_ns else ""
            self._is_first = False
            is_late = now_ns > self._end_ns
            return WAITS.format(why or "no frame has come") if why or is_late else ""
        self._is_first = False
        return self._ended(nuc, now_ns)

    def _ended(self, nuc: Nuc | SensorNuc, now_ns: int) -> str:
        """It has begun, so the counts of its status tell its end."""
        status, (taken, refused) = nuc.status, self._counts
        if status.taken > taken:
            cap = f"; {TABLE[status.code].next_step}" if status.phase is Phase.CAP_OFF else ""
            return f"taken: correction {status.nuc_id} is in force{cap}"
        if status.refused > refused:
            kept = f"{status.nuc_id} stays in force" if status.taken_ns >= 0 else "there is none"
            why = status.why.partition("refused, ")[2] or status.why
            return f"refused: {why}; {kept}"
        if status.phase is Phase.CAP_ON and now_ns - self._begin_ns > PROMPT_S * NS_PER_S:
            return f"asked for: {TABLE[status.code].next_step}; see CAL:STAT?"
        return f"not ended yet: {status.phase}; see CAL:STAT?" if now_ns > self._end_ns else ""

    def _now_counts(self) -> tuple[int, int]:
        status = self._on.nuc.status
        return status.taken, status.refused
