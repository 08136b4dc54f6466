# SPDX-License-Identifier: Apache-2.0
"""What a detector offers to the comparison, and the registry of all of them."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.frame import FrameInfo


class Footing(NamedTuple):
    """What a detector is told before the first frame.

    shape : (H, W)
    fps   : frames a second
    bits  : 8 or 14
    """

    shape: tuple[int, int]
    fps: float
    bits: int


class Reading(NamedTuple):
    """One frame's answer.

    score : >= 0, grows with the evidence: changed area over 0.5 permille of the picture; NaN
            when the detector gives no answer
    word  : GAS, NO GAS, INHIBIT or FAULT where the detector decides by itself, else ""
    code  : number that says why there is no plain answer, 0
    mask  : (H, W) uint8, nonzero where it sees gas; valid until the next frame
    """

    score: float
    word: str
    code: int
    mask: np.ndarray


class Runner(Protocol):
    """A detector at work on one recording."""

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        """Next frame, (H, W) uint16 counts or uint8 levels."""
        ...


class Method(NamedTuple):
    """One row of the tables.

    key, label : identity, name as printed
    parameters : every number it runs with, in words
    make       : a Runner for one recording
    decides    : it has a verdict of its own; else its score is compared with a threshold
    """

    key: str
    label: str
    parameters: str
    make: Callable[[Footing], Runner]
    decides: bool = False


PROVIDERS = (
    "edgeleak.evaluate.detection.profiles",
    "edgeleak.evaluate.detection.classic",
    "edgeleak.segment.evaluated",
)
"""Modules with a function `methods() -> list[Method]`.  One that is not there adds no rows; the
network of `edgeleak.segment` joins every table by having `evaluated.py`."""


def all_methods() -> list[Method]:
    """Every method of this installation, in the order of the tables."""
    found: list[Method] = []
    for name in PROVIDERS:
        if _is_there(name):
            found += importlib.import_module(name).methods()
    return found


def chosen_methods(keys: list[str] | None) -> list[Method]:
    """The methods of a list of keys; UsageError for one that is unknown."""
    methods = all_methods()
    known = {method.key: method for method in methods}
    if keys is None:
        return methods
    for key in keys:
        if key not in known:
            raise UsageError(f"method {key!r} is not known; known are {', '.join(known)}")
    return [known[key] for key in keys]


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
