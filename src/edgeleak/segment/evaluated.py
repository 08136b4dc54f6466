# SPDX-License-Identifier: Apache-2.0
"""The network as one row of `edgeleak evaluate detection`."""

import sys

import numpy as np

from edgeleak.errors import UnavailableError
from edgeleak.evaluate.detection.method import Footing, Method, Reading
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.segment.card import read_card
from edgeleak.segment.network import Network
from edgeleak.segment.runtime import find_interpreter
from edgeleak.segment.segmenter import COMPARED
from edgeleak.sensor import EL640

AREA_PERMILLE = 0.5


class NetworkRunner:
    """The network on the difference of `sensitive`, without that profile's own rules."""

    def __init__(self, footing: Footing) -> None:
        self._network = Network()
        self._pipeline = Pipeline(
            footing.shape, "sensitive", fps=footing.fps, sensor=EL640, is_corrected=True
        )
        self._pipeline.draw_when_asked()
        self._unit_px = footing.shape[0] * footing.shape[1] * AREA_PERMILLE / 1000
        self._none = np.zeros(footing.shape, np.uint8)

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        verdict = self._pipeline.step(pixels, info)
        if verdict.code not in COMPARED:
            return Reading(float("nan"), "", verdict.code, self._none)
        gas = self._network.look(self._pipeline) >= self._network.card.model.threshold
        return Reading(float(gas.sum()) / self._unit_px, "", 0, gas.view(np.uint8))


def methods() -> list[Method]:
    """One row; none, and a word on stderr, where no runtime is installed."""
    try:
        find_interpreter()
    except UnavailableError as error:
        print(f"edgeleak: the tables lack the network: {error}", file=sys.stderr)
        return []
    card = read_card().model
    summary = (
        f"model {card.name} {card.sha256[:8]} on the difference of sensitive; probability >="
        f" {card.threshold / 255:.2f}, area; no rule about places, outlines or time"
    )
    return [Method("network", "network", summary, NetworkRunner)]
