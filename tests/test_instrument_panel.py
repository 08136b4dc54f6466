# SPDX-License-Identifier: Apache-2.0
"""The button of the whole instrument on the plant: what each press leaves behind."""

import numpy as np
import pytest
from instrument_rig import Rig, small_config
from recorder_bench import frames_in, until

from edgeleak.calibration.container import read as read_calibration
from edgeleak.instrument import Options
from edgeleak.pipeline import Pipeline
from edgeleak.services.health import State
from edgeleak.sim.faults import LineRefused
from edgeleak.sources import open_source


class Pressed(Rig):
    """An instrument with its recorder process that remembers each frame and each press.

    raw, shown : counts of a frame by its number, as they came and corrected
    at_press   : (what the log said, number of the newest frame)
    """

    def __init__(self, folder):
        self.raw, self.shown, self.at_press = {}, {}, []
        super().__init__(folder, options=Options(), config=small_config(folder))

    def _note(self, info):
        super()._note(info)
        if self.state is State.DETECTING:
            self.raw[info.sequence] = self.instrument.recorder.ring.newest().copy()
            self.shown[info.sequence] = self.instrument.pipeline.counts.copy()

    def _said(self, line):
        super()._said(line)
        if line.startswith("BUTTON"):
            self.at_press.append((line, self.infos[-1].sequence))

    def press(self, for_s):
        self.plant.set_input("button", True)
        self.run_s(for_s)
        self.plant.set_input("button", False)
        return self.run_s(0.3)

    def files(self, count):
        """That many finished recordings."""
        folder = self.folder / "recordings"
        until(self.instrument.recorder.said, lambda: len(list(folder.glob("*.mcap"))) >= count,
              f"{count} files")  # fmt: skip
        return sorted(folder.glob("*.mcap"))


@pytest.fixture
def rig(tmp_path):
    made = Pressed(tmp_path).run_to(State.DETECTING).run_s(2)
    yield made
    made.instrument.shutdown()


def test_a_short_press_writes_the_picture_of_that_moment(rig):
    rig.press(0.3)
    ((said, sequence),) = rig.at_press
    assert said == "BUTTON snapshot"
    (path,) = rig.files(1)
    ((raw, info),) = frames_in(path)
    assert info.sequence == sequence
    np.testing.assert_array_equal(raw, rig.raw[sequence])
    with open_source(path) as source:
        pipeline = Pipeline(source.shape, fps=source.fps, sensor=source.sensor,
                            calibration=read_calibration(path.with_suffix(".elcal")))  # fmt: skip
        pipeline.step(*next(iter(source)))
    np.testing.assert_array_equal(pipeline.counts, rig.shown[sequence])
    assert not rig.instrument.recorder.is_recording
    assert rig.state is State.DETECTING


@pytest.mark.parametrize(("held_s", "asked"), [
    (0.9, "snapshot"), (1.1, "record"), (2.9, "record"), (3.1, "nuc"), (9.9, "nuc"), (10.2, ""),
])  # fmt: skip
def test_the_length_of_a_press_decides_what_happens(rig, held_s, asked):
    rig.press(held_s)
    assert [said for said, _ in rig.at_press] == ([f"BUTTON {asked}"] if asked else [])
    assert rig.instrument.recorder.is_recording is (asked == "record")
    if asked == "snapshot":
        rig.files(1)
    elif asked == "nuc":
        rig.run_to(State.NUC, most_s=2).run_to(State.DETECTING, most_s=10)
    correction = rig.instrument.nuc.status
    assert (correction.taken, correction.why) == ((2, "button") if asked == "nuc" else (1, "start"))
    assert rig.state is State.DETECTING


def test_a_recording_by_button_while_an_led_fails(rig):
    rig.plant.inject(LineRefused(line="status_green"))
    rig.run_s(0.5)
    first = rig.infos[-1].sequence
    rig.press(1.5).run_s(3).press(1.5)
    assert [said for said, _ in rig.at_press] == ["BUTTON record"] * 2
    (path,) = rig.files(1)
    found = [info.sequence for _, info in frames_in(path)]
    assert found == list(range(found[0], found[-1] + 1))
    assert found[0] < first < found[-1] - 30
    assert rig.instrument.panel.errors > 0
    assert rig.state is State.DETECTING
    assert rig.instrument.failure is None
