# SPDX-License-Identifier: Apache-2.0
"""`render`: from a scenario and a seed to frames with exact truth.

for counts, mask, column_ppm_m, rate_g_per_h, time_s in render("rack", 3):
"""

from collections.abc import Iterator

from edgeleak.sim.scene.family import Scenario, load_family
from edgeleak.sim.scene.stage import SceneFrame, Stage


def render(scenario: str | Scenario, seed: int = 0, **camera: object) -> Iterator[SceneFrame]:
    """Frames of a scene, with truth.

    scenario : name of a family, path of a scenario file, or a Scenario
    seed     : picks the family's scene, and everything random in it
    camera   : values that replace the scenario's, e.g. width=320, height=240, fps=14

    Raises MissingInputError, ConfigError or UsageError before the first frame.
    """
    if isinstance(scenario, str):
        scenario = load_family(scenario).draw(seed)
    if camera:
        scenario = scenario.with_camera(**camera)
    return Stage(scenario, seed).frames()
