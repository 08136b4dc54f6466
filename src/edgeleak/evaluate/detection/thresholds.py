# SPDX-License-Identifier: Apache-2.0
"""Thresholds chosen before looking: on simulated yards that no table of results contains.

Methods that only give a score get one threshold a kind of source (8-bit video, 14-bit counts): the
largest that any calibration clip asks for at 1 % of its frames.  Profiles of the firmware have
their own verdict; their score counts from 1.  The yards are still but for their noise and drift:
an area threshold that also lets a person pass finds no plume of these tables.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.statistics import threshold_at
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table
from edgeleak.sim import SimulatedSensor

RATE = 0.01
GATE = float(np.nextafter(1.0, 0.0))
"""Less than 0.5 permille of the picture is no alarm, for any method; `above` asks for more."""
SEEDS, QUICK_SEEDS = (101, 102, 103), (101,)
COUNTS_S, VIDEO_S = 40.0, 160.0
COUNTS_FPS, VIDEO_FPS = 9.0, 1.0
MARGIN_COUNTS = 20.0
MADE_BY = tuple(
    f"sim/{name}.py" for name in ("sensor", "detector", "plume", "movers", "scene/yard")
)
Presets = dict[tuple[str, int], float]
"""(method, bits) -> score above which a frame counts."""


def calibration_clips(quick: bool) -> list[Clip]:
    """Quiet simulated yards, with and without people: counts at 9 and video at 1 frame/s."""
    clips = []
    for seed in QUICK_SEEDS if quick else SEEDS:
        clips.append(_yard(seed, False, (120, 160), COUNTS_FPS, COUNTS_S, 14))
        clips.append(_yard(seed, False, (240, 320), VIDEO_FPS, VIDEO_S, 8))
    return clips


def presets(store: Store, methods: Sequence[Method], quick: bool) -> tuple[Presets, Part]:
    """Thresholds of every method, and the table that shows where they come from."""
    clips = calibration_clips(quick)
    found: Presets = {}
    lines = Table(
        "Score above which a frame counts (changed area over 0.5 permille of the picture)",
        ["method", "14-bit counts", "8-bit video", "parameters"],
    )
    tracks = {clip.name: store.run("thresholds", clip, methods) for clip in clips}
    for method in methods:
        for bits in (14, 8):
            own = [tracks[clip.name][method.key] for clip in clips if clip.bits == bits]
            cuts = [threshold_at(t.score[~t.is_word("INHIBIT")], RATE) for t in own]
            found[method.key, bits] = GATE if method.decides else max(*cuts, GATE)
        counts, video = found[method.key, 14], found[method.key, 8]
        shown = ["own verdict"] * 2 if method.decides else [f"{counts:.2f}", f"{video:.2f}"]
        lines.add(
            [method.label, *shown, method.parameters],
            method=method.key, counts=counts, video=video, own_verdict=method.decides,
        )  # fmt: skip
    part = Part(
        "thresholds",
        "How the thresholds were chosen",
        f"{len(clips)} simulated still yards without gas (family `yard`, seeds"
        f" {', '.join(map(str, QUICK_SEEDS if quick else SEEDS))}), which no result below contains;"
        f" at most {100 * RATE:g} % of the frames of any of them may exceed the threshold. The"
        " settings of the profiles are those of the firmware; docs/detection.md says how each was"
        " chosen.",
        [lines],
    )
    return found, part


def _yard(
    seed: int, movers: bool, shape: tuple[int, int], fps: float, seconds: float, bits: int
) -> Clip:
    def shots() -> Iterator[Shot]:
        sensor = SimulatedSensor(
            seed, shape, fps, leak=False, seconds=seconds, movers=movers, fixed_pattern=False
        )
        window: tuple[float, float] | None = None
        for counts, info in sensor:
            if bits == 14:
                yield Shot(counts, info)
                continue
            if window is None:
                low, high = np.percentile(counts, (0.5, 99.5))
                window = float(low) - MARGIN_COUNTS, float(high) + MARGIN_COUNTS
            yield Shot(as_video(counts, window), None)  # pictures of a folder carry no time

    kind = "people" if movers else "quiet"
    name = f"yard-{seed}-{kind}-{bits}bit"
    return Clip(
        name,
        shape,
        fps,
        bits,
        round(seconds * fps),
        shots,
        depends=MADE_BY,
    )


def as_video(counts: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """(H, W) uint8 of counts between black and white."""
    low, high = window
    levels = (counts.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
