# SPDX-License-Identifier: Apache-2.0
"""All commands on a whole instrument: registers, levels, faults, and none that is a defect."""

import pytest
from console_bench import unpacked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeleak import codes
from edgeleak.console import commands
from edgeleak.console.shortcuts import screen
from edgeleak.console.tree import Block, Choice, Level, NumberOf, Switch, Text
from edgeleak.services.health import State
from edgeleak.sim import faults

LOOK, OPERATE = Level.LOOK, Level.OPERATE


def test_identity_and_state(ready):
    assert ready.ask("*IDN?", LOOK) == ("EdgeLeak,el1-a,0000,0.1.0", [])
    assert ready.ask("SYST:STAT?;CODE?") == ('DETECTING;0,"every input fresh and in range"', [])
    assert ready.ask("VERD?;:SYST:LEV?") == ("NO GAS;SERV", [])
    assert float(ready.ask("EVID?")[0]) == ready.instrument.pipeline.evidence
    assert ready.ask("*TST?") == ("0", [])
    assert "pass  detector" in unpacked(ready.ask("TEST:RES?")[0]).decode()


def test_measurements_are_the_services_own(ready):
    status, light = ready.instrument.cooler.status, ready.instrument.light.status
    found = ready.ask("MEAS:TEMP?;TEMP:HOTS?;:MEAS:TEC:CURR?;VOLT?;:MEAS:SUPP?;FPS?")[0].split(";")
    wanted = (status.cold_degc, status.hot_degc, status.current_a, status.voltage_v,
              light.supply_v, ready.instrument.path.fps)  # fmt: skip
    assert [float(x) for x in found] == pytest.approx(wanted, rel=1e-5)
    truth = ready.plant.truth
    assert float(ready.ask("MEAS:TEMP:HOUS?")[0]) == pytest.approx(truth.housing_degc, abs=0.5)
    assert float(ready.ask("MEAS:HUM?")[0]) == pytest.approx(100 * truth.humidity, abs=3)
    assert ready.ask("MEAS:LED:CURR?")[0] != ""


def test_what_cooling_takes_is_known_once_it_is_steady(fresh):
    asked = "MEAS:TEC:HOLD?;ENER:SETP?"
    assert fresh.run_to(State.COOLING).ask(asked) == ("9.91E37;9.91E37", [])
    assert "not known before it is steady" in screen(fresh.desk)
    fresh.ready()
    status = fresh.instrument.cooler.status
    found = [float(part) for part in fresh.ask(asked)[0].split(";")]
    assert found == pytest.approx((status.holding_w, status.energy_to_set_point_j), rel=1e-5)
    assert min(found) > 0
    assert f"holding takes {status.holding_w:.2f} W" in screen(fresh.desk)


def test_registers_follow_the_instrument(fresh):
    cable = fresh.cable
    cable.sent += b"STAT:OPER:COND?;:STAT:QUES:COND?\n"
    fresh.run_to(State.COOLING)
    assert cable.got.split(b"\n")[0] in (b"2048;16384", b"2048;0")  # starting
    fresh.ready().run_s(0.1)
    cable.got.clear()
    cable.sent += b"STAT:OPER:COND?;:STAT:QUES:COND?;:STAT:OPER?;:STAT:QUES?\n"
    fresh.run_s(0.1)
    now, bad, risen, was_bad = map(int, cable.got.split(b"\n")[0].split(b";"))
    assert (now & 16, bad) == (16, 0)
    assert risen & (1 | 2 | 16 | 2048) == 1 | 2 | 16 | 2048
    assert was_bad & (16 | 256) == 16 | 256
    fresh.plant.inject(faults.ThermistorOpen())
    fresh.run_to(State.FAULT).run_s(0.1)
    cable.got.clear()
    cable.sent += b"STAT:QUES:COND?\n"
    fresh.run_s(0.1)
    assert int(cable.got.split(b"\n")[0]) & 17 == 17


def test_what_was_asked_for_is_under_way_at_once(fresh):
    fresh.ready().run_s(1.0)
    session = fresh.session()
    assert fresh.ask("COOL:STAB?;:STAT:OPER:COND?", session=session)[0] == "1;16"
    assert fresh.ask("CAL:RUN;:STAT:OPER:COND?", session=session)[0] == "17"
    assert fresh.ask("COOL:SETP 21;STAB?;:STAT:OPER:COND?", session=session)[0] == "0;19"
    for _ in range(40):  # and no moment of the old answer comes back
        fresh.run_s(0.02)
        stable, bits = fresh.ask("COOL:STAB?;:STAT:OPER:COND?", session=session)[0].split(";")
        assert (stable, int(bits) & 3) == ("0", 3)


def test_a_set_point_that_was_left_and_taken_again_is_a_new_picture(fresh):
    """Learnt through 3 K of another temperature, a still yard without gas was GAS for 5 s."""
    fresh.ready().run_s(11.5)
    assert fresh.ask("COOL:SETP -40") == ("", [])
    fresh.run_s(5.2)
    assert fresh.ask("*RST") == ("", [])
    fresh.run_to(State.READY)
    assert fresh.answer.trouble.code == codes.LEARNING
    fresh.run_to(State.DETECTING)
    first = len(fresh.answers)
    fresh.run_s(40.0)
    assert set(fresh.answers[first:]) == {"NO GAS"}
    assert fresh.plant.judge.violations == []


def test_levels_say_who_may(ready):
    for line in ("COOL:SETP 15", "LED:MODE ON", "AGC:LOCK ON", "SYST:SAFE ON", "CAL:RUN", "*RST"):
        assert ready.ask(line, LOOK) == ("", [-203]), line
    for line in ("FAUL:CLE", "COOL:TUNE", "CAL:DATA #11x"):
        assert ready.ask(line, OPERATE) == ("", [-203]), line
    assert "refused COOLer:SETPoint at level look" in ready.lines


def test_a_fault_is_kept_with_what_led_to_it(fresh):
    fresh.ready().run_s(6)
    assert fresh.ask("FAUL:LAST?")[0].startswith("0,")
    fresh.plant.inject(faults.ThermistorOpen())
    fresh.run_to(State.FAULT).run_s(0.2)
    code = fresh.instrument.health.latched.code
    assert fresh.ask("FAUL:LAST?")[0].startswith(f"{code},")
    ring = unpacked(fresh.ask("FAUL:RING?")[0]).decode()
    assert ring.startswith("t_s,state,code")
    assert ring.count("detecting") > 20
    assert f"fault {code}" in ring
    assert fresh.ask("*TST?")[0] != "0"
    fresh.plant.clear("thermistor-open")
    assert fresh.ask("FAUL:CLE")[1] == []
    fresh.ready().run_s(6)
    assert fresh.ask("FAUL:LAST?")[0].startswith(f"{code},")


def test_recording_needs_the_ring(ready):
    for line in ("REC:STAT ON", "REC:SNAP", "REC:INFO?"):
        assert ready.ask(line)[1] == [-241]


def test_a_defect_in_a_command_ends_neither_the_loop_nor_the_connection(ready, monkeypatch):
    monkeypatch.setattr(ready.instrument.health, "answer", None)
    session = ready.session()
    text, errors = ready.ask("VERD:REAS?", session=session)
    assert (text, errors, session.defects) == ("", [-310], 1)
    assert ready.ask("*IDN?", session=session)[0].startswith("EdgeLeak")


def argument(draw, parameter):
    """Something near what the parameter takes, or anything."""
    if isinstance(parameter, NumberOf):
        near = [parameter.low, parameter.high, parameter.low - 1, parameter.high * 2 + 1, 0, 1]
        return f"{draw(st.sampled_from(near)):.6g}"
    if isinstance(parameter, Choice):
        return draw(st.sampled_from([*parameter.words, "NONSENSE"]))
    if isinstance(parameter, Switch):
        return draw(st.sampled_from(["ON", "OFF", "2"]))
    if isinstance(parameter, Text):
        return draw(st.sampled_from(['"1234"', '""', "'it''s'"]))
    assert isinstance(parameter, Block)
    return draw(st.sampled_from(["#13abc", "#0", "1"]))


EVERY = [command for _, subject in commands.SUBJECTS for command in subject]


@st.composite
def lines(draw):
    command = draw(st.sampled_from(EVERY))
    header = command.header.replace("[", "").replace("]", "")
    count = draw(st.integers(0, len(command.parameters)))
    given_ = [argument(draw, parameter) for parameter in command.parameters[:count]]
    return f"{header} {','.join(given_)}".strip()


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(st.tuples(lines(), st.sampled_from(list(Level)), st.integers(0, 3)), max_size=6))
def test_no_command_in_any_state_is_a_defect_or_breaks_a_limit(ready, steps):
    assert ready.ask("*RST") == ("", [])  # so that a failure needs its own steps only
    known = len(ready.plant.judge.violations)
    for line, level, tenths in steps:
        session = ready.session(level)
        _, errors = ready.ask(line, session=session)
        assert session.defects == 0, line
        assert -310 not in errors, line
        ready.run_s(tenths / 10)
    assert ready.instrument.failure is None
    assert ready.plant.judge.violations[known:] == []
