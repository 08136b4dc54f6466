# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.kernels import nuc, reference, replace_bad_pixels
from edgeleak.kernels.reference.nuc import MAX_COUNTS

SHAPES = [(1, 1), (1, 17), (3, 5), (2, 33), (60, 80), (480, 640), (481, 641)]
Q14 = 1 << 14


def guarded(array):
    """A copy between two guard rows, and the rows."""
    whole = np.full((array.shape[0] + 2, *array.shape[1:]), 0xBE, array.dtype)
    whole[1:-1] = array
    return whole[1:-1], whole[[0, -1]], whole


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("extent", ["usual", "all"])
def test_bit_exact_with_twin(rng, shape, extent):
    top, gains, offsets = (
        (1 << 14, (15000, 18000), 900) if extent == "usual" else (1 << 16, (-32768, 32767), 32767)
    )
    want = rng.integers(0, top, shape, dtype=np.uint16)
    gain = rng.integers(*gains, shape, dtype=np.int16, endpoint=True)
    offset = rng.integers(-offsets - 1, offsets, shape, dtype=np.int16, endpoint=True)
    got, _, whole = guarded(want)

    nuc(got, gain, offset)
    reference.nuc(want, gain, offset)

    np.testing.assert_array_equal(got, want)
    assert (whole[[0, -1]] == 0xBE).all()


@pytest.mark.parametrize("gain", [-32768, -1, 0, 1, Q14 - 1, Q14, Q14 + 1, 32767])
@pytest.mark.parametrize("offset", [-32768, -1, 0, 1, 32767])
def test_every_raw_value_at_the_extremes(gain, offset):
    want = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    got = want.copy()
    planes = np.full(want.shape, gain, np.int16), np.full(want.shape, offset, np.int16)
    nuc(got, *planes)
    reference.nuc(want, *planes)
    np.testing.assert_array_equal(got, want)


def test_unit_gain_changes_nothing_below_full_scale():
    counts = np.arange(MAX_COUNTS + 1, dtype=np.uint16).reshape(128, 128)
    got = counts.copy()
    nuc(got, np.full(counts.shape, Q14, np.int16), np.zeros(counts.shape, np.int16))
    np.testing.assert_array_equal(got, counts)


def test_product_is_rounded_half_up_before_the_offset():
    counts = np.array([[1, 1, 3]], np.uint16)
    nuc(
        counts,
        np.array([[Q14 // 2, Q14 // 2 - 1, Q14 // 2]], np.int16),
        np.full((1, 3), 7, np.int16),
    )
    assert counts.tolist() == [[8, 7, 9]]


def planes_of(shape):
    return np.zeros(shape, np.uint16), np.zeros(shape, np.int16), np.zeros(shape, np.int16)


@pytest.mark.parametrize("wrong", [1, 2])
def test_shape_mismatch_names_the_plane(wrong):
    planes = list(planes_of((2, 3)))
    planes[wrong] = np.zeros((3, 2), np.int16)
    with pytest.raises(ValueError, match=("", "gain_q14", "offset")[wrong]):
        nuc(*planes)


@pytest.mark.parametrize("wrong", range(3))
def test_wrong_dtype(wrong):
    planes = list(planes_of((2, 3)))
    planes[wrong] = planes[wrong].astype(np.float32)
    with pytest.raises(ValueError, match="dtype"):
        nuc(*planes)


def test_read_only_shared_and_strided_arrays():
    counts, gain, offset = planes_of((4, 4))
    for plane in (gain, offset):
        plane.flags.writeable = False
    nuc(counts, gain, offset)
    with pytest.raises(ValueError, match="contiguous"):
        nuc(counts[:, ::2], gain[:, ::2], offset[:, ::2])
    with pytest.raises(ValueError, match="share memory"):
        nuc(counts[1:], counts[:-1].view(np.int16), offset[1:])
    counts.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        nuc(counts, gain, offset)


def test_empty_frame():
    block = np.full(16, 20_000, np.uint16)
    nuc(np.ndarray((0, 3), np.uint16, block, 16), *planes_of((0, 3))[1:])
    assert (block == 20_000).all()


def random_table(rng, n_pixels, n_bad):
    bad = np.sort(rng.choice(n_pixels, min(n_bad, n_pixels), replace=False))
    sources = rng.integers(0, n_pixels, (bad.size, 4))
    return np.column_stack([bad, sources]).astype(np.int32)


@pytest.mark.parametrize("shape", SHAPES)
def test_replacement_bit_exact_with_twin(rng, shape):
    want = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    table = random_table(rng, want.size, max(1, want.size // 50))
    got, _, whole = guarded(want)
    replace_bad_pixels(got, table)
    reference.replace_bad_pixels(want, table)
    np.testing.assert_array_equal(got, want)
    assert (whole[[0, -1]] == 0xBE).all()


def test_replacement_is_the_rounded_mean():
    counts = np.array([[0, 1, 2, 4, 9]], np.uint16)
    replace_bad_pixels(counts, np.array([[4, 0, 1, 2, 3]], np.int32))
    assert counts[0, 4] == 2  # 7 / 4 = 1.75


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ([[0, 1, 2, 3]], "columns"),
        ([[0, 1, 2, 3, 4]], "names pixel 4"),
        ([[-1, 1, 2, 3, 0]], "names pixel -1"),
        ([[1, 0, 0, 0, 0], [0, 2, 2, 2, 2]], "sorted"),
        ([[1, 0, 0, 0, 0], [1, 2, 2, 2, 2]], "sorted"),
    ],
)
def test_damaged_table_is_refused(table, what):
    counts = np.arange(4, dtype=np.uint16).reshape(2, 2)
    with pytest.raises(ValueError, match=what):
        replace_bad_pixels(counts, np.array(table, np.int32))
    assert counts.reshape(-1).tolist() == [0, 1, 2, 3]


def test_empty_table():
    counts = np.array([[1, 2], [3, 65535]], np.uint16)
    replace_bad_pixels(counts, np.empty((0, 5), np.int32))
    assert counts.tolist() == [[1, 2], [3, 65535]]
