# SPDX-License-Identifier: Apache-2.0
"""Gas below the noise of its pixels: found by means of seconds, and by nothing else."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak.frame import FrameInfo
from edgeleak.pipeline.faint import Faint
from edgeleak.pipeline.profile import load
from edgeleak.pipeline.registration import Registration

SHAPE, FPS, NOISE = (120, 160), 10, 3.0
FAINT = load("sensitive")


def watch(contrast, seconds=12, profile=FAINT, scale=1.0, fps=FPS, eight_bit=False, thing=None):
    """Verdicts and pipeline; contrast(rng) times a blob is added from the fourth second on."""
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    scene = 5000 + 20.0 * x + 10.0 * y + 60 * np.sin(x / 5) * np.sin(y / 4)
    blob = np.exp(-((y - 60) ** 2 + (x - 70) ** 2) / (2 * 6.0**2))
    pipeline = Pipeline(SHAPE, profile)
    seen = []
    for i in range(round(seconds * fps)):
        size = contrast(rng) if i >= 3 * fps else 0.0
        frame = scene + rng.normal(0, NOISE, SHAPE) * scale + size * blob
        if thing:
            frame[thing(i)] += 200
        pixels = np.rint(frame).astype(np.uint16)
        pixels = (pixels >> 6).astype(np.uint8) if eight_bit else pixels
        seen.append(pipeline.step(pixels, FrameInfo(i, 1 + i * round(1e9 / fps))))
    return seen, pipeline


def plume(rng):
    """A mean of one deviation of a pixel's noise, and puffs."""
    return -NOISE * (1 + 0.4 * rng.standard_normal())


def test_a_plume_within_the_noise_is_found_where_it_is():
    seen, pipeline = watch(plume)
    verdict = seen[-1]
    assert str(verdict) == "GAS"
    assert verdict.evidence >= 1
    assert verdict.polarity == "colder"
    rows, columns = np.nonzero(pipeline.mask)
    assert np.hypot(rows.mean() - 60, columns.mean() - 70) < 5
    assert verdict.faint_sigma > load("sensitive")["faint.root_sigma"]
    assert "passed    faint: it stands out of the noise of seconds" in verdict.trace
    assert (pipeline.arena["faint"] > 0).any()


def test_what_means_of_places_do_not_show_is_told_as_not_measured():
    verdict = watch(plume)[0][-1]
    assert verdict.facts["coherence"] is verdict.facts["spread"] is None
    names = {rule.name for rule in verdict.rules}
    assert {"faint", "place", "one-sign"} < names
    assert not names & {"spread", "no-outline"}


@pytest.mark.parametrize("changes", [{"rule.faint": False}, {"faint.root_sigma": 20.0}])
def test_without_the_rule_it_is_not(changes):
    seen, pipeline = watch(plume, profile=FAINT.replace(changes))
    assert {str(v) for v in seen[30:]} == {"NO GAS"}
    assert not pipeline.arena["faint"].any()


def test_no_plume_is_no_gas_and_says_how_far_nothing_stands_out():
    seen, _ = watch(lambda rng: 0.0)
    assert {str(v) for v in seen[30:]} == {"NO GAS"}
    assert 0 < seen[-1].faint_sigma < load("sensitive")["faint.root_sigma"]
    assert "rejected  faint" in seen[-1].trace


def test_a_warm_patch_that_stays_is_no_gas():
    seen, _ = watch(lambda rng: 2 * NOISE)
    assert str(seen[-1]) == "NO GAS"


@pytest.mark.parametrize(("by_hand", "seconds", "always"), [(0, 4, 0), (1, 4, 1), (0, 2.8, 1)])
def test_where_nobody_knows_what_flickers_the_strong_is_a_thing(
    monkeypatch, by_hand, seconds, always
):
    """By hand edges do that registration left; after learning it takes a second to know."""
    monkeypatch.setattr(Registration, "is_held", bool(by_hand))
    values = watch(lambda rng: 0.0, seconds=seconds)[1]._stage.faint._values
    assert (values["still_q16"] > 65535) == always


def test_strong_gas_is_left_to_single_pixels():
    seen, pipeline = watch(lambda rng: 60 * (1 + 0.4 * rng.standard_normal()))
    assert str(seen[-1]) == "GAS"
    assert seen[-1].faint_sigma != seen[-1].faint_sigma
    assert not pipeline.arena["faint"].any()


@pytest.mark.parametrize("kind", [{"fps": 1}, {"eight_bit": True}])
def test_slow_sources_and_video_are_not_asked(kind):
    seen, _ = watch(plume, **kind)
    assert all(v.faint_sigma != v.faint_sigma for v in seen)


def test_new_offsets_move_the_reference():
    _, pipeline = watch(lambda rng: 0.0, seconds=4)
    faint = pipeline._stage.faint
    assert isinstance(faint, Faint)
    before = pipeline.arena["dark_state"][0].copy()
    faint.follow_offset(np.full(SHAPE, 3))
    np.testing.assert_array_equal(pipeline.arena["dark_state"][0] - before, 3 << 14)


def test_a_picture_learnt_with_something_large_in_it_is_learnt_again():
    def truck(i):
        return (slice(40, 100), slice(0, 90 if i < 2 * FPS else 0))

    seen, pipeline = watch(lambda rng: 0.0, seconds=8, thing=truck)
    reference = pipeline.arena["dark_state"][0] / (1 << 14)
    clean = watch(lambda rng: 0.0, seconds=8)[1].arena["dark_state"][0] / (1 << 14)
    assert "GAS" not in {str(v) for v in seen}
    np.testing.assert_allclose(reference, clean, atol=2)
