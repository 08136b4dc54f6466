# SPDX-License-Identifier: Apache-2.0
"""Pictures of a calibration say what the numbers say, with units."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.calibration import solve
from edgeleak.calibration.frame_statistics import measure
from edgeleak.calibration.report import pages, write_report
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
        for axes in figure.axes:
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
    assert len(images) == 2
    assert images[0].get_clim() == images[1].get_clim()
    assert images[1].get_array().std() < images[0].get_array().std() / 10


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
