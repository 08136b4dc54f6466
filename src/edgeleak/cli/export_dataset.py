# SPDX-License-Identifier: Apache-2.0
"""Training material as the paper used it: frame, background, foreground, mask.

Four folders of pictures with equal numbers, made by the pipeline that runs on
the board, and dataset.json with the meaning of every value.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeleak.cli.export_sinks import Sink, make_folder, save_png
from edgeleak.frame import FrameInfo

if TYPE_CHECKING:
    from edgeleak.sources import Source

SIGNED_ZERO = 32768
MEANING = {
    "frame": "16-bit PNG, corrected 14-bit counts (8-bit video: shifted left 6)",
    "background": "16-bit PNG, the profile's own fixed point, see background_format",
    "foreground": f"16-bit PNG, frame minus background as the profile states it, + {SIGNED_ZERO}",
    "mask": "8-bit PNG, 255 where the pipeline found change",
}


class Dataset(Sink):
    """frame/ background/ foreground/ mask/ and dataset.json."""

    suffix = "_dataset"

    def __init__(
        self, out: Path, stem: str, source: "Source", *, profile: str, calibration: str | None
    ) -> None:
        super().__init__(out, stem, source)
        self._profile, self._calibration = profile, calibration
        self._verdicts: list[dict[str, object]] = []

    def start(self) -> None:
        from edgeleak.pipeline import Pipeline

        self._pipeline = Pipeline(
            self.source.shape,
            profile=self._profile,
            fps=self.source.fps,
            calibration=self._calibration,
            sensor=self.source.sensor,
        )
        make_folder(self.part)
        for name in MEANING:
            (self.part / name).mkdir()

    def write(self, index: int, pixels: np.ndarray, info: FrameInfo) -> None:
        pipeline = self._pipeline
        verdict = pipeline.step(pixels, info)
        gas = np.asarray(pipeline.gas).astype(np.int32)
        planes = {
            "frame": pipeline.counts,
            "background": pipeline.background,
            "foreground": np.clip(gas + SIGNED_ZERO, 0, 65535).astype(np.uint16),
            "mask": pipeline.mask,
        }
        for name, plane in planes.items():
            save_png(self.part / name / f"{index:06d}.png", np.asarray(plane))
        self._verdicts.append({"frame": index, "sequence": info.sequence, "verdict": str(verdict)})

    def close(self) -> None:
        facts = {
            "source": self.source.name,
            "profile": self._profile,
            "fps": self.source.fps,
            "background_format": self._background_format(),
            "meaning": MEANING,
            "frames": self._verdicts,
        }
        (self.part / "dataset.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")

    def _background_format(self) -> str:
        grey = self._profile.startswith("paper")
        return "UQ8.8 grey levels" if grey else "UQ14.2 counts"
