# SPDX-License-Identifier: Apache-2.0
"""Gas as warm as what is behind it shows in the light of the LED alone: a lock-in over pairs."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak.frame import FrameInfo
from edgeleak.pipeline import load_profile

SHAPE, FPS = (120, 160), 14
Y, X = np.indices(SHAPE)
FAINT = load_profile("sensitive")
BEAM = 300 * np.exp(-((X - 80) ** 2 + (Y - 60) ** 2) / (2 * 45.0**2))


def scene(rng):
    """Soft hills with bricks, so that the camera is known to be still."""
    return 5000 + 40 * np.sin(X / 17) + 30 * np.cos(Y / 13) + 12 * ((X // 8 + Y // 6) % 2)


def absorbed(time_s, dip):
    """Share of the light that a wandering, flickering cloud takes."""
    x, y = 80 + 6 * np.sin(1.7 * time_s), 60 + 4 * np.sin(2.3 * time_s + 2)
    strength = dip * (0.6 + 0.4 * np.sin(2.9 * time_s + 1) * np.sin(4.7 * time_s))
    return strength * np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * 12.0**2))


def watch(dip=0.0, light=lambda time_s: 1.0, seconds=24, profile=FAINT, from_s=6.0):
    """Words of the dark frames after learning, and the pipeline."""
    rng = np.random.default_rng(3)
    pipeline, words, ideal = Pipeline(SHAPE, profile), set(), scene(rng)
    for i in range(seconds * FPS):
        time_s, is_lit = i / FPS, i % 2 == 0
        frame = ideal + rng.normal(0, 2, SHAPE)
        if is_lit:
            share = absorbed(time_s, dip) if time_s >= from_s else 0.0
            frame += light(time_s) * BEAM * (1 - share)
        info = FrameInfo(i, 1 + i * 1_000_000_000 // FPS, led_on=is_lit)
        verdict = pipeline.step(np.rint(frame).astype(np.uint16), info)
        if time_s > 4 and not is_lit:
            words.add(str(verdict))
    return words, pipeline


def test_a_dip_of_the_light_alone_is_gas():
    words, pipeline = watch(dip=0.02)
    assert words == {"NO GAS", "GAS"}
    assert str(pipeline.verdict) == "GAS"
    assert pipeline.pair.refused <= 1
    rows, columns = np.nonzero(pipeline.arena["faint"])
    assert abs(rows.mean() * 4 + 2 - 60) < 12
    assert abs(columns.mean() * 4 + 2 - 80) < 12
    assert any(rule.name == "faint" and rule.fired for rule in pipeline.verdict.rules)


def test_what_throws_more_light_back_is_no_gas():
    assert watch(dip=-0.02)[0] == {"NO GAS"}  # steam, a glint, somebody who comes near


def test_without_the_rule_it_does_not_show():
    off = load_profile("sensitive").replace({"rule.faint": False})
    assert watch(dip=0.02, profile=off)[0] == {"NO GAS"}


@pytest.mark.parametrize(
    "light",
    [
        lambda time_s: 1.0,
        lambda time_s: 1 + 0.1 * np.sin(2 * time_s),  # its current
        lambda time_s: 1 - 0.01 * time_s,  # its age and temperature
        lambda time_s: 1.0 if time_s < 8 else 0.5,
        lambda time_s: 0.0,  # open: nothing to measure
    ],
    ids=["steady", "ripples", "fades", "halved", "dark"],
)
def test_what_the_led_itself_does_is_no_gas(light):
    assert watch(light=light)[0] == {"NO GAS"}
