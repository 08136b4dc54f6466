# SPDX-License-Identifier: Apache-2.0
"""Curves: ROC, scores over time, detection against rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.evaluate.detection import human
from edgeleak.evaluate.detection.grid import Cell, Grid, is_main
from edgeleak.evaluate.detection.methane import Labels
from edgeleak.evaluate.detection.statistics import roc
from edgeleak.evaluate.detection.track import Track
from edgeleak.evaluate.extras import load_pyplot
from edgeleak.evaluate.prints import save_figure

COLOURS = {
    "paper": "#9ecae1",
    "paper-log-after-he": "#4a98c9",
    "sensitive": "#08306b",
    "difference": "#2ca02c",
    "ema": "#ff7f0e",
    "median": "#8c6d1f",
    "mog2": "#d62728",
    "sigma-delta": "#7b3fa0",
}
LEAST_SHOWN = 0.02


def style_of(key: str) -> dict:
    """Line of a method, the same in every picture; the network is black."""
    is_own = key == "sensitive" or key.startswith("network")
    return {"color": COLOURS.get(key, "black"), "lw": 2.2 if is_own else 1.2}


def methane_figures(
    tracks: dict[str, Track], labels: Labels, names: dict[str, str], out: Path
) -> list[Path]:
    return [
        _roc_figure(tracks, labels, names, out / "methane-roc.png"),
        _time_figure(tracks, labels, names, out / "methane-scores.png"),
    ]


def _roc_figure(
    tracks: dict[str, Track], labels: Labels, names: dict[str, str], path: Path
) -> Path:
    plt = load_pyplot()
    rates = labels.levels[1:4]
    figure, axes = plt.subplots(
        1, len(rates), figsize=(4.2 * len(rates), 4.4), sharey=True, squeeze=False,
        constrained_layout=True,
    )  # fmt: skip
    for axis, rate in zip(axes[0], rates, strict=True):
        for key, track in tracks.items():
            false, found, _ = roc(track.score[labels.quiet], track.score[labels.at(rate)])
            axis.step(100 * false, 100 * found, where="post", label=names[key], **style_of(key))
        axis.axvline(100 / 160, color="0.7", lw=0.8, ls=":")
        axis.set(title=f"{rate:g} scfh", xlabel="false alarms, % of frames at 0.3 scfh",
                 xlim=(0, 20), ylim=(0, 101), xticks=range(0, 21, 5))  # fmt: skip
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("frames above the threshold, %")
    _legend_below(figure, axes[0][0], columns=5)
    figure.suptitle("Real methane, single frames; dotted: one frame of 160")
    return save_figure(figure, path)


def _legend_below(figure: Any, axis: Any, columns: int) -> None:
    """Of one axis, where it covers nothing."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns,
                  fontsize=8)  # fmt: skip


def _show_rates(axis: Any, rates: Sequence[float]) -> None:
    """Ticks at these, as plain numbers."""
    axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axis.set_xticks([], minor=True)


def _time_figure(
    tracks: dict[str, Track], labels: Labels, names: dict[str, str], path: Path
) -> Path:
    plt = load_pyplot()
    figure, axes = plt.subplots(
        len(tracks), 1, figsize=(11, 1.25 * len(tracks) + 0.8), sharex=True, squeeze=False,
        constrained_layout=True,
    )  # fmt: skip
    for axis, (key, track) in zip(axes[:, 0], tracks.items(), strict=True):
        score = np.maximum(track.score, LEAST_SHOWN)
        axis.semilogy(track.time_s, score, ".", ms=2, color=style_of(key)["color"])
        held = np.isnan(track.score)
        axis.plot(track.time_s[held], np.full(held.sum(), LEAST_SHOWN), "x", color="0.5", ms=3)
        axis.set(ylim=(LEAST_SHOWN / 2, 3000), xlim=(-10, track.time_s[-1] + 10))
        axis.set_ylabel(names[key].split(" of ")[0][:18], fontsize=7, rotation=0, ha="right")
        for rate in labels.levels:
            axis.axvline(labels.begins(rate), color="0.75", lw=0.8)
    for rate in labels.levels:
        axes[0, 0].text(labels.begins(rate) + 3, 500, f"{rate:g}", fontsize=8)
    axes[-1, 0].set_xlabel("seconds; grey lines: the release rate (scfh, above) changes")
    figure.suptitle("Score of every frame (changed area over 0.5 permille); x: no answer")
    return save_figure(figure, path)


PEOPLE = {"color": "#555555", "lw": 1.2}
PEOPLE_TICKS = (1, 3, 10, 30, 100, 300, 1000)
DT_K = {2.0: ("#9ecae1", 0.86), 5.0: ("#4a98c9", 1.0), 10.0: ("#08306b", 1.16)}
"""Colour of a difference of temperature, and its shift along the axis beside the others."""


def grid_figures(grid: Grid, names: dict[str, str], out: Path) -> list[Path]:
    return [
        _people_figure(grid, out / "grid-people.png"),
        _methods_figure(grid, names, out / "grid-methods.png"),
    ]


def _people_figure(grid: Grid, path: Path) -> Path:
    """`sensitive` by distance and dT, with people's curves."""
    plt = load_pyplot()
    main = grid.chosen(is_main)
    distances = sorted({cell.distance_m for cell in main})
    figure, axes = plt.subplots(
        1, len(distances), figsize=(4.4 * len(distances), 4.4), sharey=True, squeeze=False,
        constrained_layout=True,
    )  # fmt: skip
    for axis, distance in zip(axes[0], distances, strict=True):
        _people_curves(axis, distance)
        for dt_k in DT_K:
            cells = [c for c in main if (c.distance_m, c.dt_k) == (distance, dt_k)]
            if cells:
                _found_curve(axis, grid, cells, dt_k)
                limit = human.zeng_morris(dt_k, distance)
                axis.axvline(limit, color=DT_K[dt_k][0], ls=":", lw=1.4)
        axis.set(title=f"{distance:g} m", xlabel="methane, g/h", xlim=(1, 2000), ylim=(-4, 104))
        axis.grid(alpha=0.3)
        _show_rates(axis, PEOPLE_TICKS)
    axes[0][0].set_ylabel("leaks found, %")
    _legend_below(figure, axes[0][0], columns=5)
    figure.suptitle(
        "Simulated leaks, tripod, wind 1 m/s; bars: Wilson 95 %;\n"
        "dotted: people's limit at that dT (Zeng and Morris)", fontsize=10
    )  # fmt: skip
    return save_figure(figure, path)


def _people_curves(axis: Any, distance_m: float) -> None:
    """What people found in surveys, and at 3 m in a trial."""
    fine = np.geomspace(1, 2000, 200)
    axis.semilogx(fine, 100 * human.zimmerle(fine), ls="--", label="people, surveys (Zimmerle)",
                  **PEOPLE)  # fmt: skip
    if distance_m == 3.0:
        axis.semilogx(fine, 100 * human.ravikumar(fine), ls="-", label="people, 3 m (Ravikumar)",
                      **PEOPLE)  # fmt: skip


def _found_curve(axis: Any, grid: Grid, cells: list[Cell], dt_k: float) -> None:
    """Share of the cells that `sensitive` found at each rate, with its interval."""
    colour, shift = DT_K[dt_k]
    rates = sorted({cell.rate_g_per_h for cell in cells})
    shares = [grid.found([c for c in cells if c.rate_g_per_h == rate], "sensitive")
              for rate in rates]  # fmt: skip
    middle = 100 * np.array([s.value for s in shares])
    low = middle - 100 * np.array([s.low for s in shares])
    high = 100 * np.array([s.high for s in shares]) - middle
    axis.errorbar(np.array(rates) * shift, middle, (low, high), marker="o", ms=4, capsize=2,
                  color=colour, lw=1.6, elinewidth=0.7, label=f"sensitive, dT {dt_k:g} K",
                  )  # fmt: skip


def _methods_figure(grid: Grid, names: dict[str, str], path: Path) -> Path:
    """All methods over all distances and dT."""
    plt = load_pyplot()
    main = grid.chosen(is_main)
    rates = sorted({cell.rate_g_per_h for cell in main})
    figure, axis = plt.subplots(figsize=(7.5, 5.4), constrained_layout=True)
    for key, name in names.items():
        values = [
            100 * grid.found([c for c in main if c.rate_g_per_h == rate], key).value
            for rate in rates
        ]
        axis.semilogx(rates, values, marker="o", ms=4, label=name, **style_of(key))
    fine = np.geomspace(min(rates), max(rates), 100)
    axis.semilogx(fine, 100 * human.zimmerle(fine), ls="--", label="people, surveys (Zimmerle)",
                  **PEOPLE)  # fmt: skip
    axis.set(xlabel="methane, g/h", ylabel="leaks found, % of all distances and dT", ylim=(-4, 104))
    axis.grid(alpha=0.3)
    _show_rates(axis, rates)
    _legend_below(figure, axis, columns=4)
    axis.set_title("Simulated leaks, preset thresholds; false alarms stand in the table")
    return save_figure(figure, path)
