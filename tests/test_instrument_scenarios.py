# SPDX-License-Identifier: Apache-2.0
"""Every scenario of `edgeleak sim --list` from its start to its end, held to its own `[expect]`.

Lockstep at 160x120 and 5 frames/s, judged by the same rules as `edgeleak sim NAME --check`: what
must be said and what not, gas, the plant's limits, outputs off at the end.
"""

import pytest
from instrument_rig import Rig, small_config, violations

from edgeleak.cli.sim_judged import History, is_right, judge, read_log
from edgeleak.sim import scenario as scenarios

FPS, SET_POINT_DEGC, SAMPLE_S = 5.0, -20.0, 0.5


def played(folder, course):
    """(rig, what was so and said) of the whole scenario."""
    config = small_config(folder, cooler={"set_point_degc": SET_POINT_DEGC}, sensor={"fps": FPS})
    rig, history = Rig(folder, scenario=course, config=config), History()
    while rig.now_s < course.seconds:
        rig.run_s(SAMPLE_S)
        history.truth.append((rig.now_s, {"gas_g_per_h": rig.plant.world.gas_g_per_h}))
    (folder / "run.log").write_text("\n".join(rig.lines) + "\n")
    read_log(folder / "run.log", history, 0.0)
    return rig, history


def ended(rig):
    """The instrument is told to end; outputs that the plant then sees on."""
    rig.instrument.shutdown()
    rig.plant.advance_to(rig.plant.now_ns + 300_000_000)
    truth = rig.plant.truth
    return [name for name in ("tec", "led") if getattr(truth, f"{name}_enabled")]


@pytest.mark.parametrize("name", scenarios.names())
def test_a_scenario_comes_out_as_it_says(tmp_path, name):
    course = scenarios.load(name)
    rig, history = played(tmp_path, course)
    history.left_on = ended(rig)
    summary = judge(history, {}, course, course.seconds)
    assert summary["unlike"] == []
    assert is_right(summary), summary
    assert violations(rig) == []
    assert rig.edges() > 0, "outputs that were never on prove nothing by being off"
