# SPDX-License-Identifier: Apache-2.0
"""Sequences from recordings: anything that edgeleak.sources opens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.sequences.sequence import Sequence
from edgeleak.sources import open_source


def recorded_sequence(path: str | Path, **geometry: Any) -> Sequence:
    """A recording as a sequence; *geometry* goes to open_source (raw dumps need it).

    Opens the file once to learn its facts, and again for every reading.
    """
    with open_source(path, **geometry) as source:
        bits = 8 if source.bits == 8 else 14
        shape, n_frames = source.shape, source.n_frames
    if n_frames is None:
        n_frames = _count(path, geometry)
    if n_frames < 1:
        raise DataError(f"{path}: has no frames")

    def frames() -> Iterator[np.ndarray]:
        with open_source(path, **geometry) as opened:
            for pixels, _info in opened:
                yield pixels

    return Sequence(
        Path(path).stem or str(path), f"recording {Path(path).name}", shape, bits, n_frames, frames
    )


def _count(path: str | Path, geometry: dict) -> int:
    with open_source(path, **geometry) as source:
        return sum(1 for _ in source)
