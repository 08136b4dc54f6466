# SPDX-License-Identifier: Apache-2.0
"""Masks of real gas: four infrared stills, made into sequences that a detector can look at.

A still has no past.  Its masked gas is painted over to get one, comes after three seconds, and
fluctuates as a plume does; picture noise is added.  So the background behind the gas is painted,
and overlap measures contrast and shape, not whether a still shows gas.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.detection.clip import STILLS, Clip, Shot
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table
from edgeleak.evaluate.detection.track import Track
from edgeleak.evaluate.extras import load_opencv

NAMES = ("near", "mid", "multiple", "sf6")
FPS = 9.0
QUIET_S, SECONDS, SCORED_S = 3.0, 14.0, 4.0
NOISE_LEVELS = 0.7
FLUCTUATION = 0.35
GUST_S = 0.7
GROW_PX = 7


def still_clip(data: Path, name: str) -> Clip:
    """A still as a sequence, see above."""
    cv2 = load_opencv()
    folder = data / STILLS
    still = cv2.imread(str(folder / f"{name}_ir.png"), cv2.IMREAD_GRAYSCALE)
    drawn = cv2.imread(str(folder / f"{name}_mask.png"), cv2.IMREAD_GRAYSCALE)
    if still is None or drawn is None or still.shape != drawn.shape:
        raise DataError(f"{folder}: still {name} or its mask cannot be read")
    mask = drawn > 127
    wide = cv2.dilate(drawn, np.ones((GROW_PX, GROW_PX), np.uint8))
    behind = cv2.inpaint(still, wide, 5, cv2.INPAINT_TELEA).astype(np.float32)
    gas = np.where(mask, still - behind, 0).astype(np.float32)
    n_frames = round(SECONDS * FPS)

    def shots() -> Iterator[Shot]:
        rng = np.random.default_rng([7, *name.encode()])
        texture = np.zeros(still.shape, np.float32)
        nothing = np.zeros(still.shape, bool)
        keep = float(np.exp(-1 / FPS / GUST_S))
        for index in range(n_frames):
            kick = rng.standard_normal(still.shape).astype(np.float32)
            soft = cv2.GaussianBlur(kick, (0, 0), 4)
            texture = keep * texture + np.sqrt(1 - keep**2) * soft / soft.std()
            is_open = index >= QUIET_S * FPS
            strength = np.maximum(1 + FLUCTUATION * texture, 0) if is_open else 0.0
            frame = behind + strength * gas + rng.normal(0, NOISE_LEVELS, still.shape)
            pixels = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
            yield Shot(pixels, None, mask if is_open else nothing)

    return Clip(name, still.shape, FPS, 8, n_frames, shots)


def overlap(track: Track, chosen: np.ndarray) -> tuple[float, float]:
    """IoU and F1 over all chosen frames together."""
    hit, area, truth = (
        float(a[chosen].sum()) for a in (track.hit_px, track.area_px, track.truth_px)
    )
    union = area + truth - hit
    return (hit / union if union else float("nan"),
            2 * hit / (area + truth) if area + truth else float("nan"))  # fmt: skip


def stills(store: Store, data: Path, methods: Sequence[Method], draws: bool, out: Path) -> Part:
    clips = [still_clip(data, name) for name in NAMES]
    tracks = {clip.name: store.run("stills", clip, methods) for clip in clips}
    part = Part("stills", "Masks of real gas (semi-real sequences of four stills)")
    part.about = (
        "Infrared stills of 121x96 with hand-drawn masks. Their gas is painted over for"
        f" {QUIET_S:g} s, then comes and fluctuates by {100 * FLUCTUATION:g} %, with"
        f" {NOISE_LEVELS:g} levels of noise; scored over the last {SCORED_S:g} s."
    )
    table = Table("IoU / F1 of the mask", ["method", *NAMES, "all four"])
    for method in methods:
        cells, values = [], {}
        own = [tracks[name][method.key] for name in NAMES]
        scored = own[0].time_s >= SECONDS - SCORED_S
        for name, track in zip(NAMES, own, strict=True):
            values[name] = overlap(track, scored)
            cells.append("{:.2f} / {:.2f}".format(*values[name]))
        sums = [sum(float(getattr(t, f)[scored].sum()) for t in own)
                for f in ("hit_px", "area_px", "truth_px")]  # fmt: skip
        union = sums[1] + sums[2] - sums[0]
        both = sums[0] / union, 2 * sums[0] / (sums[1] + sums[2])
        table.add([method.label, *cells, "{:.2f} / {:.2f}".format(*both)],
                  method=method.key, stills=values, all=both)  # fmt: skip
    part.tables.append(table)
    part.blind.append(
        "the real background behind the gas, real motion: both are painted; 121x96 pixels leave a"
        " plume of a few dozen pixels, so the least area of a detector decides"
    )
    if draws:
        from edgeleak.evaluate.detection.pictures import marked_figure

        last = round(SECONDS * FPS) - 1
        for clip in clips[:1]:
            title = f"Still {clip.name}: red is what a method marks, green the hand-drawn mask"
            shown = (round(QUIET_S * FPS) - 2, last - 40, last)
            path = out / f"still-{clip.name}.png"
            part.pictures.append(marked_figure(clip, methods, shown, title, path))
    return part
