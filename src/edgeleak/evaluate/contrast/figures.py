# SPDX-License-Identifier: Apache-2.0
"""Figures in the manner of the paper's 3 (curves) and 4 to 6 (pictures and histograms)."""

from pathlib import Path

import numpy as np

from edgeleak.evaluate.colours import colour_of
from edgeleak.evaluate.contrast.comparison import MappingResult, StillResult
from edgeleak.evaluate.contrast.local import CLIP_LIMITS, TILES, clahe_key
from edgeleak.evaluate.extras import load_pyplot
from edgeleak.evaluate.prints import save_figure
from edgeleak.frame import MAX_COUNTS

SHOWN = (
    "linear-full", "linear", "log", "plateau-0.5", "equalise",
    "he-log", "ahe", "clahe-8x8-2", "log-clahe", "bilateral",
)  # fmt: skip
CURVES = ("linear", "log", "plateau-0.1", "plateau-1", "equalise", "he-log")
PER_ROW = 5
INPUT_KEY = "linear-full"


def draw_pictures(result: StillResult, path: Path) -> Path:
    """Figures 4 to 6: the picture under each mapping, its histogram below."""
    plt = load_pyplot()
    shown = [result.mapping(key) for key in SHOWN if result.has(key)]
    n_rows = -(-len(shown) // PER_ROW)
    h, w = result.still.counts.shape
    size = (3.0 * PER_ROW, (2.9 * h / w + 1.75) * n_rows + 0.6)
    figure, axes = plt.subplots(
        2 * n_rows,
        PER_ROW,
        figsize=size,
        squeeze=False,
        layout="constrained",
        height_ratios=[2.9 * h / w, 1.0] * n_rows,
    )
    for i in range(n_rows * PER_ROW):
        row, column = 2 * (i // PER_ROW), i % PER_ROW
        top, below = axes[row, column], axes[row + 1, column]
        if i >= len(shown):
            top.set_axis_off()
            below.set_axis_off()
            continue
        m = shown[i]
        top.imshow(m.grey, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        is_input = m.mapping.key == INPUT_KEY
        top.set_title("input (full range)" if is_input else m.mapping.label, fontsize=10)
        top.set(xticks=[], yticks=[])
        if is_input:
            _counts_histogram(below, result.still.counts, colour_of(INPUT_KEY))
        else:
            _levels_histogram(below, m.grey, colour_of(m.mapping.key))
        if column == 0:
            below.set_ylabel("pixels (%)", fontsize=8)
    counts = result.still.counts
    figure.suptitle(
        f"{result.still.name}: {result.still.note}\n"
        f"{counts.shape[1]}x{counts.shape[0]} pixels, counts {counts.min()} to {counts.max()}",
        fontsize=11,
    )
    return save_figure(figure, path)


def _levels_histogram(axes, grey: np.ndarray, colour: str) -> None:
    share = 100 * np.bincount(grey.ravel(), minlength=256) / grey.size
    axes.bar(np.arange(256), share, width=1.0, color=colour)
    top = np.sort(share)[-4]  # one spike at black or white must not flatten the rest
    axes.set_xlim(-2, 257)
    axes.set_ylim(0, max(1.15 * float(top), 0.5))
    axes.set_xticks([0, 128, 255])
    _plain_axes(axes, "level (8-bit)")


def _counts_histogram(axes, counts: np.ndarray, colour: str) -> None:
    """The 14-bit input over its whole range: how little of it a scene fills."""
    axes.hist(
        counts.ravel(), bins=256, range=(0, MAX_COUNTS), weights=_percent(counts), color=colour
    )
    axes.set_xlim(0, MAX_COUNTS)
    axes.set_xticks([0, 8192, MAX_COUNTS])
    _plain_axes(axes, "counts (14-bit)")


def _plain_axes(axes, label: str) -> None:
    axes.tick_params(labelsize=7)
    axes.set_xlabel(label, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def draw_curves(result: StillResult, path: Path) -> Path:
    """Figure 3: level against counts of the mappings that are one curve, over the histogram."""
    plt = load_pyplot()
    counts = result.still.counts
    figure, axes = plt.subplots(figsize=(8.4, 4.4), layout="constrained")
    values, first = np.unique(counts, return_index=True)
    low, high = np.percentile(counts, (0.1, 99.9))
    for key in CURVES:
        m = result.mapping(key)
        style = "--" if key in ("plateau-0.1", "log") else "-"
        levels = m.grey.ravel()[first]
        colour = colour_of(key)
        axes.plot(values, levels, color=colour, linestyle=style, label=m.mapping.label)
    behind = axes.twinx()
    bins = np.linspace(low, high, 160)
    behind.hist(counts.ravel(), bins=bins, color="#dddddd", weights=_percent(counts))
    behind.set_ylabel("pixels (% per bar), grey")
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.set_xlim(low, high)
    axes.set_xlabel("input (14-bit counts)")
    axes.set_ylabel("output (8-bit level)")
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    axes.set_title(f"Mapping curves for {result.still.name}", fontsize=11)
    return save_figure(figure, path)


def _percent(counts: np.ndarray) -> np.ndarray:
    return np.full(counts.size, 100 / counts.size)


def draw_summary(results: list[StillResult], path: Path) -> Path:
    """Plume contrast, wrong order and time of every mapping: bar = mean, dot = one picture."""
    plt = load_pyplot()
    facts = {
        "plume contrast over noise,\nof that in counts (%)": kept_percent,
        "pixel pairs in the wrong order (%)": lambda r, m: 100 * m.discordant,
        "time (ns per pixel)": lambda r, m: m.ns_per_px,
    }
    first = results[0].mappings
    rows = np.arange(len(first))
    size = (11.5, 0.27 * len(first) + 1.3)
    figure, axes = plt.subplots(1, 3, figsize=size, sharey=True, layout="constrained")
    for axis, (title, fact) in zip(axes, facts.items(), strict=True):
        values = np.array([[fact(r, m) for m in r.mappings] for r in results])
        colours = [colour_of(m.mapping.key) for m in first]
        axis.barh(rows, np.nanmean(values, axis=0), color=colours, height=0.7)
        for of_one in values:
            axis.scatter(of_one, rows, s=9, color="white", edgecolors="#444444", linewidths=0.7)
        axis.set_xlabel(title)
        axis.grid(axis="x", color="#e4e4e4", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].axvline(100, color="#999999", linewidth=0.8, linestyle=":")
    axes[0].set_yticks(rows, [m.mapping.label for m in first], fontsize=9)
    axes[0].set_ylim(len(first) - 0.4, -0.6)
    axes[2].set_xscale("log")
    figure.suptitle(
        f"Mappings from counts to levels: bar = mean of {len(results)} pictures, dot = one picture",
        fontsize=11,
    )
    return save_figure(figure, path)


def kept_percent(result: StillResult, m: MappingResult) -> float:
    """Contrast over noise after the mapping, percent of that in counts."""
    return 100 * m.cnr / result.counts_cnr


def draw_clahe_grid(results: list[StillResult], path: Path) -> Path:
    """CLAHE over tiles x clip limit: plume contrast, wrong order, entropy."""
    plt = load_pyplot()
    facts = {
        "plume contrast over noise,\nof that in counts (%)": lambda r, m: (
            100 * m.cnr / r.counts_cnr
        ),
        "pairs in the wrong order (%)": lambda r, m: 100 * m.discordant,
        "entropy (bits)": lambda r, m: m.entropy_bits,
    }
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.9), layout="constrained")
    for axis, (title, fact) in zip(axes, facts.items(), strict=True):
        grid = [
            [
                np.nanmean([fact(r, r.mapping(clahe_key(t, c))) for r in results])
                for c in CLIP_LIMITS
            ]
            for t in TILES
        ]
        picture = axis.imshow(grid, cmap="Blues", aspect="auto")
        middle = (np.min(grid) + np.max(grid)) / 2
        for row, column in np.ndindex(len(TILES), len(CLIP_LIMITS)):
            value = grid[row][column]
            dark = "white" if value > middle else "black"
            axis.text(column, row, f"{value:.3g}", ha="center", va="center", color=dark)
        axis.set_xticks(range(len(CLIP_LIMITS)), [f"{c:g}" for c in CLIP_LIMITS])
        axis.set_yticks(range(len(TILES)), [f"{t}x{t}" for t in TILES])
        axis.set_xlabel("clip limit (times the mean bin)")
        axis.set_title(title, fontsize=10)
        figure.colorbar(picture, ax=axis)
    axes[0].set_ylabel("tiles")
    figure.suptitle(f"CLAHE, mean of {len(results)} pictures")
    return save_figure(figure, path)
