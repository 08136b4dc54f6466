# SPDX-License-Identifier: Apache-2.0
"""PSNR by hand, the two references, claims on curves whose answer is known, the tables."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from edgeleak.errors import DataError
from edgeleak.evaluate.background.claims import end_level_db, judge, settling_frame
from edgeleak.evaluate.background.comparison import compare_sequence
from edgeleak.evaluate.background.report import COST_COLUMNS, PSNR_COLUMNS, write_report
from edgeleak.evaluate.background.scoring import make_references, psnr_db, split_frames

N = 40


@pytest.fixture(scope="module")
def results(drawn):
    return [r for s in drawn.values() for r in compare_sequence(s, N, with_opencv=False)]


def test_psnr_by_hand():
    # mean square error (9 + 16) / 2 = 12.5: 10 log10(255^2 / 12.5) = 37.1617 dB
    value = psnr_db(np.array([[13.0, 20.0]]), np.array([[10, 24]], np.uint8), 255)
    assert value == pytest.approx(37.1617, abs=1e-4)
    # off by one count everywhere, 14 bits: 20 log10(16383)
    flat = np.zeros((3, 4), np.uint16)
    assert psnr_db(flat + 1.0, flat, 16383) == pytest.approx(20 * math.log10(16383))
    assert psnr_db(flat, flat, 16383) == math.inf


def test_split_is_the_papers_and_shrinks_in_proportion():
    assert split_frames(1483) == split_frames(1000)
    full = split_frames(1000)
    assert (full.n_scored, full.n_paper, full.n_total) == (400, 500, 1000)
    short = split_frames(94)
    assert short.n_scored < short.n_paper < short.n_total <= 94
    with pytest.raises(DataError, match="too few"):
        split_frames(4)


def test_references_are_the_means_they_claim(constant):
    _, sequence = constant(14, 100)
    frames = [np.full(sequence.shape, i, np.uint16) for i in range(100)]
    counted = replace(sequence, frames=lambda: iter(frames))
    split = split_frames(100)
    found = make_references(counted, split)
    assert (found.paper == np.mean(range(split.n_paper))).all()
    assert (found.unseen(0) == np.mean(range(split.n_paper, split.n_total))).all()
    assert found.unseen_kind == "mean of frames 51-100"


def test_truth_is_the_unseen_reference_where_it_exists(drawn):
    sequence = drawn["contrast-change"]
    found = make_references(sequence, split_frames(1000))
    np.testing.assert_array_equal(found.unseen(149), sequence.truth(149))
    assert np.abs(found.unseen(149) - found.unseen(150)).max() > 50


def test_a_source_that_ends_early_is_an_error(constant):
    _, sequence = constant(8, 100)
    short = replace(sequence, frames=lambda: iter(list(sequence.frames())[:70]))
    with pytest.raises(DataError, match="after 70 of 100"):
        make_references(short, split_frames(100))


def test_average_of_n_frames_gains_as_the_square_root(results):
    still = next(r for r in results if r.sequence.name == "still" and r.domain == "counts")
    curve = still.method("mean").psnr_db["unseen"]
    assert curve[31] - curve[0] == pytest.approx(10 * math.log10(32), abs=0.4)


def test_both_domains_and_all_families_are_compared(results):
    assert [(r.sequence.name, r.domain) for r in results][:2] == [
        ("still", "counts"),
        ("still", "grey"),
    ]
    families = {"mean", "median", "mog-sg", "sigma-delta", "eps-a", "eps-b", "eps-c"}
    assert all(families <= {m.key for m in r.methods} for r in results)
    assert all(m.ns_per_px > 0 for r in results for m in r.methods)


def test_csv_has_its_columns_and_every_frame(results, tmp_path):
    paths = write_report(results, judge(results), tmp_path, with_figures=False)
    with paths[0].open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == PSNR_COLUMNS
    assert len(rows) == sum(len(r.methods) * 2 * N for r in results)
    first = results[0].methods[0].psnr_db["paper"]
    assert float(rows[0]["psnr_db"]) == pytest.approx(first[0], abs=1e-3)
    with paths[1].open() as file:
        assert tuple(next(csv.reader(file))) == COST_COLUMNS


def test_settling_frame_of_a_known_curve():
    curve = np.concatenate([np.linspace(20, 40, 21), np.full(60, 40.0)])
    assert end_level_db(curve) == 40
    assert settling_frame(curve) == 20  # 39 dB at frame 20
    assert settling_frame(np.full(50, 30.0)) == 1


def with_curves(result, curves):
    """*result* with both references replaced for the named methods."""
    methods = [
        replace(m, psnr_db={"paper": curves[m.key], "unseen": curves[m.key]})
        for m in result.methods
        if m.key in curves
    ]
    return replace(result, methods=methods)


@pytest.mark.parametrize(("end_db", "verdict"), [(48.0, "confirmed"), (40.0, "denied")])
def test_approaching_the_average_is_judged_by_3_db(results, end_db, verdict):
    grey = next(r for r in results if r.domain == "grey")
    flat = np.full(N, 50.0)
    curves = {"mean": flat, "eps-c": np.full(N, end_db), "mog-sg": flat - 20}
    claims = {c.claim: c for c in judge([with_curves(grey, curves)])}
    assert claims["the proposed method approaches the average values"].verdict == verdict
    beats = "the proposed method beats the mixture of Gaussians, which rises very slowly"
    assert claims[beats].verdict == "confirmed"


def test_little_memory_counts_every_method(results):
    claims = {c.claim: c for c in judge(results)}
    assert claims["the proposed method requires little memory"].verdict == "confirmed"
    assert any(
        n.startswith("median: 102")
        for n in claims["the proposed method requires little memory"].numbers
    )
