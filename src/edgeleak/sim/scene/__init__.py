# SPDX-License-Identifier: Apache-2.0
"""A physical scene simulator: raw frames of gas leaks with exact truth (docs/scene-simulator.md).

`yard` is the fixed plant yard that the emulated board looks at.
"""

from edgeleak.sim.scene.family import Scenario, family_names, load_family, scenarios
from edgeleak.sim.scene.render import render
from edgeleak.sim.scene.stage import Facts, SceneFrame, Stage
from edgeleak.sim.scene.yard import (
    AMBIENT_DEGC,
    GROUND_SHARE,
    SCENE_WIDTH_M,
    Scene,
    octave_noise,
    plant_scene,
)

__all__ = [
    "AMBIENT_DEGC",
    "GROUND_SHARE",
    "SCENE_WIDTH_M",
    "Facts",
    "Scenario",
    "Scene",
    "SceneFrame",
    "Stage",
    "family_names",
    "load_family",
    "octave_noise",
    "plant_scene",
    "render",
    "scenarios",
]
