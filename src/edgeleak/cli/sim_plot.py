# SPDX-License-Identifier: Apache-2.0
"""Time plots of a run on the emulated board: temperatures, currents, verdict beside the truth."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = {"GAS": "#c62828", "NO GAS": "#2e7d32", "INHIBIT": "#f9a825", "FAULT": "#6a1b9a"}
STATE_COLOURS = ("#eceff1", "#cfd8dc")


def draw(history: Any, summary: dict[str, Any], title: str, path: Path,
         happenings: Sequence[tuple[float, str]] = ()) -> None:  # fmt: skip
    """Four panels over one time axis, saved as PNG.

    happenings : (second, what) of the scenario, marked where they are not after the end
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    heat, current, gas, said = figure.subplots(
        4, 1, sharex=True, gridspec_kw={"height_ratios": (4, 3, 2, 1.4)}
    )
    times = [at_s for at_s, _ in history.truth]
    end_s = times[-1] if times else 1.0
    _heat(heat, history, times, summary)
    _currents(current, history, times)
    _gas(gas, history, times)
    _bands(said, history, end_s)
    _mark((heat, current, gas), happenings, end_s)
    said.set_yticks((0.5, 1.5), ("verdict", "state"))
    said.set_ylim(0, 2)
    said.set_xlabel("time since the plant began, s")
    said.set_xlim(0, end_s)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _values(history: Any, name: str) -> list[float]:
    return [float(found[name]) for _, found in history.truth]


def _heat(axes: Any, history: Any, times: list[float], summary: dict[str, Any]) -> None:
    """True temperatures and the set-point."""
    for name, label, colour in (("cold_degc", "detector", "#1565c0"),
                                ("hot_degc", "hot side", "#d84315"),
                                ("housing_degc", "housing", "#757575"),
                                ("led_degc", "LED", "#8e24aa")):  # fmt: skip
        axes.plot(times, _values(history, name), label=label, color=colour)
    set_point = ((summary["last"] or {}).get("cooler") or {}).get("set_point_degc")
    if set_point is not None:
        axes.axhline(set_point, color="#1565c0", linestyle=":", label="set-point")
    axes.set_ylabel("true temperature, degC")
    _legend(axes)


def _currents(axes: Any, history: Any, times: list[float]) -> None:
    """Cooler and LED."""
    amperes, volts = _values(history, "tec_a"), _values(history, "tec_v")
    axes.plot(times, amperes, label="cooler, A", color="#1565c0")
    watts = [a * v for a, v in zip(amperes, volts, strict=True)]
    axes.plot(times, watts, label="cooler, W", color="#5c6bc0", alpha=0.6)
    axes.plot(times, [ma / 1000 for ma in _values(history, "led_held_ma")], label="LED pulse, A",
              color="#8e24aa")  # fmt: skip
    axes.set_ylabel("A, W")
    _legend(axes)


def _gas(axes: Any, history: Any, times: list[float]) -> None:
    """What was released."""
    axes.fill_between(times, _values(history, "gas_g_per_h"), step="post", color="#ef9a9a")
    axes.set_ylabel("methane\nreleased, g/h")
    axes.set_ylim(bottom=0)


def _legend(axes: Any, **options: Any) -> None:
    """Beside the axes: inside it would hide what is drawn."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, **options)


def _mark(panels: Sequence[Any], happenings: Sequence[tuple[float, str]], end_s: float) -> None:
    """Dashed lines where the scenario does something, named at the top of the first panel."""
    seen = [(at_s, what) for at_s, what in happenings if at_s < end_s]
    for axes in panels:
        for at_s, _ in seen:
            axes.axvline(at_s, color="#424242", linestyle="--", linewidth=0.8)
    for at_s, what in seen:
        panels[0].annotate(what.removeprefix("the "), (at_s, 1), xycoords=("data", "axes fraction"),
                           xytext=(-2, -3), textcoords="offset points", rotation=90, ha="right",
                           va="top", fontsize=7, color="#424242")  # fmt: skip


def _bands(axes: Any, history: Any, end_s: float) -> None:
    """Verdict and state as coloured strips."""
    from matplotlib.patches import Patch

    words = [Patch(color=colour, label=word) for word, colour in COLOURS.items()]
    _legend(axes, handles=words)
    for word, colour in COLOURS.items():
        for start, stop in history.spans(word, end_s):
            axes.axvspan(start, stop, 0, 0.48, color=colour, linewidth=0)
    edges = [*history.states, (end_s, "")]
    for index, ((start, name), (stop, _)) in enumerate(itertools.pairwise(edges)):
        axes.axvspan(start, stop, 0.52, 1, color=STATE_COLOURS[index % 2], linewidth=0)
        if stop - start > end_s / 25:
            axes.text((start + stop) / 2, 1.5, name, ha="center", va="center", fontsize=8)
