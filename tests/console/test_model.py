# SPDX-License-Identifier: Apache-2.0
"""Sessions against a model: settings, levels, registers and the error queue in any order."""

from collections import deque
from math import log2

import pytest
from console_bench import Bench
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from edgeleak.console import commands
from edgeleak.console.status import CME, DDE, EXE, OPC, PON, QUEUE_MOST
from edgeleak.console.tree import Level
from edgeleak.pipeline.live import LEAST_OCTAVES, TOP_COUNTS

RANGES = {"SENS": (0.25, 2.5), "CLAH:CLIP": (-1, 100), "BACK:SLEW": (0, 8), "AGC:LEV": (1, 16383),
          "AGC:SPAN": (4, 16383)}  # fmt: skip
SHORT = {Level.LOOK: "LOOK", Level.OPERATE: "OPER", Level.SERVICE: "SERV"}
EVERY = [command for _, found in commands.SUBJECTS for command in found]
LEVELS = st.sampled_from(list(Level))
NUMBERS = st.integers(-200, 20_000).map(lambda n: n / 100)


class Model(RuleBasedStateMachine):
    """One session at a time is used; settings are shared, registers are the session's own."""

    bench: Bench
    defaults: dict

    def __init__(self):
        super().__init__()
        self.start(Level.SERVICE)
        self.say("*RST")
        self.kept = {name: float(self.say(f"{name}?")) for name in RANGES}

    def start(self, level):
        self.session = self.bench.session(level)
        self.level = self.floor = level
        self.esr, self.ese, self.sre, self.errors = PON, 0, 0, deque()

    def say(self, line):
        raw = self.session.feed(line.encode() + b"\n")
        assert raw == b"" or raw.endswith(b"\n")
        return raw.decode().rstrip("\n")

    def expect_error(self, number):
        self.esr |= CME if number > -200 else EXE if number > -300 else DDE
        if len(self.errors) < QUEUE_MOST:
            self.errors.append(number)
        else:
            self.errors[-1] = -350

    @rule(level=LEVELS)
    def new_session(self, level):
        self.start(level)

    @rule(name=st.sampled_from(sorted(RANGES)), value=NUMBERS)
    def set_value(self, name, value):
        low, high = RANGES[name]
        assert self.say(f"{name} {value}") == ""
        if not low <= value <= high:
            self.expect_error(-222)
        elif self.level < Level.OPERATE:
            self.expect_error(-203)
        elif not self.has_room(self.kept | {name: value}):
            self.expect_error(-222)
        else:
            self.kept[name] = value

    @staticmethod
    def has_room(values):
        """White is enough above black: the settings' own rule over level and span."""
        level, half = values["AGC:LEV"], values["AGC:SPAN"] / 2
        low, high = max(level - half, 1.0), min(level + half, TOP_COUNTS)
        return log2(high / low) >= LEAST_OCTAVES

    @rule(name=st.sampled_from(sorted(RANGES)))
    def get_value(self, name):
        assert float(self.say(f"{name}?")) == pytest.approx(self.kept[name], rel=1e-5)

    @rule(command=st.sampled_from(EVERY))
    def one_parameter_too_many(self, command):
        given = ",".join("1" for _ in range(len(command.parameters) + 1))
        assert self.say(f"{command.header.replace('[', '').replace(']', '')} {given}") == ""
        self.expect_error(-108)

    @rule(line=st.sampled_from(["NOPE", "SYST:NOPE?", "*XYZ", "*IDN", "SENS:X 1"]))
    def unknown(self, line):
        assert self.say(line) == ""
        self.expect_error(-113)

    @rule(level=st.sampled_from(["LOOK", "OPERATE", "SERVICE"]))
    def step(self, level):
        """Down, or up to the floor; higher needs a PIN, and a job, so it is not asked for here."""
        wanted = Level[level]
        if wanted <= max(self.floor, self.level):
            assert self.say(f"SYST:LEV {level}") == ""
            self.level = wanted

    @rule()
    def log_out(self):
        self.say("SYST:LOG")
        self.level = self.floor

    @rule(bits=st.integers(-1, 256))
    def enable(self, bits):
        self.say(f"*ESE {bits};*SRE {bits}")
        if 0 <= bits <= 255:
            self.ese, self.sre = bits, bits & ~0x40
        else:
            self.expect_error(-222)  # the rest of the message is not carried out

    @rule()
    def complete(self):
        self.say("*OPC")
        self.esr |= OPC

    @rule()
    def take_events(self):
        assert int(self.say("*ESR?")) == self.esr
        self.esr = 0

    @rule()
    def take_error(self):
        wanted = self.errors.popleft() if self.errors else 0
        assert int(self.say("SYST:ERR?").split(",")[0]) == wanted

    @rule()
    def clear(self):
        self.say("*CLS")
        self.esr = 0
        self.errors.clear()

    @rule()
    def reset(self):
        self.say("*RST")
        if self.level < Level.OPERATE:
            self.expect_error(-203)
        else:
            self.kept = dict(self.defaults)

    @invariant()
    def registers_agree(self):
        count, level, enabled = self.say("SYST:ERR:COUN?;:SYST:LEV?;*ESE?").split(";")
        assert (int(count), level, int(enabled)) == (len(self.errors), SHORT[self.level], self.ese)
        bits = int(self.say("*STB?"))
        assert bool(bits & 0x04) == bool(self.errors)
        assert bool(bits & 0x20) == bool(self.esr & self.ese)
        assert bool(bits & 0x40) == bool(bits & ~0x40 & self.sre)
        assert self.session.defects == 0


def test_any_order_agrees_with_the_model(tmp_path):
    bench = Bench(tmp_path).ready()
    defaults = {name: float(bench.ask(f"{name}?")[0]) for name in RANGES}
    bound = type("Bound", (Model,), {"bench": bench, "defaults": defaults})
    run_state_machine_as_test(bound, settings=settings(
        max_examples=60, stateful_step_count=40, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck)))  # fmt: skip
    assert bench.instrument.failure is None
