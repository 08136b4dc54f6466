# SPDX-License-Identifier: Apache-2.0
"""The whole firmware on an emulated board, and how its run is judged by the plant's truth."""

import argparse
import json
import re
import sys

import pytest

from edgeleak import config
from edgeleak.app import main
from edgeleak.cli import sim
from edgeleak.cli.sim_board import (
    Ear,
    History,
    _read_log,
    _require,
    _say,
    is_right,
    judge,
    own_settings,
    promise_of,
    sentence,
)
from edgeleak.cli.sim_firmware import firmware_command, seconds_of
from edgeleak.errors import EdgeLeakError, UsageError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.pacer import Stop

pytestmark = pytest.mark.realtime

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
    _read_log(path, found, 1.0)
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


@pytest.mark.parametrize("given", [None, '[console]\nsocket = "/own"\nbaud = 9600\n',
                                   '[cooler]\nset_point_degc = -15.5\n'])  # fmt: skip
def test_the_console_of_a_run_is_beside_it_unless_the_user_says_where(tmp_path, given):
    path = tmp_path / "mine.toml"
    path.write_text(given or "")
    made = config.load([own_settings(given and path, tmp_path)]).config
    mine = config.load([path]).config
    is_own = "console" in (given or "")
    assert made.console.socket == ("/own" if is_own else str(tmp_path / "scpi"))
    assert (made.console.serial_device, made.console.baud) == ("", mine.console.baud)
    assert made.cooler == mine.cooler


def test_an_error_in_the_settings_names_the_file_of_the_user(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text("[cooler]\nset_point = 1\n")
    assert main(["sim", "leak", "--config", str(path)]) == 78
    assert str(path) in capsys.readouterr().err


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


def test_every_scenario_is_listed_with_its_sentence(capsys):
    assert main(["sim", "--list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == scenarios.names()
    assert all(len(row.split()) > 4 for row in rows)


def test_an_unknown_scenario_names_the_nearest(capsys):
    assert main(["sim", "leek"]) == 66
    assert "nearest is 'leak'" in capsys.readouterr().err


def test_a_short_run_through_the_real_drivers(tmp_path, capsys):
    (tmp_path / "run.log").write_text("VERDICT INHIBIT > GAS 0 t=99000 frame=1 of an earlier run\n")
    code = main(["sim", "leak", "--seconds", "6", "--out", str(tmp_path), "--json"])
    assert code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["last"]["frames"] > 20
    assert len(summary["last"]["proofs"]) == 7
    assert not summary["violations"]
    log = (tmp_path / "run.log").read_text()
    assert "earlier" not in log
    assert 0 < summary["ended_s"] - summary["last"]["uptime_s"] < 3
    assert summary["words_judged"] == len(re.findall(r"^(STATE|VERDICT)", log, re.MULTILINE)) > 2
    assert summary["extremes"]["max_tec_a"] > 0.1
    assert (tmp_path / "timeline.png").stat().st_size > 10_000
    assert (tmp_path / "run.log").is_file()


def test_a_log_is_heard_once_and_in_whole_lines(tmp_path):
    ear = Ear(tmp_path / "run.log")
    assert ear.heard() == []
    with (tmp_path / "run.log").open("w") as stream:
        for text, heard in (("one\ntw", ["one"]), ("", []), ("o\n\nthree", ["two", ""])):
            stream.write(text)
            stream.flush()
            assert ear.heard() == heard


@pytest.mark.parametrize(("word", "blamed"), [("NO GAS", ["no-gas-shut"]), ("INHIBIT", [])])
def test_the_plant_of_a_run_judges_its_words(word, blamed):
    with RunningPlant() as plant:
        ask = plant.control.ask
        ask("promise", **promise_of(None))
        ask("inject", fault="shutter-stuck", closed=True)
        said = f"VERDICT INHIBIT > {word} 0 t=1 frame=1 every input fresh"
        assert ask("hear", line=said)["is_judged"]
        assert not ask("hear", line="NOTE nothing")["is_judged"]
        ask("promise", set_point_degc=float("nan"))  # the cooler is none of this test
        begin_ns = ask("truth")["now_ns"]
        while (ask("truth")["now_ns"] - begin_ns) / 1e9 < 2.0:
            pass
        rules = [found["limit"] for found in ask("violations")["violations"]]
    assert [rule for rule in rules if rule != "no-gas-unread"] == blamed


def test_a_console_port_is_given_to_the_firmware(tmp_path):
    parser = argparse.ArgumentParser()
    sim.configure(parser)
    for words, wanted in (([], []), (["--pty", "/tmp/camera"], ["--pty", "/tmp/camera"])):
        found = firmware_command(parser.parse_args(words), 5, tmp_path, tmp_path, tmp_path)
        assert found[found.index("--config") + 2 :] == wanted
    with pytest.raises(UsageError, match="--pty"):
        sim.run(parser.parse_args(["--pty", "/tmp/camera", "--pipeline"]))


@pytest.mark.parametrize(("words", "seconds"), [
    ([], 75.0), (["--seconds", "9"], 9.0), (["--pty", "p"], 28_800.0),
    (["--pty", "p", "--seconds", "9"], 9.0),
])  # fmt: skip
def test_with_a_port_somebody_else_says_when_it_ends(words, seconds):
    parser = argparse.ArgumentParser()
    sim.configure(parser)
    assert seconds_of(parser.parse_args(words), 75.0) == seconds
