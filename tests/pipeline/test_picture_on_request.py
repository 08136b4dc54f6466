# SPDX-License-Identifier: Apache-2.0
"""On the board the picture is drawn when somebody asks for it; the answer is the same."""

import numpy as np
from pipeline_scenes import Pipeline


def test_a_picture_nobody_asks_for_is_not_drawn_and_changes_nothing():
    always, asked = Pipeline((48, 64), fps=10), Pipeline((48, 64), fps=10)
    asked.draw_when_asked()
    asked.gain.lock(40.0, -305.0)
    always.gain.lock(40.0, -305.0)
    rng = np.random.default_rng(2)
    y, x = np.indices((48, 64))
    for t in range(60):
        frame = (5000 + 20 * x + 60 * np.sin(x / 5) * np.sin(y / 4)).astype(np.uint16)
        frame += rng.integers(0, 8, frame.shape, dtype=np.uint16)
        before = asked.arena["grey"].copy()
        assert always.step(frame) == asked.step(frame) or t < 25  # NaN is not NaN while learning
        np.testing.assert_array_equal(asked.arena["grey"], before)
        for name in ("counts", "background", "gas", "mask"):
            np.testing.assert_array_equal(always.arena[name], asked.arena[name])
        if t % 7 == 0:
            np.testing.assert_array_equal(always.grey, asked.grey)
            assert asked.grey.any()
