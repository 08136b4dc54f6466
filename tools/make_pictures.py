# SPDX-License-Identifier: Apache-2.0
"""Make the pictures of README and docs again, by the program itself on simulated frames.

    python tools/make_pictures.py [--out docs/pictures]

leak-found.png       strongest frame of `edgeleak sim --pipeline --fast`, the run in README.md
contact-sheet.png    the same run, frame by frame
nuc-residual.png     residual before and after a two-point calibration of the simulated sensor
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeleak.app import main as edgeleak
from edgeleak.sim import SimulatedSensor

SECONDS = "60"


def run(*words: object) -> None:
    code = edgeleak([str(word) for word in words])
    if code:
        sys.exit(code)


def leak(work: Path, out: Path) -> None:
    run("sim", "--pipeline", "--seconds", SECONDS, "--fast", "--no-video", "--record", "none",
        "--out", work)  # fmt: skip
    strongest = sorted(work.glob("event*_peak_*.png"))[-1]
    shutil.copy(strongest, out / "leak-found.png")
    shutil.copy(work / "contact_sheet.png", out / "contact-sheet.png")


def calibration(work: Path, out: Path) -> None:
    sensor = SimulatedSensor(seed=1)
    for name, temp_degc in (("cold", 10.0), ("hot", 35.0), ("seen", 22.0)):
        np.save(work / f"{name}.npy", sensor.blackbody(temp_degc, 40))
    made = work / "sensor.elcal"
    run("nuc", "two-point", work / "cold.npy", work / "hot.npy", "--cold-degc", 10,
        "--hot-degc", 35, "--out", made)  # fmt: skip
    run("nuc", "report", made, work / "seen.npy", "--out", work / "report")
    shutil.copy(work / "report" / "residual_1.png", out / "nuc-residual.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for make in (leak, calibration):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
