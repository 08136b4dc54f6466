# SPDX-License-Identifier: Apache-2.0
"""A calibration as pictures: one PNG a page and one HTML file that needs no network.

Every map has a colour bar with its unit; before and after share one scale, so
that the eye compares what the numbers compare.  Figures are drawn by
matplotlib without a screen, and imported only here.
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgeleak.calibration.frame_statistics import measure, robust_sigma
from edgeleak.calibration.maps import (
    netd_map_mk,
    offset_uniformity_counts,
    response_uniformity_percent,
)
from edgeleak.calibration.model import Calibration, Defect, Kind
from edgeleak.calibration.solve import corrected, spatial_residual
from edgeleak.durable import replace_file
from edgeleak.errors import DataError, StorageError, UnavailableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    Defect.STUCK: "#0072b2",
    Defect.DEAD: "#000000",
    Defect.HOT: "#d55e00",
    Defect.FLICKERING: "#cc79a7",
    Defect.NOISY: "#009e73",
    Defect.LISTED: "#777777",
}
"""Apart for colour-blind readers as well; the legend gives the count of each."""


class Frames(Protocol):
    """Frames of a uniform reference: a name and (N, H, W) counts."""

    @property
    def name(self) -> str: ...

    @property
    def frames(self) -> np.ndarray: ...

    @property
    def temps_degc(self) -> np.ndarray: ...


SAME_TEMPERATURE_K = 1.0
Page = tuple[str, str, "Figure"]


def write_report(folder: Path, calibration: Calibration, recordings: Sequence[Frames] = ()) -> Path:
    """Write the pages as PNG and report.html into *folder*; returns the HTML's path."""
    for recording in recordings:
        if recording.frames.shape[1:] != calibration.shape:
            raise DataError(
                f"{recording.name} has frames of {recording.frames.shape[1:]}, the calibration is"
                f" for {calibration.shape}; use frames of the same sensor and window"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}; choose another") from error
    parts = []
    for name, says, figure in pages(calibration, recordings):
        picture = _png(figure)
        replace_file(folder / f"{name}.png", picture)
        encoded = base64.b64encode(picture).decode()
        parts.append(
            f'<figure><img alt="{html.escape(says)}" src="data:image/png;base64,{encoded}">'
            f"<figcaption>{html.escape(says)}</figcaption></figure>"
        )
    page = folder / "report.html"
    replace_file(page, _html(calibration, parts).encode())
    return page


def pages(calibration: Calibration, recordings: Sequence[Frames] = ()) -> list[Page]:
    """(file name, caption, figure) of every page this calibration can fill."""
    made = [_offset_page(calibration), _response_page(calibration), _netd_page(calibration)]
    made += [_residual_page(calibration, r, k) for k, r in enumerate(recordings, 1)]
    made += [_bad_pixel_page(calibration), _temperature_page(calibration)]
    return [page for page in made if page is not None]


def _offset_page(calibration: Calibration) -> Page | None:
    if calibration.kind is Kind.BAD_PIXELS:  # it has no offsets
        return None
    values, good = offset_uniformity_counts(calibration), ~calibration.bad_mask
    figure = _map_and_histogram(
        values, good, "offset uniformity", "raw counts above array mean (counts)", "RdBu_r"
    )
    return "offset_uniformity", f"Offset uniformity: std {values[good].std():.2f} counts.", figure


def _response_page(calibration: Calibration) -> Page | None:
    values = response_uniformity_percent(calibration)
    if values is None:
        return None
    good = ~calibration.bad_mask
    figure = _map_and_histogram(
        values, good, "response uniformity", "response against array mean (%)", "PuOr_r"
    )
    return (
        "response_uniformity",
        f"Response uniformity: std {values[good].std():.3f} %,"
        f" mean response {calibration.response_counts_per_k:.2f} counts/K.",
        figure,
    )


def _netd_page(calibration: Calibration) -> Page | None:
    values, unit, name = netd_map_mk(calibration), "mK", "NETD"
    if values is None:
        values, unit, name = calibration.noise_q8 / 256, "counts", "temporal noise"
    if not values.any():
        return None
    good = ~calibration.bad_mask
    limits = tuple(np.percentile(values[good], (0.5, 99.5)))
    figure = _map_and_histogram(values, good, name, f"{name} ({unit})", "viridis", limits)
    return "netd", f"{name}: median {np.median(values[good]):.1f} {unit}, single frame.", figure


def _residual_page(calibration: Calibration, recording: Frames, number: int) -> Page:
    from matplotlib.figure import Figure

    frames, degc = _of_one_temperature(recording)
    here = calibration if degc is None else calibration.at_fpa_temp(degc)
    mean = measure(frames).mean
    after = corrected(mean, here)
    sides = [("before", mean - np.median(mean)), ("after", after - np.median(after))]
    widest = 4 * max(robust_sigma(sides[0][1]), 0.1)
    figure = Figure(figsize=(15, 7), layout="constrained")
    grid, good = figure.subplots(2, 3, height_ratios=(2, 1)), ~here.bad_mask
    for column, (word, values) in enumerate(sides):
        std = spatial_residual(values, here.bad_pixels)
        title = f"{word}: {std:.2f} counts std{_in_mk(std, here)}"
        _map(grid[0, column], values, title, "residual (counts)", "RdBu_r", (-widest, widest))
        own = 4 * max(robust_sigma(values[good]), std, 0.05)
        _histogram(grid[1, column], values[good], "residual (counts)", (-own, own))
    _map(grid[0, 2], values, "after, on its own scale", "residual (counts)", "RdBu_r", (-own, own))
    grid[1, 2].axis("off")
    name = Path(recording.name).name
    where = "" if degc is None else f" at {degc:.1f} degC detector temperature"
    figure.suptitle(f"{name}{where}: before and after on one scale, histograms each on its own")
    caption = f"Spatial residual of {name}{where}, average of {len(frames)} frames. "
    return f"residual_{number}", caption + _honest(calibration), figure


def _honest(calibration: Calibration) -> str:
    """What the residual of the frames that a calibration was made from is worth."""
    if calibration.kind is Kind.SCENE:
        return (
            "A scene is not uniform: its own detail is left here beside the pattern, so the map"
            " shows whether the pattern is gone and the spread is no residual."
        )
    return (
        "Where the calibration was made from these very frames, the residual on unseen frames in"
        " the table is the honest one."
    )


def _of_one_temperature(recording: Frames) -> tuple[np.ndarray, float | None]:
    """Frames of the detector temperature nearest to the middle one; None where unknown."""
    temps = recording.temps_degc
    if not np.isfinite(temps).all():
        return recording.frames, None
    middle = temps[np.argmin(np.abs(temps - np.median(temps)))]
    chosen = np.abs(temps - middle) < SAME_TEMPERATURE_K
    return recording.frames[chosen], float(temps[chosen].mean())


def _in_mk(counts: float, calibration: Calibration) -> str:
    per_k = calibration.response_counts_per_k
    if not (np.isfinite(per_k) and np.isfinite(counts)):
        return ""
    kelvin = counts / per_k
    return f" = {kelvin:.2f} K" if abs(kelvin) >= 1 else f" = {1e3 * kelvin:.1f} mK"


def _bad_pixel_page(calibration: Calibration) -> Page:
    from matplotlib.figure import Figure

    height, width = calibration.shape
    figure = Figure(figsize=(9, 1.5 + 7.5 * height / width), layout="constrained")
    axes = figure.subplots()
    rows, columns = np.divmod(calibration.bad_pixels[:, 0], width)
    for defect, colour in COLOURS.items():
        chosen = calibration.defects == defect
        if chosen.any():
            axes.scatter(columns[chosen], rows[chosen], s=26, marker="s", facecolors="none",
                         edgecolors=colour, linewidths=1.2,
                         label=f"{defect.name.lower()}: {chosen.sum()}")  # fmt: skip
    axes.set(
        xlim=(-0.5, width - 0.5),
        ylim=(height - 0.5, -0.5),
        xlabel="column (pixel)",
        ylabel="row (pixel)",
        aspect="equal",
        title=f"{rows.size} bad pixels, {100 * rows.size / (height * width):.3f} % of the array",
    )
    if rows.size:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=6, frameon=False)
    return "bad_pixels", f"Bad pixels: {rows.size}; each is replaced by four good ones.", figure


def _temperature_page(calibration: Calibration) -> Page | None:
    from matplotlib.figure import Figure

    temps = calibration.plane_temp_degc
    if not temps.size:
        return None
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    height, width = calibration.shape
    spots = [(height // 2, width // 2), (8 % height, 8 % width), (height // 4, 3 * width // 4)]
    fine = np.linspace(temps[0], temps[-1], 80)
    for row, column in spots:
        at_planes = calibration.offset_planes_q2[:, row, column] / 4
        dots = axes.plot(temps, at_planes, "o", ms=4)[0]
        axes.plot(fine, _offsets_at(calibration, fine, row, column), color=dots.get_color(),
                  label=f"row {row}, column {column}")  # fmt: skip
    axes.set(xlabel="detector temperature (degC)", ylabel="offset (counts)",
             title="offset over detector temperature: measured (dots), used (lines)")  # fmt: skip
    axes.legend()
    axes.grid(alpha=0.3)
    caption = f"{temps.size} flats from {temps[0]:.1f} to {temps[-1]:.1f} degC."
    return "by_temperature", caption, figure


def _offsets_at(calibration: Calibration, temps: np.ndarray, row: int, column: int) -> list[float]:
    from edgeleak.calibration.model import plane_weights

    values = calibration.offset_planes_q2[:, row, column] / 4
    return [
        float(plane_weights(calibration.plane_temp_degc, t, calibration.bandwidth_k) @ values)
        for t in temps
    ]


def _map_and_histogram(
    values: np.ndarray,
    good: np.ndarray,
    name: str,
    label: str,
    colours: str,
    limits: tuple[float, float] | None = None,
) -> "Figure":
    from matplotlib.figure import Figure

    if limits is None:
        reach = max(4 * robust_sigma(values[good]), 1e-3)
        limits = (-reach, reach)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    _map(left, values, name, label, colours, limits)
    _histogram(right, values[good], label, limits)
    return figure


def _map(
    axes: "Axes",
    values: np.ndarray,
    title: str,
    label: str,
    colours: str,
    limits: tuple[float, float],
) -> None:
    image = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1],
                        interpolation="nearest")  # fmt: skip
    axes.set(title=title, xlabel="column (pixel)", ylabel="row (pixel)")
    axes.figure.colorbar(image, ax=axes, label=label, extend="both", shrink=0.9)


def _histogram(axes: "Axes", values: np.ndarray, label: str, limits: tuple[float, float]) -> None:
    """Values of the good pixels only, so that the spread is the one in title and table."""
    middle, half = (limits[0] + limits[1]) / 2, (limits[1] - limits[0]) / 2
    shown = (middle - 1.25 * half, middle + 1.25 * half)
    inside = values[(values >= shown[0]) & (values <= shown[1])]
    axes.hist(inside, bins=80, range=shown, color="#4a6fa5")
    axes.set_xlabel(label)
    axes.set_ylabel("pixels")
    spread = f"std {values.std():.3g}\nrobust {robust_sigma(values):.3g}"
    outside = values.size - inside.size
    beyond = f"{outside} pixel{'s' if outside != 1 else ''} outside"
    axes.text(0.97, 0.95, f"{spread}\n{beyond}", ha="right", va="top",
              transform=axes.transAxes)  # fmt: skip


def _png(figure: "Figure") -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise UnavailableError("pictures need matplotlib: pip install 'edgeleak[host]'") from error
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()


STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;color:#222}"
    "img{max-width:100%}figure{margin:2em 0}figcaption{color:#555}"
    "td{padding:.2em 1.5em .2em 0}td+td{font-weight:600}"
)


def _html(calibration: Calibration, parts: list[str]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in _facts(calibration)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Calibration report</title>'
        f"<style>{STYLE}</style><h1>Calibration report</h1><table>{rows}</table>"
        + "".join(parts)
        + "</html>\n"
    )


def _facts(calibration: Calibration) -> list[tuple[str, str]]:
    height, width = calibration.shape
    kinds = [f"{n} {c}" for n, c in calibration.defect_count().items() if c]
    per_k = calibration.response_counts_per_k
    facts = [
        ("kind", calibration.kind.name.lower().replace("_", "-")),
        ("sensor", calibration.sensor or "not named"),
        ("size", f"{width} x {height} pixels"),
        ("number", f"nuc_id {calibration.nuc_id}"),
        ("made", calibration.created_utc or "unknown"),
        ("residual before", f"{calibration.before_counts:.2f} counts"
         + _in_mk(calibration.before_counts, calibration)),
        ("residual after, on frames the fit did not see",
         f"{calibration.residual_counts:.2f} counts"
         + _in_mk(calibration.residual_counts, calibration)),
        ("temporal noise", f"{calibration.noise_counts:.2f} counts"
         + _in_mk(calibration.noise_counts, calibration)),
        ("response", f"{per_k:.2f} counts/K +/- {100 * calibration.response_error:.1f} %"),
        ("bad pixels", f"{len(calibration.bad_pixels)} ({', '.join(kinds) or 'none'})"),
    ]  # fmt: skip
    return [(n, "unknown" if v.startswith("nan") else v) for n, v in facts]
