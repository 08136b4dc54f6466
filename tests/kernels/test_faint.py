# SPDX-License-Identifier: Apache-2.0
"""Means of places over seconds: twins on random scenes; each rule with its clean twin."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels import FAINT_NOW, FAINT_PLANES
from edgeleak.kernels.reference import faint as reference

RULE = {
    "slow_q16": 9000, "memory_q16": 6000, "duty_q16": 6000, "follow_q16": 1500, "held_q16": 30,
    "learn_q16": 500, "floor_q8": 51, "cell_q8": 512, "root_q8": 1200, "flicker_q16": 4000,
    "share_q16": 39000, "rough_q16": 16384, "sign_q16": 20000,
    "outline_q16": 25000, "thing_looks": 8, "strong_q6": 1 << 20,
    "stand_looks": 5, "still_q16": 4000, "least_q6": 3,
    "first_sign": 1,
}  # fmt: skip
FULL = 65535
LOOKS_LEARNT, LAG = 9, 4


class Bench:
    """One state, learnt from `noise`, then shown look after look."""

    def __init__(self, cells, module=kernels):
        self.module, self.cells = module, cells
        self.state = np.zeros((FAINT_PLANES, *cells), np.int64)
        self.objects = np.zeros((*cells, 4), np.int32)
        self.pixels = np.full(cells, 16, np.int32)
        self.keep = np.full(cells, 7, np.uint8)
        self.past = []

    def learn(self, pictures):
        for index, means in enumerate(pictures):
            self.module.learn_faint(self.state, means, is_first=index == 0)
        self.module.settle_faint(self.state, looks=len(pictures), least_q6=RULE["least_q6"])

    def look(self, means, **rule):
        past = self.past[-LAG] if len(self.past) >= LAG else None
        found = self.module.judge_faint(
            self.state, means, past, self.objects, self.pixels, self.keep, {**RULE, **rule}
        )
        self.past.append(self.state[FAINT_NOW].copy())
        return found


@pytest.mark.parametrize("cells", [(1, 1), (1, 7), (5, 4), (12, 17)])
@pytest.mark.parametrize("top", [60, 16383 * 64])
def test_bit_exact_over_time(rng, cells, top):
    ours, twin = Bench(cells), Bench(cells, reference)
    learnt = [rng.integers(0, top, cells) for _ in range(LOOKS_LEARNT)]
    ours.learn(learnt)
    twin.learn(learnt)
    np.testing.assert_array_equal(ours.state, twin.state)
    for index in range(14):
        means = rng.integers(0, top, cells)
        means[: cells[0] // 2] += index % 3 * top // 2
        objects = rng.integers(0, FULL, (*cells, 4)) * (rng.random((*cells, 1)) < 0.05)
        ours.objects[...] = twin.objects[...] = objects
        rule = {"root_q8": 300, "cell_q8": 100, "share_q16": 9000, "thing_looks": 6 + index % 3,
                "first_sign": 1 - 2 * (index % 2)}  # fmt: skip
        rule["stand_looks"], rule["still_q16"] = 1 + index % 3, (0, 9000, 65536)[index % 3]
        rule["strong_q6"] = (1 << 20, top // 2, top // 3)[index // 5]
        assert ours.look(means, **rule) == twin.look(means, **rule)
        np.testing.assert_array_equal(ours.state, twin.state)
        np.testing.assert_array_equal(ours.keep, twin.keep)
        np.testing.assert_array_equal(ours.objects, twin.objects)


@pytest.mark.parametrize(("shape", "cell"), [((1, 1), 4), ((7, 30), 4), ((61, 83), 9)])
def test_means_are_bit_exact(rng, shape, cell):
    cells = (-(-shape[0] // cell), -(-shape[1] // cell))
    totals, means = np.zeros((2, *cells), np.int64), np.zeros((2, *cells), np.int64)
    pixels = np.zeros(cells, np.int64)
    reference.cell_totals(np.ones(shape, np.uint16), pixels, cell_px=cell)
    pixels = pixels.astype(np.int32)
    for _ in range(3):
        counts = rng.integers(0, 65536, shape, dtype=np.uint16)
        kernels.cell_totals(counts, totals[0], cell_px=cell)
        reference.cell_totals(counts, totals[1], cell_px=cell)
    assert totals[0].sum() > 0
    kernels.cell_means(totals[0], pixels, means[0], n_frames=3)
    reference.cell_means(totals[1], pixels, means[1], n_frames=3)
    np.testing.assert_array_equal(means[0], means[1])
    assert not totals.any()


def scene(rng, cells=(20, 30), noise=32.0):
    """Endless pictures of a level plane with noise, counts Q6."""
    while True:
        yield np.rint(64000 + noise * rng.standard_normal(cells)).astype(np.int64)


def watch(rng, plume, looks=60, where=(slice(8, 11), slice(10, 14)), thing=False):
    """Last answer and cells after `plume(look)` counts Q6 were added for so many looks."""
    bench, pictures = Bench((20, 30)), scene(rng)
    bench.learn([next(pictures) for _ in range(LOOKS_LEARNT)])
    if thing:
        bench.objects[where] = FULL, FULL, 0, FULL
    for index in range(looks):
        means = next(pictures)
        means[where] += plume(index)
        found = bench.look(means)
    return found, bench.keep


def flickering(rng, size=100):
    return lambda look: int(size * (1 + 0.5 * rng.standard_normal()))


def test_a_faint_plume_is_found_in_its_place(rng):
    found, keep = watch(rng, flickering(rng))
    assert found[4]
    assert found[0] == 16 * np.count_nonzero(keep) > 0
    assert (keep > 0)[8:11, 10:14].mean() > 0.6
    assert np.count_nonzero(keep) < 20


def test_noise_alone_is_not(rng):
    assert not watch(rng, lambda look: 0)[0][4]


def test_what_stands_still_is_not(rng):
    assert not watch(rng, lambda look: 100)[0][4]


def test_what_sways_about_its_mean_is_not(rng):
    assert not watch(rng, lambda look: 150 * (-1) ** (look // 2))[0][4]


def test_what_swings_slowly_is_not(rng):
    """Warm for as long as a leaf leans: it changes as much within a second, but smoothly."""
    assert not watch(rng, lambda look: int(150 + 100 * np.sin(look / 2.4)))[0][4]
    assert watch(rng, lambda look: 150 + 100 * (-1) ** (look // 3))[0][4]


@pytest.mark.parametrize("drifts", [True, False])
def test_the_change_of_what_drifts_counts_as_none(rng, drifts):
    bench, pictures = Bench((20, 30)), scene(rng)
    bench.learn([next(pictures) for _ in range(LOOKS_LEARNT)])
    bench.objects[..., 2] = 9
    rng_plane = 40 * rng.standard_normal((20, 30))
    for look in range(40):
        means = next(pictures)
        # The whole picture has left its reference; a part goes on.
        means += (rng_plane * min(look, 12)).astype(np.int64)
        means[8:11, 10:14] += 40 * look if drifts else 400 + 200 * (-1) ** (look // 3)
        bench.look(means)
    assert bench.objects[8:11, 10:14, 2].any() == (not drifts)


def test_where_a_thing_stands_nothing_faint_counts(rng):
    assert not watch(rng, flickering(rng), thing=True)[0][4]


def test_at_the_rim_nothing_faint_counts(rng):
    assert not watch(rng, flickering(rng), where=(slice(8, 11), slice(29, 30)))[0][4]


def test_a_moment_is_not_enough(rng):
    assert not watch(rng, flickering(rng), looks=6)[0][4]


def test_level_rows_and_columns_are_taken_out(rng):
    bench, pictures = Bench((20, 30)), scene(rng)
    bench.learn([next(pictures) for _ in range(LOOKS_LEARNT)])
    for look in range(40):
        means = next(pictures) + 500 + 300 * (np.arange(30) % 3) + 90 * (look % 5)
        means[::4] += 200
        found = bench.look(means)
    assert not found[4]
    assert found[3] < RULE["root_q8"] / 2


def test_bad_input(rng):
    bench = Bench((5, 6))
    means = np.full((5, 6), 64000, np.int64)
    with pytest.raises(ValueError, match="slow_q16"):
        bench.look(means, slow_q16=70000)
    with pytest.raises(ValueError, match="first_sign"):
        bench.look(means, first_sign=0)
    with pytest.raises(ValueError, match="means"):
        bench.look(means[:4])
    with pytest.raises(ValueError, match="looks"):
        kernels.settle_faint(bench.state, looks=1, least_q6=3)
    with pytest.raises(ValueError, match="above 0"):
        kernels.cell_means(means.copy(), np.zeros((5, 6), np.int32), means, n_frames=1)
    with pytest.raises(ValueError, match="share memory"):
        kernels.learn_faint(bench.state, bench.state[3], is_first=True)


STRONG_Q6 = 640
PLACE = (slice(8, 11), slice(10, 14))


OUTLINED, STILL, FLICKERS = (FULL, FULL, FULL, FULL), (0, FULL, 0, FULL), (0, FULL, FULL, FULL)
"""What the looks at the mask know where single pixels show something."""


def with_thing(rng, thing, known, gas_from=1000, **rule):
    """Looks called gas; `thing(look)` counts Q6 of a thing, at look 0 while learning, too."""
    bench, pictures = Bench((20, 30)), scene(rng)
    shown = [next(pictures) for _ in range(LOOKS_LEARNT)]
    for means in shown:
        means[PLACE] += thing(0)
    bench.learn(shown)
    plume, found = flickering(rng), []
    for look in range(100):
        means = next(pictures)
        means[PLACE] += thing(look) + plume(look) * (look >= gas_from)
        bench.objects[PLACE] = known if abs(thing(look) - thing(0)) > STRONG_Q6 else 0
        found.append(bench.look(means, strong_q6=STRONG_Q6, **rule)[4])
    return np.flatnonzero(found)


@pytest.mark.parametrize(("known", "is_gas"), [(OUTLINED, False), (FLICKERS, True)])
def test_what_single_pixels_show_is_a_thing_by_its_outline(rng, known, is_gas):
    """Somebody works there, or puffs are strong for a time."""
    size = 1280 * (1 + 0.5 * rng.standard_normal(100))

    def works(look):
        return int(size[look]) * (20 <= look < 60)

    assert bool(with_thing(rng, works, known).size) == is_gas
    assert not with_thing(rng, works, known, still_q16=65536).size


def test_a_place_is_learnt_again_when_a_thing_has_left(rng):
    found = with_thing(rng, lambda look: 1280 * (look < 30), STILL, gas_from=60)
    assert found.size
    assert 60 < found[0] < 80


def test_where_puffs_were_strong_the_place_is_not_learnt_again(rng):
    """They stay gas; a thing as strong for as long would have been learnt."""
    size = 1280 * (1 + 0.5 * rng.standard_normal(100))
    found = with_thing(rng, lambda look: int(size[look]) * (look >= 20), FLICKERS)
    assert found[-1] == 99


@pytest.mark.parametrize(("wide", "is_gas"), [(1, False), (2, True)])
def test_one_pixel_that_flickers_is_no_gas(rng, wide, is_gas):
    where = (slice(8, 9), slice(10, 10 + wide))
    assert watch(rng, flickering(rng, 600), where=where)[0][4] == is_gas
