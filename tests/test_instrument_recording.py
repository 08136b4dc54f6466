# SPDX-License-Identifier: Apache-2.0
"""What the instrument records is what it saw: replayed, it gives the same answers."""

import gc
import tracemalloc

import numpy as np
import pytest
from instrument_rig import Rig, small_config
from recorder_bench import until

from edgeleak.calibration.container import read as read_calibration
from edgeleak.instrument import Options
from edgeleak.pipeline import Pipeline
from edgeleak.services.health import State
from edgeleak.sources import open_source


@pytest.fixture
def recorded(tmp_path):
    """(rig, file): a button press recorded some seconds while detecting."""
    rig = Rig(tmp_path, options=Options(), config=small_config(tmp_path))
    pictures = {}

    def keep(info, note=rig.instrument.path.on_frame):
        note(info)
        pictures[info.sequence] = rig.instrument.pipeline.counts.copy()

    rig.instrument.path.on_frame = keep
    rig.run_to(State.DETECTING).run_s(2)
    press(rig, 1.5)
    rig.run_s(6)
    press(rig, 1.5)
    rig.run_s(0.2)
    assert not rig.instrument.recorder.is_recording
    folder = tmp_path / "recordings"
    until(rig.instrument.recorder.said, lambda: list(folder.glob("*.mcap")), "a finished file")
    rig.instrument.shutdown()
    return rig, next(folder.glob("*.mcap")), pictures


def press(rig, for_s):
    rig.plant.set_input("button", True)
    rig.run_s(for_s)
    rig.plant.set_input("button", False)
    rig.run_s(0.1)


def test_a_replay_gives_the_same_pictures(recorded):
    rig, path, pictures = recorded
    calibration = read_calibration(path.with_suffix(".elcal"))
    assert calibration.nuc_id == rig.instrument.nuc.status.nuc_id
    infos = {info.sequence: info for info in rig.infos}
    with open_source(path) as source:
        assert source.sensor.sees_methane
        pipeline = Pipeline(source.shape, fps=source.fps, calibration=calibration,
                            sensor=source.sensor)  # fmt: skip
        sequences, same = [], 0
        for counts, info in source:
            sequences.append(info.sequence)
            assert info == infos[info.sequence]
            pipeline.step(counts, info)
            if info.nuc_id == calibration.nuc_id:
                np.testing.assert_array_equal(pipeline.counts, pictures[info.sequence])
                same += 1
    assert same > 60
    assert sequences == list(range(sequences[0], sequences[-1] + 1)), "no frame is missing"
    assert len(sequences) >= 50 + 60, "five seconds before the press"
    assert rig.instrument.recorded().lost == 0


FIRMWARE = [tracemalloc.Filter(True, f"*/src/edgeleak/{part}")
            for part in ("services/*", "pipeline/*", "drivers/*", "control/*",
                         "loop.py", "instrument.py")]  # fmt: skip


def taken():
    """What the firmware holds; the interpreter's own reserve of tuples, up to 2,000, is let go."""
    gc.collect()
    return tracemalloc.take_snapshot().filter_traces(FIRMWARE)


def test_the_firmware_keeps_nothing_of_a_frame(tmp_path):
    """Live memory of our own layers stays flat over 400 frames, the ring included."""
    rig = Rig(tmp_path, options=Options(recorder=()), config=small_config(tmp_path))
    rig.instrument.path.on_frame = None
    rig.run_to(State.DETECTING).run_s(5)
    tracemalloc.start()
    rig.run_s(20)  # windows of the interlock fill up
    before = taken()
    rig.run_s(40)
    after = taken()
    tracemalloc.stop()
    rig.instrument.shutdown()
    grown = sum(row.size_diff for row in after.compare_to(before, "filename"))
    assert grown < 400 * 8, after.compare_to(before, "lineno")[:5]
