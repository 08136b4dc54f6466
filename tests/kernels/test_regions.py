# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from edgeleak.kernels import REGION_DTYPE, RegionFinder, regions
from edgeleak.kernels.reference.regions import RegionFinder as ReferenceFinder
from edgeleak.kernels.reference.regions import regions as reference

SHAPES = [(1, 1), (1, 17), (17, 1), (3, 5), (2, 64), (5, 65), (9, 128), (60, 80), (120, 160),
          (481, 641)]  # fmt: skip


def noise(rng, shape, density):
    return np.where(rng.random(shape) < density, 255, 0).astype(np.uint8)


def blobs(rng, shape, density):
    """Noise smoothed to blobs, thresholded at the density."""
    field = cv2.GaussianBlur(rng.random(shape), (0, 0), 3)
    return np.where(field > np.quantile(field, 1 - density), 255, 0).astype(np.uint8)


def checkerboard(shape):
    return np.where(np.indices(shape).sum(0) % 2, 0, 255).astype(np.uint8)


def isolated(shape):
    mask = np.zeros(shape, np.uint8)
    mask[::2, ::2] = 255
    return mask


def comb(shape):
    """Teeth that join only in the last row: every union happens there."""
    mask = np.zeros(shape, np.uint8)
    mask[:, ::2] = mask[-1] = 255
    return mask


def spiral(shape):
    """One arm, one pixel wide, with a gap of one pixel between its turns."""
    mask = np.zeros(shape, np.uint8)
    top, left, bottom, right = 0, 0, shape[0] - 1, shape[1] - 1
    while top <= bottom and left <= right:
        mask[top, max(left - 2, 0) : right + 1] = 255
        mask[top : bottom + 1, right] = 255
        mask[bottom, left : right + 1] = 255
        mask[min(top + 2, bottom) : bottom + 1, left] = 255
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


def hostile(shape):
    tree = comb(shape)
    tree[::4, 1::4] = 255
    full = np.full(shape, 255, np.uint8)
    makers = (checkerboard, isolated, comb, spiral)
    return [*(make(shape) for make in makers), comb(shape)[::-1].copy(), tree, full, full ^ 255]


def masks(rng, shape):
    for density in (0.001, 0.01, 0.05, 0.2, 0.5, 0.8):
        yield noise(rng, shape, density)
        if min(shape) > 1:
            yield blobs(rng, shape, density)
    yield from hostile(shape)


def assert_equal_to_opencv(mask, found, labels):
    n, partition, statistics, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8)
    assert len(found) == n - 1
    first = np.full(n, mask.size)
    np.minimum.at(first, partition.ravel(), np.arange(mask.size))
    order = 1 + np.argsort(first[1:])
    rank = np.zeros(n, np.int32)
    rank[order] = np.arange(1, n)
    np.testing.assert_array_equal(labels, rank[partition])
    for k, name in enumerate(("x", "y", "w", "h", "area_px")):
        np.testing.assert_array_equal(found[name], statistics[order, k])
    np.testing.assert_array_equal(found["cx"], centroids[order, 0])
    np.testing.assert_array_equal(found["cy"], centroids[order, 1])
    np.testing.assert_array_equal(found["label"], np.arange(1, n))


@pytest.mark.parametrize("shape", [*SHAPES, (480, 640)])
def test_partition_and_statistics_equal_opencv(rng, shape):
    finder = RegionFinder(shape)
    labels = np.full(shape, -1, np.int32)
    for mask in masks(rng, shape):
        assert_equal_to_opencv(mask, finder.find(mask, labels=labels), labels)


def assert_same_rows(found, expected):
    assert found.dtype == expected.dtype == REGION_DTYPE
    for name in REGION_DTYPE.names:
        np.testing.assert_array_equal(found[name], expected[name])


def scene(rng, shape, kind):
    top = 256 if kind == np.uint8 else 65536
    frame = rng.integers(0, top, shape).astype(kind)
    return {"frame": frame, "background": rng.integers(0, 65536, shape).astype(np.uint16)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_bit_exact_with_reference(rng, shape, kind):
    finder = RegionFinder(shape)
    chosen = list(masks(rng, shape)) if shape[0] < 130 else [noise(rng, shape, 0.2)]
    for mask in chosen:
        arguments = scene(rng, shape, kind) | {"level": int(rng.integers(-65532, 65533))}
        got, want = np.full((2, *shape), -1, np.int32)
        found = finder.find(mask, **arguments, labels=got)
        expected = reference(mask, **arguments, labels=want)
        assert_same_rows(found, expected)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("min_area_px", [0, 1, 2, 5, 100000])
@pytest.mark.parametrize("capacity", [1, 3, 40, None])
def test_smallest_area_and_capacity(rng, min_area_px, capacity):
    shape = (40, 70)
    mask = noise(rng, shape, 0.2)
    finders = RegionFinder(shape, capacity), ReferenceFinder(shape, capacity)
    labels = np.full((2, *shape), -1, np.int32)
    found = [
        finder.find(mask, min_area_px=min_area_px, labels=image)
        for finder, image in zip(finders, labels, strict=True)
    ]
    assert_same_rows(*found)
    np.testing.assert_array_equal(*labels)
    assert finders[0].n_found == finders[1].n_found
    assert finders[0].is_truncated == finders[1].is_truncated
    assert len(found[0]) == min(finders[0].n_found, finders[0].capacity)


def test_full_capacity_holds_the_worst_mask():
    for shape in ((1, 1), (5, 7), (6, 8), (480, 640)):
        finder = RegionFinder(shape)
        assert len(finder.find(isolated(shape))) == finder.capacity
        assert not finder.is_truncated


def test_contrast_is_the_mean_over_the_region_and_only_there():
    frame = np.full((6, 8), 9999, np.uint16)
    background = np.full((6, 8), 100 << 2, np.uint16)
    mask = np.zeros((6, 8), np.uint8)
    mask[1, 1:3] = mask[4, 4] = 255
    frame[1, 1:3], frame[4, 4] = (90, 93), 150
    hot = regions(mask, frame=frame, background=background, level=4)
    assert hot["contrast_counts"].tolist() == [91.5 - 101, 49]
    assert hot["polarity"].tolist() == [-1, 1]
    flat = regions(mask, frame=frame, background=background, level=200)
    assert flat["polarity"].tolist() == [-1, 0]
    assert np.isnan(regions(mask)["contrast_counts"]).all()
    assert (regions(mask)["polarity"] == 0).all()


def test_any_value_but_zero_is_set():
    assert regions(np.array([[1, 0, 128, 255, 0, 7]], np.uint8))["area_px"].tolist() == [1, 2, 1]


def test_areas_add_up_to_the_mask(rng):
    mask = blobs(rng, (97, 133), 0.4)
    assert regions(mask)["area_px"].sum() == np.count_nonzero(mask)


def test_transposed_mask_has_transposed_regions(rng):
    mask = noise(rng, (61, 83), 0.3)
    here = np.sort(regions(mask)[["x", "y", "w", "h", "area_px"]])
    turned = regions(np.ascontiguousarray(mask.T))
    there = turned[["x", "y", "w", "h", "area_px"]].copy()
    for a, b in (("x", "y"), ("w", "h")):
        there[a], there[b] = turned[b], turned[a]
    np.testing.assert_array_equal(here, np.sort(there))


def test_a_finder_forgets_the_mask_before(rng):
    finder = RegionFinder((33, 70))
    first = finder.find(noise(rng, (33, 70), 0.5)).copy()
    assert len(first)
    assert len(finder.find(np.zeros((33, 70), np.uint8))) == 0
    assert finder.n_found == 0


def test_rows_are_a_read_only_view_of_the_same_memory():
    finder = RegionFinder((4, 4))
    mask = np.full((4, 4), 255, np.uint8)
    rows = finder.find(mask)
    with pytest.raises(ValueError, match="read-only"):
        rows["area_px"] = 0
    with pytest.raises(ValueError, match=r"(?i)writeable"):
        rows.flags.writeable = True
    assert np.shares_memory(rows, finder.find(mask))


def test_inputs_may_be_read_only_and_labels_are_guarded(rng):
    mask = noise(rng, (20, 70), 0.3)
    arguments = scene(rng, mask.shape, np.uint16)
    for array in (mask, *arguments.values()):
        array.flags.writeable = False
    guarded = np.full((22, 70), -7, np.int32)
    RegionFinder(mask.shape).find(mask, labels=guarded[1:-1], **arguments)
    assert (guarded[[0, -1]] == -7).all()
    assert ((guarded[1:-1] > 0) == (mask > 0)).all()


def test_rejects_wrong_arrays():
    finder = RegionFinder((4, 5))
    mask = np.zeros((4, 5), np.uint8)
    counts = np.zeros((4, 5), np.uint16)
    labels = np.zeros((4, 5), np.int32)
    with pytest.raises(ValueError, match=r"mask has shape \(5, 4\), expected \(4, 5\)"):
        finder.find(np.zeros((5, 4), np.uint8))
    with pytest.raises(ValueError, match="mask must be uint8, got uint16"):
        finder.find(counts)
    with pytest.raises(ValueError, match="frame must be uint8 or uint16, got int16"):
        finder.find(mask, frame=counts.view(np.int16), background=counts)
    with pytest.raises(ValueError, match="background must be uint16"):
        finder.find(mask, frame=counts, background=mask)
    with pytest.raises(ValueError, match="labels must be int32"):
        finder.find(mask, labels=counts)
    with pytest.raises(ValueError, match="belong together"):
        finder.find(mask, frame=counts)
    with pytest.raises(ValueError, match="background has shape"):
        finder.find(mask, frame=counts, background=np.zeros((5, 4), np.uint16))
    with pytest.raises(ValueError, match="contiguous"):
        finder.find(np.zeros((4, 10), np.uint8)[:, ::2])
    with pytest.raises(ValueError, match="share memory"):
        finder.find(labels.view(np.uint8).ravel()[:20].reshape(4, 5), labels=labels)
    labels.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        finder.find(mask, labels=labels)


def test_rejects_wrong_numbers():
    mask = np.zeros((4, 5), np.uint8)
    for name, value in (("level", 65533), ("level", -65533), ("min_area_px", -1)):
        with pytest.raises(ValueError, match=name):
            regions(mask, **{name: value})
    with pytest.raises(ValueError, match="capacity"):
        RegionFinder((4, 5), 0)
    with pytest.raises(ValueError, match="width"):
        RegionFinder((4, 65535))


def test_widest_row():
    mask = np.zeros((2, 65534), np.uint8)
    mask[0, -1] = mask[1, -2] = mask[1, 0] = 255
    assert regions(mask)["x"].tolist() == [65532, 0]


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_empty(shape):
    assert len(regions(np.zeros(shape, np.uint8))) == 0


@pytest.mark.data
def test_real_masks_equal_opencv(data_dir):
    paths = sorted(data_dir.glob("*/*mask*.png"))
    paths += sorted(data_dir.glob("smoke-growth-jpeg/masks/*"))[::10]
    assert paths
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        mask = np.where(picture > 127, 255, 0).astype(np.uint8)
        labels = np.empty(mask.shape, np.int32)
        assert_equal_to_opencv(mask, regions(mask, labels=labels), labels)
