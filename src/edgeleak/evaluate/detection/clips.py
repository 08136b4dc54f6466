# SPDX-License-Identifier: Apache-2.0
"""Part (b): clips without gas, as they are and with a drifting plume drawn in."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, gas_free
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.plume import PIXEL, START_S, with_plume
from edgeleak.evaluate.detection.statistics import (
    above,
    events_upper,
    share,
    threshold_at,
    wilson,
)
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track, events

AFTER_S = 2.0
CONTRASTS, QUICK_CONTRASTS = (1.0, 2.0, 4.0, 16.0), (16.0,)
GOAL_CONTRASTS = (1.0, 2.0, 4.0)
SEEDS = (11,)
QUICK_CLIPS = ("cat", "hedgehog-ffc", "possum", "rocks-palm-2", "motorway")
QUICK_FRAMES = 130
RATE = 0.01
NOISE_FRAMES = 200
PLUME_FRAMES = 360
MOST_INHIBIT = 0.10
SHOWN, SHOWN_PLUME = ("cat", "motorway"), "rocks-palm-2"


@dataclass
class Found:
    """What the part is made of: clips, tracks without and with a plume."""

    clips: list[Clip]
    plain: dict[str, dict[str, Track]]
    plumes: dict[tuple[str, float, int], dict[str, Track]] = field(default_factory=dict)
    noise: dict[str, tuple[float, float]] = field(default_factory=dict)
    deviating: dict[tuple[str, float, int], Track] = field(default_factory=dict)


def run_clips(store: Store, data: Path, methods: Sequence[Method], quick: bool) -> Found:
    """All tracks of this part."""
    clips = gas_free(data)
    if quick:
        clips = [clip.first(QUICK_FRAMES) for clip in clips if clip.name in QUICK_CLIPS]
    found = Found(clips, {clip.name: store.run("clips", clip, methods) for clip in clips})
    for clip in clips:
        found.noise[clip.name] = noise_of(clip)
        for contrast in QUICK_CONTRASTS if quick else CONTRASTS:
            for seed in SEEDS:
                drawn = with_plume(clip.first(PLUME_FRAMES), contrast, seed)
                found.plumes[clip.name, contrast, seed] = store.run("plumes", drawn, methods)
        for contrast in GOAL_CONTRASTS[-1:] if quick else GOAL_CONTRASTS:
            own = [method for method in methods if method.key == "sensitive"]
            for seed in SEEDS:
                drawn = with_plume(clip.first(PLUME_FRAMES), contrast, seed, unit=PIXEL)
                for track in store.run("plumes", drawn, own).values():
                    found.deviating[clip.name, contrast, seed] = track
    return found


def noise_of(clip: Clip) -> tuple[float, float]:
    """Typical deviation of a pixel from frame to frame, and of 3x3 means within a second, in the
    unit of the clip: the first is what plumes are measured by, the second what hides them."""
    lag = max(1, round(clip.fps))
    ring: deque[np.ndarray] = deque(maxlen=lag)
    fast, slow, last = [], [], None
    for shot in clip.first(NOISE_FRAMES).shots():
        frame = shot.pixels.astype(np.float32)
        soft = _means(frame)
        if last is not None:
            fast.append(np.abs(frame - last))
        if len(ring) == lag:
            change = soft - ring[0]
            slow.append(np.abs(change - np.median(change)))
        ring.append(soft)
        last = frame
    factor = float(np.sqrt(np.pi / 2) / np.sqrt(2))
    return (factor * float(np.median(np.mean(fast, axis=0))),
            factor * float(np.median(np.mean(slow, axis=0))))  # fmt: skip


def _means(frame: np.ndarray) -> np.ndarray:
    padded = np.pad(frame, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def clips_part(found: Found, methods: Sequence[Method], presets: Presets) -> Part:
    part = Part("clips", "(b) Recordings without gas, and the same with a plume drawn in")
    part.about = (
        f"{len(found.clips)} clips: Lepton clips of animals, plants and rocks, and a motorway,"
        " scored as if their sensor saw methane, so that every method has to answer. The first"
        f" {AFTER_S:g} s of each are left out. Plumes start at {START_S:g} s, in the"
        f" first {PLUME_FRAMES} frames; contrast is in"
        " deviations of the local noise at the plume's strongest place, on average."
    )
    part.tables += [
        alarms(found, methods, presets),
        per_clip(found, methods, presets),
        drawn(found, methods, presets),
        drawn_per_clip(found),
        deviating(found),
    ]
    part.notes += _judge(found)
    part.blind += [
        "the noise that plumes are measured by is that of neighbouring frames; these scenes drift"
        " and sway by more within a second, and that is what a plume has to stand out of",
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


def _hours(track: Track) -> float:
    seconds = track.time_s[_after(track)]
    return float(seconds[-1] - seconds[0]) / 3600 if len(seconds) > 1 else 0.0


def alarms(found: Found, methods: Sequence[Method], presets: Presets) -> Table:
    """False alarms of each method over all clips."""
    table = Table(
        "Without gas: events are beginnings of GAS; the bound is 95 %, one-sided, Poisson; time"
        " under alarm and INHIBIT in % of frames",
        ["method", "events", "clips with", "minutes", "an hour", "at most", "GAS %", "INHIBIT %"],
    )
    for method in methods:
        total, clips, hours, gas, held, frames = 0, 0, 0.0, 0, 0, 0
        for clip in found.clips:
            track = found.plain[clip.name][method.key]
            later = _after(track)
            called = called_of(method, track, presets, clip.bits) & later
            total, clips = total + events(called), clips + bool(called.any())
            hours, gas, frames = hours + _hours(track), gas + called.sum(), frames + later.sum()
            held += int(((track.is_word("INHIBIT") | track.is_word("FAULT")) & later).sum())
        bound = events_upper(total, hours)
        shares = wilson(int(gas), int(frames)), wilson(held, int(frames))
        table.add(
            [method.label, total, f"{clips} of {len(found.clips)}", f"{60 * hours:.1f}",
             f"{total / hours:.0f}", f"{bound:.0f}", *shares],
            method=method.key, events=total, clips_with=clips, clips=len(found.clips),
            hours=hours, per_hour_upper_95=bound, gas=shares[0].as_dict(),
            inhibit=shares[1].as_dict(),
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


def late_s(track: Track, called: np.ndarray) -> float:
    """Seconds from the plume's start to the first GAS on it; NaN when it is not found."""
    good = np.flatnonzero(called & track.is_on_plume & (track.time_s >= START_S - 1e-6))
    return float(track.time_s[good[0]] - START_S) if good.size else float("nan")


def new_gas(drawn: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Frames called GAS that are not called so without the plume: alarms that were there anyway
    find nothing, even where they lie on the plume."""
    return drawn & ~plain[: len(drawn)]


def _strict(found: Found, method: Method) -> dict[int, float]:
    """Score that 1 % of the frames of all clips without gas exceed, by bits."""
    cuts = {}
    for bits in sorted({clip.bits for clip in found.clips}):
        tracks = [found.plain[c.name][method.key] for c in found.clips if c.bits == bits]
        cuts[bits] = threshold_at(np.concatenate([t.score[_after(t)] for t in tracks]), RATE)
    return cuts


def drawn(found: Found, methods: Sequence[Method], presets: Presets) -> Table:
    """How many plumes each method finds."""
    table = Table(
        "With a plume: plumes found by verdict (confirmed, mask on the plume,"
        " no alarm in that frame without it), seconds to that and"
        " distance of its place from the leak (medians of what was found); single frames on the"
        f" plume at {100 * RATE:g} % false frames of the same clips without it (in-sample)",
        ["method", "contrast", "found %", "plumes", "after s", "place off px", "frames %"],
    )
    bits = {clip.name: clip.bits for clip in found.clips}
    for method in methods:
        cuts = _strict(found, method)
        for contrast in sorted({key[1] for key in found.plumes}):
            chosen = {k: t[method.key] for k, t in found.plumes.items() if k[1] == contrast}
            late = []
            for (name, *_), track in chosen.items():
                called, plain = (
                    called_of(method, t, presets, bits[name])
                    for t in (track, found.plain[name][method.key])
                )
                late.append(late_s(track, new_gas(called, plain)))
            good = [i for i, s in enumerate(late) if s == s]
            off = [float(list(chosen.values())[i].source_px[-1]) for i in good]
            frames = np.concatenate(
                [
                    (above(t.score, cuts[bits[k[0]]]) & t.is_on_plume)[t.time_s >= START_S]
                    for k, t in chosen.items()
                ]
            )
            all_found, single = wilson(len(good), len(late)), share(frames)
            table.add(
                [method.label, f"{contrast:g}", all_found, len(late),
                 _middle([late[i] for i in good]), _middle(off), single],
                method=method.key, contrast=contrast, found=all_found.as_dict(),
                after_s=[late[i] for i in good], off_px=off, frames=single.as_dict(),
            )  # fmt: skip
    return table


def _middle(values: list[float]) -> str:
    return f"{np.nanmedian(values):.1f}" if values and not np.isnan(values).all() else "-"


def drawn_per_clip(found: Found) -> Table:
    """`sensitive`, recording by recording."""
    contrasts = sorted({key[1] for key in found.plumes})
    table = Table(
        "`sensitive`, plumes found of those drawn, recording by recording; noise in counts"
        " (motorway: levels) of a pixel from frame to frame, and of 3x3 means within a second",
        ["clip", *(f"contrast {c:g}" for c in contrasts), "noise, frame", "noise, second"],
    )
    for clip in found.clips:
        cells: list[object] = []
        values = {}
        for contrast in contrasts:
            tracks = [
                t["sensitive"]
                for (name, c, _), t in found.plumes.items()
                if name == clip.name and c == contrast and "sensitive" in t
            ]
            plain = found.plain[clip.name]["sensitive"].confirmed() if tracks else np.zeros(0, bool)
            late = [late_s(t, new_gas(t.confirmed(), plain)) for t in tracks]
            hits = sum(s == s for s in late)
            cells.append(f"{hits} of {len(tracks)}")
            values[f"{contrast:g}"] = [hits, len(tracks)]
        fast, slow = found.noise[clip.name]
        table.add([clip.name, *cells, f"{fast:.2f}", f"{slow:.2f}"], clip=clip.name, found=values,
                  noise_frame=fast, noise_second=slow)  # fmt: skip
    return table


def deviating(found: Found) -> Table:
    """`sensitive` on plumes measured by what a pixel does in seconds."""
    table = Table(
        "`sensitive`, the same plumes in deviations of a pixel over the"
        f" {START_S:g} s before the plume, its drift and sway included",
        ["contrast", "plumes found", "in"],
    )
    for contrast in sorted({key[1] for key in found.deviating}):
        chosen = {k[0]: t for k, t in found.deviating.items() if k[1] == contrast}
        hits = [
            name
            for name, track in chosen.items()
            if (
                late := late_s(
                    track,
                    new_gas(track.confirmed(), found.plain[name]["sensitive"].confirmed()),
                )
            )
            == late
        ]
        table.add([f"{contrast:g}", f"{len(hits)} of {len(chosen)}", ", ".join(hits) or "-"],
                  contrast=contrast, found=hits, plumes=len(chosen))  # fmt: skip
    return table


def _judge(found: Found) -> list[str]:
    if any("sensitive" not in tracks for tracks in found.plain.values()):
        return []
    tracks = [found.plain[clip.name]["sensitive"] for clip in found.clips]
    total = sum(events(t.confirmed() & _after(t)) for t in tracks)
    hours = sum(map(_hours, tracks))
    held = [t.is_word("INHIBIT")[_after(t)] for t in tracks]
    overall = share(np.concatenate(held))
    worst = max(float(h.mean()) for h in held)
    notes = [
        judged("`sensitive`: no event in clips without gas", total == 0,
               f"{total}, at most {events_upper(total, hours):.0f} an hour with 95 % confidence"
               f" after {60 * hours:.1f} minutes"),
        judged(f"`sensitive`: INHIBIT on at most {100 * MOST_INHIBIT:g} % of the frames",
               overall.value <= MOST_INHIBIT,
               f"{overall} % of all, {100 * worst:.0f} % of the worst clip"),
    ]  # fmt: skip
    for contrast in GOAL_CONTRASTS:
        late = []
        for (name, drawn_contrast, _), both in found.plumes.items():
            if drawn_contrast == contrast:
                plain = found.plain[name]["sensitive"].confirmed()
                track = both["sensitive"]
                late.append(late_s(track, new_gas(track.confirmed(), plain)))
        if late:
            hits = sum(s == s for s in late)
            notes.append(
                judged(f"`sensitive`: plumes of {contrast:g} x the local noise are found with the"
                       " same settings", hits == len(late), f"{hits} of {len(late)}")
            )  # fmt: skip
    return notes


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
            title = f"{clip.name} with a drawn plume of 16 x the local noise: green is the truth"
            drawn_clip = with_plume(clip, 16.0, SEEDS[0])
            path = out / f"plume-{clip.name}.png"
            figures.append(marked_figure(drawn_clip, methods, shown, title, path))
    return figures
