# SPDX-License-Identifier: Apache-2.0
"""Built-in sequences: repeatable, 14-bit, true to their truth, and what their names say."""

from itertools import islice

import numpy as np
import pytest

from edgeleak.evaluate.sequences.built_in import CHANGE_AT, built_in_sequences, objects_cover
from edgeleak.evaluate.sequences.grey import grey_sequence, log_gain, log_table
from edgeleak.evaluate.sequences.recorded import recorded_sequence
from edgeleak.evaluate.sequences.scenery import data_folder, fit, load_scenery, shrink

NAMES = ["still", "noisy", "contrast-change", "moving-objects"]


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_14_bit_and_repeat(drawn, name):
    sequence = drawn[name]
    first = [f.copy() for f in islice(sequence.frames(), 4)]
    again = list(islice(sequence.frames(), 4))
    np.testing.assert_array_equal(first, again)
    assert first[0].dtype == np.uint16
    assert first[0].shape == sequence.shape
    assert max(f.max() for f in first) <= 16383
    assert (first[0] != first[1]).any()


def test_other_seed_other_noise_same_truth(drawn):
    other = built_in_sequences((24, 32), None, seed=4)[0]
    np.testing.assert_array_equal(other.truth(0), drawn["still"].truth(0))
    assert (next(other.frames()) != next(drawn["still"].frames())).any()


@pytest.mark.parametrize(("name", "sigma_counts"), [("still", 3), ("noisy", 41.2)])
def test_noise_is_as_stated(drawn, name, sigma_counts):
    sequence = drawn[name]
    residual = [f - sequence.truth(i) for i, f in enumerate(islice(sequence.frames(), 60))]
    assert np.mean(residual) == pytest.approx(0, abs=sigma_counts / 20)
    assert np.std(residual) == pytest.approx(sigma_counts, rel=0.05)


def test_contrast_halves_at_the_stated_frame(drawn):
    sequence = drawn["contrast-change"]
    assert sequence.events == ((CHANGE_AT + 1, "contrast change"),)
    before, after = sequence.truth(CHANGE_AT - 1), sequence.truth(CHANGE_AT)
    assert after.std() == pytest.approx(before.std() / 2, rel=0.05)


def test_objects_are_warm_move_and_are_not_in_the_truth(drawn):
    sequence = drawn["moving-objects"]
    frame = next(sequence.frames())
    covered = objects_cover(sequence.shape, 0) > 0.9
    assert covered.any()
    assert np.mean(frame[covered] - sequence.truth(0)[covered]) > 100
    assert np.abs(objects_cover((24, 32), 70) - objects_cover((24, 32), 75)).max() > 0.3


def test_grey_domain_is_the_rounded_log_of_the_counts(drawn):
    sequence = drawn["noisy"]
    grey = grey_sequence(sequence)
    counts = next(sequence.frames())
    levels = next(grey.frames())
    exact = log_gain(counts).exact(counts)
    assert levels.dtype == np.uint8
    assert np.abs(levels - exact).max() < 0.75
    assert grey.peak == 255
    assert grey.truth(0) is grey.truth(1)


def test_log_table_falls_back_where_q16_is_too_small():
    narrow = np.arange(8000, 8060, dtype=np.uint16).reshape(6, 10)
    gain = log_gain(narrow, 0, 255)
    assert abs(gain.beta) > 32767
    levels = log_table(gain)[narrow]
    assert levels.min() == 0
    assert levels.max() == 255
    assert (np.diff(levels.ravel().astype(int)) >= 0).all()


def test_scenery_fits_any_shape():
    picture = np.arange(30, dtype=np.float32).reshape(5, 6)
    assert fit(picture, (7, 4)).shape == (7, 4)
    np.testing.assert_array_equal(
        shrink(picture[:4], (2, 3)), [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    )


def test_missing_folder_draws_the_scene(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGELEAK_DATA", str(tmp_path / "none"))
    assert data_folder() is None
    assert not load_scenery(0, (24, 32), None).is_real


def test_real_scenery_is_used_where_it_is(data_dir):
    scenery = load_scenery(1, (240, 320), data_dir)
    assert scenery.is_real
    assert 7000 < np.median(scenery.flat) < 11000
    assert np.abs(np.median(scenery.residue)) <= 1
    assert np.median(np.abs(scenery.residue)) < 4


def test_real_recordings_are_sequences(data_dir):
    methane = recorded_sequence(data_dir / "methane-1fps-320x240")
    assert (methane.bits, methane.shape, methane.n_frames) == (8, (240, 320), 1483)
    clip = recorded_sequence(data_dir / "lepton-clips-160x120" / "bench.npz")
    assert (clip.bits, clip.shape, clip.n_frames) == (14, (120, 160), 257)
    first, again = next(clip.frames()).copy(), next(clip.frames())
    np.testing.assert_array_equal(first, again)
