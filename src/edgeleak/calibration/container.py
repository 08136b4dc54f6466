# SPDX-License-Identifier: Apache-2.0
"""Load and save a calibration: format in calibration.layout (docs/calibration-format.md)."""

from pathlib import Path

from edgeleak.calibration.layout import encode, read_file
from edgeleak.calibration.model import Calibration, Defect, Kind
from edgeleak.durable import replace_file

__all__ = ["Calibration", "Defect", "Kind", "read", "write"]


def read(path: str | Path) -> Calibration:
    """Load a calibration; MissingInputError or DataError say what is wrong with the file."""
    return read_file(Path(path))


def write(path: str | Path, calibration: Calibration) -> None:
    """Save so that after any cut of power the old or the new file is there, whole.

    Raises StorageError when the disk is full or refuses and the old file is kept, UnsettledError
    when the new one is in place and a power cut may take it back.
    """
    replace_file(Path(path), encode(calibration))
