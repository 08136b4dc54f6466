# SPDX-License-Identifier: Apache-2.0
"""The pipeline's newest frame as an overlay picture."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeleak.cli.confirmed import confirmed
from edgeleak.cli.watching import Seen
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.picture import Legend, Picture, overlay

GAS_SCALE_COUNTS = 40.0
GAS_SCALE_8_BIT_COUNTS = 640.0
"""Ten levels of 8-bit video: its one level is 64 counts."""


@dataclass(frozen=True, slots=True)
class Painter:
    """What stays the same for all pictures of a run."""

    source_name: str
    palette: str = "grey"

    def draw(self, pipeline: Any, seen: Seen, info: FrameInfo) -> Picture:
        """Overlay of the frame that the pipeline holds now."""
        eight_bit = bool(info.flags & FrameFlag.EIGHT_BIT)
        scale = GAS_SCALE_8_BIT_COUNTS if eight_bit else GAS_SCALE_COUNTS
        legend = Legend(
            source=self.source_name,
            time_s=seen.time_s,
            counts_range=shown_counts(pipeline.gain.lut),
            gas_scale_counts=scale,
            eight_bit=eight_bit,
            palette=self.palette,
            grey_contrast=math.isnan(pipeline.gas_levels_per_count),
            frame=seen.index,
        )
        found = confirmed(pipeline)
        return overlay(
            pipeline.grey,
            found.tint,
            found.gas,
            pipeline.verdict,
            info,
            legend,
            gas_counts=gas_counts(pipeline),
            evidence=seen.evidence,
            others=found.other,
        )


def shown_counts(lut: np.ndarray) -> tuple[float, float]:
    """Counts up to which the picture is black and from which it is white, by its gain table.

    lut : (16384,) uint8, counts to grey, rising; the local contrast comes after it
    """
    black, white = np.searchsorted(lut, (1, lut[-1]))
    return float(max(0, black - 1)), float(white)


def gas_counts(pipeline: Any) -> np.ndarray | None:
    """The pipeline's difference picture in counts, signed; None where it holds no counts."""
    if math.isnan(pipeline.gas_levels_per_count):  # profile `paper`: levels of the grey picture
        return None
    zeroed = pipeline.gas.astype(np.float32) - np.float32(pipeline.gas_zero_level)
    return zeroed / np.float32(pipeline.gas_levels_per_count)
