# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

import numpy as np
import pytest

REGION = np.dtype(
    [("label", "i4"), ("x", "i4"), ("y", "i4"), ("w", "i4"), ("h", "i4"), ("area_px", "i4"),
     ("cx", "f4"), ("cy", "f4"), ("contrast_counts", "f4"), ("polarity", "i1")]
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    word: str
    reason: str = ""

    def __str__(self):
        return self.word


@pytest.fixture
def said():
    return Said


@pytest.fixture
def boxes():
    """Structured regions from (x, y, w, h) tuples."""

    def build(*rects, contrast=-30.0):
        out = np.zeros(len(rects), REGION)
        for row, (x, y, w, h) in zip(out, rects, strict=True):
            row["x"], row["y"], row["w"], row["h"] = x, y, w, h
            row["area_px"], row["contrast_counts"] = w * h, contrast
        return out

    return build
