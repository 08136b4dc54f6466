# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from edgeleak.cli.drawing import Painter, shown_counts
from edgeleak.cli.watching import Watch
from edgeleak.kernels import log_lut
from edgeleak.pipeline import Pipeline
from edgeleak.sensor import EL640
from edgeleak.sim import SimulatedSensor


@pytest.mark.parametrize(("low", "high"), [(3000, 6000), (500, 15000), (1, 16383)])
def test_legend_spans_what_the_gain_maps_to_black_and_white(low, high):
    alpha = 255 / np.log2(high / low)
    black, white = shown_counts(log_lut(alpha, -alpha * np.log2(low)))
    assert black == pytest.approx(low, rel=0.01, abs=2)
    assert white == pytest.approx(high, rel=0.02)


def test_legend_is_of_the_picture_not_of_the_newest_counts():
    """The gain is damped; a hot thing that comes now does not stretch the scale at once."""
    sensor = SimulatedSensor(1, (120, 160), 10.0, seconds=2.0, movers=False, fixed_pattern=False)
    pipeline = Pipeline(sensor.shape, fps=10.0, sensor=EL640)
    for seen, info in Watch(sensor, pipeline, 10.0):
        before = Painter("x").draw(pipeline, seen, info).description["words"]
    hot = np.minimum(pipeline.counts + 4000, 16383).astype(np.uint16)
    pipeline.step(hot, replace(info, sequence=99, monotonic_ns=info.monotonic_ns + 1))
    after = Painter("x").draw(pipeline, seen, info).description["words"]
    assert after[-7:] == before[-7:]
    low, high = shown_counts(pipeline.gain.lut)
    assert {f"{low:.0f}", f"{high:.0f}"} <= set(after)
