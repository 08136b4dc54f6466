# SPDX-License-Identifier: Apache-2.0
"""Levels and their PINs, the log, tasks, the bundle."""

import io
import json
import socket
import zipfile

import pytest
from console_bench import Bench, unpacked

from edgeleak.console import shortcuts
from edgeleak.console.links import SocketLink
from edgeleak.console.pins import FREE_TRIES
from edgeleak.console.tree import Level
from edgeleak.services.health import State

LOOK, OPERATE, SERVICE = Level.LOOK, Level.OPERATE, Level.SERVICE


def test_pins_are_chosen_at_the_cable_kept_hashed_and_slow_down_guesses(fresh):
    stranger, cable = fresh.session(LOOK), fresh.session(LOOK, is_owner=True)
    assert fresh.ask("SYST:LEV OPER", session=cable)[1] == [-203]
    assert fresh.ask("SYST:PIN OPER,'1234'", session=stranger)[1] == [-203]
    for wrong in ("123", "47 11", " 4711", "x" * 32 + "x"):
        assert fresh.ask(f"SYST:PIN OPER,'{wrong}'", session=cable)[1] in ([-224], [-223])
    assert fresh.ask("SYST:PIN OPER,'1234';PIN? OPER;PIN? SERV", session=cable) == ("1;0", [])
    assert fresh.ask("SYST:PIN OPER,'9999'", session=cable)[1] == [-203]
    assert fresh.ask("SYST:LEV OPER,'1234';LEV?", session=stranger) == ("OPER", [])
    fresh.ask("SYST:LOG", session=stranger)
    assert stranger.level == LOOK
    path = fresh.folder / "pins.json"
    assert "1234" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    for _ in range(FREE_TRIES):
        assert fresh.ask("SYST:LEV OPER,'0000'", session=stranger)[1] == [-203]
    assert fresh.ask("SYST:LEV OPER,'1234'", session=stranger)[1] == [-203]
    fresh.run_s(1.1)
    assert fresh.ask("SYST:LEV OPER,'1234';LEV?", session=stranger) == ("OPER", [])
    said = "\n".join(fresh.lines)
    assert "1234" not in said
    assert "level operate granted" in said
    assert "level operate refused" in said
    again = Bench(fresh.folder)
    assert again.ask("SYST:LEV OPER,'1234';LEV?", session=again.session(LOOK))[0] == "OPER"


def test_once_there_is_a_pin_another_first_one_needs_a_level(fresh, quick_hashes):
    cable = fresh.session(LOOK, is_owner=True)
    assert fresh.ask("SYST:PIN OPER,'owner'", session=cable)[1] == []
    assert fresh.ask("SYST:PIN SERV,'evil'", session=cable)[1] == [-203]
    assert "PIN of level service not chosen" in fresh.lines[-1]
    assert fresh.ask("SYST:PIN OPER,'stolen','wrong'", session=cable)[1] == [-203]
    assert "PIN of level operate not chosen" in fresh.lines[-1]
    assert fresh.ask("SYST:LEV OPER,'owner';:SYST:PIN SERV,'good'", session=cable)[1] == []
    assert not any(word in line for line in fresh.lines for word in ("owner", "evil", "good"))


def test_a_floor_chooses_no_first_pin(fresh, quick_hashes):
    """Display and uplink may operate without a PIN; service is for who has the instrument."""
    display, root = fresh.session(OPERATE), fresh.session(OPERATE, is_owner=True)
    for level in ("OPER", "SERV"):
        assert fresh.ask(f"SYST:PIN {level},'evil1'", session=display)[1] == [-203]
    assert fresh.ask("SYST:LEV SERV,'evil1'", session=display)[1] == [-203]
    assert fresh.ask("SYST:PIN OPER,'owner'", session=root)[1] == []
    for session in (display, root):
        assert fresh.ask("SYST:PIN SERV,'evil1'", session=session)[1] == [-203]
        assert session.level is OPERATE
    cable = fresh.session(LOOK, is_owner=True)
    assert fresh.ask("SYST:LEV OPER,'owner';PIN SERV,'good'", session=cable)[1] == []
    assert fresh.ask("SYST:LEV SERV,'good';PIN OPER,'other'", session=display)[1] == []


def test_a_right_pin_at_the_floor_is_a_log_in(fresh, quick_hashes):
    """Root has no cable: without this no service PIN could be chosen over the socket."""
    root, display = fresh.session(OPERATE, is_owner=True), fresh.session(OPERATE)
    assert fresh.ask("SYST:LEV OPER,'none yet'", session=root)[1] == []
    assert fresh.ask("SYST:PIN SERV,'evil1'", session=display)[1] == [-203]
    assert fresh.ask("SYST:PIN OPER,'owner'", session=root)[1] == []
    for line in ("SYST:LEV OPER,'wrong'", "SYST:LEV OPER;PIN SERV,'evil1'"):
        assert fresh.ask(line, session=root)[1] == [-203]
    shown = "SYST:LEV OPER,'owner'"
    for left in ("SYST:LOG", "SYST:LEV LOOK", "SYST:LEV LOOK;LEV OPER"):
        assert fresh.ask(f"{shown};:{left};:SYST:PIN SERV,'evil1'", session=root)[1] == [-203]
    assert fresh.ask(f"SYST:LEV LOOK;LEV OPER,'owner';LEV?;{shown[5:]}", session=root)[1] == []
    assert fresh.ask("SYST:PIN SERV,'good'", session=root)[1] == []
    assert fresh.ask("SYST:LEV SERV,'good';LEV?", session=display) == ("SERV", [])


@pytest.mark.parametrize(("who", "is_owner"), [("user 0", True), ("user 900", False)])
def test_of_sockets_only_roots_is_an_owner(fresh, who, is_owner):
    mine, theirs = socket.socketpair()
    with mine:
        link = SocketLink(theirs.detach(), "socket", who)
        assert fresh.console._session(OPERATE, link).is_owner is is_owner
        link.close()
    assert fresh.console._session(LOOK, fresh.cable).is_owner


def test_a_lost_pin_goes_with_its_file_while_the_instrument_runs(fresh, quick_hashes):
    cable = fresh.session(LOOK, is_owner=True)
    assert fresh.ask("SYST:PIN OPER,'lost'", session=cable)[1] == []
    assert fresh.ask("SYST:PIN? OPER", session=cable)[0] == "1"
    (fresh.folder / "pins.json").unlink()
    assert fresh.ask("SYST:PIN? OPER", session=cable)[0] == "0"
    assert fresh.ask("SYST:PIN OPER,'found'", session=cable)[1] == []
    assert fresh.ask("SYST:LEV OPER,'lost'", session=cable)[1] == [-203]
    assert fresh.ask("SYST:LEV OPER,'found';LEV?", session=cable) == ("OPER", [])


def test_of_two_first_pins_one_is_chosen(fresh, quick_hashes):
    first, second = (fresh.session(LOOK, is_owner=True) for _ in range(2))
    first.feed(b"SYST:PIN OPER,'aaaa'\n")
    second.feed(b"SYST:PIN OPER,'bbbb'\n")
    for session in (first, second):
        while session.is_busy:
            assert session._job.wait(20)
            session.resume()
    assert (first.status.errors, second.status.errors) == (0, 1)
    second.status.clear()
    assert fresh.ask("SYST:LEV OPER,'aaaa'", session=second)[1] == []
    assert second.level is OPERATE


def test_log_status_and_tasks(ready):
    log = unpacked(ready.ask("LOG? 500")[0]).decode().splitlines()
    assert log == ready.lines[-500:]
    status = json.loads(unpacked(ready.ask("SYST:GLAN?")[0]))
    assert status["state"] == "detecting"
    tasks = json.loads(unpacked(ready.ask("SYST:TASK?")[0]))
    assert {"frame", "console"} <= {row["task"] for row in tasks}


def test_the_bundle_holds_everything_but_secrets(fresh):
    fresh.run_s(3)
    cable = fresh.session(LOOK, is_owner=True)
    for said in ("SYST:PIN SERV,'geheim-77'", "SYST:LEV SERV,'geheim-78'", "SYST:PIN 'geheim-77'",
                 "SYST:LEV SERV,'geheim-77", "SYST:LEVL SERV,'geheim-77'", "'geheim-77'",
                 "geheim-77", "SYST:LEV SERV,geheim-77", "SYST:LEV SERV,'geheim-77'"):  # fmt: skip
        fresh.ask(said, session=cable)
    assert cable.level is SERVICE
    human = shortcuts.make_human(fresh.desk, cable)
    human.enter()
    human.feed(b"logout\rlogin service geheim-77\rlogin geheim-77\r")
    data = unpacked(fresh.ask("SYST:BUND?")[0])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert any(name.endswith("status.json") for name in texts)
    assert "[cooler]" in texts["edgeleak-bundle/settings.toml"]
    whole = "\n".join(texts.values())
    assert "level service granted" in whole
    kept = json.loads((fresh.folder / "pins.json").read_text())["pins"]["service"]
    for secret in ("geheim", kept["salt"], kept["hash"]):
        assert secret not in whole


def test_a_bundle_is_kept_by_a_command_with_its_line(fresh):
    fresh.run_s(1)
    human = shortcuts.make_human(fresh.desk, fresh.session(LOOK))
    assert "needs level operate" in human.run("bundle")
    assert fresh.ask("SYST:BUND:STOR", OPERATE)[1] == []
    assert zipfile.is_zipfile(fresh.folder / "bundle.zip")
    assert "SYSTem:BUNDle:STORe at level operate" in fresh.lines


def test_an_unreadable_pin_file_stops_log_in_and_not_the_instrument(tmp_path):
    (tmp_path / "pins.json").touch()
    bench = Bench(tmp_path)
    assert any("NOTE log-in is off" in line and "remove it" in line for line in bench.lines)
    for session in (bench.session(LOOK, is_owner=True), bench.session(OPERATE)):
        assert bench.ask("SYST:PIN SERV,'4711'", session=session)[1] == [-203]
        assert bench.ask("SYST:LEV SERV,'4711'", session=session)[1] == [-203]
    assert bench.run_to(State.COOLING).ask("*OPC?")[0] == "1"
    (tmp_path / "pins.json").unlink()
    cable = bench.session(LOOK, is_owner=True)
    assert bench.ask("SYST:PIN SERV,'4711'", session=cable)[1] == []
