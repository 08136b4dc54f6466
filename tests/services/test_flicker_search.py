# SPDX-License-Identifier: Apache-2.0
"""Pixels that flicker before the shutter: those, no others, and none where everything does."""

import numpy as np
import pytest

from edgeleak.services.flicker_search import FEWEST_JUMPS, MOST_SHARE, FlickerSearch

SHAPE = (37, 53)
FRAMES = 16
NOISE_COUNTS = 3.0


def searched(change=lambda frame, n: None, frames=FRAMES, noise_counts=NOISE_COUNTS, seed=0):
    """What is found in noise that `change` was told to alter, frame by frame."""
    rng, search = np.random.default_rng(seed), FlickerSearch(SHAPE)
    search.begin()
    pattern = rng.normal(5000, 200, SHAPE)
    for n in range(frames):
        frame = np.rint(pattern + rng.normal(0, noise_counts, SHAPE))
        change(frame, n)
        search.add(np.clip(frame, 0, 16383).astype(np.uint16))
    return search.found()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("noise_counts", [0.0, 1.0, 10.0])
def test_noise_alone_is_no_flicker(noise_counts, seed):
    assert not searched(noise_counts=noise_counts, seed=seed).any()


@pytest.mark.parametrize("frames", [4, 16, 256])
@pytest.mark.parametrize("step", [-180, 180])
def test_a_pixel_on_two_levels_is_found(frames, step):
    def change(frame, n):
        frame[20, 31] += step * (n % 4 in (1, 2))

    found = searched(change, frames)
    assert np.argwhere(found).tolist() == [[20, 31]]


@pytest.mark.parametrize("hit", [0, 1, FRAMES - 1])
def test_a_single_hit_of_radiation_is_none(hit):
    def change(frame, n):
        frame[5:7, 8] += 900 * (n == hit)

    assert not searched(change).any()


def test_as_many_jumps_as_are_asked_for():
    def change(frame, n):
        for jumps in (0, 1, 2, 3, FRAMES - 2, FRAMES - 1):
            frame[10, jumps] += 100 * (0 < n <= jumps)

    found = searched(change)
    assert np.flatnonzero(found[10]).tolist() == [FEWEST_JUMPS, 3, FRAMES - 2]


def test_where_too_many_do_it_is_not_the_pixels():
    count = int(MOST_SHARE * SHAPE[0] * SHAPE[1])

    def flickering(pixels):
        return lambda frame, n: frame.reshape(-1)[:pixels].__iadd__(100 * (n % 2))

    assert np.count_nonzero(searched(flickering(count))) == count
    assert not searched(flickering(count + 1)).any()


def test_a_new_correction_knows_nothing_of_the_one_before():
    search, flat = FlickerSearch(SHAPE), np.full(SHAPE, 5000, np.uint16)
    for odd in (100, 0):
        search.begin()
        for n in range(FRAMES):
            frame = flat.copy()
            frame[3, 4] += odd * (n % 2)
            search.add(frame)
        assert search.found()[3, 4] == (odd > 0)
