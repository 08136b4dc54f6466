# SPDX-License-Identifier: Apache-2.0
"""Part (b): clips without gas, as they are and with a drifting plume drawn in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, gas_free
from edgeleak.evaluate.detection.drawn import (
    LONG_S,
    PLUME_FRAMES,
    SEEDS,
    UNITS,
    Plumes,
    judge_plumes,
    plume_tables,
    run_plumes,
)
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.plume import PIXEL, START_S, with_plume
from edgeleak.evaluate.detection.statistics import share
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track, events
from edgeleak.evaluate.detection.watch import AFTER_S, HEADS, watch_of

QUICK_CLIPS = ("cat", "hedgehog-ffc", "possum", "rocks-palm-2", "motorway")
QUICK_FRAMES = 130
MOST_INHIBIT = 0.10
SHOWN, SHOWN_PLUME = ("cat", "motorway"), "rocks-palm-2"


@dataclass
class Found:
    """What the part is made of: clips, tracks without and with a plume."""

    clips: list[Clip]
    plain: dict[str, dict[str, Track]]
    plumes: Plumes


def run_clips(store: Store, data: Path, methods: Sequence[Method], quick: bool) -> Found:
    """All tracks of this part."""
    clips = gas_free(data)
    if quick:
        clips = [clip.first(QUICK_FRAMES) for clip in clips if clip.name in QUICK_CLIPS]
    plain = {clip.name: store.run("clips", clip, methods) for clip in clips}
    return Found(clips, plain, run_plumes(store, clips, plain, methods, quick))


def clips_part(found: Found, methods: Sequence[Method], presets: Presets) -> Part:
    part = Part("clips", "(b) Recordings without gas, and the same with a plume drawn in")
    seconds = [found.plumes.seconds(drawing) for drawing in found.plumes.tracks]
    part.about = (
        f"{len(found.clips)} clips: Lepton clips of animals, plants and rocks, and a motorway,"
        " scored as if their sensor saw methane, so that every method has to answer. The first"
        f" {AFTER_S:g} s of each are left out. Plumes start at {START_S:g} s, in the first"
        f" {PLUME_FRAMES} frames; contrast is that of the plume's strongest place, on average, in"
        " two units. Nothing is played twice, since that makes seams: what is left of a clip is"
        f" what every method has to find a plume, {min(seconds):.1f} to {max(seconds):.1f} s. Parts"
        " of a count are drawn by dither, which adds half a count of noise at most; what it adds"
        " stands below, clip by clip."
    )
    part.tables += [
        alarms(found, methods, presets),
        per_clip(found, methods, presets),
        *plume_tables(found.plumes, methods, presets),
    ]
    part.notes += [*_judge(found), *judge_plumes(found.plumes, methods, presets)]
    part.blind += [
        f"what would be found after more than the seconds of a clip: plumes of less than"
        f" {LONG_S:g} s are a harder test than the leaks of part (d)",
        "hours: the clips last seconds, so even no alarm at all leaves a high upper bound an hour",
        "hand-held motion, steam, fog, people who stop and go; night and sun",
        "a drawn plume adds counts and hides nothing of the background; behind animals it is drawn"
        " over them; a Lepton sees no methane, so none of this is methane",
        "rules 3 and 5 of `sensitive` were chosen with these clips at hand (docs/detection.md)",
    ]
    return part


def called_of(method: Method, track: Track, presets: Presets, bits: int) -> np.ndarray:
    """Frames called GAS, by the method's own verdict or its preset and persistence."""
    return track.confirmed(None if method.decides else presets[method.key, bits])


def _after(track: Track) -> np.ndarray:
    return track.time_s >= AFTER_S


def alarms(found: Found, methods: Sequence[Method], presets: Presets) -> Table:
    """False alarms of each method over all clips."""
    table = Table(
        "Without gas: beginnings of GAS, and their number an hour of answers, at most (95 %,"
        " one-sided, Poisson); time under alarm and without an answer in % of frames",
        ["method", HEADS[0], "clips with", *HEADS[1:], "GAS %", "INHIBIT %"],
    )
    for method in methods:
        called = {
            clip.name: called_of(method, found.plain[clip.name][method.key], presets, clip.bits)
            for clip in found.clips
        }
        tracks = {name: found.plain[name][method.key] for name in called}
        watch = watch_of((tracks[name], called[name]) for name in called)
        gas = [called[name][_after(tracks[name])] for name in called]
        clips = sum(bool(one.any()) for one in gas)
        under = share(np.concatenate(gas))
        table.add(
            [method.label, watch.events, f"{clips} of {len(found.clips)}", *watch.cells[1:], under,
             watch.inhibit],
            method=method.key, clips_with=clips, clips=len(found.clips), gas=under.as_dict(),
            false=watch.as_dict(),
        )  # fmt: skip
    return table


def per_clip(found: Found, methods: Sequence[Method], presets: Presets) -> Table:
    """Events of each method, and what `sensitive` says, recording by recording."""
    table = Table(
        "Without gas, recording by recording: events of each method; GAS and INHIBIT of"
        " `sensitive` in % of frames",
        ["clip", "frames", "GAS %", "INHIBIT %", "codes", *(m.key for m in methods)],
    )
    for clip in found.clips:
        tracks = found.plain[clip.name]
        counts = {
            m.key: events(called_of(m, tracks[m.key], presets, clip.bits) & _after(tracks[m.key]))
            for m in methods
        }
        own = tracks.get("sensitive")
        cells: list[object] = ["-", "-", "-", "-"]
        values: dict[str, object] = {}
        if own is not None:
            later = _after(own)
            gas, held = own.is_word("GAS")[later], own.is_word("INHIBIT")[later]
            codes = sorted({int(c) for c in own.code[later][held]})
            cells = [int(later.sum()), share(gas), share(held), ", ".join(map(str, codes)) or "-"]
            values = {"gas": share(gas).as_dict(), "inhibit": share(held).as_dict(),
                      "codes": codes}  # fmt: skip
        table.add([clip.name, *cells, *counts.values()], clip=clip.name, events=counts, **values)
    return table


def _judge(found: Found) -> list[str]:
    if any("sensitive" not in tracks for tracks in found.plain.values()):
        return []
    own = {name: tracks["sensitive"] for name, tracks in found.plain.items()}
    watch = watch_of((track, track.confirmed()) for track in own.values())
    each = {name: watch_of([(track, track.confirmed())]).inhibit for name, track in own.items()}
    worst = max(each, key=lambda name: each[name].value)
    beyond = sum(one.value > MOST_INHIBIT for one in each.values())
    most = f"INHIBIT on at most {100 * MOST_INHIBIT:g} % of the frames"
    return [
        judged("`sensitive`: no event in clips without gas", watch.events == 0,
               f"{watch.events}, at most {watch.per_hour_upper:.0f} an hour with 95 % confidence"
               f" after {60 * watch.answered_h:.1f} minutes with an answer"),
        judged(f"`sensitive`: {most} of all clips", watch.inhibit.value <= MOST_INHIBIT,
               f"{watch.inhibit} %"),
        judged(f"`sensitive`: {most} of every clip", not beyond,
               f"more on {beyond} of {len(each)} clips, at worst {worst}, {each[worst]} %"),
    ]  # fmt: skip


def clips_figures(found: Found, methods: Sequence[Method], out: Path) -> list[Path]:
    """Where alarms come from, and what a drawn plume looks like."""
    from edgeleak.evaluate.detection.pictures import marked_figure

    figures = []
    for clip in found.clips:
        last = clip.n_frames - 1
        if clip.name in SHOWN:
            shown = [round(last * part) for part in (0.3, 0.55, 0.8, 1.0)]
            title = f"{clip.name}, no gas in it: everything red is wrong"
            path = out / f"clip-{clip.name}.png"
            figures.append(marked_figure(clip, methods, shown, title, path))
        if clip.name == SHOWN_PLUME:
            shown = [round(last * part) for part in (0.2, 0.5, 0.75, 1.0)]
            title = f"{clip.name}, plume of 16 x {UNITS[PIXEL]}: green is the truth"
            drawn_clip = with_plume(clip, 16.0, SEEDS[0], unit=PIXEL)
            path = out / f"plume-{clip.name}.png"
            figures.append(marked_figure(drawn_clip, methods, shown, title, path))
    return figures
