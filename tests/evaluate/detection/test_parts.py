# SPDX-License-Identifier: Apache-2.0
"""Parts of the evaluation on small inputs: truth of drawn plumes, labels, ablation, the command."""

import argparse
import json

import numpy as np
import pytest

from edgeleak.app import main
from edgeleak.errors import DataError
from edgeleak.evaluate.detection import ablation, cost, plume, report
from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.grid import BACKDROPS, cells_of
from edgeleak.evaluate.detection.methane import read_labels, spans
from edgeleak.evaluate.detection.scenes import FIRST_TEST_SEED
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.detection.thresholds import SEEDS
from edgeleak.pipeline import stages
from edgeleak.pipeline.rules import knowledge
from edgeleak.sim.scene.family import SPLITS

SHAPE, FPS, SIGMA = (48, 64), 9.0, 3.0


@pytest.fixture(scope="module")
def noisy():
    def shots():
        rng = np.random.default_rng(5)
        for _ in range(63):
            yield Shot(np.rint(1000 + rng.normal(0, SIGMA, SHAPE)).astype(np.uint16), None)

    return Clip("noisy", SHAPE, FPS, 14, 63, shots)


def test_noise_of_a_clip_is_measured(noisy):
    assert plume.local_noise(noisy, np.ones(SHAPE, bool)) == pytest.approx(SIGMA, rel=0.05)


def test_a_drawn_plume_has_its_contrast_and_its_truth(noisy):
    drawn = plume.with_plume(noisy, 8.0, seed=11)
    pairs = list(zip(noisy.shots(), drawn.shots(), strict=True))
    first = round(plume.START_S * FPS)
    assert all((a.pixels == b.pixels).all() and not b.truth.any() for a, b in pairs[:first])
    added = np.mean([b.pixels.astype(float) - a.pixels for a, b in pairs[first:]], axis=0)
    added *= plume.sign_of(11)
    strongest = added.max()  # the cap on puffs takes some of the mean
    assert 0.5 * 8 * SIGMA < strongest < 2.0 * 8 * SIGMA
    truth = np.mean([b.truth for _, b in pairs[first:]], axis=0)
    assert added[truth > 0.8].mean() > 8 * added[truth == 0].mean()


@pytest.mark.parametrize("part", [-1.3, -0.5, 0.07, 0.4, 2.9])
def test_parts_of_a_count_are_right_on_average_and_noise_is_as_stated(rng, part):
    pixels, added = np.full((400, 400), 3000, np.uint16), np.full((400, 400), part)
    change = plume.dithered(pixels, added, rng, 16383).astype(float) - 3000
    rest = part % 1
    assert change.mean() == pytest.approx(part, abs=5 * 0.5 / 400)
    assert change.std() == pytest.approx((rest * (1 - rest)) ** 0.5, rel=0.02)
    assert set(change.ravel()) == {np.floor(part), np.floor(part) + 1}


def test_where_nothing_is_drawn_the_recorded_counts_stay(rng):
    pixels = rng.integers(0, 16384, SHAPE).astype(np.uint16)
    added = np.zeros(SHAPE)
    added[:, 40:] = 0.5
    drawn = plume.dithered(pixels, added, rng, 16383)
    np.testing.assert_array_equal(drawn[:, :40], pixels[:, :40])
    assert (drawn[:, 40:] != pixels[:, 40:]).any()
    assert (plume.dithered(pixels, -9e4 * np.ones(SHAPE), rng, 16383) == 0).all()


def test_a_plume_below_half_a_count_is_there_all_the_same():
    """Rounding hid it: noise of 0.3 counts."""

    def shots():
        rng = np.random.default_rng(6)
        for _ in range(90):
            yield Shot(np.rint(1000 + rng.normal(0, 0.3, SHAPE)).astype(np.uint16), None)

    quiet = Clip("quiet", SHAPE, FPS, 14, 90, shots)
    drawn = plume.with_plume(quiet, 1.0, seed=11)
    first = plume.first_frame(quiet)
    pairs = list(zip(quiet.shots(), drawn.shots(), strict=True))[first:]
    changes = np.array([b.pixels.astype(float) - a.pixels for a, b in pairs])
    meant = [added for _, (added, _) in zip(pairs, plume.drawn_fields(quiet, 1.0, 11, "frame"),
                                            strict=False)]  # fmt: skip
    assert np.abs(meant).max() < 1
    body = np.abs(np.mean(meant, axis=0)) > 0.1
    assert changes[:, body].mean() == pytest.approx(np.array(meant)[:, body].mean(), rel=0.05)
    assert 0.2 < plume.dither_noise(quiet, 1.0, 11, "frame") < 0.5


def test_a_seed_draws_the_same_plume_twice(noisy):
    one, two = (list(plume.with_plume(noisy, 4.0, 12).shots())[-1] for _ in range(2))
    np.testing.assert_array_equal(one.pixels, two.pixels)


def test_labels_say_what_was_released(tmp_path):
    path = tmp_path / "labels.csv"
    rows = [("", 1), ("0.3", 1), ("0.3", 0), ("16.8", 1), ("16.8", 0)]
    lines = [f"{i},0,{scfh},5,{guard}" for i, (scfh, guard) in enumerate(rows)]
    path.write_text("second,class,scfh,approx_g_ch4_per_h,guard\n" + "\n".join(lines))
    labels = read_labels(path, 5)
    assert labels.levels == (0.3, 16.8)
    assert list(np.flatnonzero(labels.quiet)) == [2]
    assert labels.begins(16.8) == 3
    with pytest.raises(DataError, match="5 labels for 6 frames"):
        read_labels(path, 6)


def test_spans_are_short():
    assert spans(np.array([0, 1, 2, 7])) == "0-2, 7"
    assert spans(np.array([], int)) == "none"


def test_thresholds_and_tables_share_no_scene():
    """Other generator, other backdrops, and no seed of the training or validation split."""
    assert "yard" not in BACKDROPS
    assert SPLITS["validate"][1] <= FIRST_TEST_SEED
    assert max(SEEDS) < FIRST_TEST_SEED
    assert len(set(cells_of(False))) == len(cells_of(False))


def test_every_variant_differs_and_leaves_the_pipeline_as_it_was(rng):
    variants = ablation.variants()
    assert len({v.parameters for v in variants}) == len(variants) > 12
    usual = stages.kernels
    rows, columns = np.indices(SHAPE)
    still = 3000 + 200 * np.sin(columns / 5) * np.cos(rows / 4) + rng.normal(0, 3, SHAPE)
    frames = [np.rint(still + 20 * i).astype(np.uint16) for i in range(3)]
    footing = ablation.Footing(SHAPE, FPS, 14)
    chosen = {v.key: v.make(footing) for v in variants}
    for frame in frames:
        for runner in chosen.values():
            runner.step(frame, None)
            assert stages.kernels is usual
    rules = {f"without rule {name}" for name, rule in knowledge().items() if rule.switch}
    assert rules < set(chosen)
    assert not chosen["without registration"].pipeline._stage.registration.is_on
    level = chosen["without level of the frame"].pipeline.verdict.level_counts
    assert level == 0
    assert abs(chosen["sensitive"].pipeline.verdict.level_counts) > 5


def test_cost_says_where_it_cannot_count(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "TOOL", tmp_path / "none.py")
    part = cost.cost(tmp_path, quick=True)
    assert not part.tables
    assert "run from a checkout" in part.notes[0]


def test_a_page_names_missed_goals_first_and_holds_its_plots(tmp_path):
    table = Table("shares", ["method", "found"])
    table.add(["sensitive", "1 of 2"], method="sensitive", found=float("nan"))
    plot = tmp_path / "curve.png"
    plot.write_bytes(b"png")
    part = Part("x", "(x) Something", "about", [table], [judged("all found", False, "1 of 2")])
    part.plots, part.blind = [plot], ["the rest"]
    args = argparse.Namespace(page=tmp_path / "docs" / "page.md", part=["cost"], quick=True)
    report.write_page(args, [part])
    page = args.page.read_text()
    assert page.index("Missed goals") < page.index("(x) Something")
    assert "--part cost --quick" in page
    assert "| sensitive | 1 of 2 |" in page
    assert "Not shown here" in page
    assert (args.page.parent / "pictures" / "detection-curve.png").read_bytes() == b"png"


def test_a_missing_folder_is_one_clear_error(tmp_path, capsys):
    code = main(["evaluate", "detection", "--part", "methane", "--data", str(tmp_path / "none"),
                 "--out", str(tmp_path / "out"), "--method", "ema", "--quick"])  # fmt: skip
    assert code == 66
    said = capsys.readouterr().err.strip()
    assert "no folder of recordings" in said
    assert "--data" in said
    assert len(said.splitlines()) == 1


def test_an_incomplete_folder_names_what_it_lacks(tmp_path, capsys):
    (tmp_path / "lepton-clips-160x120").mkdir()
    code = main(["evaluate", "detection", "--part", "clips", "--data", str(tmp_path), "--method",
                 "ema", "--out", str(tmp_path / "out")])  # fmt: skip
    assert code == 66
    assert "lacks methane-1fps-320x240" in capsys.readouterr().err


def test_json_is_one_document_without_nan(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cost, "TOOL", tmp_path / "none.py")
    code = main(["evaluate", "detection", "--part", "cost", "--json", "--quick", "--method", "ema",
                 "--out", str(tmp_path)])  # fmt: skip
    assert code == 0
    facts = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert [part["part"] for part in facts["parts"]] == ["cost"]
    assert facts == json.loads((tmp_path / "report.json").read_text())
