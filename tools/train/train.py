# SPDX-License-Identifier: Apache-2.0
"""Make the segmentation network: scenes, fit, limits, proof, card, curve; one command.

    python tools/train/train.py --venv VENV [--out OUT] [--train N] [--held N] [--seconds N]

VENV is the training environment that tools/train/make_venv.sh made; everything else runs in the
project's own.  What `--install` copies into the package is OUT/plume.tflite and OUT/plume.toml.
Scenes and fit have fixed seeds; what differs between machines is rounding, and so the weights.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from edgeleak.segment.card import PACKAGED, Card, ModelFacts, ProofFacts, TrainedFacts
from edgeleak.segment.planes import proof_planes
from edgeleak.segment.runtime import Runner

HERE = Path(__file__).parent
LEVELS_PER_SIGMA, THRESHOLD = 6.0, 128
UNSURE, GAS = 2, 1
LEAST_PX = 12
"""0.6 permille of the input: less has no shape."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(*command: str | Path) -> None:
    """One step, on one thread; its failure is ours."""
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, **ONE_THREAD})


def draft(content: bytes, least_px: int, proof_px: int, facts: TrainedFacts) -> Card:
    """A card for these bytes."""
    model = ModelFacts(
        name="plume", file="plume.tflite", sha256=hashlib.sha256(content).hexdigest(), rows=120,
        columns=160, levels_per_sigma=LEVELS_PER_SIGMA, threshold=THRESHOLD, least_px=least_px,
    )  # fmt: skip
    return Card(model=model, proof=ProofFacts(gas_px=proof_px, tolerance_px=12), trained=facts)


def measure(runner: Runner, planes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """What the finished file does on scenes held back, and the least area that counts."""
    hit = false = missed = 0
    without, with_gas = [], []
    for one, label in zip(planes, labels, strict=True):
        found = runner.run(one) >= THRESHOLD
        hit += int((found & (label == GAS)).sum())
        false += int((found & (label == 0)).sum())
        missed += int((~found & (label == GAS)).sum())
        area = int((found & (label != UNSURE)).sum())
        if not label.any():
            without.append(area)
        elif (label == GAS).sum() >= 20:
            with_gas.append(area)
    if not with_gas or not without:
        sys.exit("train: the held scenes have no frames with gas or none without; give more --held")
    least = best_limit(np.array(with_gas), np.array(without))
    return {
        "iou": hit / max(hit + false + missed, 1), "precision": hit / max(hit + false, 1),
        "recall": hit / max(hit + missed, 1), "least_px": least,
        "found": float(np.mean(np.array(with_gas) >= least)),
        "false": float(np.mean(np.array(without) >= least)),
        "frames_with": len(with_gas), "frames_without": len(without),
    }  # fmt: skip


def best_limit(with_gas: np.ndarray, without: np.ndarray) -> int:
    """Area at which most frames with gas are found less the frames without that are, too."""
    limits = np.unique(np.concatenate(([LEAST_PX], with_gas, without)))
    limits = limits[limits >= LEAST_PX]
    gain = [(with_gas >= limit).mean() - (without >= limit).mean() for limit in limits]
    return int(limits[int(np.argmax(gain))])


def card_text(card: Card) -> str:
    """The card as TOML."""
    lines = ["# SPDX-License-Identifier: Apache-2.0",
             "# Written by tools/train/train.py; docs/segmenter.md explains it."]  # fmt: skip
    for section in ("model", "proof", "trained"):
        lines += ["", f"[{section}]"]
        part = getattr(card, section)
        for name in part.__dataclass_fields__:
            lines.append(f"{name} = {json.dumps(getattr(part, name))}")
    return "\n".join(lines) + "\n"


def draw_curve(rows: list[dict], path: Path) -> None:
    """IoU, found and false frames over the processor time spent."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, label in (("iou", "IoU of gas"), ("found", "frames with gas found"),
                        ("false", "frames without gas, false")):  # fmt: skip
        axes.plot([row["cpu_s"] for row in rows], [row[name] for row in rows], ".-", label=label)
    axes.set(xlabel="processor time, s of one core", ylim=(0, 1), ylabel="held scenes")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def finish(out: Path, command: str) -> Card:
    """Limits from the held scenes, proof, card and curve."""
    content = (out / "plume.tflite").read_bytes()
    held = np.load(out / "scenes.npz")
    curve = json.loads((out / "curve.json").read_text())
    blank = TrainedFacts(command=command, data="", cost="", licence="Apache-2.0", limits="")
    runner = Runner(draft(content, 1, 0, blank), content)
    found = measure(runner, held["held_planes"], held["held_labels"])
    facts = TrainedFacts(
        command=command,
        data=f"simulated scenes: {len(held['train_planes'])} frames of the split train;"
             f" held back for the limits {found['frames_with']} frames with gas and"
             f" {found['frames_without']} without: IoU {found['iou']:.3f}, precision"
             f" {found['precision']:.3f}, recall {found['recall']:.3f}, frames found"
             f" {found['found']:.1%}, false {found['false']:.1%}",
        cost=f"{curve[-1]['cpu_s']:.0f} s of one core, {curve[-1]['steps']} steps of 16 frames",
        licence="Apache-2.0",
        limits="learnt from one simulator; says nothing of rate or species; one frame, no time",
    )  # fmt: skip
    proof = int((runner.run(proof_planes(120, 160)) >= THRESHOLD).sum())
    card = draft(content, int(found["least_px"]), proof, facts)
    (out / "plume.toml").write_text(card_text(card), encoding="utf-8")
    draw_curve(curve, out / "curve.png")
    print(f"{len(content)} bytes, proof {proof} px, {json.dumps(found)}")
    return card


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, required=True, help="made by make_venv.sh")
    parser.add_argument("--out", type=Path, default=Path("out/train"))
    parser.add_argument("--train", type=int, default=900, help="scenes to learn from")
    parser.add_argument("--held", type=int, default=150, help="scenes to score with")
    parser.add_argument("--seconds", type=int, default=1500, help="of one core, for the fit")
    parser.add_argument("--wall", type=int, default=3000, help="seconds by the clock, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--install", action="store_true", help="copy it into the package")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    scenes = args.out / "scenes.npz"
    if not scenes.is_file():
        run(sys.executable, HERE / "make_scenes.py", scenes, "--train", args.train, "--held",
            args.held)  # fmt: skip
    python = args.venv / "bin/python"
    run(python, HERE / "fit.py", scenes, args.out, "--seconds", args.seconds, "--wall", args.wall,
        "--seed", args.seed)  # fmt: skip
    run(python, HERE / "convert.py", args.out)
    finish(args.out, f"tools/train/train.py --train {args.train} --held {args.held}"
                     f" --seconds {args.seconds} --seed {args.seed}")  # fmt: skip
    if args.install:
        for name in ("plume.tflite", "plume.toml"):
            shutil.copy(args.out / name, PACKAGED.parent / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
