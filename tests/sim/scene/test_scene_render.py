# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.sim.scene import family_names, load_family, render, scenarios

SMALL = {"width": 64, "height": 48, "netd_mk": 30.0}


def frames(name, seed, count, **camera):
    return list(itertools.islice(render(name, seed, **{**SMALL, **camera}), count))


@pytest.mark.parametrize("name", family_names())
def test_every_family_gives_frames_of_the_promised_kind(name):
    for counts, mask, column, rate, time_s in frames(name, 0, 2):
        assert counts.dtype == np.uint16
        assert counts.shape == mask.shape == column.shape == (48, 64)
        assert 500 < counts.min() <= counts.max() < 16383
        assert mask.dtype == bool
        assert column.dtype == np.float32
        assert column.min() >= 0
        assert rate >= 0
        assert time_s >= 0


def test_a_seed_gives_the_same_frames_and_another_seed_others():
    first, again, other = (frames("rack", seed, 3) for seed in (3, 3, 4))
    assert all((a.counts == b.counts).all() for a, b in zip(first, again, strict=True))
    assert (first[2].counts != other[2].counts).mean() > 0.9


def test_the_mask_is_where_the_gas_stands_out_of_the_noise():
    frame = frames("rack", 3, 8)[-1]
    contrast = np.abs(frame.facts.contrast_counts)
    assert frame.mask.any()
    assert contrast[frame.mask].min() > 1.0
    assert contrast[~frame.mask].max() < 4.0


def test_splits_share_no_seed_and_no_scene():
    drawn = {split: list(scenarios(split, 12)) for split in ("train", "validate", "test")}
    seeds = {split: {seed for _, seed in rows} for split, rows in drawn.items()}
    assert not seeds["train"] & (seeds["validate"] | seeds["test"])
    assert not seeds["validate"] & seeds["test"]
    with pytest.raises(UsageError, match="split"):
        list(scenarios("holdout", 1))


def test_an_netd_the_optics_cannot_give_is_refused():
    scene = load_family("rack").draw(1).with_camera(width=640, height=480, fps=60, netd_mk=15.0)
    with pytest.raises(UsageError, match="fewer frames"):
        render(scene)


def test_families_of_the_test_split_are_never_trained_on():
    tested, learnt = set(family_names("test")), set(family_names("train"))
    assert len(tested) >= 3
    assert len(learnt) >= 3
    assert not tested & learnt
