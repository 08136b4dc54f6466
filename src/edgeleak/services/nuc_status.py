# SPDX-License-Identifier: Apache-2.0
"""What a correction says about itself, whoever takes it: `services.nuc` or the sensor."""

from dataclasses import dataclass
from enum import StrEnum
from math import nan
from typing import Protocol

import numpy as np

from edgeleak import codes
from edgeleak.frame import NucState


class Phase(StrEnum):
    """Where one correction is."""

    IDLE = "idle"
    LOOKING = "looking at the scene"
    CLOSING = "closing"
    COLLECTING = "collecting"
    SOLVING = "solving"
    OPENING = "opening"
    CAP_ON = "waiting for the cap"
    CAP_OFF = "waiting until the cap is off"
    SETTLING = "settling"


MOVING = (Phase.CLOSING, Phase.COLLECTING, Phase.SOLVING, Phase.OPENING, Phase.CAP_ON,
          Phase.CAP_OFF)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NucStatus:
    """One consistent picture, replaced as a whole.

    nuc_id   : number of the correction in force; -1 none
    taken_ns : when, monotonic; -1 never
    state    : what frames carry
    phase    : where a new one is
    why      : what asked for it, or why it was refused
    taken, refused : how often
    fpa_degc : detector temperature it was taken at
    off_k : how much warmer than the housing its shutter looked; NaN: could not be checked
    code, measured, expected : 0, or what stands against an answer
    """

    nuc_id: int = -1
    taken_ns: int = -1
    state: NucState = NucState.NONE
    phase: Phase = Phase.IDLE
    why: str = ""
    taken: int = 0
    refused: int = 0
    fpa_degc: float = nan
    off_k: float = nan
    code: int = codes.NUC_MISSING
    measured: float = nan
    expected: float = nan


class Correctable(Protocol):
    """What of the pipeline takes new offsets."""

    def replace_offset(self, offset: np.ndarray, bad_pixels: np.ndarray | None = None,
                       nuc_id: int = -1, *, shutter_counts: float = nan) -> bool: ...  # fmt: skip
