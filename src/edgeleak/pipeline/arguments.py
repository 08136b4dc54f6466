# SPDX-License-Identifier: Apache-2.0
"""What a pipeline is made from, checked before anything is allocated."""

from pathlib import Path

from edgeleak.calibration import container
from edgeleak.errors import UsageError


def checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """(H, W) as two int of 1..4096; UsageError."""
    try:
        h, w = (int(side) for side in shape)
    except (TypeError, ValueError):
        raise UsageError(f"shape must be (H, W), got {shape!r}") from None
    if not (1 <= h <= 4096 and 1 <= w <= 4096):
        raise UsageError(f"shape must be (H, W) of 1..4096 each, got {shape!r}")
    return h, w


def checked_fps(fps: float | None) -> float | None:
    """Frames a second, or None for "time stamps only"; UsageError."""
    if fps is not None and not 0.001 <= fps <= 100_000:
        raise UsageError(f"fps must be 0.001..100000 frames a second, got {fps!r}")
    return fps


def loaded(
    calibration: "container.Calibration | str | Path | None", shape: tuple[int, int]
) -> "container.Calibration | None":
    """The calibration, read where it is a path; UsageError where it is for other frames."""
    if calibration is None:
        return None
    if isinstance(calibration, str | Path):
        calibration = container.read(calibration)
    if tuple(calibration.shape) != shape:
        raise UsageError(
            f"the calibration is for {calibration.shape}, the frames are {shape};"
            " use the calibration of this sensor"
        )
    return calibration
