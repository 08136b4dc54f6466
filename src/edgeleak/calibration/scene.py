# SPDX-License-Identifier: Apache-2.0
"""Offsets from an ordinary recording, without any reference.

When the camera or the scene moves, every pixel sees every kind of detail in
turn: what a pixel shows above its neighbours *all the time* is its own
offset.  So the offset is the temporal mean of the spatial high-pass, per pixel,
weighted down where the scene has edges; no registration is needed.  Two halves
of the recording are solved apart: what they agree on is pattern, what they do
not is scene, and the offset is scaled by the share they agree on.
The limits follow from that:

- only detail finer than the window is seen: vignetting and slow gradients stay;
- what does not move is taken for offset and erased.  `moving_share` measures
  it, and a recording that moves too little is refused;
- a short pan over a busy scene hides the pattern: refused when the halves disagree;
- the gain is not touched.
"""

import numpy as np

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.calibration.defects import (
    Criteria,
    find_defects,
    merge_defects,
)
from edgeleak.calibration.frame_statistics import FrameStatistics, Progress
from edgeleak.calibration.model import NAN, UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.calibration.solve import Facts, assemble, base_defects, replaced, response_of
from edgeleak.errors import DataError

WINDOW_PX = 15
MOVING_RATIO = 2.0
MIN_MOVING_SHARE = 0.5
MIN_FRAMES = 20
CALM_PX = 5
MIN_TRUST = 0.5
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
    share = _checked_share(stack, statistics, accept_still)
    found = find_defects(statistics, criteria)
    start = np.zeros(statistics.shape)
    gain_q14 = np.full(statistics.shape, UNITY_GAIN_Q14, np.int16)
    if base is not None:
        _same_shape(base, statistics)
        found = merge_defects(found, base_defects(base))
        start, gain_q14 = base.offset.astype(float), base.gain_q14
    chosen = stack[:: -(-len(stack) // MAX_FRAMES)]
    offset, error = _refined(chosen, gain_q14, start, found != 0, accept_still, progress)
    calibration = assemble(
        Kind.SCENE,
        gain_q14,
        np.where(found == 0, np.clip(np.rint(offset), -32768, 32767), 0).astype(np.int16),
        found,
        (statistics,),
        facts or Facts(),
        **response_of(base),
        residual_counts=error,
    )
    return calibration, share


def _checked_share(stack: np.ndarray, statistics: FrameStatistics, accept_still: bool) -> float:
    """moving_share of enough frames that move enough; DataError otherwise."""
    if len(stack) < MIN_FRAMES:
        raise DataError(f"a scene needs at least {MIN_FRAMES} frames, found {len(stack)}")
    share = moving_share(stack, statistics)
    if share < MIN_MOVING_SHARE and not accept_still:
        raise DataError(
            f"only {share:.0%} of the pixels saw the scene move, {MIN_MOVING_SHARE:.0%} are needed:"
            " what stands still would be erased as if it were fixed pattern."
            " Pan the camera slowly while recording, or take a shutter: `edgeleak nuc one-point`"
        )
    return share


def _same_shape(base: Calibration, statistics: FrameStatistics) -> None:
    if base.shape != statistics.shape:
        raise DataError(f"--base is of {base.shape} pixels, the frames are of {statistics.shape}")


def _refined(
    stack: np.ndarray,
    gain_q14: np.ndarray,
    offset: np.ndarray,
    bad: np.ndarray,
    accept_still: bool,
    progress: Progress | None,
) -> tuple[np.ndarray, float]:
    """Offset without what stays fixed while the scene moves, and its error in counts."""
    error = NAN
    for turn in range(ROUNDS):
        change, error, trust = _fixed_detail(stack, gain_q14, offset, bad)
        if turn == 0 and not accept_still:
            _enough_trust(trust)
        offset = offset - change
        if progress:
            progress(turn + 1, ROUNDS)
    return offset, error


def _enough_trust(trust: float) -> None:
    if trust < MIN_TRUST:
        raise DataError(
            f"the two halves of the recording agree on only {trust:.0%} of the pattern: the"
            " scene is too busy for so short a pan. Record longer, or defocus the lens"
        )


def _fixed_detail(
    stack: np.ndarray, gain_q14: np.ndarray, offset: np.ndarray, bad: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """(what each pixel shows above its surroundings, its error in counts, trusted share)."""
    middle = len(stack) // 2
    table = bad_pixel_table(bad)
    gain = gain_q14 / UNITY_GAIN_Q14
    halves = [
        _mean_detail([replaced(frame * gain + offset, table) for frame in part])
        for part in (stack[:middle], stack[middle:])
    ]
    first, second = (half[~bad] - half[~bad].mean() for half in halves)
    error2 = float(np.var(first - second)) / 4
    pattern2 = max(float(np.mean(first * second)), 0.0)
    trust = pattern2 / max(pattern2 + error2, 1e-12)
    both = (halves[0] + halves[1]) / 2
    return trust * (both - both[~bad].mean()), float(np.sqrt(error2)), trust


def _mean_detail(frames: list[np.ndarray]) -> np.ndarray:
    """Mean over frames of the high-pass, least weight where the scene is busy."""
    total, weights = np.zeros(frames[0].shape), np.zeros(frames[0].shape)
    for frame in frames:
        detail = frame - box_mean(frame)
        busy = box_mean(np.abs(detail), CALM_PX)
        weight = 1 / (busy**2 + 1) ** 2
        total += weight * detail
        weights += weight
    return total / weights
