# SPDX-License-Identifier: Apache-2.0
"""Run frames of a source through the pipeline and say of each what was seen."""

import math
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeleak.cli.confirmed import confirmed
from edgeleak.frame import FrameInfo

NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame's result, small enough to keep or print.

    index      : number of the frame in this run, from 0
    sequence   : its number at the source
    time_s     : since the first frame of the run; NaN when nobody knows
    word, code : the verdict and the number of its reason
    evidence   : NaN without a verdict
    regions    : how many; in a GAS frame those in proven places only
    area_px    : pixels in them
    box        : x, y, w, h round all of them, None without
    step_ms    : time the pipeline took
    gas_share  : share of the changed pixels that is in them
    """

    index: int
    sequence: int
    time_s: float
    word: str
    code: int
    evidence: float
    regions: int
    area_px: int
    box: tuple[int, int, int, int] | None
    step_ms: float
    gas_share: float = 1.0

    @property
    def gas_evidence(self) -> float:
        """Evidence without what merely touches the gas; NaN without a verdict."""
        return self.evidence * self.gas_share

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None."""
        return {
            "frame": self.index,
            "sequence": self.sequence,
            "time_s": or_none(self.time_s),
            "verdict": self.word,
            "code": self.code,
            "evidence": or_none(self.evidence),
            "regions": self.regions,
            "area_px": self.area_px,
            "box_xywh": self.box,
            "step_ms": round(self.step_ms, 4),
        }


def or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else round(float(value), 6)


def around(regions: np.ndarray) -> tuple[int, int, int, int] | None:
    """x, y, w, h of the smallest box round all regions."""
    if not len(regions):
        return None
    left, top = int(regions["x"].min()), int(regions["y"].min())
    right = int((regions["x"] + regions["w"]).max())
    bottom = int((regions["y"] + regions["h"]).max())
    return left, top, right - left, bottom - top


class Watch:
    """Iterate for (Seen, FrameInfo); the pipeline's outputs belong to that frame until the next.

    frames   : (pixels, FrameInfo) pairs
    pipeline : edgeleak.Pipeline
    fps      : used for times where frames carry none
    first, last : frames to process, counted from 0, `last` excluded; earlier ones are skipped
    found    : regions of the newest frame, gas and other
    """

    def __init__(self, frames: Iterable[tuple[np.ndarray, FrameInfo]], pipeline: Any,
                 fps: float | None, first: int = 0, last: int | None = None) -> None:  # fmt: skip
        self._frames, self.pipeline, self._fps = frames, pipeline, fps
        self._first, self._last = first, last
        self.step_ms = array("f")
        self.began_s = time.perf_counter()
        self._start_ns: int | None = None

    def __iter__(self) -> Iterator[tuple[Seen, FrameInfo]]:
        for number, (pixels, info) in enumerate(self._frames):
            if number < self._first:
                continue
            if self._last is not None and number >= self._last:
                return
            yield self._step(pixels, info), info

    def _step(self, pixels: np.ndarray, info: FrameInfo) -> Seen:
        begin = time.perf_counter()
        verdict = self.pipeline.step(pixels, info)
        step_ms = (time.perf_counter() - begin) * 1e3
        self.step_ms.append(step_ms)
        self.found = confirmed(self.pipeline)
        is_gas = str(verdict) == "GAS"
        regions = self.found.gas if is_gas else self.found.other
        area_px = int(regions["area_px"].sum())
        changed_px = area_px + int(self.found.other["area_px"].sum()) if is_gas else area_px
        return Seen(
            index=len(self.step_ms) - 1,
            sequence=info.sequence,
            time_s=self._time_s(info),
            word=str(verdict),
            code=int(getattr(verdict, "code", 0)),
            evidence=float(self.pipeline.evidence),
            regions=len(regions),
            area_px=area_px,
            box=around(regions),
            step_ms=step_ms,
            gas_share=area_px / changed_px if changed_px else 1.0,
        )

    def _time_s(self, info: FrameInfo) -> float:
        if info.monotonic_ns >= 0:
            if self._start_ns is None:
                self._start_ns = info.monotonic_ns
            return (info.monotonic_ns - self._start_ns) / NS_PER_S
        return (len(self.step_ms) - 1) / self._fps if self._fps else math.nan

    def elapsed_s(self) -> float:
        """Wall time since the watch was made."""
        return max(time.perf_counter() - self.began_s, 1e-9)

    def speed(self) -> dict[str, float]:
        """Frames, median, 95th percentile and worst step, and frames a second over all."""
        steps = np.frombuffer(self.step_ms, np.float32) if self.step_ms else np.zeros(1, np.float32)
        return {
            "frames": len(self.step_ms),
            "step_ms_median": round(float(np.median(steps)), 3),
            "step_ms_p95": round(float(np.percentile(steps, 95)), 3),
            "step_ms_worst": round(float(steps.max()), 3),
            "frames_per_s": round(len(self.step_ms) / self.elapsed_s(), 2),
        }
