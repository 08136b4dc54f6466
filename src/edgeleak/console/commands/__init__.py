# SPDX-License-Identifier: Apache-2.0
"""Every command of the instrument; one module a subject, one function a command."""

from edgeleak.board import Board
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


def tree(board: Board | None = None) -> Tree:
    """All of them by every spelling; ranges are those of a board, or as wide as any board's."""
    found = [command for _, commands in SUBJECTS for command in commands]
    if board is not None and board.led is not None:
        found = [actuators.limited(command, board.led.max_ma) for command in found]
    return Tree(found)
