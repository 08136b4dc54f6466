# SPDX-License-Identifier: Apache-2.0
"""Score the pipeline on real recordings: methane of known release rate, and clips without gas.

    python tools/score_detection.py [--profile sensitive] [--data ../shared/data]

Preset settings, nothing is fitted here.  Methane: share of the frames called GAS, per release
rate, without the guarded seconds around a change.  Clips without gas, after the first 2 s, twice:
as if their sensor saw methane, so that the detector has to answer, and as they are.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import edgeleak
from edgeleak.sensor import EL640, SensorInfo

DATA = Path(os.environ.get("EDGELEAK_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
LEARNING_S, LEPTON_FPS = 2.0, 9


def judge(path: Path, profile: str, fps: float | None = None,
          sensor: SensorInfo | None = EL640) -> tuple[list[str], list[float]]:  # fmt: skip
    """Verdict and evidence of every frame; sensor None is what the recording names."""
    words, evidence = [], []
    with edgeleak.open(path, fps=fps) as source:
        pipeline = edgeleak.Pipeline(
            source.shape, profile, fps=source.fps, sensor=sensor or source.sensor,
            is_corrected=True,
        )  # fmt: skip
        for pixels, info in source:
            words.append(str(pipeline.step(pixels, info)))
            evidence.append(pipeline.evidence)
    return words, evidence


def events(words: Iterable[str]) -> int:
    """How often GAS begins."""
    before, count = "", 0
    for word in words:
        count += word == "GAS" and before != "GAS"
        before = word
    return count


def score_methane(folder: Path, profile: str) -> None:
    words, evidence = map(np.array, judge(folder, profile, fps=1.0))
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rate = np.array([float(row["scfh"] or "nan") for row in rows])
    open_s = np.array([row["guard"] == "0" for row in rows])
    print(f"{'scfh':>6}{'frames':>8}{'GAS %':>8}{'evidence >= 1 %':>17}{'INHIBIT %':>11}")
    for scfh in np.unique(rate[open_s]):
        here = open_s & (rate == scfh)
        gas = 100 * np.mean(words[here] == "GAS")
        single = 100 * np.mean(evidence[here] >= 1)
        inhibit = 100 * np.mean(words[here] == "INHIBIT")
        print(f"{scfh:>6g}{here.sum():>8}{gas:>8.1f}{single:>17.1f}{inhibit:>11.1f}")


def score_clips(folder: Path, profile: str) -> None:
    print(f"\n{'clip without gas':<18}{'frames':>8}{'GAS':>6}{'GAS %':>8}{'events':>8}"
          f"{'GAS as it is':>14}{'INHIBIT as it is':>18}")  # fmt: skip
    false, clips = 0, 0
    for path in sorted(folder.glob("*.npz")):
        words, plain = (
            judge(path, profile, sensor=sensor)[0][round(LEARNING_S * LEPTON_FPS) :]
            for sensor in (EL640, None)
        )
        gas, clips = words.count("GAS"), clips + 1
        false += gas > 0
        percent, inhibit = 100 * gas / len(words), plain.count("INHIBIT")
        print(f"{path.stem:<18}{len(words):>8}{gas:>6}{percent:>8.1f}{events(words):>8}"
              f"{plain.count('GAS'):>14}{inhibit:>18}")  # fmt: skip
    print(f"\nfalse alarms in {false} of {clips} clips when they pass for methane cameras")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="sensitive", help="name or .toml file")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"score_detection: no recordings at {args.data}; give --data", file=sys.stderr)
        return 66
    score_methane(args.data / "methane-1fps-320x240", args.profile)
    score_clips(args.data / "lepton-clips-160x120", args.profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
