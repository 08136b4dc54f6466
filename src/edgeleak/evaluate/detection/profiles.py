# SPDX-License-Identifier: Apache-2.0
"""The firmware's own profiles, through the real Pipeline."""

import numpy as np

from edgeleak.evaluate.detection.method import Footing, Method, Reading
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.pipeline.profile import Profile, load
from edgeleak.sensor import EL640

NAMES = ("paper", "paper-log-after-he", "sensitive")


class PipelineRunner:
    """A profile at work, told that its sensor sees methane and its counts are corrected."""

    def __init__(self, footing: Footing, profile: str | Profile) -> None:
        self.pipeline = Pipeline(
            footing.shape, profile, fps=footing.fps, sensor=EL640, is_corrected=True
        )
        self.pipeline.draw_when_asked()

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        verdict = self.pipeline.step(pixels, info)
        return Reading(verdict.evidence, str(verdict), verdict.code, self.pipeline.mask)


def methods() -> list[Method]:
    return [of_profile(load(name), name, name) for name in NAMES]


def of_profile(profile: Profile, key: str, label: str) -> Method:
    """A row of the tables for any profile."""
    summary = f"profile {profile.name}: {profile.summary}"
    return Method(key, label, summary, lambda footing: PipelineRunner(footing, profile), True)
