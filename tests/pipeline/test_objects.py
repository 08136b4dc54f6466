# SPDX-License-Identifier: Apache-2.0
"""What stands still stays no gas while somebody passes before it."""

import numpy as np
from pipeline_scenes import Scene, ready

from edgeleak.pipeline import objects

SHAPE, FPS = (120, 160), 10.0
STANDING_S, WALKS_PX_PER_S, WIDTH_PX, AFTER_S = 15.0, 80.0, 12, 8.0


class Passed(Scene):
    """Something smooth that stands still, and on request a thing that walks before it."""

    contrast, walks_for_s = 0.0, -1.0

    def frame(self, plume=0.0):
        y, x = np.indices(self.base.shape)
        smooth = np.exp(-((y - 60) ** 2 + (x - 80) ** 2) / (2 * 4**2))
        frame = super().frame(plume) + self.contrast * smooth
        if self.walks_for_s >= 0:
            left = self.walks_for_s * WALKS_PX_PER_S - WIDTH_PX
            frame[56:76, (x[0] >= left) & (x[0] < left + WIDTH_PX)] += 150
            self.walks_for_s += 1 / FPS
        return frame.astype(np.uint16)


def passed():
    """Frames called GAS from the moment somebody comes."""
    pipeline, scene = ready(scene=Passed(SHAPE))
    scene.contrast = 40.0
    for _ in range(round(STANDING_S * FPS)):
        assert not pipeline.step(scene.frame(), scene.info()).is_gas
    scene.walks_for_s = 0.0
    walk_s = SHAPE[1] / WALKS_PX_PER_S
    answers = [
        pipeline.step(scene.frame(), scene.info()) for _ in range(round((walk_s + AFTER_S) * FPS))
    ]
    assert pipeline.arena["places"].max() > 0.9 * 65535  # it still stands there
    return sum(answer.is_gas for answer in answers)


def test_who_passes_before_what_stands_still_makes_it_no_gas():
    assert passed() == 0


def test_if_all_that_change_were_remembered_it_would_be(monkeypatch):
    monkeypatch.setattr(objects, "MOST_CHANGE", 1e9)
    assert passed() > 0
