# SPDX-License-Identifier: Apache-2.0
"""The whole firmware on an emulated board, and how its run is judged by the plant's truth."""

import json
import re

import pytest

from edgeleak.app import main
from edgeleak.cli.sim_board import Ear, History, _read_log, is_right, judge, promise_of, sentence
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.launch import RunningPlant

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


def judged(found):
    return judge(found, {}, scenarios.load("leak"), 60.0)


def test_the_log_becomes_states_and_verdicts_in_scenario_time(tmp_path):
    found = history(tmp_path=tmp_path)
    assert [state for _, state in found.states] == ["selftest", "detecting"]
    assert found.states[0][0] == pytest.approx(1.277)
    assert found.verdicts == [(31.0, "NO GAS"), (53.0, "GAS")]
    assert found.spans("NO GAS", 60.0) == [(31.0, 53.0)]


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
    assert sentence(summary) == "MISSED: the leak was not found, 1 false"
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
    summary = judged(history(tmp_path=tmp_path))
    assert summary["leak_began_s"] is None
    assert sentence(summary).startswith("FALSE ALARM")
    assert not is_right(summary)


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
    code = main(["sim", "leak", "--seconds", "6", "--out", str(tmp_path), "--json"])
    assert code == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["last"]["frames"] > 20
    assert len(summary["last"]["proofs"]) == 7
    assert not summary["violations"]
    log = (tmp_path / "run.log").read_text()
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
