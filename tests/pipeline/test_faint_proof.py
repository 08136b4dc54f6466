# SPDX-License-Identifier: Apache-2.0
"""What only means over places and seconds show is gas before a scene, never before a cap."""

import numpy as np
import pytest

from edgeleak import Pipeline, codes
from edgeleak.codes import Kind

SHAPE, FPS = (96, 128), 10.0


def watched(structure_counts, is_faint):
    """Verdict on a still picture after 12 s in which every look claims gas in one place."""
    rng = np.random.default_rng(3)
    pipeline = Pipeline(SHAPE, "sensitive", FPS, is_corrected=True)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    still = 8000 + 3.0 * x + structure_counts * (((x // 16) + (y // 16)) % 2)  # smooth as a cap is
    stage, look = pipeline._stage, pipeline._stage._look_for_faint

    def claims(dt_s):
        look(dt_s)
        stage.group = stage.group._replace(area_px=900, is_kept=True)
        stage.is_faint = is_faint

    stage._look_for_faint = claims
    for _ in range(120):
        pipeline.step(np.rint(still + rng.normal(0, 4, SHAPE)).astype(np.uint16))
    return pipeline.verdict


@pytest.mark.parametrize(("structure_counts", "is_faint", "kind", "code"), [
    (400, True, Kind.GAS, codes.OK),
    (0, True, Kind.INHIBIT, codes.NO_SCENE),
    (0, False, Kind.GAS, codes.OK),
])  # fmt: skip
def test_faint_gas_needs_a_scene(structure_counts, is_faint, kind, code):
    verdict = watched(structure_counts, is_faint)
    assert (verdict.kind, verdict.code) == (kind, code)
