# SPDX-License-Identifier: Apache-2.0
"""From frames to verdicts: profiles, the arena, the chain and its rules."""

from edgeleak.codes import TABLE as CODES
from edgeleak.codes import Kind
from edgeleak.pipeline.arena import Arena
from edgeleak.pipeline.chain import Pipeline
from edgeleak.pipeline.profile import NAMES as PROFILES
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.profile import load as load_profile
from edgeleak.pipeline.verdict import Rule, Verdict

__all__ = [
    "CODES",
    "PROFILES",
    "Arena",
    "Kind",
    "Pipeline",
    "Profile",
    "Rule",
    "Verdict",
    "load_profile",
]
