# SPDX-License-Identifier: Apache-2.0
"""The whole tree in any order against a model: connections that come and go, time that passes;
test_matrix.py asks every form of every line once."""

import pytest
from console_bench import BROUGHT, Bench, brought, close, recording
from console_model import BY_HEADER, EVERY, KEPT, LINES, Line, plain
from console_talk import Talk
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edgeleak.console.tree import Level

MEASURED = {"*OPC?", "COOLer:STATe?", "COOLer:TUNE?", "LED:MODE?", "RECord:STATe?",
            "CALibration:DATA?"}  # fmt: skip
"""Answers of the instrument, not of what was set."""


def test_every_setting_that_has_a_query_is_in_the_model():
    asked = {command.header for command in EVERY if command.is_query and not command.parameters}
    pairs = {header for header in BY_HEADER if f"{header}?" in asked}
    assert pairs == set(KEPT) | {header.rstrip("?") for header in MEASURED}


class Machine(RuleBasedStateMachine):
    """Any order, connections that come and go, time that passes."""

    bench: Bench

    def __init__(self):
        super().__init__()
        self.bench.ask("*RST")
        self.talk, self.turn = Talk(self.bench), 0

    @rule(line=st.sampled_from(LINES))
    def say(self, line: Line):
        self.talk.ask(line)

    @rule(name=st.sampled_from(KEPT))
    def set_something(self, name):
        usual = next(line for line in LINES if line.command.header == name and not line.error)
        self.talk.ask(usual)

    @rule()
    def a_recording(self):
        """Where there is a recorder."""
        recording(self.bench)

    @rule(level=st.sampled_from(list(Level)))
    def somebody_else(self, level):
        self.talk.connect(level)

    @rule()
    def some_time(self):
        """Wishes are taken by then, or not: what the control loop says is learnt."""
        self.bench.run_s(0.3)
        for name in ("COOLer:SETPoint", "SENSe:INTegration"):
            self.talk.oracle.kept[name] = None

    @invariant()
    def nothing_is_lost(self):
        """A few settings after every line, all of them in turn."""
        for name in KEPT[self.turn % 4 :: 4]:
            self.talk.look(name)
        self.turn += 1


@pytest.mark.parametrize("state", BROUGHT)
def test_any_order_agrees_with_the_model(tmp_path, quick_hashes, state):
    bench = brought(tmp_path, state)
    bound = type("Bound", (Machine,), {"bench": bench})
    run_state_machine_as_test(bound, settings=settings(
        max_examples=4, stateful_step_count=30, deadline=None, derandomize=True,
        phases=(Phase.generate,),  # a failure is a list of lines already; shrinking takes minutes
        suppress_health_check=list(HealthCheck)))  # fmt: skip
    close(bench)
    assert bench.instrument.failure is None
    assert bench.plant.judge.violations == []


def test_the_lines_cover_the_registry():
    assert {line.command.header for line in LINES} == set(BY_HEADER)
    assert {line.error for line in LINES} == {
        0, -104, -108, -109, -131, -138, -222, -223, -224}  # fmt: skip
    assert all(line.text.startswith(plain(line.command.header)) for line in LINES)
