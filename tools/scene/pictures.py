#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures of simulated scenes: one of every family, or beside real recordings.

tools/scene/pictures.py families OUT.png            docs/pictures/scene-families.png
tools/scene/pictures.py beside DATA OUT.png         real methane frames and a simulated stack

`beside` reads methane-1fps-320x240 of a folder of recordings; its picture is not ours to publish.
"""

import argparse
import csv
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeleak.picture import contact_sheet
from edgeleak.picture.palettes import palette
from edgeleak.sim.scene import Scenario, family_names, load_family, render

CAMERA = {"width": 320, "height": 240, "netd_mk": 30.0}
SEEDS = {"busy": 2, "crowd": 200_006, "hedge": 200_000, "lamp": 200_002, "rack": 29,
         "room": 200_001, "stack": 18, "sweep": 200_000, "yard": 1}  # fmt: skip
GAS_RGB = np.array((255, 80, 60), np.float32)
REAL_SECONDS = (419, 469, 1379)
SIMULATED = ((2, 713.0), (8, 713.0), (18, 2051.0))
DIFFERENCE_LEVELS = 20
Cell = tuple[np.ndarray, str]


def grey(plane: np.ndarray, low: float, high: float) -> np.ndarray:
    levels = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    return palette("grey")[levels.astype(np.uint8)]


def family_cell(name: str) -> Cell:
    """One frame; the truth mask is tinted."""
    seed = SEEDS[name]
    scene = load_family(name).draw(seed).with_camera(**CAMERA)
    last = round(13 * scene.camera.fps)
    frame = next(itertools.islice(render(scene, seed), last, None))
    rgb = grey(frame.counts, *np.percentile(frame.counts, (1, 99))).astype(np.float32)
    rgb[frame.mask] = 0.6 * rgb[frame.mask] + 0.4 * GAS_RGB
    things = ", ".join(d.kind for d in scene.distractors) or "nothing else"
    return rgb.astype(np.uint8), f"{name} {seed}: {frame.rate_g_per_h:.0f} g/h; {things}"


def real_cells(folder: Path) -> list[Cell]:
    """Frames and their change over one second, in levels."""
    from PIL import Image

    rows = {int(row["second"]): row for row in csv.DictReader((folder / "labels.csv").open())}
    cells = []
    for second in REAL_SECONDS:
        now, before = (
            np.asarray(Image.open(folder / f"frame_{s:04d}.jpg").convert("L"), np.float32)
            for s in (second, second - 1)
        )
        rate = rows[second]["approx_g_ch4_per_h"]
        cells += [(grey(now, 0, 255), f"real, {rate} g/h"), (changed(now - before), "its change")]
    return cells


def changed(difference: np.ndarray) -> np.ndarray:
    level = difference - np.median(difference)
    return grey(level, -DIFFERENCE_LEVELS, DIFFERENCE_LEVELS)


def simulated_cells() -> list[Cell]:
    """The stack family at the real distance and rates, shown by the same gain control."""
    cells = []
    for seed, rate_g_per_h in SIMULATED:
        frames = [f.counts.astype(np.float32) for f in render(like_real(seed, rate_g_per_h), seed)]
        low, high = np.percentile(frames[-1], (1, 99))
        change = (frames[-1] - frames[-2]) * 255 / (high - low)
        cells += [(grey(frames[-1], low, high), f"simulated, {rate_g_per_h:.0f} g/h"),
                  (changed(change), "its change")]  # fmt: skip
    return cells


def like_real(seed: int, rate_g_per_h: float) -> Scenario:
    scene = load_family("stack").draw(seed).with_camera(**CAMERA, fps=1.0)
    leak = replace(load_family("stack").draw(18).leaks[0], rate_g_per_h=rate_g_per_h, start_s=-8.0)
    return replace(
        scene, seconds=12, leaks=(leak,), distractors=(),
        world=replace(scene.world, distance_m=9.8), motion=replace(scene.motion, shake_px=0.0),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("families").add_argument("out", type=Path)
    beside = kinds.add_parser("beside")
    beside.add_argument("data", type=Path)
    beside.add_argument("out", type=Path)
    args = parser.parse_args()
    if args.kind == "families":
        cells = [family_cell(name) for name in family_names()]
        picture = contact_sheet(cells, "Scenes; gas that shows is tinted", columns=3, cell_px=400)
    else:
        cells = real_cells(args.data / "methane-1fps-320x240") + simulated_cells()
        picture = contact_sheet(cells, "Real above, simulated below", columns=6, cell_px=280)
    picture.save(args.out)


if __name__ == "__main__":
    main()
