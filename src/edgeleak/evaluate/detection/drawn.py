# SPDX-License-Identifier: Apache-2.0
"""Plumes drawn into clips without gas: which are found, in two units of contrast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from edgeleak.evaluate.detection.clip import Clip
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.plume import (
    FRAME,
    PIXEL,
    START_S,
    dither_noise,
    noise_unit,
    with_plume,
)
from edgeleak.evaluate.detection.statistics import (
    Share,
    above,
    share,
    threshold_at,
    wilson,
)
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Table, judged
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track
from edgeleak.evaluate.detection.watch import AFTER_S

UNITS = {
    FRAME: "the noise between neighbouring frames",
    PIXEL: f"the deviation of a pixel over {START_S:g} s",
}
CONTRASTS, QUICK_CONTRASTS = (1.0, 2.0, 4.0, 16.0), (16.0,)
GOAL_CONTRASTS = (1.0, 2.0, 4.0)
SEEDS, QUICK_SEEDS = (11, 12), (11,)
PLUME_FRAMES = 360
LONG_S = 10.0
"""What a simulated leak of part (d) is looked at for."""
RATE = 0.01


class Drawing(NamedTuple):
    """One plume in one clip."""

    clip: str
    unit: str
    contrast: float
    seed: int


@dataclass
class Plumes:
    """What every method said about every drawing.

    plain  : clip -> tracks of the same clip without a plume
    bits   : clip -> 8 or 14
    scale  : clip -> unit -> counts of contrast 1, and what dither adds there to FRAME
    """

    plain: Mapping[str, dict[str, Track]]
    bits: dict[str, int]
    tracks: dict[Drawing, dict[str, Track]] = field(default_factory=dict)
    scale: dict[str, dict[str, float]] = field(default_factory=dict)

    def seconds(self, drawing: Drawing) -> float:
        """How long the plume can be seen."""
        track = next(iter(self.tracks[drawing].values()))
        return float(track.time_s[-1]) - START_S

    def chosen(
        self, unit: str, contrast: float, clip: str | None = None, least_s: float = 0.0
    ) -> list[Drawing]:
        return [
            d for d in self.tracks
            if (d.unit, d.contrast) == (unit, contrast) and clip in (None, d.clip)
            and self.seconds(d) >= least_s
        ]  # fmt: skip

    @property
    def contrasts(self) -> list[float]:
        return sorted({d.contrast for d in self.tracks})

    def late(self, drawing: Drawing, method: Method, presets: Presets) -> float:
        """Seconds to GAS on the plume that is not there without it; NaN never."""
        cut = None if method.decides else presets[method.key, self.bits[drawing.clip]]
        track, plain = self.tracks[drawing][method.key], self.plain[drawing.clip][method.key]
        return late_s(track, new_gas(track.confirmed(cut), plain.confirmed(cut)))

    def found(self, drawings: Iterable[Drawing], method: Method, presets: Presets) -> Share:
        late = [self.late(d, method, presets) for d in drawings]
        return wilson(sum(s == s for s in late), len(late))


def run_plumes(
    store: Store, clips: Sequence[Clip], plain: Mapping[str, dict[str, Track]],
    methods: Sequence[Method], quick: bool,
) -> Plumes:  # fmt: skip
    """Every drawing; those of one clip and seed share their field."""
    plumes = Plumes(plain, {clip.name: clip.bits for clip in clips})
    for clip in (whole.first(PLUME_FRAMES) for whole in clips):
        plumes.scale[clip.name] = {
            **{unit: noise_unit(clip, SEEDS[0], unit) for unit in UNITS},
            "dither": dither_noise(clip, 1.0, SEEDS[0], FRAME),
        }
        for drawing in _drawings(clip.name, quick):
            drawn = with_plume(clip, drawing.contrast, drawing.seed, unit=drawing.unit)
            plumes.tracks[drawing] = store.run("plumes", drawn, methods)
    return plumes


def _drawings(clip: str, quick: bool) -> list[Drawing]:
    return [
        Drawing(clip, unit, contrast, seed)
        for seed in (QUICK_SEEDS if quick else SEEDS)
        for unit in UNITS
        for contrast in (QUICK_CONTRASTS if quick else CONTRASTS)
    ]


def late_s(track: Track, called: np.ndarray) -> float:
    """Seconds from the plume's start to the first GAS on it; NaN when it is not found."""
    good = np.flatnonzero(called & track.is_on_plume & (track.time_s >= START_S - 1e-6))
    return float(track.time_s[good[0]] - START_S) if good.size else float("nan")


def new_gas(drawn: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Frames called GAS that are not called so without the plume: alarms that were there anyway
    find nothing, even where they lie on the plume."""
    return drawn & ~plain[: len(drawn)]


def plume_tables(plumes: Plumes, methods: Sequence[Method], presets: Presets) -> list[Table]:
    return [
        *(by_method(plumes, unit, methods, presets) for unit in UNITS),
        single_frames(plumes, methods),
        by_clip(plumes, methods, presets),
    ]


def by_method(plumes: Plumes, unit: str, methods: Sequence[Method], presets: Presets) -> Table:
    """How many plumes each method finds, in one unit of contrast."""
    contrasts, top = plumes.contrasts, plumes.contrasts[-1]
    table = Table(
        f"Plumes of so many times {UNITS[unit]}: found, % (confirmed, mask on the plume, no alarm"
        f" in that frame without it); of {top:g} x: found of those seen for {LONG_S:g} s and more,"
        " seconds to it and distance of its place from the leak in pixels (medians)",
        ["method", *(f"{c:g} x" for c in contrasts), f"{top:g} x, {LONG_S:g} s", "after s",
         "off px"],
    )  # fmt: skip
    for method in methods:
        shares = [plumes.found(plumes.chosen(unit, c), method, presets) for c in contrasts]
        long = plumes.found(plumes.chosen(unit, top, least_s=LONG_S), method, presets)
        late = {d: plumes.late(d, method, presets) for d in plumes.chosen(unit, top)}
        good = [d for d, s in late.items() if s == s]
        off = [float(plumes.tracks[d][method.key].source_px[-1]) for d in good]
        table.add(
            [method.label, *shares, f"{long.k} of {long.n}", _middle([late[d] for d in good]),
             _middle(off)],
            method=method.key, unit=unit, long=long.as_dict(), off_px=off,
            found={f"{c:g}": s.as_dict() for c, s in zip(contrasts, shares, strict=True)},
            after_s=[late[d] for d in good],
        )  # fmt: skip
    return table


def single_frames(plumes: Plumes, methods: Sequence[Method]) -> Table:
    """Frames whose score tells a plume, at a rate of false frames."""
    columns = [(unit, contrast) for unit in UNITS for contrast in plumes.contrasts]
    table = Table(
        f"Single frames on the plume, %, at {100 * RATE:g} % false frames of the same clips without"
        " it (in-sample), by unit and contrast",
        ["method", *(f"{unit} {contrast:g} x" for unit, contrast in columns)],
    )
    for method in methods:
        cuts = _strict(plumes, method)
        shares = [_frames_above(plumes, plumes.chosen(*column), method, cuts) for column in columns]
        table.add([method.label, *(f"{100 * s.value:.1f}" for s in shares)], method=method.key,
                  shares=[s.as_dict() for s in shares])  # fmt: skip
    return table


def _strict(plumes: Plumes, method: Method) -> dict[int, float]:
    """Score that 1 % of the frames of all clips without gas exceed, by bits."""
    cuts = {}
    for bits in sorted(set(plumes.bits.values())):
        tracks = [plumes.plain[name][method.key] for name, b in plumes.bits.items() if b == bits]
        quiet = np.concatenate([t.score[t.time_s >= AFTER_S] for t in tracks])
        cuts[bits] = threshold_at(quiet, RATE)
    return cuts


def _frames_above(
    plumes: Plumes, drawings: Sequence[Drawing], method: Method, cuts: dict[int, float]
) -> Share:
    hits = [np.zeros(0, bool)]
    for drawing in drawings:
        track = plumes.tracks[drawing][method.key]
        hit = above(track.score, cuts[plumes.bits[drawing.clip]]) & track.is_on_plume
        hits.append(hit[track.time_s >= START_S])
    return share(np.concatenate(hits))


def _middle(values: list[float]) -> str:
    return f"{np.nanmedian(values):.1f}" if values and not np.isnan(values).all() else "-"


def by_clip(plumes: Plumes, methods: Sequence[Method], presets: Presets) -> Table:
    """`sensitive`, recording by recording."""
    columns = [(unit, contrast) for unit in UNITS for contrast in plumes.contrasts]
    table = Table(
        "`sensitive`, plumes found of those drawn, recording by recording; seconds the plume can be"
        f" seen; counts (motorway: levels) of contrast 1 in both units where the plume of seed"
        f" {SEEDS[0]} lies, and the deviation that dither adds there at frame 1 x",
        ["clip", "plume s", *(f"{unit} {contrast:g} x" for unit, contrast in columns),
         *(f"1 x {unit}" for unit in UNITS), "dither"],
    )  # fmt: skip
    own = [method for method in methods if method.key == "sensitive"]
    for clip, scale in plumes.scale.items() if own else ():
        shares = [plumes.found(plumes.chosen(*c, clip=clip), own[0], presets) for c in columns]
        seconds = plumes.seconds(plumes.chosen(*columns[0], clip=clip)[0])
        table.add(
            [clip, f"{seconds:.1f}", *(f"{s.k} of {s.n}" for s in shares),
             *(f"{counts:.2f}" for counts in scale.values())],
            clip=clip, seconds=seconds, found=[s.as_dict() for s in shares], counts=scale,
        )  # fmt: skip
    return table


def judge_plumes(plumes: Plumes, methods: Sequence[Method], presets: Presets) -> list[str]:
    """The goals, in both units."""
    notes = []
    for method in (m for m in methods if m.key == "sensitive"):
        for unit, name in UNITS.items():
            for contrast in sorted(set(GOAL_CONTRASTS).intersection(plumes.contrasts)):
                every = plumes.found(plumes.chosen(unit, contrast), method, presets)
                drawings = plumes.chosen(unit, contrast, least_s=LONG_S)
                long = plumes.found(drawings, method, presets)
                notes.append(
                    judged(f"`sensitive`: plumes of {contrast:g} x {name} are found with the same"
                           " settings", every.k == every.n,
                           f"{every.k} of {every.n}; {long.k} of {long.n} that can be seen for"
                           f" {LONG_S:g} s and more")
                )  # fmt: skip
    return notes
