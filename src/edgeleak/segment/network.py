# SPDX-License-Identifier: Apache-2.0
"""The network in this process: for evaluation and replay; the camera uses `Segmenter`."""

from pathlib import Path

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.pipeline import Pipeline
from edgeleak.segment.card import PACKAGED, ModelWrong, read_model
from edgeleak.segment.planes import Grid, enlarged, grid_of, make_planes, proof_planes
from edgeleak.segment.runtime import CANDIDATES, Runner

MEMBERS = ("counts", "background", "smoothed")
"""What of a pipeline's arena the network is shown."""


class Network:
    """A checked, loaded and proven model.

    card : path of the model's card

    Raises ModelRefused, ModelWrong, MissingInputError, ConfigError; UnavailableError where there
    is no runtime.
    """

    def __init__(self, card: Path | str = PACKAGED,
                 candidates: tuple[str, ...] = CANDIDATES) -> None:  # fmt: skip
        self.card, content = read_model(card)
        self._runner = Runner(self.card, content, candidates)
        self.runtime = self._runner.runtime
        self._prove()

    def _prove(self) -> None:
        """A model that loads may still be another one than the card describes."""
        facts, proof = self.card.model, self.card.proof
        answer = self._runner.run(proof_planes(facts.rows, facts.columns))
        found = int((answer >= facts.threshold).sum())
        if abs(found - proof.gas_px) > proof.tolerance_px:
            raise ModelWrong(
                f"{facts.file}: finds {found} pixels of gas in the test picture,"
                f" {proof.gas_px} +/-{proof.tolerance_px} are right;"
                " make the model again with tools/train", found, proof.gas_px,
            )  # fmt: skip

    def grid(self, shape: tuple[int, int]) -> Grid:
        """How pictures of this shape lie on the input."""
        return grid_of(shape, self.card.model.rows, self.card.model.columns)

    def detect(self, frame: np.ndarray, background: np.ndarray,
               difference: np.ndarray) -> np.ndarray:  # fmt: skip
        """Probability of gas from three planes on the network's own grid.

        frame, background, difference : (rows, columns) uint8, see `planes`
        returns (rows, columns) uint8, 255 is certain
        """
        facts = self.card.model
        for plane in (frame, background, difference):
            if plane.shape != (facts.rows, facts.columns) or plane.dtype != np.uint8:
                raise UsageError(
                    f"planes are ({facts.rows}, {facts.columns}) uint8, got {plane.shape}"
                    f" {plane.dtype}; make them with `Network.planes`"
                )
        return self._runner.run(np.stack((frame, background, difference), axis=-1))

    def planes(self, counts: np.ndarray, background_q2: np.ndarray, smoothed_q2: np.ndarray,
               noise_counts: float) -> np.ndarray:  # fmt: skip
        """(rows, columns, 3) uint8 from linear counts of any picture size; see make_planes."""
        return make_planes(counts, background_q2, smoothed_q2, noise_counts,
                           self.grid(counts.shape), self.card.model.levels_per_sigma)  # fmt: skip

    def look(self, pipeline: Pipeline) -> np.ndarray:
        """Probability of gas in the frame that `pipeline` (profile sensitive) judged last.

        returns (H, W) uint8; a pixel is gas from `card.model.threshold`
        """
        arena = pipeline.arena
        if "smoothed" not in arena:
            raise UsageError("the network needs linear counts; use the profile sensitive")
        counts, background, smoothed = (arena[name] for name in MEMBERS)
        planes = self.planes(counts, background, smoothed, pipeline.verdict.noise_counts)
        small = self._runner.run(planes)
        return enlarged(small, self.grid(pipeline.shape), pipeline.shape)
