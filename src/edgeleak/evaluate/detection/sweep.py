# SPDX-License-Identifier: Apache-2.0
"""Part (g): a hand-held walk along eight components, of which two leak, one of them twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Footing, Method
from edgeleak.evaluate.detection.profiles import PipelineRunner
from edgeleak.evaluate.detection.scenes import FIRST_TEST_SEED, FPS, MADE_BY, SHAPE, play
from edgeleak.evaluate.detection.statistics import share, wilson
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track, events
from edgeleak.events.event import Moment
from edgeleak.events.tracker import Tracker
from edgeleak.frame import FrameInfo
from edgeleak.sim.scene import Scenario
from edgeleak.sim.scene.family import CameraSpec, LeakSpec, MotionSpec, WorldSpec
from edgeleak.sim.scene.motion import CameraMotion
from edgeleak.sim.scene.render import Stage

COMPONENTS = 8
LEAKING = {2: 2, 5: 1}
"""Component -> leaks in it."""
RATE_G_PER_H, DISTANCE_M, DT_K = 400.0, 4.0, 5.0
PAN_S, PAN_PX_PER_S = 1.0, 40.0
DWELL_S = 10.0
TRIES, SEED_STEP = 40, 1000
SHAKES, QUICK_SHAKES = (0.0, 0.3), (0.3,)
WALKS, QUICK_WALKS, QUICK_COMPONENTS = (0, 1, 2), (0,), 3
APART_PX = SHAPE[1] / 4
"""Between two leaks in one view, at least."""
NEAR_PX = APART_PX / 2
"""An event belongs to a leak that lies so near to its origin; to one of them at most."""


class View(NamedTuple):
    """One component: its scene and where its leaks are once the pan has ended."""

    scenario: Scenario
    seed: int
    places: tuple[tuple[float, float], ...]


@dataclass
class Walk:
    """One walk: what every method said, and the events of `sensitive`."""

    number: int
    shake_px: float
    views: list[View]
    tracks: dict[str, Track]
    called: dict[str, np.ndarray]
    events: list[Any]


def views_of(walk: int, shake_px: float, components: int = COMPONENTS) -> list[View]:
    """Scenes of their own; the camera pans into each for a second."""
    return [
        _view(FIRST_TEST_SEED + 100 + COMPONENTS * walk + index, shake_px, LEAKING.get(index, 0))
        for index in range(components)
    ]


def _view(first_seed: int, shake_px: float, leaks: int) -> View:
    """The first scene from that seed on with places enough for its leaks."""
    scene = Scenario(
        name="rack",
        seconds=PAN_S + DWELL_S,
        camera=CameraSpec(width=SHAPE[1], height=SHAPE[0], fps=FPS, pattern="none"),
        world=WorldSpec(backdrop="rack", distance_m=DISTANCE_M),
        motion=MotionSpec(shake_px=shake_px, pan_px_per_s=PAN_PX_PER_S, pan_to_s=PAN_S),
    )
    margin = CameraMotion.margin_px(shake_px, PAN_PX_PER_S * PAN_S)
    corner = np.array([margin[1] + PAN_PX_PER_S * PAN_S, margin[0]])  # where the pan ends
    for seed in range(first_seed, first_seed + TRIES * SEED_STEP, SEED_STEP):
        backdrop = Stage(scene, seed).backdrop
        inside = np.array(backdrop.places, float) - corner
        chosen = _apart(inside, leaks)
        if len(chosen) == leaks:
            break
    else:
        raise DataError(f"no scene of {TRIES} from seed {first_seed} on has {leaks} places apart")
    specs = tuple(
        LeakSpec(rate_g_per_h=RATE_G_PER_H, start_s=-6.0, place=k,
                 gas_degc=_behind(backdrop.temp_degc, backdrop.places[k]) - DT_K)
        for k in chosen
    )  # fmt: skip
    places = tuple((float(inside[k][0]), float(inside[k][1])) for k in chosen)
    return View(replace(scene, leaks=specs), seed, places)


def _behind(temp_degc: np.ndarray, place: tuple[float, float]) -> float:
    """Median downwind of a place; the wind blows to the right."""
    column, row = int(place[0]), int(place[1])
    return float(np.median(temp_degc[max(0, row - 10) : row + 10, column : column + 30]))


def _apart(inside: np.ndarray, leaks: int) -> list[int]:
    """Places in the left two thirds of the picture, at least a quarter of it apart."""
    size = np.array([SHAPE[1], SHAPE[0]], float)
    low, high = size * (0.08, 0.15), size * (0.7, 0.85)
    chosen: list[int] = []
    for k in np.flatnonzero(((inside > low) & (inside < high)).all(axis=1)):
        away = [float(np.hypot(*(inside[k] - inside[other]))) for other in chosen]
        if len(chosen) < leaks and min(away, default=np.inf) > APART_PX:
            chosen.append(int(k))
    return chosen


def walk_clip(views: Sequence[View], name: str) -> Clip:
    """All views one after the other, the clock going on."""
    per_view = max(1, round(views[0].scenario.seconds * FPS))

    def shots() -> Iterator[Shot]:
        for index, view in enumerate(views):
            for number, shot in enumerate(play(Stage(view.scenario, view.seed))):
                sequence = index * per_view + number
                info = FrameInfo(sequence=sequence, monotonic_ns=round(sequence / FPS * 1e9))
                yield shot._replace(info=info, source_xy=None)

    return Clip(
        name,
        SHAPE,
        FPS,
        14,
        per_view * len(views),
        shots,
        depends=(*MADE_BY, "evaluate/detection/sweep.py"),
    )


def run_walks(store: Store, methods: Sequence[Method], presets: Presets, quick: bool) -> list[Walk]:
    """Every walk at every firmness of the hand."""
    walks = []
    for shake_px in QUICK_SHAKES if quick else SHAKES:
        for number in QUICK_WALKS if quick else WALKS:
            views = views_of(number, shake_px, QUICK_COMPONENTS if quick else COMPONENTS)
            clip = walk_clip(views, f"walk {number}, {shake_px:g} px")
            tracks = store.run("sweep", clip, methods)
            called = {
                m.key: tracks[m.key].confirmed(None if m.decides else presets[m.key, 14])
                for m in methods
            }
            walks.append(Walk(number, shake_px, views, tracks, called, follow(clip)))
    return walks


def follow(clip: Clip) -> list[Any]:
    """Events of `sensitive`, by the tracker of the firmware."""
    runner = PipelineRunner(Footing(clip.shape, clip.fps, clip.bits), "sensitive")
    tracker, moment = Tracker(runner.pipeline), Moment(0.0, 0, 0)
    for index, shot in enumerate(clip.shots()):
        runner.step(shot.pixels, shot.info)
        moment = Moment(index / clip.fps, index, index)
        tracker.look(moment)
    tracker.finish(moment)
    return list(tracker.events)


def view_of(time_s: np.ndarray | float) -> np.ndarray:
    """Component that is looked at."""
    return np.floor(np.asarray(time_s) / (PAN_S + DWELL_S) + 1e-9).astype(int)


def in_pan(time_s: np.ndarray) -> np.ndarray:
    return np.mod(time_s + 1e-9, PAN_S + DWELL_S) < PAN_S


def sweep_part(walks: Sequence[Walk], methods: Sequence[Method]) -> Part:
    part = Part("sweep", "(g) A walk along eight components, two of which leak")
    part.about = (
        f"{len(walks)} walks along {len(walks[0].views)} simulated components each at"
        f" {DISTANCE_M:g} m, 160x120, {FPS:g} frames/s: {PAN_S:g} s of pan with"
        f" {PAN_PX_PER_S:g} px/s, then {DWELL_S:g} s of looking. Component"
        f" 3 has two leaks at once, component 6 one, {RATE_G_PER_H:g} g/h each, there before the"
        " camera comes. The hand shakes by the deviation given."
    )
    part.tables += [by_method(walks, methods), by_walk(walks)]
    part.notes += _judge(walks)
    part.blind += [
        "parallax: the simulated world is flat, and it changes while the camera pans",
        "a person who moves on when he has seen enough: every component gets the same time",
    ]
    return part


def by_method(walks: Sequence[Walk], methods: Sequence[Method]) -> Table:
    """Frames of all walks of one firmness."""
    table = Table(
        "Shares in % of frames or components: leaking components called GAS with the mask on gas,"
        " components without a leak that raise an alarm, pan frames called GAS, looks without an"
        " answer",
        ["method", "hand px", "leaking found", "false components", "GAS in pans", "INHIBIT"],
    )
    for method in methods:
        for shake_px in sorted({walk.shake_px for walk in walks}):
            found = false = leaking = quiet = 0
            pans, held = [], []
            for walk in (w for w in walks if w.shake_px == shake_px):
                track, called = walk.tracks[method.key], walk.called[method.key]
                view, pan = view_of(track.time_s), in_pan(track.time_s)
                pans.append(called[pan])
                held.append(~track.is_answered[~pan])
                for index in range(len(walk.views)):
                    here = called & (view == index) & ~pan
                    if index in LEAKING:
                        leaking, found = leaking + 1, found + bool((here & track.is_on_plume).any())
                    else:
                        quiet, false = quiet + 1, false + bool(here.any())
            shares = (wilson(found, leaking), wilson(false, quiet), share(np.concatenate(pans)),
                      share(np.concatenate(held)))  # fmt: skip
            table.add([method.label, f"{shake_px:g}", *shares], method=method.key,
                      shake_px=shake_px, shares=[s.as_dict() for s in shares])  # fmt: skip
    return table


class Sorted(NamedTuple):
    """Events of a walk, by what they are.

    leaks    : there are
    off_px   : for every leak that was found, the distance of its event's origin
    again    : further events near a leak
    elsewhere_px : events in a view with leaks, none of them near: distance of the nearest one
    false    : events in a view without a leak
    in_pan   : events confirmed while the camera pans, wherever they are
    """

    leaks: int
    off_px: list[float]
    again: int
    elsewhere_px: list[float]
    false: int
    in_pan: int


def sorted_events(walk: Walk) -> Sorted:
    """A leak is found by an event that is confirmed in its view and whose origin is near."""
    off_px: dict[tuple[int, int], list[float]] = {}
    elsewhere_px: list[float] = []
    false = 0
    for event in walk.events:
        index = int(view_of(event.confirmed.time_s))
        places = walk.views[index].places
        away = [float(np.hypot(*np.subtract(event.origin, place))) for place in places]
        px, leak = min(((px, k) for k, px in enumerate(away)), default=(np.inf, 0))
        if not places:
            false += 1
        elif px < NEAR_PX:
            off_px.setdefault((index, leak), []).append(px)
        else:
            elsewhere_px.append(px)
    confirmed_s = np.array([event.confirmed.time_s for event in walk.events])
    return Sorted(
        sum(len(view.places) for view in walk.views), [min(px) for px in off_px.values()],
        sum(len(px) - 1 for px in off_px.values()), elsewhere_px, false,
        int(in_pan(confirmed_s).sum()),
    )  # fmt: skip


def by_walk(walks: Sequence[Walk]) -> Table:
    """Events with ids."""
    table = Table(
        "`sensitive` with the event tracker: leaks with an event of their own whose origin is less"
        f" than {NEAR_PX:g} px away, and how far it is; further events near a leak; events"
        " elsewhere in such a view, by their distance; events on components without a leak, and"
        " confirmed in a pan",
        ["walk", "hand px", "leaks found", "off px", "again", "elsewhere px", "false", "in pan"],
    )
    for walk in walks:
        seen = sorted_events(walk)
        table.add(
            [walk.number + 1, f"{walk.shake_px:g}", f"{len(seen.off_px)} of {seen.leaks}",
             _listed(seen.off_px), seen.again, _listed(seen.elsewhere_px), seen.false, seen.in_pan],
            walk=walk.number, shake_px=walk.shake_px, **seen._asdict(),
        )  # fmt: skip
    return table


def _listed(px: Sequence[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in px) or "-"


def _judge(walks: Sequence[Walk]) -> list[str]:
    if any("sensitive" not in walk.tracks for walk in walks):
        return []
    seen = [sorted_events(walk) for walk in walks]
    begun = sum(events(w.called["sensitive"] & in_pan(w.tracks["sensitive"].time_s)) for w in walks)
    found, leaks = sum(len(s.off_px) for s in seen), sum(s.leaks for s in seen)
    elsewhere = sum(len(s.elsewhere_px) for s in seen)
    false, in_pans = sum(s.false for s in seen), sum(s.in_pan for s in seen)
    return [
        judged("no alarm during a pan", begun == in_pans == 0,
               f"{begun} times GAS and {in_pans} events in {len(walks)} walks"),
        judged("every leak has an event with its own id", found == leaks, f"{found} of {leaks}"),
        judged("no event beside the leaks", false + elsewhere == 0,
               f"{false} on components without a leak, {elsewhere} more than {NEAR_PX:g} px from"
               " the leaks in view"),
    ]  # fmt: skip


def sweep_figure(walk: Walk, methods: Sequence[Method], path: Path) -> Path:
    """What every method said over the walk."""
    from edgeleak.evaluate.extras import load_pyplot
    from edgeleak.evaluate.prints import save_figure

    plt = load_pyplot()
    figure, axis = plt.subplots(figsize=(11, 0.34 * len(methods) + 1.5), constrained_layout=True)
    for row, method in enumerate(methods):
        track, called = walk.tracks[method.key], walk.called[method.key]
        held = ~track.is_answered & ~called
        axis.plot(track.time_s[held], np.full(held.sum(), row), "|", color="#c8a030", ms=9)
        axis.plot(track.time_s[called], np.full(called.sum(), row), "|", color="#c00000", ms=9)
    whole = PAN_S + DWELL_S
    for index in range(len(walk.views)):
        axis.axvspan(index * whole, index * whole + PAN_S, color="0.8")
        if index in LEAKING:
            axis.axvspan(index * whole + PAN_S, (index + 1) * whole, color="#d0f0d0", zorder=0)
        axis.text(index * whole + 2, -1.1, f"component {index + 1}", fontsize=7)
    axis.set_yticks(range(len(methods)), [method.label for method in methods], fontsize=8)
    axis.set(ylim=(len(methods) - 0.5, -1.6), xlim=(0, len(walk.views) * whole), xlabel="seconds")
    axis.set_title(
        f"Walk {walk.number + 1}, hand {walk.shake_px:g} px: red GAS, yellow no answer; grey the"
        " pan, green a leak is in view", fontsize=10,
    )  # fmt: skip
    return save_figure(figure, path)
