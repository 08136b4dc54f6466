# SPDX-License-Identifier: Apache-2.0
"""Small healthy files of every kind, and everything that a source gives of one."""

import sys
from pathlib import Path

import numpy as np

from edgeleak.sources import open_source

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "fuzz"))
import seed_files

STACK = seed_files.frames()


def read(path, **more):
    source = open_source(path, **more)
    with source:
        frames = [(pixels.copy(), info) for pixels, info in source]
    return source, np.stack([pixels for pixels, _ in frames]), [info for _, info in frames]
