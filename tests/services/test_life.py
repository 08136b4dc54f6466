# SPDX-License-Identifier: Apache-2.0
"""Lifetime counters: few writes, nothing lost that was saved, damaged files named."""

import json

import pytest

from edgeleak import codes
from edgeleak.services.life import SAVE_EVERY_S, LifeCounters

S = 1_000_000_000


def test_counts_survive_a_restart(tmp_path):
    path = tmp_path / "life.json"
    first = LifeCounters(path)
    first.add("tec_hours", 1.5)
    first.add("thermal_cycles", 1, is_urgent=True)
    assert first.save_if_due(0)
    again = LifeCounters(path)
    again.add("tec_hours", 0.5)
    assert again.values() == {"tec_hours": 2.0, "thermal_cycles": 1.0}


def test_writes_every_five_minutes_at_most_unless_asked(tmp_path):
    life, saves = LifeCounters(tmp_path / "life.json"), 0
    for second in range(4 * 300):
        life.add("tec_hours", 1 / 3600)
        saves += life.save_if_due(second * S)
    assert saves == 3
    assert SAVE_EVERY_S == 300
    life.add("thermal_cycles", 1, is_urgent=True)
    assert life.save_if_due(4 * 300 * S)
    assert not life.save_if_due(4 * 300 * S + 1)


def test_nothing_changed_is_nothing_written(tmp_path):
    life = LifeCounters(tmp_path / "life.json")
    assert not any(life.save_if_due(hour * 3600 * S) for hour in range(5))
    assert not (tmp_path / "life.json").exists()


def test_a_refused_write_is_kept_and_tried_again(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    life = LifeCounters(folder / "life.json")
    life.add("tec_hours", 1, is_urgent=True)
    (folder / ".life.json.part").mkdir()  # the temporary file cannot be opened
    assert not life.save_if_due(0)
    assert life.trouble is not None
    (folder / ".life.json.part").rmdir()
    assert life.save_if_due(2 * 3600 * S)
    assert life.trouble is None
    assert LifeCounters(folder / "life.json").values() == {"tec_hours": 1.0}


@pytest.mark.parametrize("text", [
    "", "{", "[]", '{"format": 1}', '{"format": 2, "counters": {}}',
    '{"format": 1, "counters": {"a": "x"}}', '{"format": 1, "counters": {"a": -1}}',
    '{"format": 1, "counters": {"a": NaN}}', '{"format": 1, "counters": [1]}',
])  # fmt: skip
def test_a_damaged_file_is_set_aside_and_counting_begins_at_zero(tmp_path, text):
    path = tmp_path / "life.json"
    path.write_text(text)
    said = []
    life = LifeCounters(path, said.append)
    assert life.values() == {}
    assert str(path) in said[0]
    assert life.report().code == codes.LIFE_BEGUN_ANEW
    assert (tmp_path / "life.json.damaged").read_text() == text
    life.add("tec_hours", 1)
    assert life.save()
    assert LifeCounters(path).report().code == codes.OK


def test_without_a_file_it_only_counts():
    life = LifeCounters()
    life.add("led_pulses", 7, is_urgent=True)
    assert not life.save_if_due(0)
    assert life.values() == {"led_pulses": 7}


def test_the_file_is_plain_json(tmp_path):
    path = tmp_path / "life.json"
    life = LifeCounters(path)
    life.add("tec_hours", 1)
    life.save()
    assert json.loads(path.read_text()) == {"format": 1, "counters": {"tec_hours": 1.0}}
