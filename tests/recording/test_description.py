# SPDX-License-Identifier: Apache-2.0
"""The description at the head of a recording: damage shows, older ones still read."""

import dataclasses
import json

import numpy as np
import pytest

from edgeleak.errors import DataError, MissingInputError
from edgeleak.frame import FrameInfo
from edgeleak.recording import Writer, layout, recover
from edgeleak.sensor import EL640, LEPTON, UNKNOWN, SensorInfo
from edgeleak.sources import open_source

SHAPE = (8, 8)


def record(path, **more):
    with Writer(path, SHAPE, 10.0, EL640, serial="7", config={"a": 1}, **more) as writer:
        for i in range(2):
            writer.write(np.full(SHAPE, i, np.uint16), FrameInfo(i))
    return path


def record_without_sum(path, monkeypatch):
    """As recordings were before the description had a check sum."""
    whole = Writer._facts

    def older(self, *given):
        return {k: v for k, v in whole(self, *given).items() if k != layout.CHECK_SUM}

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_facts", older)
        return record(path)


def test_no_flipped_bit_changes_what_is_known_unseen(tmp_path):
    data = record(tmp_path / "a.mcap").read_bytes()
    begin, end = data.index(b"edgeleak", 40), data.index(b"edgeleak.Frame")
    bad_path, silent = tmp_path / "bad.mcap", []
    for at in range(begin, end):
        for bit in (1, 4):
            bad = bytearray(data)
            bad[at] ^= bit
            bad_path.write_bytes(bad)
            try:
                source = open_source(bad_path)
            except DataError:
                continue
            known = (source.fps, source.sensor, source.bits)
            if source.damage is None and known != (10.0, EL640, 14):
                silent.append((at, known))
    assert silent == []


def test_damaged_description_says_so_and_keeps_the_frames(tmp_path):
    data = record(tmp_path / "a.mcap").read_bytes()
    (tmp_path / "bad.mcap").write_bytes(data.replace(b"10.0", b"11.0"))
    source = open_source(tmp_path / "bad.mcap")
    assert (source.fps, source.sensor) == (None, UNKNOWN)
    assert "description is damaged" in source.damage
    assert sum(1 for _ in source) == 2


def test_recording_without_check_sum_is_believed(tmp_path, monkeypatch):
    source = open_source(record_without_sum(tmp_path / "old.mcap", monkeypatch))
    assert layout.CHECK_SUM not in source.metadata
    assert (source.fps, source.sensor, source.damage) == (10.0, EL640, None)


@pytest.mark.parametrize(("old", "new"), [(b'{"a": 1}', b'!"a": 1}'), (b'{"a": 1}', b'["a", 1]')])
def test_recover_copes_with_a_damaged_config(tmp_path, monkeypatch, old, new):
    data = record_without_sum(tmp_path / "old.mcap", monkeypatch).read_bytes()
    (tmp_path / "bad.mcap").write_bytes(data.replace(old, new))
    assert recover(tmp_path / "bad.mcap", tmp_path / "out.mcap") == 2
    facts = open_source(tmp_path / "out.mcap").metadata
    assert (facts["config"], facts["serial"]) == ("{}", "7")


def test_recover_keeps_a_whole_config_and_its_sum_is_right(tmp_path):
    recover(record(tmp_path / "a.mcap"), tmp_path / "out.mcap")
    source = open_source(tmp_path / "out.mcap")
    assert json.loads(source.metadata["config"]) == {"a": 1}
    assert (source.damage, source.metadata["recovered_from"]) == (None, "a.mcap")


def test_recover_names_what_is_no_recording(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"hello")
    for name, error in (("a.txt", DataError), ("none.mcap", MissingInputError), ("", DataError)):
        with pytest.raises(error, match=str(tmp_path)):
            recover(tmp_path / name, tmp_path / "out.mcap")
    assert not list(tmp_path.glob("out*"))


def test_every_fact_of_a_sensor_is_kept():
    """Fails when SensorInfo gets a field that the layout does not know."""
    other = SensorInfo("twelve", (3.1, 3.5), True, 4095, True)
    for field in dataclasses.fields(SensorInfo):
        assert getattr(other, field.name) != getattr(UNKNOWN, field.name), field.name
    for sensor in (other, EL640, LEPTON):
        assert layout.sensor_from_json(layout.sensor_to_json(sensor)) == sensor
    assert repr(layout.sensor_from_json(layout.sensor_to_json(UNKNOWN))) == repr(UNKNOWN)


@pytest.mark.parametrize("sensor", [EL640, LEPTON])
def test_older_recordings_get_the_facts_of_the_sensor_of_that_name(sensor):
    facts = json.loads(layout.sensor_to_json(sensor))
    del facts["top_counts"], facts["is_corrected"]
    assert layout.sensor_from_json(json.dumps(facts)) == sensor


@pytest.mark.parametrize("top", ["0", "99999", "1e3", "true", '"x"', "null"])
def test_an_impossible_top_is_an_unknown_sensor(top):
    text = layout.sensor_to_json(EL640).replace("16383", top)
    assert layout.sensor_from_json(text) is UNKNOWN


def test_damaged_sensor_never_says_no_gas():
    text = layout.sensor_to_json(EL640)
    assert layout.sensor_from_json(text) == EL640
    for wrong in ("[3.0, 2.0]", "[0, 0]", "[8.0, 14.0]", "[null, 3.4]", '["x", 3.4]'):
        found = layout.sensor_from_json(text.replace("[3.2, 3.4]", wrong))
        assert not found.sees_methane, wrong
