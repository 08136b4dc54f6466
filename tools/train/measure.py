# SPDX-License-Identifier: Apache-2.0
"""The network beside `sensitive` on real recordings: methane of known rate, clips without gas.

    python tools/train/measure.py [--card CARD] [--data ../shared/data]

The card's limits as they are, nothing fitted here.  A frame is a hit when the network finds
`least_px` of gas; GAS asks for the same persistence as `sensitive` does, so both columns answer
the same question.  Gas-free clips are judged as if their sensor saw methane, after the first 2 s.
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import edgeleak
from edgeleak.pipeline.decision import Persistence
from edgeleak.segment import PACKAGED, Network
from edgeleak.segment.segmenter import COMPARED
from edgeleak.sensor import EL640

DATA = Path(os.environ.get("EDGELEAK_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
METHANE, LEPTON = "methane-1fps-320x240", "lepton-clips-160x120"
MOTORWAY = "traffic-no-smoke/motorway-320x240.avi"
LEARNING_S = 2.0


class Course(NamedTuple):
    """One recording, frame by frame: bool arrays and the network's area (grid pixels; -1 none)."""

    hit: np.ndarray
    gas: np.ndarray
    sensitive: np.ndarray
    asked: np.ndarray
    area_px: np.ndarray


def judge(path: Path, network: Network, fps: float | None = None) -> Course:
    """Both detectors on the same frames of one pipeline."""
    limit, least_px = network.card.model.threshold, network.card.model.least_px
    rows: list[tuple[bool, bool, bool, bool, int]] = []
    with edgeleak.open(path, fps=fps) as source:
        pipeline = edgeleak.Pipeline(source.shape, "sensitive", fps=source.fps, sensor=EL640,
                                     is_corrected=True)  # fmt: skip
        pipeline.draw_when_asked()
        persistence, is_gas = Persistence(pipeline.profile), False
        block = network.grid(source.shape).block
        for number, (pixels, info) in enumerate(source):
            verdict = pipeline.step(pixels, info)
            may, area = verdict.code in COMPARED, -1
            if may:
                area = int((network.look(pipeline)[::block, ::block] >= limit).sum())
                is_gas = persistence.add(number / source.fps, area >= least_px)
            rows.append((area >= least_px, may and is_gas, str(verdict) == "GAS", may, area))
    return Course(*(np.array(column) for column in zip(*rows, strict=True)))


def events(gas: np.ndarray) -> int:
    """How often it begins."""
    return int((gas & ~np.concatenate(([False], gas[:-1]))).sum())


def show_methane(folder: Path, network: Network) -> None:
    course = judge(folder, network, fps=1.0)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rate = np.array([float(row["scfh"] or "nan") for row in rows])
    is_open = np.array([row["guard"] == "0" for row in rows])
    print("| scfh | frames | network, single frames % | network GAS % | sensitive GAS % |"
          " not asked % | area, median px |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for scfh in np.unique(rate[is_open]):
        here = is_open & (rate == scfh)
        percent = [100 * part[here].mean() for part in (course.hit, course.gas, course.sensitive)]
        asked = 100 * (~course.asked[here]).mean()
        print(f"| {scfh:g} | {here.sum()} | " + " | ".join(f"{p:.1f}" for p in percent)
              + f" | {asked:.1f} | {np.median(course.area_px[here]):.0f} |")  # fmt: skip
    quiet = course.area_px[is_open & (rate == rate[is_open].min())]
    limit = np.quantile(quiet, 0.99, method="higher")
    print(f"\nin-sample, single frames with more than {limit:.0f} px (1 % of the lowest rate):")
    for scfh in np.unique(rate[is_open]):
        share = (course.area_px[is_open & (rate == scfh)] > limit).mean()
        print(f"{scfh:g} scfh {100 * share:.0f} %", end="; ")
    print()


def show_clips(paths: list[Path], network: Network) -> None:
    print("\n| clip without gas | frames | network, single frames % | network events |"
          " network GAS % | sensitive events |\n|---|---|---|---|---|---|")  # fmt: skip
    false = {"network": 0, "sensitive": 0}
    for path in paths:
        fps = edgeleak.open(path).fps
        course = judge(path, network)
        skip = round(LEARNING_S * fps)
        hit, gas, own = (part[skip:] for part in course[:3])
        false["network"] += bool(gas.any())
        false["sensitive"] += bool(own.any())
        print(f"| {path.stem} | {len(gas)} | {100 * hit.mean():.1f} | {events(gas)} |"
              f" {100 * gas.mean():.1f} | {events(own)} |")  # fmt: skip
    print(f"\nclips with a false alarm, of {len(paths)}: {false}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", type=Path, default=PACKAGED)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"measure: no recordings at {args.data}; give --data", file=sys.stderr)
        return 66
    network = Network(args.card)
    parts: tuple[Callable[[], None], ...] = (
        lambda: show_methane(args.data / METHANE, network),
        lambda: show_clips([*sorted((args.data / LEPTON).glob("*.npz")), args.data / MOTORWAY],
                           network),
    )  # fmt: skip
    for part in parts:
        part()
    return 0


if __name__ == "__main__":
    sys.exit(main())
