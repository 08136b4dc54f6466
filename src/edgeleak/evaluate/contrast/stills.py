# SPDX-License-Identifier: Apache-2.0
"""The pictures a contrast comparison works on: frame 100 of recordings, and stills."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.sequences.built_in import built_in_sequences
from edgeleak.evaluate.sequences.sequence import Sequence
from edgeleak.frame import EIGHT_BIT_SHIFT, MAX_COUNTS
from edgeleak.sources import open_source

FRAME_NUMBER = 100
LEPTON_CLIPS = ("garden-357", "vegetation-1")
RAW_STILLS, RAW_STILL = "raw-stills/stills.npz", "img16"


@dataclass(frozen=True)
class Still:
    """One picture in 14-bit counts, (H, W) uint16, with its name and origin."""

    name: str
    note: str
    counts: np.ndarray


def recorded_still(path: str | Path, **geometry: Any) -> Still:
    """Frame 100 of a recording, or the last one it has; 8-bit frames are shifted left 6."""
    chosen, number = None, 0
    with open_source(path, **geometry) as source:
        for number, (pixels, _info) in enumerate(islice(source, FRAME_NUMBER), start=1):
            if number == FRAME_NUMBER or source.n_frames in (None, number):
                chosen = pixels.copy()
        if chosen is None and number:
            raise DataError(f"{path}: ended after {number} of {source.n_frames} frames")
    if chosen is None:
        raise DataError(f"{path}: has no frames")
    note = f"frame {number} of {Path(path).name}"
    if chosen.dtype == np.uint8:
        chosen = chosen.astype(np.uint16) << np.uint16(EIGHT_BIT_SHIFT)
        note += ", 8 bits shifted left 6"
    return Still(Path(path).stem, note, np.ascontiguousarray(chosen))


def built_in_stills(folder: Path | None, seed: int = 1) -> list[Still]:
    """Four pictures: two Lepton clips, a semi-real frame, a raw still; drawn without *folder*."""
    sequences = built_in_sequences((240, 320), folder, seed)
    if folder is None:
        return [sequence_still(s) for s in sequences]
    try:
        clips = [recorded_still(folder / f"lepton-clips-160x120/{n}.npz") for n in LEPTON_CLIPS]
        return [*clips, sequence_still(sequences[2]), _raw_still(folder)]
    except FileNotFoundError:
        return [sequence_still(s) for s in sequences]


def sequence_still(sequence: Sequence) -> Still:
    counts = next(islice(sequence.frames(), FRAME_NUMBER - 1, None))
    return Still(sequence.name, f"frame {FRAME_NUMBER}, {sequence.note}", counts)


def _raw_still(folder: Path) -> Still:
    """A 16-bit still, moved down as a whole where it exceeds 14 bits: no stretch, no clipping."""
    with np.load(folder / RAW_STILLS) as stills:
        raw = stills[RAW_STILL].astype(np.int32)
    down = max(0, int(raw.max()) - MAX_COUNTS)
    counts = np.clip(raw - down, 0, MAX_COUNTS).astype(np.uint16)
    return Still(f"still-{RAW_STILL}", f"raw still {RAW_STILL}, {down} counts taken off", counts)
