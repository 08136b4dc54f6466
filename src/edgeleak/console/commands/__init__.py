# SPDX-License-Identifier: Apache-2.0
"""Every command of the instrument; one module a subject, one function a command."""

from edgeleak.console import standard
from edgeleak.console.commands import (
    actuators,
    calibration,
    frames,
    measure,
    record,
    settings,
    system,
)
from edgeleak.console.tree import Tree

SUBJECTS = (
    ("Common and status", standard.COMMANDS),
    ("System", system.COMMANDS),
    ("Answer and frames", frames.COMMANDS),
    ("Measurements", measure.COMMANDS),
    ("Cooler, light, exposure", actuators.COMMANDS),
    ("Correction", calibration.COMMANDS),
    ("Picture", settings.COMMANDS),
    ("Recording and faults", record.COMMANDS),
)


def tree() -> Tree:
    """All of them by every spelling."""
    return Tree([command for _, commands in SUBJECTS for command in commands])
