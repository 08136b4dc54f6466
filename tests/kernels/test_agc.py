# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from edgeleak.kernels import agc, histogram, linear_lut, log_lut, plateau_lut, reference

SHAPES = [(1, 1), (1, 17), (3, 5), (2, 33), (60, 80), (480, 640), (481, 641)]
COUNTS = np.arange(1, 16384)


@pytest.fixture
def lut(rng):
    return rng.integers(0, 256, 16384, dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
def test_bit_exact_with_twin(rng, lut, shape):
    counts = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    counts.flat[-1] = 0xFFFF
    want = np.empty(shape, np.uint8)
    whole = np.full((shape[0] + 2, shape[1]), 0xBE, np.uint8)
    agc(counts, lut, whole[1:-1])
    reference.agc(counts, lut, want)
    np.testing.assert_array_equal(whole[1:-1], want)
    assert (whole[[0, -1]] == 0xBE).all()


def test_every_count_finds_its_own_level(lut):
    counts = np.arange(16384, dtype=np.uint16)[None]
    grey = np.empty((1, 16384), np.uint8)
    agc(counts, lut, grey)
    np.testing.assert_array_equal(grey[0], lut)


@pytest.mark.parametrize("shape", SHAPES)
def test_grey_may_start_where_counts_starts(rng, lut, shape):
    counts = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    want = np.empty(shape, np.uint8)
    reference.agc(counts, lut, want)
    grey = counts.view(np.uint8).reshape(-1)[: counts.size].reshape(shape)
    agc(counts, lut, grey)
    np.testing.assert_array_equal(grey, want)


def test_agc_refuses_wrong_arrays(lut):
    counts, grey = np.zeros((2, 8), np.uint16), np.zeros((2, 8), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        agc(counts, lut, grey[:1])
    with pytest.raises(ValueError, match="lut has 16383"):
        agc(counts, lut[1:], grey)
    with pytest.raises(ValueError, match="dtype"):
        agc(counts.astype(np.int32), lut, grey)
    behind = counts.view(np.uint8).reshape(-1)[1:17].reshape(2, 8)
    with pytest.raises(ValueError, match="share memory"):
        agc(counts, lut, behind)
    grey.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        agc(counts, lut, grey)


@pytest.mark.parametrize("alpha", [-20, -0.37, 0, 0.01, 1, 18.2142857, 40.5, 32767, -32767])
@pytest.mark.parametrize("beta", [-1048576, -114000.5, -255, -0.5, 0, 0.5, 12.3456, 1048576])
def test_log_lut_bit_exact_with_twin(alpha, beta):
    got = log_lut(alpha, beta)
    np.testing.assert_array_equal(got, reference.log_lut(alpha, beta))
    assert got.dtype == np.uint8
    assert got[0] == got[1]
    assert (np.diff(got[1:].astype(int)) * np.sign(alpha) >= 0).all()


@pytest.mark.parametrize(("log", "base"), [(np.log, math.e), (np.log10, 10), (np.log2, 2)])
def test_any_logarithm_is_the_same_table_once_alpha_is_rescaled(log, base):
    alpha, beta = 255 / 14, -3.21
    rescaled = alpha * math.log2(base)
    want = np.clip(np.floor(rescaled * log(COUNTS) + beta + 0.5), 0, 255)
    got = log_lut(rescaled / math.log2(base), beta)[1:]
    # Q16 moves a level by under 1/1000: it may differ only where the real value is a tie
    real = rescaled * log(COUNTS) + beta
    is_tie = np.abs(real - np.floor(real) - 0.5) < 1e-3
    np.testing.assert_array_equal(got[~is_tie], want[~is_tie])
    assert is_tie.mean() < 0.01


def test_log_lut_fills_the_range():
    lut = log_lut(255 / math.log2(16383), 0)
    assert (lut[1], lut[16383]) == (0, 255)


@pytest.mark.parametrize("low", [0, 1, 5000, 16382])
@pytest.mark.parametrize("high", [1, 5001, 9000, 16383])
def test_linear_lut_bit_exact_with_twin(low, high):
    if low >= high:
        with pytest.raises(ValueError, match="high"):
            linear_lut(low, high)
        return
    got = linear_lut(low, high)
    np.testing.assert_array_equal(got, reference.linear_lut(low, high))
    assert (got[low], got[high]) == (0, 255)


def scene_histogram(rng):
    counts = np.concatenate([rng.normal(6000, 150, 200_000), rng.normal(9000, 400, 100_000)])
    return np.bincount(counts.clip(0, 16383).astype(int), minlength=16384).astype(np.uint32)


@pytest.mark.parametrize("plateau", [1, 2, 17, 300, 5000, 0xFFFFFFFF])
@pytest.mark.parametrize("max_slope", [None, 0, 0.01, 0.125, 1, 255])
def test_plateau_lut_bit_exact_with_twin(rng, plateau, max_slope):
    bins = scene_histogram(rng)
    got = plateau_lut(bins, plateau, max_slope)
    np.testing.assert_array_equal(got, reference.plateau_lut(bins, plateau, max_slope))
    steps = np.diff(got.astype(int))
    assert (steps >= 0).all()
    if max_slope is not None:
        assert steps.max() <= max_slope + 1  # one level of rounding


@pytest.mark.parametrize("filled", [(), (0,), (7000,), (16383,), (0, 16383), (5, 6)])
def test_plateau_lut_of_sparse_histograms(filled):
    bins = np.zeros(16384, np.uint32)
    bins[list(filled)] = 0xFFFF
    got = plateau_lut(bins, 10)
    np.testing.assert_array_equal(got, reference.plateau_lut(bins, 10))
    if len(filled) == 2:
        assert (got[filled[0]], got[filled[1]]) == (0, 255)


def deviation_from_linear(bins, plateau):
    filled = np.flatnonzero(bins)
    straight = linear_lut(int(filled[0]), int(filled[-1])).astype(int)
    return np.abs(plateau_lut(bins, plateau).astype(int) - straight).max()


def test_small_plateau_approaches_linear():
    """Paper, section 3: the smaller the plateau, the nearer to a straight line."""
    bins = np.zeros(16384, np.uint32)
    x = np.arange(4000, 9001)
    bins[x] = 1 + 400 * np.exp(-(((x - 6000) / 300) ** 2))
    errors = [deviation_from_linear(bins, plateau) for plateau in (1, 4, 16, 64, 400)]
    assert errors[0] <= 1
    assert errors == sorted(errors)
    assert errors[-1] > 60


def test_large_plateau_equalises(rng):
    bins = scene_histogram(rng)
    levels = plateau_lut(bins, 0xFFFFFFFF)
    share_below_middle = bins[levels < 128].sum() / bins.sum()
    assert abs(share_below_middle - 0.5) < 0.01


def test_max_slope_leaves_the_rest_at_both_ends(rng):
    levels = plateau_lut(scene_histogram(rng), 0xFFFFFFFF, 0.01).astype(int)
    assert abs(levels[0] - (255 - levels[-1])) <= 1
    assert levels[-1] - levels[0] < 100


@pytest.mark.parametrize("make", [log_lut, linear_lut])
def test_tables_fill_the_callers_array(make):
    out = np.empty(16384, np.uint8)
    assert make(3, 400, out) is out
    np.testing.assert_array_equal(out, make(3, 400))
    with pytest.raises(ValueError, match="out has 5"):
        make(3, 400, out[:5])


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: log_lut(math.nan, 0), "alpha"),
        (lambda: log_lut(0, 1048577), "beta"),
        (lambda: reference.log_lut(0, -1048577), "beta"),
        (lambda: log_lut(32768, 0), "alpha"),
        (lambda: linear_lut(-1, 5), "low"),
        (lambda: linear_lut(5, 16384), "high"),
        (lambda: plateau_lut(np.zeros(16384, np.uint32), 0), "plateau"),
        (lambda: plateau_lut(np.zeros(16384, np.uint32), 1, -1), "max_slope"),
        (lambda: plateau_lut(np.zeros(5, np.uint32), 1), "histogram has 5"),
        (lambda: histogram(np.zeros((2, 2), np.uint16), np.zeros(16384, np.uint32), 0), "row_step"),
        (lambda: histogram(np.zeros((2, 2), np.uint16), np.zeros(9, np.uint32)), "out has 9"),
    ],
)
def test_arguments_out_of_range(call, what):
    with pytest.raises(ValueError, match=what):
        call()


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3)])
@pytest.mark.parametrize("row_step", [1, 2, 7, 1000])
def test_histogram_bit_exact_with_twin(rng, shape, row_step):
    counts = rng.integers(0, 20000, shape, dtype=np.uint16)
    got, want = np.full((2, 16384), 9, np.uint32)
    histogram(counts, got, row_step)
    reference.histogram(counts, want, row_step)
    np.testing.assert_array_equal(got, want)
    assert got.sum() == counts[::row_step].size
