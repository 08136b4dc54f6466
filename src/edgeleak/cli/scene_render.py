# SPDX-License-Identifier: Apache-2.0
"""`edgeleak scene show | render`: one scene as values, or as recording, truth and pictures."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.cli.progress import Progress
from edgeleak.errors import StorageError, UsageError
from edgeleak.picture import contact_sheet
from edgeleak.picture.palettes import palette
from edgeleak.recording import Writer
from edgeleak.sim.scene import Scenario, SceneFrame, Stage, load_family
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.gases import gas_in
from edgeleak.sim.scene.source import SceneSource, TruthWriter, frame_info, source_places

SHEET_FRAMES = 4
DIFFERENCE_NOISE = 6.0
LEAST_COLUMN_PPM_M = 50.0
OPTIONS = {"width": "width", "height": "height", "fps": "fps", "netd": "netd_mk"}
LIMITS = {"width": (32, 1280), "height": (24, 1024), "fps": (0.5, 120), "netd": (5, 200),
          "seconds": (0.01, 86400), "rate": (0, 1e6)}  # fmt: skip


def drawn(args: argparse.Namespace) -> Scenario:
    """The scene that the options ask for."""
    for name, (low, high) in LIMITS.items():
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise UsageError(f"--{name} {value:g}: use {low:g} to {high:g}")
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: use 0 or more")
    scene = load_family(args.family).draw(args.seed)
    camera = {field: getattr(args, name) for name, field in OPTIONS.items()
              if getattr(args, name) is not None}  # fmt: skip
    scene = scene.with_camera(**camera)
    if args.seconds is not None:
        scene = replace(scene, seconds=args.seconds)
    return scene.without_gas() if args.no_gas else _leaking(scene, args)


def _leaking(scene: Scenario, args: argparse.Namespace) -> Scenario:
    """The scene with the gas and rate that were asked for."""
    asked = {"gas": args.gas, "rate_g_per_h": args.rate}
    asked = {name: value for name, value in asked.items() if value is not None}
    if args.gas is not None:
        gas_in(args.gas, Band(scene.camera.band_short_um, scene.camera.band_long_um))
    return replace(scene, leaks=tuple(replace(leak, **asked) for leak in scene.leaks))


def show_action(args: argparse.Namespace) -> int:
    """Print the drawn values."""
    facts = asdict(drawn(args))
    if args.json:
        print(json.dumps({"seed": args.seed, **facts}))
        return 0
    print(f"{facts['name']}, seed {args.seed}: {facts['summary']}; {facts['seconds']:g} s")
    for part in ("camera", "world", "wind", "motion", "led"):
        print(f"{part:10} {_line(facts[part])}")
    for part in ("leaks", "distractors"):
        for row in facts[part] or [{"none": ""}]:
            print(f"{part[:-1]:10} {_line(row)}")
    return 0


def _line(row: dict[str, Any]) -> str:
    return "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())


def render_action(args: argparse.Namespace) -> int:
    """Write NAME-SEED.mcap, .truth.npz and .png; nothing is left where one fails."""
    scene = drawn(args)
    source = SceneSource(scene, args.seed)
    stage = Stage(scene, args.seed)
    out = Path(args.out)
    files = [out / f"{source.name}{end}" for end in (".mcap", ".truth.npz", ".png")]
    for file in files:
        if file.exists() and not args.force:
            raise UsageError(f"{file} is there already; give another --out, or --force")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out}: {error.strerror or error}; choose another --out") from error
    facts = _written(stage, source, files)
    if args.json:
        print(json.dumps({"files": [str(f) for f in files], **facts}))
        return 0
    print(f"{files[0]}: {facts['frames']} frames, {facts['g_per_h']:g} g/h at most")
    print(f"{files[1]}: masks of {facts['gas_frames']} frames with gas that shows, ppm m, rates")
    print(f"{files[2]}: look at it")
    return 0


def _written(stage: Stage, source: SceneSource, files: list[Path]) -> dict[str, Any]:
    truth = TruthWriter(stage.scenario, source.seed)
    keep = np.linspace(0, (source.n_frames or 1) - 1, SHEET_FRAMES).astype(int)
    kept: list[tuple[int, SceneFrame]] = []
    rates, gas_frames, index = [0.0], 0, -1
    with (
        Writer(files[0], source.shape, source.fps, source.sensor, overwrite=True,
               metadata={"scene": source.name}) as writer,
        Progress("rendering", source.n_frames) as progress,
    ):  # fmt: skip
        for index, frame in enumerate(stage.frames()):
            writer.write(frame.counts, frame_info(index, frame))
            truth.add(frame)
            rates.append(frame.rate_g_per_h)
            gas_frames += bool(frame.mask.any())
            if index in keep:
                kept.append((index, frame))
            progress.update(index + 1)
    truth.save(files[1], source_places(stage))
    sheet(kept, source.name).save(files[2])
    return {"frames": index + 1, "gas_frames": gas_frames, "g_per_h": max(rates)}


def sheet(kept: list[tuple[int, SceneFrame]], title: str) -> Any:
    """Counts, gas contrast, column density and mask of some frames."""
    cells = []
    counts = np.concatenate([frame.counts.ravel()[::7] for _, frame in kept])
    low, high = np.percentile(counts, (1, 99))
    for index, frame in kept:
        contrast, noise = frame.facts.contrast_counts, frame.facts.noise_counts
        column = frame.column_ppm_m
        most = max(LEAST_COLUMN_PPM_M, float(np.percentile(column, 99.5)))
        reach = DIFFERENCE_NOISE * noise
        cells += [
            (_coloured(frame.counts, low, high, "grey"),
             f"frame {index}, {frame.time_s:.1f} s, {frame.rate_g_per_h:.0f} g/h"),
            (_coloured(contrast, -reach, reach, "grey"), f"gas contrast, +-{reach:.0f} counts"),
            (_coloured(column, 0, most, "iron"), f"column, 0 to {most:.0f} ppm m"),
            (_coloured(frame.mask, 0, 1, "grey"), f"truth mask, {int(frame.mask.sum())} pixels"),
        ]  # fmt: skip
    return contact_sheet(cells, title, columns=4, cell_px=320)


def _coloured(plane: np.ndarray, low: float, high: float, name: str) -> np.ndarray:
    levels = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1) * 255
    return palette(name)[levels.astype(np.uint8)]
