# SPDX-License-Identifier: Apache-2.0
"""Exceptions that say nothing about the firmware: of the rig, or of a patch that does not fit."""

import traceback
from pathlib import Path

import edgeleak
from edgeleak import sim

NAMES = (ImportError, NameError, AttributeError, TypeError)
"""Raised by names and signatures that are not there: a patch of other sources, too."""
FIRMWARE, SIMULATED = Path(edgeleak.__file__).parent, Path(sim.__file__).parent
RIGS = (SIMULATED, Path(__file__).parent, Path(__file__).resolve().parents[2] / "tests")


def is_slip(error: Exception) -> bool:
    """Whether no row may count it as a find; libraries belong to who called them."""
    if isinstance(error, NAMES):
        return True
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        parents = Path(frame.filename).parents
        if any(rig in parents for rig in RIGS):
            return True
        if FIRMWARE in parents:
            return False
    return True
