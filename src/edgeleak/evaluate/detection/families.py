# SPDX-License-Identifier: Apache-2.0
"""Part (d), second half: drawn scenes of families that nothing was ever trained or chosen on; and
one of them, a hedge, without gas, its leaves swaying more and more before a steady and an
unsteady hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.statistics import wilson
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table
from edgeleak.evaluate.detection.thresholds import Presets
from edgeleak.evaluate.detection.track import Track
from edgeleak.evaluate.detection.watch import AFTER_S, HEADS, Watch, together, watch_of
from edgeleak.sim.scene import Scenario, load_family
from edgeleak.sim.scene.family import DistractorSpec, MotionSpec
from edgeleak.sim.scene.source import SceneSource

FAMILIES = ("crowd", "hedge", "room")
SCENES, QUICK_SCENES = 5, 1
HEDGE = "hedge"
SWAYS_PX, SHAKES_PX = (0.5, 1.0, 2.0), (0.0, 0.3, 0.6, 1.0)
"""Of leaves and hand."""


@dataclass
class Drawn:
    """One scene: what leaks from when on, and what every method said."""

    family: str
    leak_from_s: float
    tracks: dict[str, Track]
    called: dict[str, np.ndarray]

    @property
    def leaks(self) -> bool:
        return bool(np.isfinite(self.leak_from_s))


def shots_of(source: SceneSource) -> Iterator[Shot]:
    """Frames with their masks."""
    for pixels, info in source:
        truth = source.truth
        yield Shot(pixels, info, None if truth is None else truth.mask)


def run_families(
    store: Store, methods: Sequence[Method], presets: Presets, quick: bool
) -> list[Drawn]:
    """Every scene."""
    drawn = []
    for family in FAMILIES:
        for seed in load_family(family).seeds("test")[: QUICK_SCENES if quick else SCENES]:
            drawn.append(_one(store, methods, presets, SceneSource(family, seed)))
    return drawn


def run_leaves(
    store: Store, methods: Sequence[Method], presets: Presets, quick: bool
) -> dict[float, list[Drawn]]:
    """A hedge without gas, for each motion of the hand."""
    seeds = load_family(HEDGE).seeds("test")[SCENES : SCENES + (QUICK_SCENES if quick else SCENES)]
    return {
        shake_px: [
            _one(store, methods, presets, SceneSource(_leaves(seed, shake_px, sway_px), seed))
            for seed, sway_px in zip(seeds, cycle(SWAYS_PX), strict=False)
        ]
        for shake_px in SHAKES_PX
    }


def _leaves(seed: int, shake_px: float, sway_px: float) -> Scenario:
    scene = load_family(HEDGE).draw(seed)
    return replace(
        scene, name=f"{HEDGE} {sway_px:g} px, hand {shake_px:g} px", leaks=(),
        distractors=(DistractorSpec(kind="leaves", strength=sway_px),),
        motion=MotionSpec(shake_px=shake_px),
    )  # fmt: skip


def _one(store: Store, methods: Sequence[Method], presets: Presets, source: SceneSource) -> Drawn:
    clip = Clip(source.name, source.shape, source.fps, 14, source.n_frames or 1,
                partial(shots_of, source), depends=("sim/scene",))  # fmt: skip
    tracks = store.run("families", clip, methods)
    called = {
        m.key: tracks[m.key].confirmed(None if m.decides else presets[m.key, 14]) for m in methods
    }
    start_s = min((leak.start_s for leak in source.scenario.leaks), default=float("inf"))
    return Drawn(source.scenario.name, start_s, tracks, called)


def families_part(
    drawn: Sequence[Drawn], leaves: Mapping[float, Sequence[Drawn]], methods: Sequence[Method]
) -> Part:
    part = Part("families", "(d) Drawn scenes with people, cars, leaves, steam and weather")
    part.about = (
        f"{len(drawn)} scenes of the families {', '.join(FAMILIES)}, 160x120, seeds of the test"
        " split: these families serve for tests alone. Held on a tripod or by hand, leaks of a few"
        " to hundreds of g/h there from the start or opening later, or none."
    )
    table = Table(
        "Leaks found (GAS with the mask on the plume), seconds to it (median); false events and"
        " their number an hour of answers, at most (95 %); frames without an answer",
        ["method", "leaks found %", "after s", "false " + HEADS[0], *HEADS[1:], "INHIBIT %"],
    )
    for method in methods:
        _add_method(table, drawn, method)
    part.tables += [table, per_family(drawn), before_leaves(leaves, methods)]
    part.blind.append(
        "how the families weigh against a real day: what stands in them was drawn, not counted;"
        " alternating light (family lamp), which only profiles of the firmware can pair"
    )
    part.blind.append(
        "a room, a hedge and the family busy with seeds of the training split, held by hand, were"
        " at hand when sharp edges and rims of registered pictures were mended; the seeds above"
        " were not"
    )
    return part


def _add_method(table: Table, drawn: Sequence[Drawn], method: Method) -> None:
    """Its row: what it found, and what it called gas beside any."""
    late = [late_s(d, method.key) for d in drawn if d.leaks]
    good = [s for s in late if s == s]
    found, watch = wilson(len(good), len(late)), false_alarms(drawn, method.key)
    table.add(
        [method.label, found, f"{np.median(good):.1f}" if good else "-", *watch.cells,
         watch.inhibit],
        method=method.key, found=found.as_dict(), after_s=good, false=watch.as_dict(),
    )  # fmt: skip


def late_s(drawn: Drawn, key: str) -> float:
    """Seconds from the first gas that can be seen to GAS on it; NaN never."""
    track = drawn.tracks[key]
    first_s = max(0.0, drawn.leak_from_s)
    good = np.flatnonzero(drawn.called[key] & track.is_on_plume & (track.time_s >= first_s))
    return float(track.time_s[good[0]] - first_s) if good.size else float("nan")


def false_alarms(drawn: Sequence[Drawn], key: str) -> Watch:
    """GAS beside the plume, in time watched and answered."""
    return watch_of(
        (one.tracks[key], one.called[key] & ~one.tracks[key].is_on_plume) for one in drawn
    )


def before_leaves(leaves: Mapping[float, Sequence[Drawn]], methods: Sequence[Method]) -> Table:
    """False events before swaying leaves, by the motion of the hand."""
    table = Table(
        f"A hedge without gas, leaves that sway by {', '.join(map(str, SWAYS_PX))} pixels:"
        " false events by deviation of the hand's motion; their number an hour of answers, at most"
        " (95 %)",
        ["method", *(f"hand {px:g} px" for px in leaves), *HEADS[1:], "INHIBIT %"],
    )
    for method in methods:
        single = [false_alarms(drawn, method.key) for drawn in leaves.values()]
        watch = together(single)
        table.add(
            [method.label, *(one.events for one in single), *watch.cells[1:], watch.inhibit],
            method=method.key, false_events=[one.events for one in single], false=watch.as_dict(),
        )  # fmt: skip
    return table


def per_family(drawn: Sequence[Drawn]) -> Table:
    """`sensitive`, family by family."""
    table = Table(
        "`sensitive`, family by family",
        ["family", "scenes", "leaks found", "false " + HEADS[0], *HEADS[1:], "INHIBIT %",
         "by code, % of frames"],
    )  # fmt: skip
    for family in FAMILIES:
        own = [d for d in drawn if d.family == family and "sensitive" in d.tracks]
        if not own:
            continue
        late = [late_s(d, "sensitive") for d in own if d.leaks]
        watch = false_alarms(own, "sensitive")
        found = sum(s == s for s in late)
        table.add(
            [family, len(own), f"{found} of {len(late)}", *watch.cells, watch.inhibit,
             codes_of(own, "sensitive")],
            family=family, found=found, leaks=len(late), false=watch.as_dict(),
        )  # fmt: skip
    return table


def codes_of(drawn: Sequence[Drawn], key: str, most: int = 4) -> str:
    """Why there was no answer, the most frequent first."""
    codes = np.concatenate([d.tracks[key].code[d.tracks[key].time_s >= AFTER_S] for d in drawn])
    found, counts = np.unique(codes[codes > 0], return_counts=True)
    order = np.argsort(-counts)[:most]
    return ", ".join(f"{found[i]}: {100 * counts[i] / len(codes):.0f}" for i in order) or "-"
