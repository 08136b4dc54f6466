# SPDX-License-Identifier: Apache-2.0
"""Figures in the manner of the paper's 7 (backgrounds) and 8 (PSNR against frames)."""

from pathlib import Path

import numpy as np

from edgeleak.evaluate.background.comparison import SequenceResult
from edgeleak.evaluate.colours import colour_of, dashes_of
from edgeleak.evaluate.extras import load_pyplot
from edgeleak.evaluate.prints import save_figure

REFERENCE_TITLES = {
    "paper": "(a) mean of frames 1-{n}",
    "unseen": "(b) what no method saw",
}
DOMAIN_TITLES = {"counts": "14-bit counts, peak 16383", "grey": "8-bit levels, peak 255"}
SIDE_BY_SIDE = {
    "mean": "average",
    "median": "median",
    "mog-sg": "MoG",
    "mog2-auto": "MOG2",
    "eps-c": "epsilon",
}
SWING_FRAMES = 8
"""A step of many counts swings from frame to frame; lines are means of so many frames."""


def draw_psnr(results: list[SequenceResult], path: Path) -> Path:
    """Figure 8: a column per sequence, a row per reference, one line per method."""
    plt = load_pyplot()
    n = len(results)
    size = (3.1 * n + 0.6, 6.6)
    figure, axes = plt.subplots(2, n, figsize=size, squeeze=False, layout="constrained")
    for column, result in enumerate(results):
        for row, reference in enumerate(REFERENCE_TITLES):
            _draw_panel(axes[row, column], result, reference)
        axes[0, column].set_title(result.sequence.name, fontsize=11)
        axes[1, column].set_xlabel("frame number")
    for row, title in enumerate(REFERENCE_TITLES.values()):
        said = title.format(n=results[0].split.n_paper)
        axes[row, 0].set_ylabel(f"PSNR (dB) against\n{said}")
    lines, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(f"Background estimates, {DOMAIN_TITLES[results[0].domain]}")
    return save_figure(figure, path)


def _draw_panel(axes, result: SequenceResult, reference: str) -> None:
    frames = np.arange(1, result.split.n_scored + 1)
    for method in result.methods:
        middle, low, high = swing(method.psnr_db[reference])
        axes.fill_between(
            frames, low, high, color=colour_of(method.key), alpha=0.15, linewidth=0, zorder=1
        )
        axes.plot(
            frames,
            middle,
            color=colour_of(method.key),
            linestyle=dashes_of(method.key),
            linewidth=2.2 if method.key in ("mean", "eps-c") else 1.3,
            label=method.label,
        )
    for at, event in result.sequence.events:
        if at <= result.split.n_scored:
            axes.axvline(at, color="#999999", linewidth=0.8, linestyle=":")
            axes.annotate(
                event, (at, 0.02), xycoords=("data", "axes fraction"), rotation=90,
                fontsize=7, color="#444444", ha="right", va="bottom", zorder=5,
                bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
    axes.set_xlim(0, result.split.n_scored)
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def swing(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, least and largest of the frames around each; fewer at the start, which rises.

    An even number of them, because equation 5 goes up and down from frame to frame.
    """
    n, parts = len(curve), []
    for i in range(n):
        half = min(SWING_FRAMES // 2, i)
        start = max(0, min(i - half, n - 2 * half))
        parts.append(curve[start : start + max(1, 2 * half)])
    mean, least, most = (np.array([f(part) for part in parts]) for f in (np.mean, np.min, np.max))
    return mean, least, most


def draw_backgrounds(results: list[SequenceResult], path: Path) -> Path:
    """Figure 7: a row per sequence: input frame 300 and the backgrounds at that frame."""
    plt = load_pyplot()
    keys = [key for key in SIDE_BY_SIDE if results[0].has(key)]
    h, w = results[0].shown_input.shape
    size = (2.5 * (len(keys) + 1), (2.5 * h / w + 0.42) * len(results) + 0.7)
    figure, axes = plt.subplots(
        len(results), len(keys) + 1, figsize=size, squeeze=False, layout="constrained"
    )
    for row, result in zip(axes, results, strict=True):
        low, high = np.percentile(result.shown_input, (0.5, 99.5))
        row[0].set_ylabel(result.sequence.name, fontsize=10)
        _show(row[0], result.shown_input, low, high, f"input, frame {result.shown_frame}")
        for axis, key in zip(row[1:], keys, strict=True):
            method = result.method(key)
            name = SIDE_BY_SIDE[key] if key != "eps-c" else method.label.removeprefix("+/-")
            at = result.shown_frame - 1
            title = (
                f"{name}\n{method.psnr_db['paper'][at]:.1f} | {method.psnr_db['unseen'][at]:.1f} dB"
            )
            _show(axis, method.shown, low, high, title)
    figure.suptitle(
        f"Backgrounds after frame {results[0].shown_frame}, {DOMAIN_TITLES[results[0].domain]};"
        " PSNR against (a) | (b); one grey scale per row",
        fontsize=11,
    )
    return save_figure(figure, path)


def _show(axes, picture: np.ndarray, low: float, high: float, title: str) -> None:
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def draw_cost(result: SequenceResult, path: Path) -> Path:
    """State bytes against time, one mark per method, both axes logarithmic."""
    plt = load_pyplot()
    figure, axes = plt.subplots(figsize=(8.2, 4.6), layout="constrained")
    for method in result.methods:
        axes.scatter(
            method.ns_per_px,
            method.state_bytes_per_px,
            color=colour_of(method.key),
            s=70,
            edgecolors="white",
            zorder=3,
            label=f"{method.label} ({method.implementation})",
        )
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("time per pixel and frame (ns), median, one thread")
    axes.set_ylabel("state between frames (bytes per pixel)")
    axes.grid(color="#e4e4e4", linewidth=0.6, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    axes.set_title(f"Cost of a background, {DOMAIN_TITLES[result.domain]}", fontsize=11)
    return save_figure(figure, path)
