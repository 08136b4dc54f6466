# SPDX-License-Identifier: Apache-2.0
"""Mappings, and the measures on cases whose answer is known."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from edgeleak.evaluate.contrast.claims import STATEMENTS, judge, mean_table
from edgeleak.evaluate.contrast.comparison import Conditions, all_mappings, compare_still
from edgeleak.evaluate.contrast.mapping import histogram_of, percent_points
from edgeleak.evaluate.contrast.measures import entropy_bits, rank_distortion
from edgeleak.evaluate.contrast.plume import contrast_to_noise, make_plume, noisy_pair
from edgeleak.evaluate.contrast.report import MEASURE_COLUMNS, as_json, write_report
from edgeleak.evaluate.contrast.stills import Still, recorded_still, sequence_still

MONOTONE = ("linear", "log", "plateau", "equalise", "he-log")


@pytest.fixture(scope="module")
def still(drawn):
    return sequence_still(drawn["contrast-change"])


@pytest.fixture(scope="module")
def result(still):
    pytest.importorskip("cv2")
    return compare_still(still, Conditions(), rounds=1)


def test_every_mapping_gives_levels_of_the_same_shape(result, still):
    keys = [m.mapping.key for m in result.mappings]
    assert len(set(keys)) == len(keys)
    for m in result.mappings:
        assert (m.grey.dtype, m.grey.shape) == (np.uint8, still.counts.shape), m.mapping.label


def test_global_mappings_keep_the_order_and_ahe_does_not(result):
    for m in result.mappings:
        if m.mapping.key.startswith(MONOTONE) and not m.mapping.key.startswith("log-clahe"):
            assert m.discordant == 0, m.mapping.label
    assert result.mapping("ahe").discordant > 0.02


def test_input_is_left_alone(still):
    before = still.counts.copy()
    for mapping in all_mappings(with_opencv=False):
        mapping.apply(still.counts)
    np.testing.assert_array_equal(still.counts, before)


def test_entropy_of_known_pictures():
    assert entropy_bits(np.zeros((4, 4), np.uint8)) == 0
    assert entropy_bits(np.arange(256, dtype=np.uint8)) == 8
    assert entropy_bits(np.array([0, 0, 9, 9], np.uint8)) == 1


def test_rank_distortion_of_known_pictures(rng):
    counts = rng.permutation(4096).reshape(64, 64).astype(np.uint16)
    rising = (counts >> 4).astype(np.uint8)
    discordant, tied = rank_distortion(counts, rising)
    assert discordant == 0
    assert tied == pytest.approx(15 / 4095, rel=0.2)
    assert rank_distortion(counts, 255 - rising)[0] == pytest.approx(1 - 15 / 4095, abs=0.002)
    half_wrong = rng.permutation(rising.ravel()).reshape(64, 64)
    assert rank_distortion(counts, half_wrong)[0] == pytest.approx(0.5, abs=0.05)
    assert np.isnan(rank_distortion(np.ones_like(counts), rising)[0])


def test_plume_is_beer_lambert_and_linear_in_dt():
    weak, strong = make_plume((60, 80), 0.25, 57.3), make_plume((60, 80), -0.5, 57.3)
    np.testing.assert_allclose(strong.contrast_counts, -2 * weak.contrast_counts, rtol=1e-5)
    most = 57.3 * 0.25 * (1 - np.exp(-1))
    assert 0.7 * most < weak.contrast_counts.max() <= most
    assert weak.core.any()
    assert weak.outside.any()
    assert not (weak.core & weak.outside).any()


def test_contrast_to_noise_in_counts_is_the_expected_one():
    plume = make_plume((240, 320), 0.25, 57.3)
    pair = noisy_pair(np.full((240, 320), 6000, np.uint16), plume, 3.0, seed=1)
    expected = plume.contrast_counts[plume.core].mean() / np.hypot(3 * np.sqrt(2), 0.41)
    assert contrast_to_noise(*pair, plume) == pytest.approx(expected, rel=0.05)


def test_contrast_to_noise_ignores_a_shift_of_the_whole_picture():
    plume = make_plume((60, 80), 0.25, 57.3)
    without, with_plume = noisy_pair(np.full((60, 80), 100, np.uint16), plume, 3.0, seed=1)
    there = contrast_to_noise(without, with_plume, plume)
    assert contrast_to_noise(without, with_plume + 40, plume) == pytest.approx(there)
    assert np.isnan(contrast_to_noise(without, without, plume))


def test_percent_points_survive_a_flat_picture():
    low, high = percent_points(histogram_of(np.zeros((5, 7), np.uint16)))
    assert (low, high) == (1, 2)
    low, high = percent_points(histogram_of(np.full((5, 7), 16383, np.uint16)))
    assert (low, high) == (16382, 16383)


@pytest.mark.parametrize("level", [0, 5000, 16383])
def test_flat_pictures_map_without_failing(level):
    flat = Still("flat", "made here", np.full((16, 24), level, np.uint16))
    found = compare_still(flat, Conditions(noise_counts=0), with_opencv=False, rounds=1)
    assert all(np.unique(m.grey).size == 1 for m in found.mappings)


def test_recording_gives_frame_100_or_the_last(tmp_path):
    stack = np.arange(120, dtype=np.uint16)[:, None, None] + np.zeros((120, 9, 10), np.uint16)
    np.save(tmp_path / "long.npy", stack)
    np.save(tmp_path / "short.npy", stack[:30])
    assert (recorded_still(tmp_path / "long.npy").counts == 99).all()
    short = recorded_still(tmp_path / "short.npy")
    assert (short.counts == 29).all()
    assert short.note.startswith("frame 30 ")


def test_csv_and_json_hold_every_mapping(result, tmp_path):
    paths = write_report([result], judge([result]), tmp_path, with_figures=False)
    with paths[0].open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == MEASURE_COLUMNS
    assert [row["method"] for row in rows] == [m.mapping.key for m in result.mappings]
    with paths[1].open() as file:
        pixels = [int(r["pixels"]) for r in csv.DictReader(file) if r["method"] == "linear"]
    assert sum(pixels) == result.still.counts.size
    assert len(as_json([result], judge([result]), paths)["pictures"][0]["methods"]) == len(rows)


def test_every_statement_is_judged_and_the_means_are_means(result):
    claims = judge([result, result])
    assert len(claims) == len(STATEMENTS)
    assert all(len(claim.numbers) == 2 for claim in claims)
    row = next(
        line for line in mean_table([result, result]).splitlines() if "CLAHE 8x8, clip 2" in line
    )
    share = 100 * result.mapping("clahe-8x8-2").cnr / result.counts_cnr
    assert float(row.split("|")[2]) == pytest.approx(share, abs=0.5)


@pytest.mark.parametrize(("share", "verdict"), [(0.3, "confirmed"), (0.7, "denied")])
def test_too_dark_is_judged_by_what_is_kept(result, share, verdict):
    dark = replace(result.mapping("linear-full"), cnr=share * result.counts_cnr)
    changed = [dark if m.mapping.key == "linear-full" else m for m in result.mappings]
    assert judge([replace(result, mappings=changed)])[0].verdict == verdict
