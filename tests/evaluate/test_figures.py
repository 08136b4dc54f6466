# SPDX-License-Identifier: Apache-2.0
"""Figures carry units and legends, and a method has one colour everywhere."""

import numpy as np
import pytest

from edgeleak.evaluate import prints
from edgeleak.evaluate.background.comparison import background_methods, compare_sequence
from edgeleak.evaluate.background.figures import (
    draw_backgrounds,
    draw_cost,
    draw_psnr,
    swing,
)
from edgeleak.evaluate.colours import METHOD_COLOURS, colour_of
from edgeleak.evaluate.contrast.comparison import Conditions, all_mappings, compare_still
from edgeleak.evaluate.contrast.figures import (
    draw_clahe_grid,
    draw_curves,
    draw_pictures,
    draw_summary,
)
from edgeleak.evaluate.contrast.stills import sequence_still

pytest.importorskip("matplotlib")


@pytest.fixture
def kept(monkeypatch):
    """Figures stay open, so that what is on them can be asked."""
    figures = []
    monkeypatch.setattr(
        "edgeleak.evaluate.prints.load_pyplot",
        lambda: type("Keep", (), {"close": staticmethod(figures.append)}),
    )
    yield figures
    monkeypatch.undo()
    for figure in figures:
        prints.load_pyplot().close(figure)


@pytest.fixture(scope="module")
def grey(drawn):
    chosen = [drawn["still"], drawn["contrast-change"]]
    return [compare_sequence(s, 20, with_opencv=False)[1] for s in chosen]


@pytest.fixture(scope="module")
def still(drawn):
    return compare_still(sequence_still(drawn["noisy"]), Conditions(), False, rounds=1)


def labels_of(figure):
    return " ".join(a.get_xlabel() + " " + a.get_ylabel() for a in figure.axes)


def test_psnr_figure_has_units_legend_and_every_curve(grey, tmp_path, kept):
    path = draw_psnr(grey, tmp_path / "psnr.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    (figure,) = kept
    assert len(figure.axes) == 2 * len(grey)
    assert "dB" in labels_of(figure)
    assert "frame number" in labels_of(figure)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [m.label for m in grey[0].methods]
    curve = figure.axes[0].lines[0]
    assert list(curve.get_ydata()) == list(swing(grey[0].methods[0].psnr_db["paper"])[0])
    assert curve.get_color() == colour_of(grey[0].methods[0].key)


def test_backgrounds_figure_shows_input_and_methods(grey, tmp_path, kept):
    draw_backgrounds(grey, tmp_path / "backgrounds.png")
    titles = [axes.get_title() for axes in kept[0].axes]
    assert titles[0] == "input, frame 20"
    assert any("average" in t and "dB" in t for t in titles)
    assert any("epsilon 1 level" in t for t in titles)


def test_cost_figure_has_units(grey, tmp_path, kept):
    draw_cost(grey[0], tmp_path / "cost.png")
    assert "(ns)" in labels_of(kept[0])
    assert "bytes per pixel" in labels_of(kept[0])


def test_contrast_figures_have_units(still, tmp_path, kept):
    draw_pictures(still, tmp_path / "pictures.png")
    draw_curves(still, tmp_path / "curves.png")
    draw_summary([still, still], tmp_path / "summary.png")
    draw_clahe_grid([still], tmp_path / "grid.png")
    pictures, curves, summary, grid = map(labels_of, kept)
    assert "level (8-bit)" in pictures
    assert "counts (14-bit)" in pictures
    assert "pixels (%)" in pictures
    assert "input (14-bit counts)" in curves
    assert "output (8-bit level)" in curves
    assert "time (ns per pixel)" in summary
    assert "pairs in the wrong order (%)" in summary
    assert "clip limit (times the mean bin)" in grid


def test_same_numbers_give_the_same_file(grey, tmp_path):
    first = draw_psnr(grey, tmp_path / "a.png").read_bytes()
    assert draw_psnr(grey, tmp_path / "b.png").read_bytes() == first


def test_every_method_has_a_colour_of_its_own():
    keys = {m.key for bits in (8, 14) for m in background_methods(bits, with_opencv=False)}
    assert keys <= METHOD_COLOURS.keys()
    assert len({colour_of(k) for k in keys}) == len(keys)
    assert all(colour_of(m.key) != "#555555" for m in all_mappings(with_opencv=False))


def test_a_swinging_curve_is_drawn_as_its_mean_and_its_reach():
    curve = np.r_[np.arange(20.0), np.tile([30.0, 10.0], 40)]
    mean, least, most = swing(curve)
    assert mean[0] == curve[0]  # the rise begins where it begins
    np.testing.assert_allclose(mean[30:], 20.0)
    assert (least[30:].max(), most[30:].min()) == (10.0, 30.0)
