# SPDX-License-Identifier: Apache-2.0
"""Pictures of a calibration say what the numbers say, with units."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.calibration import solve
from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.maps import offset_uniformity_counts
from edgeleak.calibration.model import Kind
from edgeleak.calibration.report import _in_mk, pages, write_report
from edgeleak.errors import DataError

UNITS = ("(counts)", "(%)", "(mK)", "(pixel)", "(degC)", "pixels")


@pytest.fixture(scope="module")
def made():
    sensor = LinearSensor(1)
    frames = sensor.frames(5200, 24)
    frames[:, 5, 6] = 9000
    cold = sensor.frames(4600, 24)
    cold[:, 5, 6] = 9000
    calibration = solve.two_point(measure(cold), measure(frames), 20, 30)
    return calibration, SimpleNamespace(
        name="hot.npz", frames=frames, temps_degc=np.full(24, np.nan)
    )


def test_every_axis_and_colour_bar_has_its_unit(made, calibration):
    shown = pages(made[0], [made[1]]) + pages(calibration)
    assert [name for name, _, _ in shown[:5]] == [
        "offset_uniformity", "response_uniformity", "netd", "residual_1", "bad_pixels",
    ]  # fmt: skip
    for _, _, figure in shown:
        for axes in (axes for axes in figure.axes if axes.axison):
            labels = [label for label in (axes.get_xlabel(), axes.get_ylabel()) if label]
            assert labels
            assert all(label.endswith(UNITS) for label in labels), labels


def test_bad_pixel_map_marks_exactly_the_table(calibration):
    figure = {name: f for name, _, f in pages(calibration)}["bad_pixels"]
    marks = np.concatenate([c.get_offsets() for c in figure.axes[0].collections])
    indices = sorted(int(y) * calibration.shape[1] + int(x) for x, y in marks)
    assert indices == calibration.bad_pixels[:, 0].tolist()
    legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert legend == ["stuck: 1", "flickering: 1"]


def test_before_and_after_share_one_scale(made):
    figure = {name: f for name, _, f in pages(made[0], [made[1]])}["residual_1"]
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 3
    assert images[0].get_clim() == images[1].get_clim()
    assert images[2].get_clim()[1] < images[1].get_clim()[1] / 5  # the small rest is seen, too
    np.testing.assert_array_equal(images[2].get_array(), images[1].get_array())
    assert images[1].get_array().std() < images[0].get_array().std() / 10


def test_histogram_has_the_spread_of_title_and_table(made):
    calibration, _ = made
    caption, figure = {name: (c, f) for name, c, f in pages(calibration)}["offset_uniformity"]
    notes = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    std = float(re.search(r"std ([\d.]+)", caption)[1])
    assert f"std {std:.3g}" in notes
    values = offset_uniformity_counts(calibration)
    assert std == pytest.approx(values[~calibration.bad_mask].std(), abs=0.01)
    assert "1 pixels" not in notes


def test_only_a_scene_says_that_its_detail_stays(made):
    calibration, hot = made
    for kind, says in ((Kind.SCENE, "not uniform"), (Kind.ONE_POINT, "the honest one")):
        shown = pages(replace(calibration, kind=kind), [hot])
        assert says in {name: caption for name, caption, _ in shown}["residual_1"]


def test_bad_pixels_alone_have_no_map_of_offsets(made):
    stack = measure(made[1].frames)
    names = [name for name, _, _ in pages(solve.bad_pixels_only(stack))]
    assert "offset_uniformity" not in names
    assert "bad_pixels" in names


@pytest.mark.parametrize(
    ("counts", "said"), [(3.0, " = 50.0 mK"), (192.0, " = 3.20 K"), (np.nan, "")]
)
def test_large_figures_are_in_kelvin(made, counts, said):
    assert _in_mk(counts, replace(made[0], response_counts_per_k=60.0)) == said


def test_page_is_whole_and_needs_no_network(made, tmp_path):
    page = write_report(tmp_path / "new" / "report", made[0], [made[1]])
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 5
    assert len(list(page.parent.glob("*.png"))) == 5
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "counts/K" in text
    assert "mK" in text


def test_frames_of_another_size_are_refused(made, tmp_path):
    other = SimpleNamespace(name="x", frames=np.zeros((2, 3, 3)), temps_degc=np.zeros(2))
    with pytest.raises(DataError, match="same sensor"):
        write_report(tmp_path, made[0], [other])
