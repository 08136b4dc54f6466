# SPDX-License-Identifier: Apache-2.0
"""Frames and options of `edgeleak nuc`, as the user names them."""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeleak.calibration.frame_statistics import FrameStatistics, measure
from edgeleak.cli.progress import Progress
from edgeleak.cli.source_options import add_format_options
from edgeleak.errors import DataError, UsageError

MAX_STACK_BYTES = 1 << 30
GROUP_K = 1.0
"""Flats of detector temperatures nearer than this are averaged."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames of one recording: (N, H, W) uint16 and (N,) detector temperatures, NaN unknown."""

    name: str
    frames: np.ndarray
    temps_degc: np.ndarray
    warnings: tuple[str, ...] = ()


def parse_range(text: str) -> slice:
    """START:STOP or START:STOP:STEP or one number, as in Python."""
    try:
        parts = [int(part) if part else None for part in text.split(":")]
        if len(parts) == 1 and parts[0] is not None:
            return slice(parts[0], parts[0] + 1 or None)
        chosen = slice(*parts)
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no range; write 0:30 or 0:60:2") from None
    if chosen.step is not None and chosen.step < 1:
        raise argparse.ArgumentTypeError("the step of a range must be 1 or more")
    return chosen


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Options that every command with frames has."""
    add_format_options(parser)
    parser.add_argument("--frames", type=parse_range, default=slice(None), metavar="A:B[:STEP]",
                        help="take part of the frames, e.g. 0:30 (default: all)")  # fmt: skip


def load(path: Path, args: argparse.Namespace) -> Stack:
    """All chosen frames of one recording; memory is bounded, the bound is said."""
    from edgeleak.sources import open_source

    frames, temps = [], []
    with open_source(path, shape=args.shape, dtype=args.dtype, key=args.key,
                     shift_bits=args.shift) as source:  # fmt: skip
        limit = max(1, MAX_STACK_BYTES // (2 * source.shape[0] * source.shape[1]))
        wanted = args.frames
        with Progress(f"read {source.name}", source.n_frames, quiet=args.json) as shown:
            for index, (pixels, info) in enumerate(source):
                if _is_wanted(index, wanted, source.n_frames):
                    frames.append(pixels.astype(np.uint16))
                    temps.append(info.fpa_temp_degc)
                shown.update(index + 1)
                if len(frames) == limit:
                    source.warn(f"only the first {limit} chosen frames were taken (memory)")
                    break
        warnings = tuple(source.warnings)
    if not frames:
        raise DataError(f"{path}: --frames leaves none of its frames; choose another range")
    stack = Stack(str(path), np.stack(frames), np.array(temps, float), warnings)
    return _with_stored_temps(stack, path, wanted)


def _is_wanted(index: int, wanted: slice, total: int | None) -> bool:
    if total is None:
        if (wanted.start or 0) < 0 or (wanted.stop is not None and wanted.stop < 0):
            raise UsageError("this recording does not say its length: no negative --frames")
        total = 1 << 62
    return index in range(*wanted.indices(total))


def _with_stored_temps(stack: Stack, path: Path, wanted: slice) -> Stack:
    """Temperatures that an .npz holds beside its frames as `fpa_temp_degc`."""
    if np.isfinite(stack.temps_degc).all() or path.suffix != ".npz":
        return stack
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "fpa_temp_degc" not in archive.files:
                return stack
            temps = np.asarray(archive["fpa_temp_degc"], float).ravel()[wanted]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: fpa_temp_degc cannot be read: {error}") from error
    if len(temps) != len(stack.frames):
        raise DataError(
            f"{path}: {len(stack.frames)} frames but {len(temps)} values of fpa_temp_degc"
        )
    return Stack(stack.name, stack.frames, temps, stack.warnings)


def measured(stack: Stack, args: argparse.Namespace) -> FrameStatistics:
    """Statistics of a stack, with progress and warnings on stderr."""
    for sentence in stack.warnings:
        print(f"warning: {sentence}", file=sys.stderr)
    label = f"average {len(stack.frames)} frames"
    with Progress(label, stack.frames.shape[1], quiet=args.json) as shown:
        return measure(stack.frames, lambda done, _: shown.update(done))


def grouped(stacks: list[Stack], temps: list[float] | None) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of equal detector temperature together: stacks and their mean temperatures."""
    if len({s.frames.shape[1:] for s in stacks}) > 1:
        raise DataError("the flats are not all of one size; use one sensor and window")
    frames = [frame for stack in stacks for frame in stack.frames]
    known = np.concatenate([s.temps_degc for s in stacks])
    if temps is not None:
        known = _spread(temps, stacks)
    if not np.isfinite(known).all():
        raise DataError(
            "the flats do not say the detector temperature; give --fpa-degc T1 T2 ...,"
            " one for each file or each frame"
        )
    groups: list[list[int]] = []
    for index in np.argsort(known, kind="stable"):
        if groups and known[index] - known[groups[-1][0]] < GROUP_K:
            groups[-1].append(int(index))
        else:
            groups.append([int(index)])
    return [np.stack([frames[i] for i in g]) for g in groups], np.array(
        [known[g].mean() for g in groups]
    )


def _spread(temps: list[float], stacks: list[Stack]) -> np.ndarray:
    sizes = [len(s.frames) for s in stacks]
    if len(temps) == sum(sizes):
        return np.array(temps, float)
    if len(temps) == len(stacks):
        return np.repeat(np.array(temps, float), sizes)
    raise UsageError(
        f"--fpa-degc has {len(temps)} values for {len(stacks)} files of {sum(sizes)} frames in all"
    )


def text(value: float, unit: str, digits: int = 2) -> str:
    """A figure with its unit, or the word that it is unknown."""
    return f"{value:.{digits}f} {unit}" if math.isfinite(value) else "unknown"
