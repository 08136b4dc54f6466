# SPDX-License-Identifier: Apache-2.0
"""Telemetry row A of a Lepton, and the camera's own corrections as it tells of them.

Source: FLIR's Lepton engineering datasheet, "Telemetry Data Content Encoding".  Whether the time of
the last correction is that of its begin or of its end is not said there; both are understood.
"""

from typing import NamedTuple

import numpy as np

from edgeleak.frame import NucState

HEADER_BYTES = 4
FFC_NEVER, FFC_IMMINENT, FFC_RUNNING, FFC_DONE = range(4)
TIME_MASK = (1 << 32) - 1
OLDEST_MS = 1 << 31
"""The camera's ms wrap after 49.7 days; a correction further back than half of that lies ahead."""


class Telemetry(NamedTuple):
    """Telemetry row A.

    uptime_ms    : since the camera's start
    frame        : counter of unique frames
    fpa_degc     : detector temperature; housing_degc of its aluminium
    ffc_state    : FFC_NEVER, FFC_IMMINENT, FFC_RUNNING or FFC_DONE
    ffc_desired  : the camera wants a correction
    ffc_ms       : `uptime_ms` at the last correction; 0 before the first
    """

    uptime_ms: int
    frame: int
    fpa_degc: float
    housing_degc: float
    ffc_state: int
    ffc_desired: bool
    ffc_ms: int


def parse_telemetry(packet: np.ndarray) -> Telemetry:
    """Row A, (164,) uint8; 32-bit fields have their low word first."""
    words = packet[HEADER_BYTES:].view(">u2")

    def long(at: int) -> int:
        return int(words[at + 1]) << 16 | int(words[at])

    status = long(3)
    return Telemetry(long(1), long(20), int(words[24]) / 100 - 273.15,
                     int(words[26]) / 100 - 273.15, status >> 4 & 3, bool(status & 8),
                     long(30))  # fmt: skip


class OwnCorrections:
    """Number, age and state of the camera's own corrections, frame by frame.

    number : counts those seen; -1 before the first.  One whose frames were lost is seen by its
             time, one that leaves the time as it was by the frames it ran for.
    """

    def __init__(self) -> None:
        self.number = -1
        self._ffc_ms, self._is_new = 0, True

    def restart(self) -> None:
        """The camera was started anew, and its time with it."""
        self._is_new = True

    def note(self, telemetry: Telemetry) -> tuple[int, int, NucState]:
        """(number, age in ms or -1, state) of a frame with this row."""
        state, ffc_ms, age_ms = telemetry.ffc_state, telemetry.ffc_ms, age_of(telemetry)
        is_none = state == FFC_NEVER or (state == FFC_IMMINENT and self._is_new and not ffc_ms)
        self._is_new |= is_none or state == FFC_RUNNING
        if is_none:
            return -1, -1, NucState.NONE
        if state == FFC_RUNNING:
            return self.number, age_ms if self.number >= 0 else -1, NucState.RUNNING
        if self._is_new or (ffc_ms != self._ffc_ms and age_ms >= 0):
            self.number += 1
            self._ffc_ms, self._is_new = ffc_ms, False
        return self.number, age_ms, NucState.VALID


def age_of(telemetry: Telemetry) -> int:
    """Of the last correction, ms, over a wrap of the camera's time; -1 where it lies ahead."""
    age_ms = (telemetry.uptime_ms - telemetry.ffc_ms) & TIME_MASK
    return age_ms if age_ms < OLDEST_MS else -1
