# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest

from edgeleak.cli.confirmed import confirmed
from edgeleak.pipeline import Pipeline, load_profile
from edgeleak.sim import SimulatedSensor

SHAPE, CELL = (96, 160), 4
CELLS = (24, 40)
PLUME, PERSON, FAN, PUFF = (8, 4, 12, 10), (8, 10, 20, 12), (2, 20, 6, 24), (9, 30, 11, 34)


class Word(str):
    noise_counts = 2.0
    level_counts = 0.0
    reason = ""


def held(word="GAS", places=(PLUME,)):
    """A pipeline as it looks after a frame: top, left, bottom, right of each place, in cells."""
    mask = np.zeros(SHAPE, np.uint8)
    arena = {
        "counts": np.full(SHAPE, 5000, np.uint16),
        "background": np.full(SHAPE, 20000, np.uint16),
        "sums": np.zeros((*CELLS, 3), np.int32),
        "places": np.zeros(CELLS, np.uint16),
        "balance": np.zeros((*CELLS, 2), np.int32),
        "kept": np.zeros(CELLS, np.uint8),
    }
    for place in places:
        top, left, bottom, right = place
        cells = slice(top, bottom), slice(left, right)
        mask[top * CELL : bottom * CELL, left * CELL : right * CELL] = 255
        counts, is_root, lean = {PLUME: (10, 1, 1), PERSON: (250, 0, 1), FAN: (10, 1, 0.3),
                                 PUFF: (10, 0, 1)}[place]  # fmt: skip
        size = 4 * counts * CELL**2
        arena["sums"][cells] = (CELL**2, round(lean * size), size)
        arena["places"][cells] = 60000 * is_root
        arena["balance"][cells] = np.multiply((round(lean * size), size), 1 if is_root else 0.02)
        arena["kept"][cells] = 255
    from edgeleak.kernels import regions

    return SimpleNamespace(
        arena=Members(arena), mask=mask, regions=regions(mask), verdict=Word(word),
        profile=load_profile("sensitive"),
    )  # fmt: skip


class Members(dict):
    shape = SHAPE


def inside(regions, place):
    top, left, bottom, right = (CELL * edge for edge in place)
    return [(r["x"] >= left - CELL) & (r["x"] + r["w"] <= right + CELL)
            & (r["y"] >= top - CELL) & (r["y"] + r["h"] <= bottom + CELL)
            for r in regions]  # fmt: skip


def test_a_leak_alone_is_gas_and_nothing_else():
    found = confirmed(held())
    np.testing.assert_array_equal(found.mask, held().mask)
    assert (len(found.gas), len(found.other)) == (1, 0)
    assert found.gas_px == np.count_nonzero(found.mask)


@pytest.mark.parametrize("what", [PERSON, FAN, PUFF])
def test_what_touches_the_plume_is_no_gas(what):
    found = confirmed(held(places=(PLUME, what)))
    assert len(found.gas) == 1
    assert inside(found.gas, PLUME) == [True]
    assert any(inside(found.other, what))
    top, left, bottom, right = (CELL * edge for edge in what)
    assert not found.mask[top:bottom, left:right].any()
    assert found.tint[top:bottom, left:right].any() == (what is PUFF)


@pytest.mark.parametrize("word", ["NO GAS", "INHIBIT"])
def test_nothing_is_gas_before_the_verdict(word):
    found = confirmed(held(word))
    assert (len(found.gas), len(found.other), found.gas_px) == (0, 1, 0)
    assert not found.mask.any()


def test_a_profile_without_places_calls_all_of_it_gas():
    pipeline = held(places=(PLUME, PERSON))
    pipeline.arena = Members()
    assert len(confirmed(pipeline).gas) == len(pipeline.regions)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_red_box_lies_on_the_person(seed):
    sensor = SimulatedSensor(seed, (240, 320), 7.0, leak_start_s=8.0, seconds=41.0,
                             fixed_pattern=False)  # fmt: skip
    pipeline = Pipeline(sensor.shape, fps=7.0, sensor=sensor.sensor)
    met = touched = 0
    for pixels, info in sensor:
        if str(pipeline.step(pixels, info)) == "GAS":
            met += len(people(pipeline.regions))
            touched += len(people(confirmed(pipeline).gas))
    assert met > 3  # the group of cells did hold the person
    assert touched == 0


def people(regions):
    """As warm and as large as nothing else in the yard."""
    return regions[(regions["contrast_counts"] > 100) & (regions["h"] > 25)]
