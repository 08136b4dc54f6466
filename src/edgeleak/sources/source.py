# SPDX-License-Identifier: Apache-2.0
"""What every source of frames offers, and what happens when a file is damaged.

Damage policy, decided once for all readers: a file without one whole frame is
a DataError.  A file with whole frames gives them first; then iteration *ends*
(it does not raise) and `damage` and `warnings` say what was lost.  So a replay
of a recording that was cut by a dead battery still ends with a verdict and a
table, and `damage is None` is the test for "the file was whole".
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from edgeleak.errors import DataError, EdgeLeakError, UsageError
from edgeleak.frame import MAX_COUNTS, FrameFlag, FrameInfo
from edgeleak.sensor import UNKNOWN, SensorInfo

MAX_FRAME_PIXELS = 1 << 24
"""Larger frames are refused before anything is allocated: 4096 x 4096."""

NS_PER_S = 1_000_000_000
Frame = tuple[np.ndarray, FrameInfo]


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What the user knows about a file that the file does not say.

    shape      : (H, W) of a raw dump
    dtype      : NumPy type of a raw dump, e.g. "<u2", ">u2", "u1"
    fps        : frames a second, wins over the file
    key        : array to take from an .npz of several
    sensor     : sensor that made the recording
    shift_bits : right shift for data of more than 14 bits (2 for full 16-bit)
    """

    shape: tuple[int, int] | None = None
    dtype: str | None = None
    fps: float | None = None
    key: str | None = None
    sensor: SensorInfo | None = None
    shift_bits: int = 0

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and 0 < self.fps <= 1e5):
            raise UsageError(f"fps must lie between 0 and 100000, got {self.fps}")
        if not 0 <= self.shift_bits <= 8:
            raise UsageError(f"shift_bits must be 0..8, got {self.shift_bits}")
        if self.shape is not None:
            check_shape(self.shape, "the given --shape", UsageError)


def check_shape(
    shape: tuple[int, ...], where: str, error: type[EdgeLeakError] = DataError
) -> tuple[int, int]:
    """(H, W) as two positive ints below MAX_FRAME_PIXELS, or an error that names *where*."""
    if len(shape) != 2 or min(shape) < 1 or int(shape[0]) * int(shape[1]) > MAX_FRAME_PIXELS:
        raise error(
            f"{where}: a frame must be height x width with at most {MAX_FRAME_PIXELS} pixels,"
            f" found {' x '.join(map(str, shape)) or 'nothing'}"
        )
    return int(shape[0]), int(shape[1])


class Source:
    """Base of the readers: iterate for (pixels, FrameInfo), use as context manager.

    name     : short name for reports
    path     : what was opened
    shape    : (H, W)
    fps      : frames a second, None when neither the file nor the user says
    sensor   : SensorInfo, UNKNOWN when neither the file nor the user says
    bits     : 8, 14, or 16 when the file may hold more than 14-bit counts
    n_frames : number of frames, None when only reading tells
    warnings : sentences for the user; grows while reading
    damage   : what was lost, None while the file looks whole

    Pixels are uint8, or uint16 of 0..16383; larger values are clipped, flagged
    and warned of once; a first frame whose median is larger has one constant
    subtracted from the whole recording instead.  An array is valid until the next one is asked for.
    Every iteration starts again at the first frame.
    """

    def __init__(self, path: Path, options: OpenOptions) -> None:
        self.path = path
        self.name = path.name
        self.options = options
        self.shape: tuple[int, int] = (0, 0)
        self.fps = options.fps
        self.sensor = options.sensor or UNKNOWN
        self.bits = 16
        self.n_frames: int | None = None
        self.warnings: list[str] = []
        self.damage: str | None = None
        self._pedestal: int | None = None

    def _read(self) -> Iterator[Frame]:
        """Frames as the file holds them; may raise anything on damage."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file; harmless when called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        good = 0
        frames = self._read()
        while True:
            try:
                pixels, info = next(frames)
            except StopIteration:
                break
            except Exception as error:  # third-party decoders raise anything on damage
                if good == 0:
                    raise first_frame_error(self.path, error) from error
                self._note_damage(f"{describe(error)}; the {good} frames before it are kept")
                break
            yield self._in_range(pixels, info)
            good += 1
        if good == 0:
            raise DataError(f"{self.path}: holds no whole frame; {self.damage or 'it is empty'}")

    def _note_damage(self, sentence: str) -> None:
        if self.damage is None:
            self.damage = sentence
        self.warn(f"{self.path.name}: damaged: {sentence}")

    def warn(self, sentence: str) -> None:
        """Record a sentence once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _in_range(self, pixels: np.ndarray, info: FrameInfo) -> Frame:
        if pixels.dtype == np.uint8:
            return pixels, replace(info, flags=info.flags | FrameFlag.EIGHT_BIT)
        if self.options.shift_bits:
            pixels = pixels >> self.options.shift_bits
        if self._pedestal is None:
            self._pedestal = self._choose_pedestal(pixels)
        if self._pedestal:
            pixels = np.maximum(pixels, self._pedestal) - np.uint16(self._pedestal)
        if pixels.max() > MAX_COUNTS:
            self.warn(
                f"{self.path.name}: values above {MAX_COUNTS} were clipped to 14 bits;"
                " open it with shift_bits=2 (--shift 2) to scale them instead"
            )
            pixels = np.minimum(pixels, MAX_COUNTS)
            info = replace(info, flags=info.flags | FrameFlag.CLIPPED_TO_14_BIT)
        return pixels, info

    def _choose_pedestal(self, first: np.ndarray) -> int:
        """Centi-kelvin and the like lie wholly above 14 bits: subtract one constant.

        Clipping would leave a flat picture; a constant keeps every difference.
        """
        median = int(np.median(first))
        if median <= MAX_COUNTS:
            return 0
        pedestal = median - (MAX_COUNTS + 1) // 2
        self.warn(
            f"{self.path.name}: the counts lie above {MAX_COUNTS}; {pedestal} was subtracted"
            " from every pixel, differences are unchanged"
        )
        return pedestal

    def _untimed(self, index: int, flags: FrameFlag = FrameFlag.NONE, drops: int = 0) -> FrameInfo:
        """FrameInfo of a frame without a time stamp: from fps where it is known."""
        monotonic_ns = -1 if self.fps is None else round(index * NS_PER_S / self.fps)
        return FrameInfo(
            sequence=index,
            monotonic_ns=monotonic_ns,
            drops=drops,
            flags=flags | FrameFlag.FPS_ASSUMED,
        )


def describe(error: BaseException) -> str:
    """One line for an exception of whatever library."""
    text = " ".join(str(error).split()) or "no details"
    return text if isinstance(error, EdgeLeakError) else f"{type(error).__name__}: {text[:200]}"


def first_frame_error(path: Path, error: Exception) -> EdgeLeakError:
    """The error for a file that gives not one frame."""
    if isinstance(error, EdgeLeakError):
        return error
    return DataError(
        f"{path}: not one frame can be read ({describe(error)});"
        " the file is damaged or not of the kind it looks like"
    )
