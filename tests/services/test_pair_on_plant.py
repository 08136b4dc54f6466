# SPDX-License-Identifier: Apache-2.0
"""Alternating light through LED driver, sensor, link and pipeline: a target that reflects shows."""

import json
from itertools import pairwise

import numpy as np
import pytest
from instrument_rig import Rig, small_config

from edgeleak.frame import FrameFlag
from edgeleak.pipeline.pair import PairState
from edgeleak.services.health import State
from edgeleak.sim import faults
from edgeleak.sim.live_scene import LED_COUNTS_PER_MA

LED_MA = 100.0
TARGET = np.s_[40:70, 60:100]


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    rig = Rig(folder, config=small_config(folder))
    beam = rig.plant.sensor.scene._beam
    beam[:] = 0.0
    beam[TARGET] = 0.5
    rig.run_to(State.DETECTING)
    rig.instrument.light.request("alternate", LED_MA)
    rig.run_s(8.0)
    return rig


def next_pair(rig):
    pair, ready = rig.instrument.pipeline.pair, rig.instrument.pipeline.pair.ready
    while pair.ready == ready or not pair.is_ready:
        rig.run_s(0.02)
    return pair.difference.astype(float)


def mean_pair(rig):
    return sum(next_pair(rig) for _ in range(16)) / 16


def on_target(rig):
    """Counts there by the LED's own heat and age."""
    return LED_COUNTS_PER_MA * rig.plant.led.light_ma(LED_MA) * 0.5


def test_the_target_shows_and_the_scene_cancels(lit):
    total = mean_pair(lit)
    assert np.median(total[TARGET]) == pytest.approx(on_target(lit), rel=0.05)
    around = np.delete(total, np.s_[30:80], axis=0)
    assert abs(np.median(around)) < 1.0
    scene = np.delete(lit.instrument.pipeline.counts.astype(float), np.s_[30:80], axis=0)
    # Median deviations: pixels that flicker stay in both.
    spread = np.median(abs(around - np.median(around)))
    assert spread < 1.0
    assert np.median(abs(scene - np.median(scene))) > 100 * spread


def test_an_aged_led_shows_in_the_pairs(lit):
    new = np.median(mean_pair(lit)[TARGET])
    lit.plant.inject(faults.LedAged(hours=20_000))
    lit.run_s(8.0)
    aged, expected = np.median(mean_pair(lit)[TARGET]), on_target(lit)
    lit.plant.clear("led-aged")
    lit.run_s(8.0)
    assert aged == pytest.approx(expected, rel=0.05)
    assert aged / new == pytest.approx(np.exp(-1), rel=0.05)


def test_every_pair_of_good_frames_is_used(lit):
    pair, first = lit.instrument.pipeline.pair, len(lit.infos)
    ready, refused = pair.ready, pair.refused
    lit.run_s(10.0)
    assert pair.ready - ready >= 48
    assert pair.refused - refused <= 1
    infos = lit.infos[first:]
    paired = [info for info in infos if info.flags & FrameFlag.PAIRED]
    assert len(paired) == pair.ready - ready
    assert not any(info.led_on for info in paired)
    for before, info in pairwise(infos):
        assert not info.flags & FrameFlag.PAIRED or before.led_on


def test_the_status_tells(lit):
    next_pair(lit)
    said = json.loads(json.dumps(lit.instrument.status()))["pair"]
    assert said["state"] in ("ready", "waiting")
    assert said["ready"] > 0


def test_a_flag_that_lies_makes_no_pair(lit):
    pair = lit.instrument.pipeline.pair
    lit.run_s(0.5)
    before = pair.refused
    lit.plant.inject(faults.LedFlagWrong(count=1))
    lit.run_s(0.6)
    assert pair.refused > before or pair.state is PairState.NONE
    lit.run_s(8.0)
    assert np.median(next_pair(lit)[TARGET]) > 50


def test_a_lost_line_makes_no_pair(lit):
    pair = lit.instrument.pipeline.pair
    lit.run_s(4.0)
    before = pair.refused
    for _ in range(4):
        lit.plant.inject(faults.CrcError(bits=1, count=1))
        lit.run_s(1.1)
    assert pair.refused > before
