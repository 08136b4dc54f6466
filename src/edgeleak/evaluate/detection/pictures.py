# SPDX-License-Identifier: Apache-2.0
"""Frames with what each method marks, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Method, Reading
from edgeleak.evaluate.detection.track import run_clip
from edgeleak.evaluate.extras import load_pyplot
from edgeleak.evaluate.prints import save_figure

RED = np.array([255, 60, 40], np.float32)
TINT = 0.55
TRUTH = "#00ff40"
WORD_COLOURS = {"GAS": "#c00000", "NO GAS": "#007000", "INHIBIT": "#806000", "FAULT": "#600060"}


class Marked(NamedTuple):
    """A frame with what one method makes of it; copies."""

    shot: Shot
    reading: Reading
    mask: np.ndarray


def marked_figure(
    clip: Clip, methods: Sequence[Method], indices: Sequence[int], title: str, path: Path
) -> Path:
    """One row a method, one column a frame; red what it marks, green the truth."""
    seen = _watched(clip, methods, indices)
    plt = load_pyplot()
    rows, columns = len(methods), len(indices)
    high = 2.3 * clip.shape[0] / clip.shape[1]
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.3 * columns + 1.2, (high + 0.28) * rows + 0.5), squeeze=False,
        constrained_layout=True,
    )  # fmt: skip
    for row, method in enumerate(methods):
        for column, index in enumerate(indices):
            axis, marked = axes[row, column], seen[method.key, index]
            _draw_scene(axis, marked, clip.shape)
            axis.set_title(f"frame {index}: {_answer(marked.reading)}", fontsize=7, pad=2,
                           color=WORD_COLOURS.get(marked.reading.word, "black"))  # fmt: skip
        axes[row, 0].set_ylabel(method.label, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return save_figure(figure, path)


def _watched(
    clip: Clip, methods: Sequence[Method], indices: Sequence[int]
) -> dict[tuple[str, int], Marked]:
    """By method and frame."""
    seen: dict[tuple[str, int], Marked] = {}

    def watch(key: str, index: int, shot: Shot, reading: Reading) -> None:
        if index in indices:
            kept = shot._replace(pixels=shot.pixels.copy())
            seen[key, index] = Marked(kept, reading, reading.mask.copy())

    run_clip(clip.first(max(indices) + 1), methods, watch=watch)
    return seen


def _draw_scene(axis: Any, marked: Marked, shape: tuple[int, int]) -> None:
    shot = marked.shot
    axis.imshow(tinted(shot.pixels, marked.mask), interpolation="nearest")
    if shot.truth is not None and shot.truth.any():
        axis.contour(shot.truth, [0.5], colors=TRUTH, linewidths=0.6)
    if shot.source_xy is not None:
        axis.plot(*shot.source_xy, "+", color=TRUTH, ms=7, mew=1)
        axis.set_xlim(-0.5, shape[1] - 0.5)
        axis.set_ylim(shape[0] - 0.5, -0.5)
    axis.set_xticks([])
    axis.set_yticks([])


def _answer(reading: Reading) -> str:
    is_scored = reading.score == reading.score
    return reading.word or (f"score {reading.score:.1f}" if is_scored else "no answer")


def tinted(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the frame stretched to grey, the mask red."""
    low, high = np.percentile(pixels, (1, 99))
    grey = np.clip((pixels.astype(np.float32) - low) * (255 / max(high - low, 1)), 0, 255)
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    on = mask > 0
    colour[on] = (1 - TINT) * colour[on] + TINT * RED
    return colour.astype(np.uint8)
