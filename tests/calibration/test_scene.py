# SPDX-License-Identifier: Apache-2.0
"""Correction without a reference: better on unseen views, refused where it would erase."""

import numpy as np
import pytest

from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.scene import box_mean, from_scene
from edgeleak.errors import DataError

SHAPE = (60, 80)


def panned(rng, pattern, step, contrast=60):
    """A warm landscape seen through a fixed pattern, the camera panning by *step* pixels."""
    blocks = rng.laplace(0, contrast, (14, 30))
    wide = np.kron(blocks, np.ones((12, 16))) + 6000
    frames = []
    for k in range(60):
        view = wide[k * step // 3 :][:60, k * step :][:, :80]
        frames.append(np.rint(view + pattern + rng.normal(0, 1.5, SHAPE)))
    return np.array(frames).astype(np.uint16)


@pytest.fixture
def pattern(rng):
    return rng.normal(0, 12, SHAPE) + rng.normal(0, 12, SHAPE[1])


def test_pattern_is_found_from_a_pan(rng, pattern):
    frames = panned(rng, pattern, 3)
    calibration, share = from_scene(frames, measure(frames))
    assert share > 0.8
    left = pattern + calibration.offset
    left -= box_mean(left)
    good = ~calibration.bad_mask
    before = (pattern - box_mean(pattern))[good].std()
    assert left[good].std() < before / 2
    assert left[good].std() < 2 * calibration.residual_counts + 1  # the stated error is honest


def test_pattern_hidden_by_a_busy_scene_is_refused(rng, pattern):
    frames = panned(rng, pattern / 20, 3, contrast=400)
    with pytest.raises(DataError, match="too busy"):
        from_scene(frames, measure(frames))


def test_still_scene_is_refused_unless_asked_for(rng, pattern):
    frames = panned(rng, pattern, 0)
    statistics = measure(frames)
    with pytest.raises(DataError, match="Pan the camera"):
        from_scene(frames, statistics)
    _, share = from_scene(frames, statistics, accept_still=True)
    assert share < 0.1


def test_few_frames_are_refused(rng, pattern):
    frames = panned(rng, pattern, 3)[:5]
    with pytest.raises(DataError, match="at least 20"):
        from_scene(frames, measure(frames))


def test_box_mean_is_the_mean_of_the_window(rng):
    frame = rng.normal(0, 1, (30, 40))
    assert box_mean(frame, 5)[10, 20] == pytest.approx(frame[8:13, 18:23].mean())
    assert box_mean(np.full((9, 9), 3.0)) == pytest.approx(np.full((9, 9), 3.0))
