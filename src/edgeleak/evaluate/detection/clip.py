# SPDX-License-Identifier: Apache-2.0
"""Recordings with what is known about them, frame by frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgeleak.errors import MissingInputError
from edgeleak.evaluate.sequences.scenery import data_folder
from edgeleak.frame import FrameInfo
from edgeleak.sources import open_source

METHANE = "methane-1fps-320x240"
LEPTON = "lepton-clips-160x120"
MOTORWAY = "traffic-no-smoke/motorway-320x240.avi"
NOZZLE = "gas-mjpeg-clip/nozzle-handheld-320x320.avi"
STILLS = "gas-stills-masks"
NEEDED = (METHANE, LEPTON, MOTORWAY, NOZZLE, STILLS)


class Shot(NamedTuple):
    """One frame and its truth.

    pixels    : (H, W) uint16 counts or uint8 levels
    info      : facts of the frame, None without
    truth     : (H, W) bool, where gas is; None where nobody knows
    source_xy : column and row of the leak, None where nobody knows
    """

    pixels: np.ndarray
    info: FrameInfo | None
    truth: np.ndarray | None = None
    source_xy: tuple[float, float] | None = None


@dataclass(frozen=True)
class Clip:
    """A recording or a simulated scene.

    name     : as printed; unique within a part
    shape    : (H, W)
    fps, bits : of the frames
    n_frames : how many
    shots    : starts a new reading at every call
    depends  : files and folders of the package that make its frames, besides this one
    """

    name: str
    shape: tuple[int, int]
    fps: float
    bits: int
    n_frames: int
    shots: Callable[[], Iterator[Shot]]
    depends: tuple[str, ...] = ()

    def first(self, n_frames: int) -> "Clip":
        """Its first frames only."""
        most = min(n_frames, self.n_frames)

        def shots() -> Iterator[Shot]:
            for _, shot in zip(range(most), self.shots(), strict=False):
                yield shot

        return replace(self, n_frames=most, shots=shots)


def find_data(folder: Path | None) -> Path:
    """The folder of the recordings, whole; one MissingInputError otherwise."""
    found = data_folder() if folder is None else folder
    if found is None or not found.is_dir():
        where = "" if found is None else f" at {found}"
        raise MissingInputError(
            f"no folder of recordings{where}; give --data DIR or set EDGELEAK_DATA, or ask for"
            " parts without recordings: --part grid --part sweep --part cost"
        )
    if lost := [name for name in NEEDED if not (found / name).exists()]:
        raise MissingInputError(f"{found}: lacks {', '.join(lost)}; give --data DIR")
    return found


def recorded(path: Path, fps: float | None = None, name: str | None = None) -> Clip:
    """A file or folder as it is."""
    with open_source(path, fps=fps) as source:
        shape, bits, rate = source.shape, 8 if source.bits == 8 else 14, source.fps
        n_frames = sum(1 for _ in source)  # a container may promise more than can be decoded

    def shots() -> Iterator[Shot]:
        with open_source(path, fps=fps) as opened:
            for pixels, info in opened:
                yield Shot(pixels, info)

    return Clip(name or path.stem, shape, rate or 1.0, bits, n_frames, shots)


def gas_free(folder: Path) -> list[Clip]:
    """The Lepton clips and the motorway."""
    clips = [recorded(path) for path in sorted((folder / LEPTON).glob("*.npz"))]
    return [*clips, recorded(folder / MOTORWAY, name="motorway")]
