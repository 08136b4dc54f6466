# SPDX-License-Identifier: Apache-2.0
"""Frozen copies of what the pipeline holds, for clients that take longer than a frame lasts.

The console runs between two frames, so all planes copied in one poll belong to the same frame.
"""

from typing import Any, NamedTuple

import numpy as np

from edgeleak.console.scpi import ScpiError
from edgeleak.frame import FrameInfo

PLANES = ("RAW", "CORRected", "PICTure", "MASK", "BACKground", "GAS")
MEMBERS = {"corrected": "counts", "picture": "grey", "mask": "mask", "background": "background",
           "gas": "gas"}  # fmt: skip
TYPES = {"raw": "uint16", "corrected": "uint16", "picture": "uint8", "mask": "uint8",
         "background": "uint16", "gas": "uint8"}  # fmt: skip


class Held(NamedTuple):
    """Planes of one frame by name, and its facts."""

    planes: dict[str, np.ndarray]
    info: FrameInfo


def copy(instrument: Any, plane: str) -> np.ndarray:
    """(H, W) little-endian copy of a plane of the newest frame."""
    if not instrument.path.frames:
        raise ScpiError(-230, "no frame yet")
    if plane == "raw":
        return _raw(instrument)
    found = getattr(instrument.pipeline, MEMBERS[plane])
    return found.astype(found.dtype.newbyteorder("<"))


def hold(instrument: Any) -> Held:
    """All planes of the newest frame; the raw one only where a recorder keeps it."""
    names = [name for name in TYPES if name != "raw" or instrument.recorder is not None]
    return Held({name: copy(instrument, name) for name in names}, instrument.path.info)


def _raw(instrument: Any) -> np.ndarray:
    recorder = instrument.recorder
    if recorder is None or not recorder.ring.published:
        raise ScpiError(-230, "raw counts are kept by the recorder's ring, which is off")
    found: np.ndarray = recorder.ring.newest().astype("<u2")
    return found
