# SPDX-License-Identifier: Apache-2.0
import itertools
import threading

import numpy as np
import pytest

from edgeleak.kernels import clahe, reference

SIZES = [(1, 1), (1, 17), (19, 1), (2, 3), (13, 7), (120, 163), (120, 160), (479, 640), (481, 641)]
GRIDS = [(1, 1), (8, 8), (2, 2), (3, 5), (16, 16), (7, 4), (1, 16), (16, 1)]
CLIPS = [-1, 0, 0.25, 0.9, 1, 2, 4, 40]


def picture(rng, shape, kind):
    """Noise fills every bin, a scene few, a flat picture one."""
    if kind == "noise":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == "flat":
        return np.full(shape, rng.integers(0, 256), np.uint8)
    scene = 100 + np.cumsum(rng.normal(0, 3, shape), axis=1)
    return scene.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "scene", "flat"])
@pytest.mark.parametrize("shape", SIZES)
def test_no_pixel_differs_from_opencv(shape, kind):
    cv2 = pytest.importorskip("cv2", reason="needs the bench extra")
    rng = np.random.default_rng(7)
    grey = picture(rng, shape, kind)
    for tiles, clip in itertools.product(GRIDS, CLIPS):
        want = cv2.createCLAHE(clip, tiles).apply(grey)
        got = np.full((shape[0] + 2, shape[1]), 0xBE, np.uint8)
        got[1:-1] = grey
        clahe(got[1:-1], tiles, clip)
        differing = int((got[1:-1] != want).sum())
        assert differing == 0, (tiles, clip)
        assert (got[[0, -1]] == 0xBE).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (13, 7), (120, 163), (61, 80)])
@pytest.mark.parametrize("tiles", [(1, 1), (8, 8), (3, 5), (16, 1)])
@pytest.mark.parametrize("clip", [0, 0.9, 2, 40])
def test_bit_exact_with_twin(rng, shape, tiles, clip):
    want = picture(rng, shape, "scene")
    got = want.copy()
    clahe(got, tiles, clip)
    reference.clahe(want, tiles, clip)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("shape", [(1, 1), (13, 7), (120, 163)])
@pytest.mark.parametrize("tiles", [(8, 8), (3, 5)])
def test_twin_equals_opencv(rng, shape, tiles):
    cv2 = pytest.importorskip("cv2", reason="needs the bench extra")
    grey = picture(rng, shape, "scene")
    want = cv2.createCLAHE(2.0, tiles).apply(grey)
    reference.clahe(grey, tiles, 2.0)
    np.testing.assert_array_equal(grey, want)


@pytest.mark.parametrize("area_side", [(255, 257), (256, 256), (700, 900)])
def test_tiles_around_and_above_65535_pixels(area_side):
    want = picture(np.random.default_rng(1), area_side, "flat")
    got = want.copy()
    clahe(got, (1, 1), 2.0)
    reference.clahe(want, (1, 1), 2.0)
    np.testing.assert_array_equal(got, want)


def test_flat_tile_of_one_level_above_16_bits_is_counted(rng):
    """307200 equal pixels: four 16-bit counters would wrap without being drained."""
    want = np.zeros((480, 640), np.uint8)
    want[:2] = rng.integers(0, 256, (2, 640))
    got = want.copy()
    clahe(got, (1, 1), 0)
    reference.clahe(want, (1, 1), 0)
    np.testing.assert_array_equal(got, want)


def test_limit_changes_between_calls_of_one_size(rng):
    grey = picture(rng, (64, 64), "scene")
    for clip in (2.0, 40.0, 0.0, 2.0):
        want, got = grey.copy(), grey.copy()
        clahe(got, (4, 4), clip)
        reference.clahe(want, (4, 4), clip)
        np.testing.assert_array_equal(got, want)


def test_threads_do_not_disturb_each_other(rng):
    grey = [picture(rng, shape, "scene") for shape in [(120, 160), (121, 163)]]
    want = [g.copy() for g in grey]
    for w in want:
        clahe(w)
    wrong = []

    def work(i):
        for _ in range(50):
            got = grey[i].copy()
            clahe(got)
            wrong.append(int((got != want[i]).sum()))

    threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [0] * 200


def test_wrong_arguments(rng):
    grey = picture(rng, (16, 16), "noise")
    for tiles, what in [((0, 8), "tiles_x"), ((8, 65), "tiles_y")]:
        with pytest.raises(ValueError, match=what):
            clahe(grey, tiles)
    with pytest.raises(ValueError, match="NaN"):
        clahe(grey, (8, 8), float("nan"))
    with pytest.raises(ValueError, match="dtype"):
        clahe(grey.astype(np.uint16))
    with pytest.raises(ValueError, match="contiguous"):
        clahe(grey[:, ::2])
    grey.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        clahe(grey)


def test_empty_image():
    block = np.full(64, 77, np.uint8)
    for shape in ((0, 5), (5, 0), (0, 0)):
        clahe(np.ndarray(shape, np.uint8, block, 32))
    assert (block == 77).all()
