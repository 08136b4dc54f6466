# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

import edgeleak.kernels as kernels
from edgeleak.kernels import mask_scratch_words
from edgeleak.kernels.reference import morphology as reference

SHAPES = [(1, 1), (1, 17), (17, 1), (3, 5), (5, 64), (7, 65), (2, 128), (60, 80), (120, 160),
          (480, 640), (481, 641)]  # fmt: skip
OPERATIONS = ["erode", "dilate", "open", "close"]
OPENCV = {
    "erode": cv2.MORPH_ERODE,
    "dilate": cv2.MORPH_DILATE,
    "open": cv2.MORPH_OPEN,
    "close": cv2.MORPH_CLOSE,
}


def blobs(rng, shape, density):
    """Half of the masks are noise, half have structure larger than a pixel."""
    noise = rng.random(shape) < density
    coarse = rng.random((shape[0] // 7 + 1, shape[1] // 7 + 1)) < density
    grown = np.kron(coarse, np.ones((7, 7), bool))[: shape[0], : shape[1]]
    return np.where(grown ^ (noise & (rng.random(shape) < 0.3)), 255, 0).astype(np.uint8)


def scratch_for(mask, size):
    return np.full(mask_scratch_words(mask.shape, size), 0xA5A5A5A5A5A5A5A5, np.uint64)


def run(name, mask, size, module=kernels):
    guarded = np.full((mask.shape[0] + 2, mask.shape[1]), 77, np.uint8)
    guarded[1:-1] = mask
    behind = np.full(mask_scratch_words(mask.shape, size) + 3, 99, np.uint64)
    getattr(module, f"{name}_mask")(guarded[1:-1], behind[:-3], size)
    assert (guarded[[0, -1]] == 77).all()
    assert (behind[-3:] == 99).all()
    return guarded[1:-1]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_equal_to_reference_and_opencv(rng, shape, name, size):
    for density in (0.05, 0.5, 0.9):
        mask = blobs(rng, shape, density)
        got = run(name, mask, size)
        np.testing.assert_array_equal(got, run(name, mask, size, reference))
        want = cv2.morphologyEx(mask, OPENCV[name], np.ones((size, size), np.uint8))
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [7, 11, 13, 15, 31, 33, 63, 65, 127, 129, 191, 301])
def test_long_windows_equal_reference(rng, name, size):
    for shape in ((1, 1), (9, 200), (97, 190)):
        mask = blobs(rng, shape, 0.97 if name in ("erode", "open") else 0.02)
        np.testing.assert_array_equal(run(name, mask, size), run(name, mask, size, reference))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("value", [0, 255])
def test_border_changes_nothing_on_constant_masks(name, value):
    mask = np.full((20, 70), value, np.uint8)
    assert (run(name, mask, 5) == value).all()


@pytest.mark.parametrize("name", ["open", "close"])
def test_twice_is_once(rng, name):
    mask = blobs(rng, (60, 80), 0.5)
    once = run(name, mask, 5)
    np.testing.assert_array_equal(run(name, once, 5), once)


def test_opening_removes_specks_and_keeps_a_square():
    mask = np.zeros((40, 90), np.uint8)
    mask[5:8, 62:65] = 255
    mask[20, 20] = mask[30:32, 40:42] = 255
    opened = run("open", mask, 3)
    assert opened.sum() == 9 * 255
    assert (opened[5:8, 62:65] == 255).all()


def test_any_value_but_zero_is_set():
    mask = np.array([[1, 128, 0, 7, 255]], np.uint8)
    assert run("erode", mask, 1).tolist() == [[255, 255, 0, 255, 255]]


@pytest.mark.parametrize("size", [0, 2, -1, 4096, 4097])
@pytest.mark.parametrize("module", [kernels, reference])
def test_rejects_sizes_that_are_not_odd(module, size):
    with pytest.raises(ValueError, match="odd number"):
        module.open_mask(np.zeros((4, 4), np.uint8), np.zeros(99, np.uint64), size)


def test_rejects_short_wrong_or_read_only_scratch():
    mask = np.zeros((4, 70), np.uint8)
    needed = mask_scratch_words(mask.shape)
    with pytest.raises(ValueError, match=f"needs at least {needed}"):
        kernels.open_mask(mask, np.zeros(needed - 1, np.uint64))
    with pytest.raises(ValueError, match="scratch must be uint64, got uint8"):
        kernels.open_mask(mask, np.zeros(needed * 8, np.uint8))
    frozen = np.zeros(needed, np.uint64)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        kernels.open_mask(mask, frozen)


def test_rejects_wrong_masks():
    scratch = np.zeros(999, np.uint64)
    with pytest.raises(ValueError, match="mask must be uint8, got bool"):
        kernels.open_mask(np.zeros((4, 4), bool), scratch)
    with pytest.raises(ValueError, match="two dimensions"):
        kernels.open_mask(np.zeros(4, np.uint8), scratch)
    with pytest.raises(ValueError, match="share memory"):
        kernels.open_mask(scratch.view(np.uint8)[:16].reshape(4, 4), scratch)
    frozen = np.zeros((4, 4), np.uint8)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match=r"mask: .*read-only"):
        kernels.open_mask(frozen, scratch)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_empty(shape, name):
    block = np.full(64, 77, np.uint8)
    mask = np.ndarray(shape, np.uint8, block, 32)
    getattr(kernels, f"{name}_mask")(mask, scratch_for(mask, 3))
    assert (block == 77).all()
