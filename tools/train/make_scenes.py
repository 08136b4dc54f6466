# SPDX-License-Identifier: Apache-2.0
"""Planes and labels from simulated scenes: what the network sees, and where the gas is.

    python tools/train/make_scenes.py OUT.npz [--train N] [--held N] [--first N]

Scenes of the split `train` are learnt from, those of `validate` are scored while training and set
the limits in the card; `test` is left to `edgeleak evaluate detection`.  Every scene runs through
the very pipeline that feeds the network in the camera.  A part of the scenes becomes 8-bit video
of an own gain with JPEG's damage, and a part comes at one frame a second, as recordings do.

Label: 1 where the gas changes the smoothed picture by 2 sigma of its noise or more, 0 below 0.7
sigma, 2 (unsure, not learnt from) between.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import edgeleak
from edgeleak.segment.network import MEMBERS
from edgeleak.segment.planes import grid_of, make_planes
from edgeleak.segment.segmenter import COMPARED
from edgeleak.sim.scene import Scenario, render, scenarios

SHAPE = (120, 160)
LEVELS_PER_SIGMA = 6.0
FRAMES_A_SCENE = 12
LEARN_S = 2.5
CERTAIN_SIGMA, UNSEEN_SIGMA = 2.0, 0.7
GAS, UNSURE = 1, 2
VIDEO_SHARE, SLOW_SHARE = 0.35, 0.25
SLOW_FPS, SLOW_SECONDS, SECONDS = 1.0, 40.0, 14.0


class Seen(NamedTuple):
    """One frame for the network: planes (120, 160, 3) uint8, labels (120, 160) uint8."""

    planes: np.ndarray
    labels: np.ndarray


class Video:
    """8-bit video of a camera with a gain of its own, through JPEG."""

    def __init__(self, rng: np.random.Generator, counts: np.ndarray) -> None:
        low, high = np.percentile(counts, (0.5, 99.5))
        span = max(float(high - low), 20.0) * rng.uniform(1.0, 2.5)
        self._low = float(low + high) / 2 - span / 2
        self.levels_per_count = 255 / span
        self._quality = int(rng.integers(70, 97))

    def encode(self, counts: np.ndarray) -> np.ndarray:
        """(H, W) uint8."""
        from PIL import Image

        levels = (counts.astype(np.float32) - self._low) * self.levels_per_count
        file = io.BytesIO()
        picture = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
        picture.save(file, "JPEG", quality=self._quality)
        return np.asarray(Image.open(file))


def labelled(contrast_counts: np.ndarray, noise_counts: float) -> np.ndarray:
    """Labels from the exact change by gas, (H, W) float32 counts."""
    pad = np.pad(contrast_counts, 1, mode="edge")
    mean = sum(pad[y : y + SHAPE[0], x : x + SHAPE[1]] for y in range(3) for x in range(3)) / 9
    sigma = np.abs(mean) / max(noise_counts, 1e-3)
    unsure = np.where(sigma > UNSEEN_SIGMA, UNSURE, 0)
    return np.where(sigma >= CERTAIN_SIGMA, GAS, unsure).astype(np.uint8)


def seen(scenario: Scenario, seed: int) -> Iterator[Seen]:
    """Some frames of one scene, drawn from those after which the camera would ask the network."""
    rng = np.random.default_rng([seed, 7])
    is_video, is_slow = rng.random() < VIDEO_SHARE, rng.random() < SLOW_SHARE
    fps = SLOW_FPS if is_slow else scenario.camera.fps
    seconds = SLOW_SECONDS if is_slow else SECONDS
    scenario = replace(scenario, seconds=seconds).with_camera(
        width=SHAPE[1], height=SHAPE[0], fps=fps
    )
    first = round(max(LEARN_S * fps, 4))
    pipeline = edgeleak.Pipeline(SHAPE, "sensitive", fps=fps, is_corrected=True)
    video: Video | None = None
    found: list[Seen] = []
    for index, frame in enumerate(render(scenario, seed)):
        if is_video and video is None:
            video = Video(rng, frame.counts)
        verdict = pipeline.step(video.encode(frame.counts) if video else frame.counts)
        if index >= first and verdict.code in COMPARED:
            found.append(_one(pipeline, frame.facts.contrast_counts, video))
    if found:
        picked = rng.choice(len(found), min(FRAMES_A_SCENE, len(found)), replace=False)
        yield from (found[index] for index in picked)


def _one(pipeline: edgeleak.Pipeline, contrast: np.ndarray, video: Video | None) -> Seen:
    noise = pipeline.verdict.noise_counts
    counts, background, smoothed = (pipeline.arena[name] for name in MEMBERS)
    planes = make_planes(counts, background, smoothed, noise, grid_of(SHAPE, *SHAPE),
                         LEVELS_PER_SIGMA)  # fmt: skip
    scale = 64 * video.levels_per_count if video else 1.0
    return Seen(planes, labelled(contrast * scale, noise))


def gather(split: str, chosen: list[tuple[Scenario, int]]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 120, 160, 3) planes and (N, 120, 160) labels of these scenes."""
    found: list[Seen] = []
    for number, (scenario, seed) in enumerate(chosen, 1):
        found += seen(scenario, seed)
        if number % 25 == 0:
            print(f"{split}: {number} of {len(chosen)} scenes, {len(found)} frames", flush=True)
    return np.array([one.planes for one in found]), np.array([one.labels for one in found])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, default=600, help="scenes to learn from")
    parser.add_argument("--held", type=int, default=90, help="scenes to score with")
    parser.add_argument("--first", type=int, default=0, help="scene to begin with, to make parts")
    args = parser.parse_args()
    wanted = {"train": args.train, "validate": args.held}
    # Drawn before the first is rendered: a family that cannot be read ends it now, not in an hour.
    chosen = {split: list(scenarios(split, count, args.first)) for split, count in wanted.items()}
    train, held = (gather(split, chosen[split]) for split in wanted)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, train_planes=train[0], train_labels=train[1],
             held_planes=held[0], held_labels=held[1])  # fmt: skip
    gas = (train[1] == GAS).any((1, 2)).mean()
    print(f"{args.out}: {len(train[0])} and {len(held[0])} frames, gas in {gas:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
