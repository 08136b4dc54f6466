# SPDX-License-Identifier: Apache-2.0
"""Regions and opening beside OpenCV: noise, blobs, real masks, and the worst masks known.

    tools/bench/bench_regions.py [--rounds 7]

One thread each, everybody takes turns; ns per pixel are minima, the ratio is the median of the
rounds' own ratios.  Statistics are compared first.  Real masks come from EDGELEAK_DATA or the
folder ../shared/data beside the repository; without them that part is left out.
"""

import argparse
import os
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "kernels"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import test_regions as shapes_of
from timing import paired_ratio, race

from edgeleak.kernels import RegionFinder, mask_scratch_words, open_mask

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ((480, 640), (240, 320), (120, 160))
SHARES = (0.001, 0.01, 0.05, 0.2)
WORST = ("checkerboard", "isolated", "comb", "spiral")


def made_masks(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    masks = {f"noise {100 * share:g} %": shapes_of.noise(rng, shape, share) for share in SHARES}
    masks |= {f"blobs {100 * share:g} %": shapes_of.blobs(rng, shape, share) for share in SHARES}
    masks["worst: noise 50 %"] = shapes_of.noise(rng, shape, 0.5)
    return masks | {f"worst: {name}": getattr(shapes_of, name)(shape) for name in WORST}


def real_masks() -> dict[str, np.ndarray]:
    data = Path(os.environ.get("EDGELEAK_DATA", ROOT.parent / "shared" / "data"))
    paths = sorted(data.glob("gas-stills-masks/*_mask.png"))
    smoke = sorted(data.glob("smoke-growth-jpeg/masks/*"))
    found = {}
    for path in [*paths, *smoke[:: max(1, len(smoke) // 4)]]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            found[f"real: {path.stem}"] = np.where(picture > 127, 255, 0).astype(np.uint8)
    return found


def check_same(mask: np.ndarray, finder: RegionFinder) -> None:
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = finder.find(mask)
    ours = np.stack([rows[name] for name in ("x", "y", "w", "h", "area_px")], axis=1)
    if not np.array_equal(ours[np.lexsort(ours.T)], statistics[1:][np.lexsort(statistics[1:].T)]):
        sys.exit("bench_regions: the statistics differ; the times would mean nothing")


def race_regions(name: str, mask: np.ndarray, rounds: int) -> float:
    finder = RegionFinder(mask.shape)
    check_same(mask, finder)
    labels = np.empty(mask.shape, np.int32)
    timings = race(
        {
            "ours": lambda _: finder.find(mask),
            "theirs": lambda _: cv2.connectedComponentsWithStats(mask, labels, connectivity=8),
        },
        rounds,
        8,
    )
    return print_row(name, timings, mask.size)


def race_opening(size: int, mask: np.ndarray, rounds: int) -> float:
    scratch = np.empty(mask_scratch_words(mask.shape, size), np.uint64)
    square, out, mine = np.ones((size, size), np.uint8), mask.copy(), mask.copy()
    open_mask(mine, scratch, size)
    if not np.array_equal(mine, cv2.morphologyEx(mask, cv2.MORPH_OPEN, square)):
        sys.exit("bench_regions: the openings differ; the times would mean nothing")
    timings = race(
        {
            "ours": lambda _: open_mask(mine, scratch, size),
            "theirs": lambda _: cv2.morphologyEx(mask, cv2.MORPH_OPEN, square, dst=out),
        },
        rounds,
        16,
    )
    return print_row(f"opening {size}x{size}", timings, mask.size)


def print_row(name: str, timings: dict, pixels: int) -> float:
    ours, theirs = timings["ours"], timings["theirs"]
    ratio = paired_ratio(theirs, ours)
    print(f"  {name:24} {ours.best_ns / pixels:8.3f} {theirs.best_ns / pixels:8.3f} {ratio:8.2f} x")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    ratios: dict[str, float] = {}
    for shape in SHAPES:
        print(f"{shape[1]}x{shape[0]:<21} ours ns/px  OpenCV   ratio")
        masks = made_masks(shape)
        for name, mask in masks.items():
            ratios[f"{name} at {shape[1]}x{shape[0]}"] = race_regions(name, mask, rounds)
        for size in (3, 5, 9):
            race_opening(size, masks["blobs 20 %"], rounds)
    print("real masks")
    for name, mask in real_masks().items():
        ratios[name] = race_regions(name, mask, rounds)
    usual = {name: ratio for name, ratio in ratios.items() if not name.startswith("worst")}
    for title, rows in (("least of the usual masks", usual), ("least of all", ratios)):
        name = min(rows, key=rows.get)
        print(f"{title}: {rows[name]:.2f} x ({name})")


if __name__ == "__main__":
    main()
