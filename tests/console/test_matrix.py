# SPDX-License-Identifier: Apache-2.0
"""Every command at every level in every state: refused and logged where the level is too low,
answered as the model says where it is not, and nothing driven in fault and safe."""

import pytest
from console_bench import BROUGHT, brought, close, recording
from console_model import LINES
from console_talk import Talk

from edgeleak.console import commands
from edgeleak.console.tree import Block, Choice, Level, NumberOf, Switch, Text
from edgeleak.services.health import State

EVERY = [command for _, found in commands.SUBJECTS for command in found]
DRIVES = ("COOLer:SETPoint", "COOLer:TUNE", "LED:CURRent", "CALibration:RUN")


@pytest.fixture(scope="module", params=BROUGHT)
def found(request, tmp_path_factory, quick_hashes):
    bench = brought(tmp_path_factory.mktemp(request.param), request.param)
    yield request.param, bench
    close(bench)


def test_all_states_are_there_and_are_what_they_are_called(found):
    state, bench = found
    assert {*map(str, State)} == {*BROUGHT} - {"recording"}
    assert str(bench.state) == ("detecting" if state == "recording" else state)
    is_recording = bench.instrument.recorder is not None and bench.instrument.recorder.is_recording
    assert is_recording == (state == "recording")
    answers = {"detecting": "NO GAS", "recording": "NO GAS", "fault": "FAULT"}
    assert str(bench.answer) == answers.get(state, "INHIBIT")


def argument(parameter):
    if isinstance(parameter, NumberOf):
        return f"{parameter.low if parameter.default is None else parameter.default:g}"
    if isinstance(parameter, Choice):
        return parameter.words[0]
    values = {Switch: "ON", Text: '"1234"', Block: "#15hello"}
    return values[type(parameter)]


def line_of(command):
    header = command.header.replace("[", "").replace("]", "")
    return f"{header} {','.join(map(argument, command.parameters))}".strip()


def state_of(bench):
    """All of the status but the recorder's own report, which is written in its own time."""
    return str(bench.instrument.status() | {"recorder": None})


@pytest.mark.parametrize("level", [Level.LOOK, Level.OPERATE])
def test_too_low_is_refused_logged_and_changes_nothing(found, level):
    _, bench = found
    above = [command for command in EVERY if command.level > level]
    assert above
    for command in above:
        before, lines = state_of(bench), len(bench.lines)
        assert bench.ask(line_of(command), level) == ("", [-203]), command.header
        said = f"refused {command.header} at level {level.name.lower()}"
        assert bench.lines[lines:] == [said]
        assert state_of(bench) == before, command.header


def test_nothing_drives_at_rest(found):
    state, bench = found
    if state not in ("safe", "fault"):
        pytest.skip("actuators may be driven here")
    edges = bench.edges()
    for command in EVERY:
        if command.header in DRIVES:
            assert bench.ask(line_of(command))[1] == [-221], command.header
    bench.run_s(1)
    assert bench.edges() == edges


def test_every_form_of_every_line_at_every_level_agrees_with_the_model(found):
    _, bench = found
    talk = Talk(bench)
    for level in Level:
        for line in LINES:
            recording(bench)
            talk.connect(level)
            talk.ask(line)
    assert bench.instrument.failure is None


def test_every_command_is_answered_without_a_defect(found):
    """Queries first; then everything that changes something, at the level it needs."""
    state, bench = found
    for command in sorted(EVERY, key=lambda command: not command.is_query):
        session = bench.session(command.level)
        text, errors = bench.ask(line_of(command), session=session)
        assert session.defects == 0, (state, command.header)
        assert -310 not in errors
        assert all(-300 < number <= -100 for number in errors), (command.header, errors)
        assert bool(text) == (command.is_query and not errors), (command.header, text, errors)
        bench.run_s(0.02)
    assert bench.instrument.failure is None
    assert bench.plant.judge.violations == []
