# SPDX-License-Identifier: Apache-2.0
"""Offsets from an ordinary recording, without any reference.

When the camera or the scene moves, every pixel sees every kind of detail in
turn: what a pixel shows above its neighbours *all the time* is its own
offset.  So the offset is the temporal median of the spatial high-pass, taken
per pixel; no registration is needed.  The limits follow from that:

- only detail finer than the window is seen: vignetting and slow gradients stay;
- what does not move is taken for offset and erased.  `moving_share` measures
  it, and a recording that moves too little is refused;
- the gain is not touched.
"""

import numpy as np

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.calibration.container import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.calibration.defects import (
    Criteria,
    find_defects,
    merge_defects,
)
from edgeleak.calibration.frame_statistics import FrameStatistics, Progress
from edgeleak.calibration.solve import Facts, assemble, base_defects, replaced, response_of
from edgeleak.errors import DataError

WINDOW_PX = 15
MOVING_RATIO = 2.0
MIN_MOVING_SHARE = 0.5
MIN_FRAMES = 20
ROUNDS = 3
"""Offsets found once more on corrected frames: stripes bend the first high-pass."""
MAX_FRAMES = 120


def box_mean(frame: np.ndarray, window: int = WINDOW_PX) -> np.ndarray:
    """Mean of the odd square *window* round each pixel, edges reflected; float64."""
    half = window // 2
    total = np.pad(np.asarray(frame, float), half, mode="symmetric")
    for axis in (0, 1):
        total = np.cumsum(total, axis=axis)
        total = np.insert(total, 0, 0, axis=axis)
        size = total.shape[axis]
        total = total.take(range(window, size), axis) - total.take(range(size - window), axis)
    return total / window**2


def moving_share(stack: np.ndarray, statistics: FrameStatistics) -> float:
    """Share of pixels that change over the recording clearly more than they are noisy."""
    thin = stack[:: max(1, len(stack) // 60), ::2, ::2].astype(np.float32)
    thin -= np.median(thin, axis=(1, 2))[:, None, None]
    noise = statistics.noise[::2, ::2]
    spread = (np.percentile(thin, 90, axis=0) - np.percentile(thin, 10, axis=0)) / 2.56
    return float(np.mean(spread > MOVING_RATIO * np.maximum(noise, np.median(noise))))


def from_scene(
    stack: np.ndarray,
    statistics: FrameStatistics,
    base: Calibration | None = None,
    *,
    facts: Facts | None = None,
    criteria: Criteria | None = None,
    accept_still: bool = False,
    progress: Progress | None = None,
) -> tuple[Calibration, float]:
    """Calibration without a reference, and the share of pixels that saw movement.

    stack      : (N, H, W) of whole counts, at least MIN_FRAMES, camera or scene moving
    statistics : of the same frames
    base       : its gain, offset and bad pixels are the start
    """
    if len(stack) < MIN_FRAMES:
        raise DataError(f"a scene needs at least {MIN_FRAMES} frames, found {len(stack)}")
    share = moving_share(stack, statistics)
    if share < MIN_MOVING_SHARE and not accept_still:
        raise DataError(
            f"only {share:.0%} of the pixels saw the scene move, {MIN_MOVING_SHARE:.0%} are needed:"
            " what stands still would be erased as if it were fixed pattern."
            " Pan the camera slowly while recording, or take a shutter: `edgeleak nuc one-point`"
        )
    if base is not None and base.shape != statistics.shape:
        raise DataError(f"--base is of {base.shape} pixels, the frames are of {statistics.shape}")
    found = find_defects(statistics, criteria)
    if base is not None:
        found = merge_defects(found, base_defects(base))
    start = np.zeros(statistics.shape) if base is None else base.offset.astype(float)
    gain_q14 = (
        np.full(statistics.shape, UNITY_GAIN_Q14, np.int16) if base is None else base.gain_q14
    )
    chosen = stack[:: -(-len(stack) // MAX_FRAMES)]
    offset = start
    for turn in range(ROUNDS):
        offset = offset - _fixed_detail(chosen, gain_q14, offset, found != 0)
        if progress:
            progress(turn + 1, ROUNDS)
    offset = np.where(found == 0, np.clip(np.rint(offset), -32768, 32767), 0).astype(np.int16)
    known = {} if base is None else response_of(base)
    calibration = assemble(
        Kind.SCENE, gain_q14, offset, found, (statistics,), facts or Facts(), **known
    )
    return calibration, share


def _fixed_detail(
    stack: np.ndarray, gain_q14: np.ndarray, offset: np.ndarray, bad: np.ndarray
) -> np.ndarray:
    """Median over time of what each pixel shows above the window round it; mean 0."""
    gain = gain_q14 / UNITY_GAIN_Q14
    table = bad_pixel_table(bad)
    detail = np.empty(stack.shape, np.float32)
    for k, frame in enumerate(stack):
        clean = replaced(frame * gain + offset, table)
        detail[k] = clean - box_mean(clean)
    fixed = np.median(detail, axis=0).astype(float)
    return fixed - fixed[~bad].mean()
