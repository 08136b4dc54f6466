# SPDX-License-Identifier: Apache-2.0
"""How a run on the emulated board is judged by the plant's truth and by its scenario."""

import argparse
import sys

import pytest

from edgeleak.cli.sim_board import _require, _say
from edgeleak.cli.sim_judged import History, is_right, judge, read_log, sentence
from edgeleak.errors import EdgeLeakError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.pacer import Stop

YARD = scenarios.parse({"gas": {"start_s": 5.0}}, "yard.toml")
LOG = """\
STATE boot selftest 902 t=277 frame=0 selftest: the self-test runs [instrument]; wait
STATE ready detecting 0 t=30000 frame=327 every input fresh and in range
VERDICT INHIBIT > NO GAS 0 t=30000 frame=327 evidence 0.00, gas from 1.00
NOTE degraded 401 t=31000 frame=330 storage
VERDICT NO GAS > GAS 0 t=52000 frame=336 evidence 13.34, gas from 1.00
"""


def history(*, gas_from_s=None, gas_to_s=999.0, end_s=60.0, log=LOG, tmp_path=None):
    found = History()
    for tenth in range(round(end_s * 10)):
        at_s = tenth / 10
        rate = 250.0 if gas_from_s is not None and gas_from_s <= at_s < gas_to_s else 0.0
        found.truth.append((at_s, {"gas_g_per_h": rate}))
    path = tmp_path / "run.log"
    path.write_text(log)
    read_log(path, found, 1.0)
    return found


def judged(found, course=YARD):
    return judge(found, {}, course, 60.0)


def test_the_log_becomes_states_and_verdicts_in_scenario_time(tmp_path):
    found = history(tmp_path=tmp_path)
    assert [state for _, state in found.states] == ["boot", "selftest", "detecting"]
    assert found.states[1][0] == pytest.approx(1.277)
    assert found.verdicts == [(1.0, "INHIBIT"), (31.0, "NO GAS"), (53.0, "GAS")]
    assert found.spans("INHIBIT", 60.0) == [(1.0, 31.0)], "what the log does not say yet"
    assert found.spans("NO GAS", 60.0) == [(31.0, 53.0)]


def test_the_time_of_the_log_is_that_of_its_promptest_line():
    found = History()
    for line, now_s in (("STATE boot selftest 902 t=400 frame=0 selftest: x", 2.6),
                        ("VERDICT INHIBIT > NO GAS 0 t=30000 frame=3 evidence", 31.7),
                        ("NOTE degraded 401 t=90000 frame=330 storage", 31.8),
                        ("STATE ready detecting 0 t=40000 frame=4 fresh", 42.3)):  # fmt: skip
        found.hear(line, now_s)
    assert found.began_s == pytest.approx(1.7)


def test_what_was_told_after_the_first_answer_is_said_once(tmp_path, capsys):
    log = (
        QUIET_LOG
        + """\
STATE detecting inhibit 112 t=43000 frame=460 link-crc: 3 frames
STATE inhibit detecting 0 t=45000 frame=485 every input fresh and in range
NOTE degraded 218 t=46000 frame=470 fan-slow: the fan
NOTE no longer degraded 0 t=47000 frame=471 every input fresh
STATE detecting inhibit 112 t=48000 frame=490 link-crc: 3 frames
"""
    )
    found = history(log=log, tmp_path=tmp_path)
    found.exit_code = 69
    _say(argparse.Namespace(out=None), judged(found), sys.stdout)
    said = capsys.readouterr().out
    assert "told     112 link-crc at 44 s, 218 fan-slow at 47 s\n" in said
    assert "902" not in said
    assert "exit code 69" in said


def test_found_is_counted_from_the_first_gas(tmp_path):
    summary = judged(history(gas_from_s=50.0, tmp_path=tmp_path))
    assert summary["found_s"] == pytest.approx(3.0, abs=0.11)
    assert summary["false_alarms"] == 0
    assert sentence(summary).startswith("FOUND 3.0 s")
    assert is_right(summary)


def test_an_alarm_before_the_gas_is_false(tmp_path):
    summary = judged(history(gas_from_s=55.0, tmp_path=tmp_path))
    assert summary["false_alarms"] == 1
    assert summary["found_s"] is None, "an alarm that was on already finds nothing"
    assert sentence(summary) == "MISSED: the leak was not found in 5 s, 1 false"
    assert not is_right(summary)


@pytest.mark.parametrize(
    ("gas", "end_s", "found_s", "false"),
    [((10.0, 40.0), 60.0, None, 1),  # called 13 s after the end and still on at 60 s
     ((10.0, 20.0), 60.0, None, 1),  # called 33 s after the end
     ((50.0, 55.0), 60.0, 3.0, 0),
     ((50.0, 55.0), 90.0, 3.0, 1)],  # never ends
)  # fmt: skip
def test_calls_after_the_end_of_a_leak(tmp_path, gas, end_s, found_s, false):
    found = history(gas_from_s=gas[0], gas_to_s=gas[1], end_s=end_s, tmp_path=tmp_path)
    summary = judged(found)
    assert summary["false_alarms"] == false
    assert is_right(summary) == (not false)
    assert summary["found_s"] == (found_s and pytest.approx(found_s, abs=0.11))


def test_an_alarm_without_gas_is_false(tmp_path):
    summary = judged(history(tmp_path=tmp_path), scenarios.load("no-leak"))
    assert summary["leak_began_s"] is None
    assert sentence(summary) == "FALSE ALARM: 1 where there is no gas"
    assert not is_right(summary)


QUIET_LOG = "\n".join(LOG.splitlines()[:3]) + "\n"
FAULTY = {"fault": [{"name": "sensor-dead", "from_s": 40, "to_s": 45},
                    {"name": "fan-dead", "from_s": 70}]}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "log", "said", "right"),
    [({"gas": {"start_s": 200}}, QUIET_LOG,
      "NOTHING SHOWN: ended before the leak at 200 s; run it longer: --seconds", False),
     ({"gas": {"start_s": 200}, "change": [{"at_s": 20, "ambient_degc": 45}]}, QUIET_LOG,
      "NOTHING SHOWN: ended before the leak at 200 s; run it longer: --seconds", False),
     ({"fault": [{"name": "fan-dead", "from_s": 160}]}, QUIET_LOG,
      "NOTHING SHOWN: ended before the fault fan-dead at 160 s; run it longer: --seconds", False),
     ({"change": [{"at_s": 99, "supply_v": 4}]}, QUIET_LOG,
      "NOTHING SHOWN: ended before the change of weather or supply at 99 s; run it longer:"
      " --seconds", False),
     ({}, LOG.splitlines()[0] + "\n",
      "NOTHING SHOWN: no answer in 60 s, INHIBIT or FAULT throughout", False),
     (FAULTY, "", "NOTHING SHOWN: no answer in 60 s, INHIBIT or FAULT throughout;"
      " ended before the fault fan-dead at 70 s", False),
     (FAULTY, QUIET_LOG, "NO LEAK, and none was called: NO GAS for 29 s;"
      " ended before the fault fan-dead at 70 s", True),
     ({}, QUIET_LOG, "NO LEAK, and none was called: NO GAS for 29 s", True)],
)  # fmt: skip
def test_the_sentence_of_a_run_without_gas(tmp_path, table, log, said, right):
    course = scenarios.parse(table, "some.toml")
    summary = judged(history(log=log, tmp_path=tmp_path), course)
    assert sentence(summary) == said
    assert is_right(summary) == right


def test_an_alarm_before_the_leak_of_a_short_run_is_false_and_not_nothing(tmp_path):
    course = scenarios.parse({"gas": {"start_s": 200}}, "some.toml")
    assert sentence(judged(history(tmp_path=tmp_path), course)).startswith("FALSE ALARM")


def test_a_leak_while_there_was_no_answer_is_not_called_missed(tmp_path):
    summary = judged(history(gas_from_s=50.0, log="", tmp_path=tmp_path))
    assert sentence(summary).startswith("NOTHING SHOWN: no answer in 60 s")
    assert not is_right(summary)


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_shows_its_thing_in_its_own_time(name):
    course = scenarios.load(name)
    found = course.happenings()
    assert course.seconds <= 180
    assert all(at_s + 10 <= course.seconds for at_s, _ in found)
    if course.gas.start_s < scenarios.NEVER_S:
        assert course.gas.start_s + 20 <= course.seconds
    assert name == "cold-start" or all(35 <= at_s <= 110 for at_s, _ in found)


@pytest.mark.parametrize(("stops", "code"), [([], 65), ([Stop(3.0, 0.29, 1)], 75)])
@pytest.mark.parametrize("violations", [[], [{"limit": "tec-slew"}]])
def test_a_wrong_run_on_a_machine_that_stood_still_proves_nothing(
    tmp_path, stops, code, violations
):
    found = history(gas_from_s=5.0, log="", tmp_path=tmp_path)
    found.stops, found.violations = stops, violations
    with pytest.raises(EdgeLeakError) as refusal:
        _require(judged(found), 0, True)
    assert refusal.value.exit_code == code
    assert ("stood still once, for 0.29 s" in str(refusal.value)) == bool(stops)


def test_a_right_run_is_right_whatever_the_machine_did(tmp_path):
    found = history(gas_from_s=51.0, tmp_path=tmp_path)
    found.stops = [Stop(3.0, 0.29, 1)]
    summary = judged(found)
    _require(summary, 0, True)  # raises where it is not
    assert is_right(summary)


def test_a_leak_nobody_called_is_missed(tmp_path):
    log = "\n".join(LOG.splitlines()[:3]) + "\n"
    summary = judged(history(gas_from_s=40.0, log=log, tmp_path=tmp_path))
    assert sentence(summary).startswith("MISSED")
    assert not is_right(summary)


def test_silence_without_an_answer_is_not_right(tmp_path):
    summary = judged(history(log="", tmp_path=tmp_path))
    assert not is_right(summary)


FAN_LOG = (
    QUIET_LOG
    + """\
NOTE degraded 218 t=45500 frame=454 fan-slow: the fan turns at 1791 rpm
STATE detecting fault 217 t=66450 frame=663 fan-lost: the fan turns at 358 rpm
VERDICT NO GAS > FAULT 217 t=66450 frame=663 217 fan-lost: the fan turns at 358 rpm
NOTE no longer degraded 0 t=67800 frame=677 every input fresh and in range
"""
)
EARLY_LOG = FAN_LOG.replace("t=45500", "t=40500")


@pytest.mark.parametrize(
    ("log", "unlike"),
    [(FAN_LOG, []),
     (QUIET_LOG, ["fan-slow never came", "fan-lost never came",
                  "it ended in detecting, not in fault"]),
     (EARLY_LOG, ["fan-slow at 42 s, before anything happens at 45 s",
                  "fan-slow never came"]),
     (FAN_LOG.replace("fan-slow", "brown-out"), ["brown-out at 46 s is none of its codes",
                                                 "fan-slow never came"])],
)  # fmt: skip
def test_a_scenario_says_what_must_come_of_it(tmp_path, capsys, log, unlike):
    course = scenarios.load("dying-fan")
    found = history(log=log, end_s=100.0, tmp_path=tmp_path)
    summary = judge(found, {}, course, course.seconds)
    assert summary["unlike"] == unlike
    assert is_right(summary) == (not unlike)
    _say(argparse.Namespace(out=None), summary, sys.stdout)
    said = capsys.readouterr().out
    assert "expected fan-slow, fan-lost, fault: " + ("NOT SO" if unlike else "so it was") in said
    if unlike:
        with pytest.raises(EdgeLeakError, match=unlike[0]):
            _require(summary, 0, True)


def test_a_run_that_was_cut_short_misses_nothing(tmp_path):
    course = scenarios.load("dying-fan")
    summary = judge(history(log=QUIET_LOG, end_s=60.0, tmp_path=tmp_path), {}, course, 60.0)
    assert summary["unlike"] == []


def test_an_output_left_on_is_wrong_whether_checked_or_not(tmp_path):
    found = history(log=QUIET_LOG, tmp_path=tmp_path)
    found.left_on = ["led"]
    summary = judged(found, scenarios.load("no-leak"))
    assert not is_right(summary)
    with pytest.raises(EdgeLeakError, match="left on at the end: led"):
        _require(summary, 0, False)
