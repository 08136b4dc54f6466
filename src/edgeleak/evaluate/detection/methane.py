# SPDX-License-Identifier: Apache-2.0
"""Part (a): real methane of known rate, one frame a second."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.detection.clip import METHANE, Clip, recorded
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.statistics import above, roc, share, threshold_at
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track, events

GOALS = {16.8: 0.89, 43.2: 1.0, 58.1: 1.0, 124.3: 1.0}
RATES = (1 / 160, 0.05)
QUICK_FRAMES = 540
"""As far as 43.2 scfh."""


@dataclass(frozen=True)
class Labels:
    """What was released, frame by frame.

    scfh    : rate; NaN unknown
    open_s  : unguarded frames
    levels  : rates that occur unguarded, ascending; the first is the quiet block
    """

    scfh: np.ndarray
    open_s: np.ndarray
    levels: tuple[float, ...]

    def at(self, scfh: float) -> np.ndarray:
        return self.open_s & (self.scfh == scfh)

    @property
    def quiet(self) -> np.ndarray:
        return self.at(self.levels[0])

    def begins(self, scfh: float) -> int:
        """First frame of a block, guarded or not."""
        return int(np.argmax(self.scfh == scfh))


def read_labels(path: Path, n_frames: int) -> Labels:
    """labels.csv of the recording; DataError when it is none."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))[:n_frames]
        scfh = np.array([float(row["scfh"] or "nan") for row in rows])
        open_s = np.array([row["guard"] == "0" for row in rows])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: no labels of release rates ({error!r})") from error
    if len(rows) != n_frames or not open_s.any():
        raise DataError(f"{path}: {len(rows)} labels for {n_frames} frames; is it the whole file?")
    return Labels(scfh, open_s, tuple(float(v) for v in np.unique(scfh[open_s])))


def methane(
    store: Store, data: Path, methods: Sequence[Method], presets: Presets, quick: bool
) -> tuple[Part, dict[str, Track], Labels]:
    """The part, and what its pictures are made of."""
    clip = recorded(data / METHANE, fps=1.0, name="methane")
    if quick:
        clip = clip.first(QUICK_FRAMES)
    labels = read_labels(data / METHANE / "labels.csv", clip.n_frames)
    tracks = store.run("methane", clip, methods)
    part = Part("methane", "(a) Real methane, one stack at 9.8 m, 1 frame/s", _about(clip, labels))
    part.tables += [
        _confirmed(tracks, labels, presets, methods),
        _single(tracks, labels, presets, methods, None),
        *(_single(tracks, labels, presets, methods, rate) for rate in RATES),
        _areas(tracks, labels, methods),
        _learning(tracks, methods),
    ]
    part.notes += _judge(tracks, labels)
    part.blind += [
        "motion faster than a second; other stacks, distances, backgrounds, people, wind: one"
        " recording, mostly sky behind the plume, camera on a tripod",
        "the rest of 0.3 scfh that flows in the quiet block: it counts as no release",
        "`sensitive` was developed with this recording at hand; for it the preset is no blind test",
    ]
    return part, tracks, labels


def _about(clip: Clip, labels: Labels) -> str:
    return (
        f"{clip.n_frames} frames; shares in % with Wilson 95 % intervals over"
        f" {int(labels.quiet.sum())} unguarded frames a rate. Column 0.3 scfh is false alarms."
        " `own` is the method's own verdict; the other methods' verdict is their preset score in"
        " half of the frames of 5 s, the persistence of `sensitive`."
    )


def _heads(labels: Labels) -> list[str]:
    return ["method", "threshold", *(f"{rate:g} scfh" for rate in labels.levels)]


def _row(table: Table, method: Method, cut: str, called: np.ndarray, labels: Labels,
         *extra: object) -> None:  # fmt: skip
    shares = [share(called[labels.at(rate)]) for rate in labels.levels]
    table.add(
        [method.label, cut, *shares, *extra], method=method.key, threshold=cut,
        rates={f"{rate:g}": s.as_dict() for rate, s in zip(labels.levels, shares, strict=True)},
    )  # fmt: skip


def _confirmed(
    tracks: dict[str, Track], labels: Labels, presets: Presets, methods: Sequence[Method]
) -> Table:
    table = Table(
        "Verdict GAS, preset, % of frames; seconds from the first opening to GAS; events (blocks"
        " with gas that were called GAS at all)",
        [*_heads(labels), "found after s", "events found", "false events"],
    )
    for method in methods:
        track = tracks[method.key]
        cut = None if method.decides else presets[method.key, 8]
        called = track.confirmed(cut)
        first = labels.begins(labels.levels[1])
        later = np.flatnonzero(called[first:])
        blocks = [bool(called[labels.at(rate)].any()) for rate in labels.levels[1:]]
        false = events(called & labels.quiet)
        word = "own" if cut is None else f"> {cut:.2f}"
        after_s = int(later[0]) if later.size else None
        seen = f"{sum(blocks)} of {len(blocks)}"
        late = "never" if after_s is None else after_s
        _row(table, method, word, called, labels, late, seen, false)
        table.values[-1] |= {
            "found_after_s": after_s, "events": [sum(blocks), len(blocks)], "false_events": false
        }  # fmt: skip
    return table


def _single(
    tracks: dict[str, Track], labels: Labels, presets: Presets, methods: Sequence[Method],
    rate: float | None,
) -> Table:  # fmt: skip
    """Frame by frame at the preset score (None), or at a false-alarm rate of the quiet block."""
    title = "Single frames above the preset score, %"
    if rate is not None:
        title = (
            f"Single frames, in-sample: at most {100 * rate:.2g} % of this recording's own 0.3"
            " scfh frames above the threshold, %"
        )
    table = Table(title, _heads(labels))
    for method in methods:
        score = tracks[method.key].score
        cut = presets[method.key, 8] if rate is None else threshold_at(score[labels.quiet], rate)
        _row(table, method, f"> {cut:.2f}", above(score, cut), labels)
    return table


def _areas(tracks: dict[str, Track], labels: Labels, methods: Sequence[Method]) -> Table:
    table = Table(
        "Area under the ROC of single frames (1 is perfect, 0.5 is chance)",
        ["method", *(f"{rate:g} scfh" for rate in labels.levels[1:])],
    )
    for method in methods:
        track = tracks[method.key]
        areas = [
            roc(track.score[labels.quiet], track.score[labels.at(rate)])[2]
            for rate in labels.levels[1:]
        ]
        cells = [f"{area:.3f}" for area in areas]
        table.add([method.label, *cells], method=method.key, areas=areas)
    return table


def _learning(tracks: dict[str, Track], methods: Sequence[Method]) -> Table:
    """Frames without an answer, which count as not found and are listed here."""
    table = Table(
        "Frames without an answer (INHIBIT), counted as not found",
        ["method", "frames", "which", "codes"],
    )
    for method in methods:
        track = tracks[method.key]
        held = np.flatnonzero(track.is_word("INHIBIT") | track.is_word("FAULT"))
        codes = sorted({int(code) for code in track.code[held]} - {0})
        table.add(
            [method.label, len(held), spans(held), ", ".join(map(str, codes)) or "learning"],
            method=method.key, frames=[int(i) for i in held], codes=codes,
        )  # fmt: skip
    return table


def spans(indices: np.ndarray, most: int = 6) -> str:
    """ "0-2, 7" of [0, 1, 2, 7]."""
    if not len(indices):
        return "none"
    groups = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    shown = [f"{g[0]}-{g[-1]}" if len(g) > 1 else f"{g[0]}" for g in groups[:most]]
    return ", ".join(shown) + (f" and {len(groups) - most} more" if len(groups) > most else "")


def _judge(tracks: dict[str, Track], labels: Labels) -> list[str]:
    if "sensitive" not in tracks:
        return []
    called = tracks["sensitive"].confirmed()
    false = int(np.count_nonzero(called & labels.quiet))
    notes = [
        judged("`sensitive`: at most 1 false alarm in the unguarded frames of 0.3 scfh",
               false <= 1, f"{false} of {int(labels.quiet.sum())}")
    ]  # fmt: skip
    for rate, goal in GOALS.items():
        if rate in labels.levels:
            found = share(called[labels.at(rate)])
            notes.append(
                judged(f"`sensitive` at {rate:g} scfh: the interval reaches {100 * goal:g} %",
                       found.high >= goal, f"{found}")
            )  # fmt: skip
    return notes
