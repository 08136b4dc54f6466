# SPDX-License-Identifier: Apache-2.0
"""Time plots of a run on the emulated board: temperatures, currents, verdict beside the truth."""

import itertools
from pathlib import Path
from typing import Any

COLOURS = {"GAS": "#c62828", "NO GAS": "#2e7d32", "INHIBIT": "#f9a825", "FAULT": "#6a1b9a"}
STATE_COLOURS = ("#eceff1", "#cfd8dc")


def draw(history: Any, summary: dict[str, Any], title: str, path: Path) -> None:
    """Four panels over one time axis, saved as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(11, 8), layout="constrained")
    heat, current, gas, said = figure.subplots(
        4, 1, sharex=True, gridspec_kw={"height_ratios": (4, 3, 2, 1.4)}
    )
    times = [at_s for at_s, _ in history.truth]
    end_s = times[-1] if times else 1.0

    def values(name: str) -> list[float]:
        return [float(found[name]) for _, found in history.truth]

    for name, label, colour in (("cold_degc", "detector", "#1565c0"),
                                ("hot_degc", "hot side", "#d84315"),
                                ("housing_degc", "housing", "#757575"),
                                ("led_degc", "LED", "#8e24aa")):  # fmt: skip
        heat.plot(times, values(name), label=label, color=colour)
    set_point = ((summary["last"] or {}).get("cooler") or {}).get("set_point_degc")
    if set_point is not None:
        heat.axhline(set_point, color="#1565c0", linestyle=":", label="set-point")
    heat.set_ylabel("true temperature, degC")
    heat.legend(loc="center right", fontsize=8)
    current.plot(times, values("tec_a"), label="cooler, A", color="#1565c0")
    watts = [a * v for a, v in zip(values("tec_a"), values("tec_v"), strict=True)]
    current.plot(times, watts, label="cooler, W", color="#5c6bc0", alpha=0.6)
    current.plot(times, [ma / 1000 for ma in values("led_held_ma")], label="LED pulse, A",
                 color="#8e24aa")  # fmt: skip
    current.set_ylabel("A, W")
    current.legend(loc="upper right", fontsize=8)
    gas.fill_between(times, values("gas_g_per_h"), step="post", color="#ef9a9a")
    gas.set_ylabel("methane\nreleased, g/h")
    gas.set_ylim(bottom=0)
    _bands(said, history, end_s)
    said.set_yticks((0.5, 1.5), ("verdict", "state"))
    said.set_ylim(0, 2)
    said.set_xlabel("time since the plant began, s")
    said.set_xlim(0, end_s)
    words = [Patch(color=colour, label=word) for word, colour in COLOURS.items()]
    gas.legend(handles=words, loc="upper right", fontsize=8, ncols=4, title="verdict below")
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _bands(axes: Any, history: Any, end_s: float) -> None:
    """Verdict and state as coloured strips."""
    for word, colour in COLOURS.items():
        for start, stop in history.spans(word, end_s):
            axes.axvspan(start, stop, 0, 0.48, color=colour, linewidth=0)
    edges = [*history.states, (end_s, "")]
    for index, ((start, name), (stop, _)) in enumerate(itertools.pairwise(edges)):
        axes.axvspan(start, stop, 0.52, 1, color=STATE_COLOURS[index % 2], linewidth=0)
        if stop - start > end_s / 25:
            axes.text((start + stop) / 2, 1.5, name, ha="center", va="center", fontsize=8)
