# SPDX-License-Identifier: Apache-2.0
"""Lagged difference: twin over every argument, guard rows, the noise finds the median."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import lag as reference

SHAPES = [(1, 1), (1, 17), (3, 5), (61, 83)]
PLAIN = {"factor_q4": 80, "floor_q2": 6, "noise_step": 2, "masked_step": 1, "gain_q8": 512}
EXTREMES = [
    PLAIN,
    PLAIN | {"factor_q4": 4095, "floor_q2": 0},
    PLAIN | {"factor_q4": 0, "floor_q2": 32767},
    PLAIN | {"noise_step": 0, "masked_step": 0},
    PLAIN | {"noise_step": 4095, "masked_step": 4095},
    PLAIN | {"gain_q8": 0},
    PLAIN | {"gain_q8": 65535},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("settings", EXTREMES)
@pytest.mark.parametrize("top", [40, 32767])
def test_bit_exact_with_reference(rng, shape, settings, top):
    now, past = rng.integers(-top - 1, top + 1, (2, *shape), dtype=np.int16)
    noise = rng.integers(0, 65536 if top > 40 else 200, shape, dtype=np.uint16)
    want_noise, want = noise.copy(), np.empty((2, *shape), np.uint8)
    guarded = np.full((2, shape[0] + 2, shape[1]), 0xBE, np.uint8)
    reference.lag_step(now, past, want_noise, want[0], want[1], **settings)

    kernels.lag_step(now, past, noise, guarded[0, 1:-1], guarded[1, 1:-1], **settings)

    np.testing.assert_array_equal(noise, want_noise)
    np.testing.assert_array_equal(guarded[:, 1:-1], want)
    assert (guarded[:, [0, -1]] == 0xBE).all()


def test_noise_finds_the_median_of_the_change(rng):
    noise = np.zeros((20, 20), np.uint16)
    still = np.zeros((20, 20), np.int16)
    gas, mask = np.empty((2, 20, 20), np.uint8)
    settings = PLAIN | {"floor_q2": 32767}
    for _ in range(3000):
        change = np.rint(rng.normal(0, 40, (20, 20))).astype(np.int16)
        kernels.lag_step(change, still, noise, gas, mask, **settings)
    assert abs(noise.mean() / 4 - 0.6745 * 40) < 2
    assert (mask == 0).all()


def test_bad_input_is_refused():
    a, n = np.zeros((4, 4), np.int16), np.zeros((4, 4), np.uint16)
    m = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="share memory"):
        kernels.lag_step(a, a, n, m, m, **PLAIN)
    with pytest.raises(ValueError, match="gain_q8"):
        kernels.lag_step(a, a, n, m, m.copy(), **(PLAIN | {"gain_q8": -1}))
    with pytest.raises(ValueError, match="past has shape"):
        kernels.lag_step(a, a[:2], n, m, m.copy(), **PLAIN)
