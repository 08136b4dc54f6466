# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.sim import SimulatedSensor, open_sim
from edgeleak.sim.detector import NOISE_COUNTS, RESPONSE_COUNTS_PER_K, ideal_counts

SMALL = (120, 160)


def frames_of(n, **given):
    sensor = SimulatedSensor(**{"shape": SMALL, **given})
    stack = []
    for _, (counts, info) in zip(range(n), sensor, strict=False):
        stack.append((counts.copy(), info))
    return sensor, stack


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    first, again, other = (frames_of(12, seed=s)[1] for s in (3, 3, 4))
    for (a, info_a), (b, info_b) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert repr(info_a) == repr(info_b)
    assert (first[-1][0] != other[-1][0]).mean() > 0.9


def test_calibrating_does_not_change_the_run():
    plain = frames_of(3, seed=1)[1]
    sensor = SimulatedSensor(seed=1, shape=SMALL)
    sensor.blackbody(25.0, 4)
    for (want, _), (got, _) in zip(plain, sensor, strict=False):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("shape", [(24, 32), (31, 45), (120, 160), (240, 320), (161, 643)])
def test_any_shape_gives_14_bit_counts(shape):
    sensor, stack = frames_of(2, shape=shape)
    counts, _ = stack[-1]
    assert counts.shape == shape == sensor.truth_mask().shape == sensor.column_ppm_m.shape
    assert counts.dtype == np.uint16
    assert counts.max() <= 16383


def test_time_stamps_follow_the_frame_rate_and_the_run_ends():
    _, stack = frames_of(99, fps=20.0, seconds=0.5)
    assert [info.sequence for _, info in stack] == list(range(10))
    assert [info.monotonic_ns for _, info in stack] == [i * 50_000_000 for i in range(10)]


def test_no_leak_means_no_truth_and_leak_starts_when_told():
    sensor, _ = frames_of(30, leak=False)
    assert not sensor.truth_contrast_counts.any()
    sensor = SimulatedSensor(shape=SMALL, fps=10, leak_start_s=2.0)
    for _, info in sensor:
        if info.monotonic_ns < 2_000_000_000:
            assert not sensor.truth_mask().any()
        if info.monotonic_ns >= 4_000_000_000:
            break
    assert sensor.truth_mask().any()


def test_the_gas_alone_is_the_difference_of_a_twin_without_gas():
    given = {"seed": 5, "movers": False}
    gas, with_gas = frames_of(40, **given)
    _, without = frames_of(40, leak=False, **given)
    good = ~gas.bad_pixels
    want = gas.truth_contrast_counts * gas.pattern.gain
    got = with_gas[-1][0].astype(float) - without[-1][0]
    assert np.abs(got - want)[good].max() <= 1.01  # two roundings
    assert gas.truth_contrast_counts.min() < -50


def test_gas_before_the_cold_sky_emits_and_before_the_warm_wall_absorbs():
    sensor = SimulatedSensor(shape=SMALL, movers=False)
    low = high = 0.0
    for _, (_, _) in zip(range(200), sensor, strict=False):
        low = min(low, sensor.truth_contrast_counts.min())
        high = max(high, sensor.truth_contrast_counts.max())
    assert low < -50
    assert high > 3


def test_more_gas_gives_more_column_and_more_mask():
    small, _ = frames_of(60, rate_g_per_h=50.0)
    large, _ = frames_of(60, rate_g_per_h=500.0)
    assert large.column_ppm_m.sum() == pytest.approx(10 * small.column_ppm_m.sum(), rel=1e-3)
    assert large.truth_mask().sum() > 1.3 * small.truth_mask().sum()


def test_blackbody_has_the_stated_response_noise_and_fixed_pattern():
    sensor = SimulatedSensor(shape=SMALL)
    cold, hot = (sensor.blackbody(t, 40).astype(float) for t in (15.0, 35.0))
    good = ~sensor.bad_pixels
    response = (hot.mean(0) - cold.mean(0)) / 20 / sensor.pattern.gain
    assert response[good].mean() == pytest.approx(RESPONSE_COUNTS_PER_K, rel=0.01)
    noise = np.sqrt(cold.var(0, ddof=1)[good].mean() - 1 / 12)
    assert noise == pytest.approx(NOISE_COUNTS, rel=0.03)
    corrected = (cold.mean(0) - sensor.pattern.offset) / sensor.pattern.gain
    assert np.abs(corrected - ideal_counts(15.0))[good].max() < 2.5
    assert cold.mean(0)[good].std() > 40  # there is something to correct


def test_every_kind_of_bad_pixel_behaves_as_named():
    sensor = SimulatedSensor(shape=(240, 320))
    frames = sensor.blackbody(20.0, 30)
    kinds = sensor.pattern.defects
    assert set(np.unique(kinds)) == {0, 1, 2, 3, 4}
    assert not frames[:, kinds == 1].any()
    assert (frames[:, kinds == 2] == 16383).all()
    assert frames[:, kinds == 3].mean() > frames[:, kinds == 0].mean() + 2000
    assert (
        frames[:, kinds == 4].std(axis=0).min() > 30 * frames[:, kinds == 0].std(axis=0).mean() / 2
    )


def test_moving_things_move_without_gas():
    _, stack = frames_of(150, leak=False)
    early, late = stack[60][0].astype(int), stack[140][0].astype(int)  # cat and person later
    assert (np.abs(late - early) > 100).sum() > 50


def test_spec_reaches_the_sensor():
    sensor = open_sim("sim:seed=3,leak=off,shape=48x64,fps=5,seconds=2,movers=off")
    assert (sensor.seed, sensor.leak, sensor.shape, sensor.fps) == (3, False, (48, 64), 5.0)
    assert sensor.n_frames == 10
    assert open_sim("sim:").shape == (480, 640)


WRONG = "sed=3 seed=x shape=12 leak=perhaps fps=0 shape=2x2 seconds=-1 rate=nan"

NAMED = {"sed=3": "known are seed, shape", "shape=2x2": "picture of 2x2"}


@pytest.mark.parametrize("words", WRONG.split())
def test_wrong_specs_are_one_sentence(words):
    with pytest.raises(UsageError, match=NAMED.get(words, words.partition("=")[0])):
        open_sim(f"sim:{words}")
