# SPDX-License-Identifier: Apache-2.0
"""Another factory calibration while the camera runs."""

from typing import Any

from edgeleak.calibration.model import Calibration
from edgeleak.pipeline import live
from edgeleak.services import parts


def rebase(instrument: Any, base: Calibration) -> None:
    """In force from the next frame; by the thread that steps the pipeline, between two frames.

    Until the shutter has given new offsets under it frames carry SETTLING and NONE, which the
    guard neither trains on nor judges: the answer is INHIBIT, as after a start with this file.
    """
    live.recalibrate(instrument.pipeline, parts.as_named(instrument.sensor, base))
    instrument._base = base
    instrument.nuc.rebase(base, instrument.clock.monotonic_ns())
