# SPDX-License-Identifier: Apache-2.0
"""Minutes of the plant yard with its fan, a person and a cat, judged by the plant's truth.

Lockstep at 160x120: 300 s take 20 s of processor time.  The last test takes out the rules that know
a fan and sees the yard raise an alarm, so the first one can fail.
"""

from instrument_rig import Rig, small_config, violations

from edgeleak.services.health import State
from edgeleak.sim.scenario import Gas, Scenario

SECONDS, LEAK_S, FOUND_S, LEAKING_S = 300.0, 40.0, 15.0, 90.0
SWAYS = 'based_on = "sensitive"\n[rule]\none-sign = false\nno-outline = false\n'


def watched(folder, seconds, scenario, **sections):
    rig = Rig(folder, scenario=scenario, config=small_config(folder, **sections))
    return rig.run_to(State.DETECTING).run_s(seconds)


def test_five_minutes_without_gas_raise_no_alarm(tmp_path):
    rig = watched(tmp_path, SECONDS, Scenario())
    assert violations(rig) == []
    assert "GAS" not in rig.answers
    assert rig.instrument.status()["alarms"] == 0
    assert rig.answers.count("NO GAS") > 0.8 * 10 * SECONDS
    assert rig.infos[-1].drops == 0


def test_a_leak_among_them_is_found_and_held(tmp_path):
    rig = watched(tmp_path, LEAKING_S, Scenario(gas=Gas(start_s=LEAK_S)))
    assert violations(rig) == []
    times = [info.monotonic_ns * 1e-9 for info in rig.infos]
    gas = [at for at, answer in zip(times, rig.answers, strict=True) if answer == "GAS"]
    assert gas
    assert LEAK_S < gas[0] < LEAK_S + FOUND_S
    assert len(gas) > 0.8 * 10 * (times[-1] - gas[0])
    assert rig.plant.gpio_get("alarm")


def test_without_the_rules_that_know_a_fan_it_would(tmp_path):
    path = tmp_path / "sways.toml"
    path.write_text(SWAYS)
    rig = watched(tmp_path, 20.0, Scenario(), detection={"profile": str(path)})
    assert "GAS" in rig.answers
    assert "gas-without-gas" in {found.limit for found in violations(rig)}
