# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.kernels import background_step as fast
from edgeleak.kernels.reference.background import GREY_MAX_Q8, MAX_Q2
from edgeleak.kernels.reference.background import background_step as reference

SHAPES = [(1, 1), (1, 17), (3, 5), (60, 80), (120, 160), (480, 640), (481, 641)]
SMALL = (13, 37)
GREY_ARGUMENTS = {
    "paper": {"eps": 256, "threshold": 8},
    "frozen": {"eps": 0, "threshold": 0},
    "longest step": {"eps": GREY_MAX_Q8, "threshold": 254},
    "never gas": {"eps": 3, "threshold": 255, "selective": True},
    "selective": {"eps": 77, "threshold": 40, "selective": True},
    "level": {"eps": 77, "threshold": 40, "level": 5000},
    "level below": {"eps": 77, "threshold": 40, "level": -129, "selective": True},
    "largest level": {"eps": 1, "threshold": 1, "level": GREY_MAX_Q8},
    "smallest level": {"eps": 1, "threshold": 1, "level": -GREY_MAX_Q8},
}
COUNTS_ARGUMENTS = {
    "plain": {"eps": 4, "threshold": 100},
    "frozen": {"eps": 0, "threshold": 0},
    "longest step": {"eps": MAX_Q2, "threshold": 32767},
    "never gas": {"eps": 3, "threshold": MAX_Q2, "selective": True},
    "selective": {"eps": 77, "threshold": 9000, "selective": True},
    "level": {"eps": 77, "threshold": 9000, "level": 5001},
    "level below": {"eps": 77, "threshold": 9000, "level": -3, "selective": True},
    "largest level": {"eps": 1, "threshold": 1, "level": MAX_Q2},
    "smallest level": {"eps": 1, "threshold": 1, "level": -MAX_Q2},
}
NOISE_ARGUMENTS = {
    "floor only": {"noise_gain_q4": 0},
    "gain": {"noise_gain_q4": 48},
    "largest gain, learning": {"noise_gain_q4": 255, "noise_eps": 1},
    "longest step": {"noise_gain_q4": 16, "noise_eps": 4095},
    "selective": {"noise_gain_q4": 64, "noise_eps": 5, "selective": True},
}


def guarded(values):
    """A copy inside a larger array, and a check that nothing around it was written."""
    rows = np.full((values.shape[0] + 2, values.shape[1]), 0x5B, values.dtype)
    rows[1:-1] = values
    return rows[1:-1], lambda: (rows[[0, -1]] == 0x5B).all()


def grey_case(rng, shape):
    """Frame and background; a third of the pixels are near or equal, some are extreme."""
    frame = rng.choice(np.array([0, 1, 127, 128, 254, 255], np.uint8), shape)
    frame = np.where(rng.random(shape) < 0.8, rng.integers(0, 256, shape), frame).astype(np.uint8)
    background = rng.integers(0, GREY_MAX_Q8 + 1, shape)
    near = np.clip((frame.astype(int) << 8) + rng.integers(-400, 400, shape), 0, 65535)
    background = np.where(rng.random(shape) < 0.4, near, background)
    background = np.where(rng.random(shape) < 0.1, frame.astype(int) << 8, background)
    return frame, background.astype(np.uint16)


def counts_case(rng, shape):
    frame = rng.integers(0, 1 << 14, shape)
    frame = np.where(rng.random(shape) < 0.1, rng.choice([0, 16383, 16384, 65535], shape), frame)
    background = rng.integers(0, 65536, shape)
    near = np.clip((np.minimum(frame, 16383) << 2) + rng.integers(-200, 200, shape), 0, 65535)
    background = np.where(rng.random(shape) < 0.4, near, background)
    background = np.where(rng.random(shape) < 0.1, np.minimum(frame, 16383) << 2, background)
    return frame.astype(np.uint16), background.astype(np.uint16)


def assert_same_step(frame, background, difference_dtype, noise=None, **arguments):
    want = [background.copy(), np.zeros(frame.shape, difference_dtype), frame.astype(np.uint8)]
    if noise is not None:
        want.append(noise.copy())
    got, intact = zip(*map(guarded, want), strict=True)
    for step, arrays in ((fast, got), (reference, want)):
        extra = {"noise": arrays[3]} if noise is not None else {}
        step(frame, *arrays[:3], **arguments, **extra)
    for g, w, is_intact in zip(got, want, intact, strict=True):
        np.testing.assert_array_equal(g, w)
        assert is_intact()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("selective", [False, True])
@pytest.mark.parametrize("level", [0, 700])
def test_grey_bit_exact_over_shapes(rng, shape, selective, level):
    frame, background = grey_case(rng, shape)
    assert_same_step(frame, background, np.uint8, eps=256, threshold=9, level=level,
                     selective=selective)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("selective", [False, True])
@pytest.mark.parametrize("has_noise", [False, True])
def test_counts_bit_exact_over_shapes(rng, shape, selective, has_noise):
    frame, background = counts_case(rng, shape)
    noise = rng.integers(0, 200, shape).astype(np.uint16) if has_noise else None
    assert_same_step(frame, background, np.int16, noise, eps=2, threshold=40, level=-9,
                     selective=selective, noise_gain_q4=50, noise_eps=1)  # fmt: skip


@pytest.mark.parametrize("case", GREY_ARGUMENTS)
def test_grey_bit_exact_over_arguments(rng, case):
    assert_same_step(*grey_case(rng, SMALL), np.uint8, **GREY_ARGUMENTS[case])


@pytest.mark.parametrize("case", COUNTS_ARGUMENTS)
def test_counts_bit_exact_over_arguments(rng, case):
    assert_same_step(*counts_case(rng, SMALL), np.int16, **COUNTS_ARGUMENTS[case])


@pytest.mark.parametrize("case", NOISE_ARGUMENTS)
def test_noise_bit_exact_over_arguments(rng, case):
    noise = rng.choice([0, 1, 30, 500, 4094, 4095, 4096, 65535], SMALL).astype(np.uint16)
    arguments = {"eps": 4, "threshold": 64, **NOISE_ARGUMENTS[case]}
    assert_same_step(*counts_case(rng, SMALL), np.int16, noise, **arguments)


def test_every_grey_value_against_every_background_near_a_level():
    frame = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256 * 5, axis=1)
    offsets = np.array([-128, -1, 0, 1, 127])
    background = (np.arange(256)[:, None] * 256 + offsets).ravel().clip(0, 65535)
    background = np.repeat(background[None].astype(np.uint16), 256, axis=0)
    assert_same_step(frame, background, np.uint8, eps=1, threshold=10)


def test_equality_moves_up():
    frame = np.full((1, 40), 7, np.uint8)
    background = np.full((1, 40), 7 << 8, np.uint16)
    fast(frame, background, np.empty_like(frame), np.empty_like(frame), 3, 0)
    assert (background == (7 << 8) + 3).all()


def test_difference_is_against_the_background_before_the_step():
    frame = np.full((1, 40), 100, np.uint16)
    background = np.full((1, 40), 360, np.uint16)
    difference, mask = np.empty((1, 40), np.int16), np.empty((1, 40), np.uint8)
    fast(frame, background, difference, mask, 40, 39)
    assert (difference == 40).all()
    assert (mask == 255).all()
    assert (background == 400).all()


def test_converges_then_stays_within_one_step(rng):
    frame = rng.integers(0, 1 << 14, (8, 9), dtype=np.uint16)
    background = np.zeros((8, 9), np.uint16)
    difference, mask = np.empty((8, 9), np.int16), np.empty((8, 9), np.uint8)
    for _ in range(MAX_Q2 // 16 + 2):
        fast(frame, background, difference, mask, 16, 0)
    assert np.abs(background.astype(int) - (frame.astype(int) << 2)).max() <= 16


def test_selective_keeps_the_plume_out_of_the_background():
    frame = np.full((4, 40), 1000, np.uint16)
    background = np.full((4, 40), 3000, np.uint16)
    difference, mask = np.empty((4, 40), np.int16), np.empty((4, 40), np.uint8)
    for _ in range(50):
        fast(frame, background, difference, mask, 8, 999, selective=True)
    assert (background == 3000).all()
    assert (difference == 1000).all()


def test_noise_settles_at_the_median_size_of_the_difference(rng):
    shape = (16, 64)
    background = np.full(shape, 4000, np.uint16)
    noise = np.zeros(shape, np.uint16)
    difference, mask = np.empty(shape, np.int16), np.empty(shape, np.uint8)
    for _ in range(600):
        frame = (1000 + rng.normal(0, 10, shape).round()).astype(np.uint16)
        fast(frame, background, difference, mask, 0, 0, noise=noise, noise_eps=1)
    assert noise.mean() == pytest.approx(0.6745 * 10 * 4, rel=0.1)


def test_level_is_the_same_as_a_frame_moved_by_it(rng):
    frame = rng.integers(200, 16000, SMALL).astype(np.uint16)
    background = (frame << 2) + rng.integers(-90, 90, SMALL).astype(np.uint16)
    twice = background.copy()
    outputs = [(np.empty(SMALL, np.int16), np.empty(SMALL, np.uint8)) for _ in range(2)]
    fast(frame, background, *outputs[0], 4, 30, level=4 * 57)
    fast(frame - 57, twice, *outputs[1], 4, 30)
    np.testing.assert_array_equal(background, twice)
    np.testing.assert_array_equal(outputs[0], outputs[1])


def counts_arrays(shape=(4, 5)):
    return {
        "frame": np.zeros(shape, np.uint16),
        "background": np.zeros(shape, np.uint16),
        "difference": np.zeros(shape, np.int16),
        "mask": np.zeros(shape, np.uint8),
    }


def grey_arrays(shape=(4, 5)):
    kinds = {"frame": np.uint8, "difference": np.uint8}
    return {k: v.astype(kinds.get(k, v.dtype)) for k, v in counts_arrays(shape).items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eps", -1),
        ("eps", MAX_Q2 + 1),
        ("threshold", -1),
        ("threshold", MAX_Q2 + 1),
        ("level", MAX_Q2 + 1),
        ("level", -MAX_Q2 - 1),
        ("noise_gain_q4", 256),
        ("noise_eps", 4096),
    ],
)
@pytest.mark.parametrize("step", [fast, reference])
def test_rejects_numbers_outside_their_range(step, name, value):
    with pytest.raises(ValueError, match=name):
        step(**counts_arrays(), **{"eps": 1, "threshold": 1, name: value})


@pytest.mark.parametrize(("name", "value"), [("eps", GREY_MAX_Q8 + 1), ("threshold", 256)])
@pytest.mark.parametrize("step", [fast, reference])
def test_grey_has_its_own_ranges(step, name, value):
    with pytest.raises(ValueError, match=name):
        step(**grey_arrays(), **{"eps": 1, "threshold": 1, name: value})


@pytest.mark.parametrize("name", ["background", "difference", "mask"])
def test_rejects_another_shape(name):
    arrays = counts_arrays()
    arrays[name] = np.zeros((5, 4), arrays[name].dtype)
    with pytest.raises(ValueError, match=rf"{name} has shape \(5, 4\), expected \(4, 5\)"):
        fast(**arrays, eps=1, threshold=1)


@pytest.mark.parametrize("name", ["frame", "background", "difference", "mask"])
def test_rejects_another_dtype_dimension_and_type(name):
    for wrong in (np.zeros((4, 5)), np.zeros((4, 5), np.complex64), np.zeros((4, 5), ">u2")):
        with pytest.raises(ValueError, match=rf"{name} must be .*got {wrong.dtype}"):
            fast(**(counts_arrays() | {name: wrong}), eps=1, threshold=1)
    flat = counts_arrays()[name].ravel()
    with pytest.raises(ValueError, match=f"{name} must have two dimensions"):
        fast(**(counts_arrays() | {name: flat}), eps=1, threshold=1)
    with pytest.raises(TypeError, match=f"{name} must be a NumPy array"):
        fast(**(counts_arrays() | {name: [[1]]}), eps=1, threshold=1)


@pytest.mark.parametrize("name", ["frame", "background", "difference", "mask"])
def test_rejects_arrays_that_are_not_contiguous(name):
    arrays = counts_arrays()
    arrays[name] = np.zeros((4, 10), arrays[name].dtype)[:, ::2]
    with pytest.raises(ValueError, match=f"{name}: .*contiguous"):
        fast(**arrays, eps=1, threshold=1)


@pytest.mark.parametrize("name", ["background", "difference", "mask", "noise"])
def test_rejects_outputs_that_are_read_only(name):
    arrays = counts_arrays() | {"noise": np.zeros((4, 5), np.uint16)}
    arrays[name].flags.writeable = False
    with pytest.raises(ValueError, match=f"{name}: .*read-only"):
        fast(**arrays, eps=1, threshold=1, noise_eps=1)


def test_frame_and_frozen_noise_may_be_read_only():
    arrays = counts_arrays() | {"noise": np.zeros((4, 5), np.uint16)}
    for name in ("frame", "noise"):
        arrays[name].flags.writeable = False
    fast(**arrays, eps=1, threshold=1)
    assert (arrays["background"] == 1).all()


OVERLAPS = [
    ("frame", "background"),
    ("frame", "mask"),
    ("background", "mask"),
    ("background", "difference"),
]


@pytest.mark.parametrize("pair", OVERLAPS)
def test_rejects_overlap(pair):
    arrays = counts_arrays()
    block = np.zeros(200, np.uint8)
    for start, name in zip((0, 10), pair, strict=True):
        kind = arrays[name].dtype
        arrays[name] = block[start : start + 20 * kind.itemsize].view(kind).reshape(4, 5)
    with pytest.raises(ValueError, match="share memory"):
        fast(**arrays, eps=1, threshold=1)


def test_grey_takes_no_noise():
    with pytest.raises(ValueError, match="noise needs"):
        fast(**grey_arrays(), eps=1, threshold=1, noise=np.zeros((4, 5), np.uint16))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty(shape):
    """Views of nothing in the middle of a block: what lies round them stays."""
    for arrays in (counts_arrays(shape), grey_arrays(shape)):
        block = np.full((8, 64), 0xA5, np.uint8)
        for row, (name, array) in enumerate(arrays.items()):
            arrays[name] = np.ndarray(shape, array.dtype, block, 128 * row + 64)
        assert fast(**arrays, eps=1, threshold=1) is None
        assert (block == 0xA5).all()
