# SPDX-License-Identifier: Apache-2.0
"""The whole firmware on an emulated board: its settings, its log and what is printed."""

import argparse
import json
import re

import pytest

from edgeleak import config
from edgeleak.app import main
from edgeleak.cli import sim
from edgeleak.cli.sim_board import Ear, own_settings, promise_of
from edgeleak.cli.sim_firmware import firmware_command, seconds_of
from edgeleak.errors import UsageError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime


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
