# SPDX-License-Identifier: Apache-2.0
"""`nuc` says what came of it, and nothing that is not so."""

import pytest
from console_bench import Console, brought
from instrument_rig import small_config

from edgeleak import board as boards
from edgeleak.console.outcome import PATIENCE_S
from edgeleak.console.tree import Level
from edgeleak.services.health import State
from edgeleak.sim import faults

MOST_S = PATIENCE_S + 2


@pytest.fixture
def person(tmp_path):
    """In human mode at level operate, on an instrument that gives verdicts."""
    console = Console(tmp_path).ready()
    console.say(b"\x02")
    console.peer.session.level = Level.OPERATE
    return console


def said_by_the_end(console, line=b"nuc\r"):
    """All that is shown until there is a prompt again, and after how many seconds."""
    begin_s, shown = console.now_s, console.say(line).decode()
    while not shown.endswith("edgeleak> "):
        assert console.now_s < begin_s + MOST_S, shown
        console.run_s(0.1)
        shown += console.say(b"").decode()
    return shown, console.now_s - begin_s


@pytest.mark.parametrize("line", [b"nuc\r", b"CAL:RUN\r", b":calibration:run\r"])
def test_a_correction_is_said_to_be_taken_once_it_is(person, line):
    before = person.instrument.nuc.status
    shown, took_s = said_by_the_end(person, line)
    after = person.instrument.nuc.status
    assert after.taken == before.taken + 1
    assert f"taken: correction {after.nuc_id} is in force" in shown
    assert "done" not in shown
    assert took_s > 0.5


def test_a_shutter_that_does_not_close_is_a_refusal(person):
    before = person.instrument.nuc.status
    person.plant.inject(faults.ShutterStuck(closed=False))
    shown, _ = said_by_the_end(person)
    assert f"refused: the shutter did not move; {before.nuc_id} stays in force" in shown
    assert "taken" not in shown
    again, took_s = said_by_the_end(person)
    assert "asked for, not taken: the one before" in again
    assert took_s < 0.2


def test_a_sensor_that_corrects_itself_is_asked_and_believed(tmp_path):
    person = Console(tmp_path, board=boards.load("lepton-pi-a")).run_s(8)
    person.say(b"\x02")
    person.peer.session.level = Level.OPERATE
    for number in range(2):
        shown, took_s = said_by_the_end(person)
        assert f"taken: correction {number} is in force" in shown
        assert took_s > 0.4
    assert person.ask("CAL:ID?") == ("1", [])


def test_without_a_shutter_it_says_what_to_do_with_the_cap(tmp_path):
    config = small_config(tmp_path, nuc={"has_shutter": False})
    person = Console(tmp_path, config=config).run_to(State.NUC)
    person.say(b"\x02")
    person.peer.session.level = Level.OPERATE
    shown, took_s = said_by_the_end(person)
    assert "put the cap on, then ask again: it is taken at your word" in shown
    assert took_s < 4
    person.plant.inject(faults.LensCovered())
    shown, _ = said_by_the_end(person)
    assert (
        f"correction {person.instrument.nuc.status.nuc_id} is in force; take the cap off" in shown
    )
    person.plant.clear("lens-covered")
    person.run_to(State.DETECTING)
    said_by_the_end(person)
    shown, _ = said_by_the_end(person)
    assert "refused: what is seen is a scene, not a cap; " in shown
    assert "stays in force" in shown


def test_where_the_detector_is_not_steady_it_waits_and_says_so(person):
    person.say(b"tec 10\r")
    person.run_s(1)
    shown, _ = said_by_the_end(person)
    assert "asked for, not taken: the detector is not steady" in shown
    assert person.instrument.nuc.is_asked


def test_without_frames_nothing_is_taken_nor_said_to_be(person):
    person.plant.inject(faults.SensorDead())
    person.run_s(1)
    shown, took_s = said_by_the_end(person)
    assert "taken: correction" not in shown
    assert "asked for, not taken: " in shown
    assert took_s > PATIENCE_S - 1


@pytest.mark.parametrize("state", ["fault", "safe"])
def test_at_rest_it_is_an_error(tmp_path, state):
    bench = brought(tmp_path, state)
    human = bench.console.server.peers[0].human
    human.enter()
    human._session.level = Level.OPERATE
    assert bench.state in (State.FAULT, State.SAFE)
    assert "error -221" in human.run("nuc")
    assert not bench.instrument.nuc.is_asked


def test_any_key_ends_the_wait_and_is_not_lost(person):
    assert "under way" in person.say(b"nuc\r").decode()
    shown = person.say(b"SYST:STAT?\r").decode()
    assert "not waited for any more" in shown
    assert "edgeleak> SYST:STAT?\r\n" in shown
    person.run_s(5)
    assert b"taken" not in person.say(b"")


def test_leaving_ends_the_wait(person):
    person.say(b"nuc\r")
    person.say(b"\x01")
    person.run_s(5)
    assert person.say(b"") == b""
