# SPDX-License-Identifier: Apache-2.0
"""Scenario files: what they say comes out, and what nobody could mean is refused by name."""

import math

import pytest

from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.sim import faults, scenario

WANTED = {
    "leak", "no-leak", "hot-day", "cold-day", "loose-cable", "dying-fan", "loose-thermistor",
    "stuck-bus", "brown-out", "dark-lens",
}  # fmt: skip


def test_every_named_scenario_loads_and_says_what_it_is():
    assert set(scenario.names()) >= WANTED
    for name in scenario.names():
        course = scenario.load(name)
        assert course.name == name
        assert len(course.summary) > 20


def test_leak_has_gas_and_no_leak_has_none():
    leak, clean = scenario.load("leak"), scenario.load("no-leak")
    times = range(0, 1000, 5)
    assert max(leak.world_at(t).gas_g_per_h for t in times) == 250
    assert leak.world_at(leak.gas.start_s - 0.1).gas_g_per_h == 0
    assert leak.world_at(leak.gas.start_s).gas_g_per_h == 250
    assert leak.world_at(leak.gas.stop_s).gas_g_per_h == 0
    assert max(clean.world_at(t).gas_g_per_h for t in times) == 0
    assert clean.events == ()


def test_every_fault_of_a_scenario_ends_or_never_does():
    for name in scenario.names():
        for event in scenario.load(name).events:
            assert (event.fault is None) + (event.clear is None) + (event.line is None) == 2
            assert event.clear is None or event.clear in faults.KINDS


def test_what_happens_is_told_in_order_and_what_ends_is_not():
    course = scenario.parse(
        {
            "seconds": 12,
            "gas": {"start_s": 8},
            "change": [{"at_s": 3, "supply_v": 4}],
            "fault": [{"name": "fan-dead"}, {"name": "sensor-dead", "from_s": 5, "to_s": 6}],
            "press": [{"line": "button", "at_s": 1, "for_s": 1}],
        },
        "x.toml",
    )
    assert course.happenings() == [
        (1, "the key press"), (3, "the change of weather or supply"),
        (5, "the fault sensor-dead"), (8, "the leak"),
    ]  # fmt: skip
    assert course.seconds == 12
    assert scenario.parse({}, "x.toml").seconds == 60


def test_changes_follow_each_other_from_where_the_last_one_ended():
    course = scenario.parse(
        {
            "world": {"ambient_degc": 20},
            "change": [
                {"at_s": 30, "over_s": 10, "ambient_degc": 0, "supply_v": 4},
                {"at_s": 10, "over_s": 10, "ambient_degc": 40},
            ],
        },
        "x.toml",
    )
    got = [course.world_at(t).ambient_degc for t in (0, 10, 15, 20, 30, 35, 40, 99)]
    assert got == [20, 20, 30, 40, 40, 20, 0, 0]
    assert [course.world_at(t).supply_v for t in (29, 35, 41)] == [5.0, 4.5, 4.0]
    assert [course.world_at(t).ambient_degc for t in (15, 5, 99, 35)] == [30, 20, 0, 20]


def test_press_and_fault_become_events_in_order_of_time():
    course = scenario.parse(
        {
            "press": [{"line": "button", "at_s": 5, "for_s": 2}],
            "fault": [
                {"name": "bus-nack", "from_s": 6, "to_s": 6.5, "address": 0x48, "why": "moist"}
            ],
        },
        "x.toml",
    )
    nack = faults.BusNack(address=0x48)
    assert [(e.at_s, e.fault, e.clear, e.line, e.level) for e in course.events] == [
        (5, None, None, "button", True), (6, nack, None, None, False),
        (6.5, None, "bus-nack", None, False), (7, None, None, "button", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"wurld": {}}, ["wurld", "nearest is 'world'"]),
        ({"seconds": 0}, ["seconds = 0", "above 0"]),
        ({"world": {"ambiant_degc": 3}}, ["ambiant_degc", "nearest is 'ambient_degc'"]),
        ({"world": {"ambient_degc": 99}}, ["out of range", "-40 to 85 degC"]),
        ({"gas": {"rate_g_per_h": -1}}, ["rate_g_per_h", "0 to 1e+06 g/h"]),
        ({"fault": [{"name": "fan-ded"}]}, ["fault 1", "nearest is 'fan-dead'"]),
        ({"fault": [{"name": "fan-slow", "shar": 1}]}, ["shar", "nearest is 'share'"]),
        ({"fault": [{"name": "fan-slow", "share": 2}]}, ["share = 2", "0 to 1"]),
        ({"fault": [{"name": "fan-slow", "share": math.nan}]}, ["share = nan", "0 to 1"]),
        ({"fault": [{"name": "thermistor-open", "which": "fps"}]}, ["fpa, hot, led"]),
        ({"fault": [{"name": "fan-dead", "from_s": 5, "to_s": 5}]}, ["to_s = 5", "not after"]),
        ({"fault": [{"name": "fan-dead", "from_s": "5"}]}, ["from_s = '5'", "seconds"]),
        ({"fault": {"name": "fan-dead"}}, ["[[fault]]"]),
        ({"change": [{"at_s": 1}, {"at_s": -1}]}, ["at_s = -1", "change 2"]),
        ({"press": [{"line": "fan", "at_s": 1, "for_s": 1}]}, ["line = 'fan'", "button"]),
        ({"press": [{"line": "button", "at_s": 1}]}, ["for_s is missing", "press 1"]),
    ],
)
def test_what_cannot_be_meant_is_refused_with_place_and_next_word(table, words):
    with pytest.raises(ConfigError) as refused:
        scenario.parse(table, "x.toml")
    for word in ("x.toml", *words):
        assert word in str(refused.value)


def test_unknown_name_has_the_nearest(tmp_path):
    with pytest.raises(MissingInputError, match="nearest is 'leak'"):
        scenario.load("leek")
    with pytest.raises(MissingInputError, match="nowhere"):
        scenario.load(str(tmp_path / "nowhere.toml"))


def test_a_file_of_ones_own_with_the_line_of_the_mistake(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('summary = "mine"\n[world]\nhumidity = 0.5\n')
    assert scenario.load(str(path)).world.humidity == 0.5
    path.write_text('summary = "mine"\n\n[world]\nhumidity = 50\n')
    with pytest.raises(ConfigError, match=r"mine\.toml, line 4"):
        scenario.load(str(path))


def test_every_fault_can_be_made_from_its_name_alone():
    for name, kind in faults.KINDS.items():
        fault = faults.make(name, {})
        assert type(fault) is kind
        assert fault.name == name


def test_json_null_means_not_given_and_infinity_is_for_ever():
    assert faults.make("bus-nack", {"address": None, "count": 2}) == faults.BusNack(count=2)
    assert math.isinf(faults.make("bus-stuck", {"block_ms": math.inf}).block_ms)
