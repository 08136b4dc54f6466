# SPDX-License-Identifier: Apache-2.0
"""Background difference and change: twins over every argument; what is held stands still."""

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels.reference import change as reference

SHAPES = [(1, 1), (1, 17), (3, 5), (61, 83)]
PLAIN = {
    "factor_q4": 80, "floor_q2": 6, "noise_step": 2, "most_noise": 90, "sway_noise": 200,
    "hold_drop": 9, "gain_q8": 512,
}  # fmt: skip
EXTREMES = [
    PLAIN,
    PLAIN | {"factor_q4": 4095, "floor_q2": 0},
    PLAIN | {"factor_q4": 0, "floor_q2": 32767, "hold_drop": 255},
    PLAIN | {"noise_step": 4095, "most_noise": 65535, "sway_noise": 65535},
    PLAIN | {"noise_step": 4095, "most_noise": 0, "sway_noise": 65535, "hold_drop": 0},
    *(PLAIN | {"gain_q8": gain} for gain in (0, 1, 32, 255, 256, 32768, 65535)),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("settings", EXTREMES)
@pytest.mark.parametrize("top", [40, 32767])
def test_change_is_bit_exact(rng, shape, settings, top):
    now, past = rng.integers(-top - 1, top + 1, (2, *shape), dtype=np.int16)
    noise = rng.integers(0, 65536 if top > 40 else 200, shape, dtype=np.uint16)
    hold = (rng.integers(0, 256, shape) * rng.integers(0, 2, shape)).astype(np.uint8)
    want = [noise.copy(), *np.empty((2, *shape), np.uint8), hold.copy()]
    got = [noise.copy(), *np.full((2, *shape), 0xBE, np.uint8), hold.copy()]
    reference.change_step(now, past, *want, **settings)
    kernels.change_step(now, past, *got, **settings)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("level", "step", "held_step"), [(0, 2, 1), (-65532, 65532, 0), (65532, 0, 9), (37, 3, 3)]
)
def test_follow_is_bit_exact(rng, shape, level, step, held_step):
    counts = rng.integers(0, 65536, shape, dtype=np.uint16)
    background = rng.integers(0, 65533, shape, dtype=np.uint16)
    hold = rng.integers(0, 2, shape, dtype=np.uint8)
    want, got = background.copy(), background.copy()
    d_want, d_got = np.empty((2, *shape), np.int16)
    settings = {"level": level, "step": step, "held_step": held_step}
    reference.follow_step(counts, want, d_want, hold, **settings)
    kernels.follow_step(counts, got, d_got, hold, **settings)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(d_got, d_want)


def one(now, past, noise=0, hold=0):
    """Noise, mask and hold after one step of one pixel."""
    arrays = np.full((1, 1), now, np.int16), np.full((1, 1), past, np.int16)
    known, held = np.full((1, 1), noise, np.uint16), np.full((1, 1), hold, np.uint8)
    gas, mask = np.empty((2, 1, 1), np.uint8)
    kernels.change_step(*arrays, known, gas, mask, held, **PLAIN)
    return int(known[0, 0]), int(mask[0, 0]), int(held[0, 0])


def test_noise_learns_nothing_from_a_plume_but_from_swaying():
    assert one(50, 10, noise=20, hold=255) == (20, 255, 255)  # one side: a plume
    assert one(50, -10, noise=20, hold=255) == (22, 255, 255)  # both sides: a leaf
    assert one(5, 4, noise=20, hold=0) == (18, 0, 0)  # quiet: down
    assert one(5, 4, noise=20, hold=20) == (20, 0, 11)  # quiet, but lately under the mask


def test_only_swaying_raises_the_threshold():
    assert one(20, 20, noise=90)[1] == 255  # up to most_noise the frame's own floor decides
    assert one(20, 20, noise=91)[1] == 0


def test_bad_input_is_refused():
    a, n = np.zeros((2, 4, 4), np.int16), np.zeros((4, 4), np.uint16)
    m = np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="share memory"):
        kernels.change_step(*a, n, m[0], m[0], m[1], **PLAIN)
    with pytest.raises(ValueError, match="hold_drop"):
        kernels.change_step(*a, n, *m, **(PLAIN | {"hold_drop": 256}))
    with pytest.raises(ValueError, match="hold has shape"):
        kernels.follow_step(n, n.copy(), a[0], m[0, :2], level=0, step=1, held_step=0)
    with pytest.raises(ValueError, match="share memory"):
        kernels.follow_step(n, n, a[0], m[0], level=0, step=1, held_step=0)
