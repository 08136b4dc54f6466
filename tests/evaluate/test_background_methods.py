# SPDX-License-Identifier: Apache-2.0
"""Each background method against its definition, and all of them on what must hold for all."""

import numpy as np
import pytest

from edgeleak.evaluate.background.comparison import background_methods
from edgeleak.evaluate.background.epsilon import EpsilonBackground
from edgeleak.evaluate.background.mean import RunningMean
from edgeleak.evaluate.background.median import RunningMedian
from edgeleak.evaluate.background.mixture import GaussianMixture
from edgeleak.evaluate.background.sigma_delta import SigmaDelta

DTYPES = {8: np.uint8, 14: np.uint16}


def learn(method, frames):
    method.start(frames[0])
    for frame in frames[1:]:
        method.step(frame)
    return method.estimate()


def drawn_frames(rng, bits, n=30, shape=(7, 9)):
    return rng.integers(0, 1 << bits, (n, *shape)).astype(DTYPES[bits])


@pytest.mark.parametrize("bits", DTYPES)
def test_mean_equals_numpy_mean(rng, bits):
    frames = drawn_frames(rng, bits)
    np.testing.assert_allclose(learn(RunningMean(), frames), frames.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("bits", DTYPES)
@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_median_equals_numpy_median_after_every_frame(rng, bits, window):
    frames = drawn_frames(rng, bits) // (1 << (bits - 3))  # many equal values
    method = RunningMedian(window)
    method.start(frames[0])
    for i in range(1, len(frames)):
        method.step(frames[i])
        expected = np.median(frames[max(0, i + 1 - window) : i + 1], axis=0)
        np.testing.assert_array_equal(method.estimate(), expected)


@pytest.mark.parametrize("bits", DTYPES)
def test_every_method_keeps_a_constant_scene(constant, bits):
    pytest.importorskip("cv2")
    picture, sequence = constant(bits)
    for method in background_methods(bits):
        estimate = learn(method, list(sequence.frames()))
        # a step that never rests leaves at most one step: ties go up
        allowed = 16.0 if method.key.startswith("eps") and bits == 14 else 1.0
        assert estimate.dtype == np.float32
        assert np.abs(estimate - picture).max() <= allowed, method.label


@pytest.mark.parametrize("bits", DTYPES)
def test_every_method_reaches_a_new_constant_level(constant, bits):
    pytest.importorskip("cv2")
    picture, _ = constant(bits)
    moved = picture + picture.dtype.type(8)
    frames = [picture] + [moved] * 1500
    for method in background_methods(bits):
        error = np.abs(learn(method, frames) - moved).max()
        assert error <= (16.0 if method.key.startswith("eps") and bits == 14 else 1.0), method.label


def test_epsilon_moves_by_its_step_and_ties_go_up():
    frame = np.array([[100, 100, 100]], np.uint8)
    method = EpsilonBackground(8, 0.25, "eps-b")
    method.start(np.array([[90, 100, 110]], np.uint8))
    method.step(frame)
    np.testing.assert_array_equal(method.estimate(), [[90.25, 100.25, 109.75]])


def test_sigma_delta_rests_on_equality():
    method = SigmaDelta(8)
    method.start(np.array([[90, 100, 110]], np.uint8))
    method.step(np.array([[100, 100, 100]], np.uint8))
    np.testing.assert_array_equal(method.estimate(), [[91, 100, 109]])


def test_mixture_keeps_the_background_through_a_short_visit():
    background, visitor = np.full((4, 5), 80, np.uint8), np.full((4, 5), 200, np.uint8)
    method = GaussianMixture(8)
    learn(method, [background] * 40 + [visitor] * 10)
    assert np.abs(method.estimate() - 80).max() < 1
    for _ in range(400):
        method.step(visitor)
    assert np.abs(method.estimate() - 200).max() < 1


def test_mixture_step_by_hand():
    method = GaussianMixture(8, alpha=0.1)
    method.start(np.array([[100]], np.uint8))
    method.step(np.array([[104]], np.uint8))  # one sigma away: matches
    assert method.estimate()[0, 0] == pytest.approx(100.4)


def test_state_counts_the_window_twice(rng):
    frames = drawn_frames(rng, 14, n=3)
    method = RunningMedian(51)
    learn(method, frames)
    assert method.state_bytes() == 2 * 51 * 2 * frames[0].size
    for method, per_pixel in ((RunningMean(), 4), (EpsilonBackground(14, 4.0, "eps-c"), 2)):
        learn(method, frames)
        assert method.state_bytes() == per_pixel * frames[0].size
