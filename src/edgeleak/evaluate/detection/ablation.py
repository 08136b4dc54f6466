# SPDX-License-Identifier: Apache-2.0
"""Part (e): profile `sensitive` without one of its elements or rules at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from edgeleak import kernels
from edgeleak.evaluate.detection.clip import METHANE, Clip, gas_free, recorded
from edgeleak.evaluate.detection.clips import QUICK_CLIPS
from edgeleak.evaluate.detection.drawn import SEEDS, UNITS, late_s, new_gas
from edgeleak.evaluate.detection.grid import BACKDROPS, SIDE_RATES, Cell
from edgeleak.evaluate.detection.methane import Labels, read_labels
from edgeleak.evaluate.detection.method import Footing, Method, Reading
from edgeleak.evaluate.detection.plume import PIXEL, with_plume
from edgeleak.evaluate.detection.profiles import PipelineRunner, of_profile
from edgeleak.evaluate.detection.scenes import FIRST_TEST_SEED, leak_scene, scene_clip
from edgeleak.evaluate.detection.statistics import share
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table
from edgeleak.evaluate.detection.track import Track, events
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import stages
from edgeleak.pipeline.profile import Profile, load
from edgeleak.pipeline.rules import knowledge

BASE = "sensitive"
AFTER_S = 2.0
CONTRAST = 16.0
CLIP_FRAMES = 200
METHANE_FRAMES = 364
SHAKE_PX = 0.5
RATES, QUICK_RATES = (20.0, 60.0, 200.0), (200.0,)
ELEMENTS: dict[str, dict[str, object]] = {
    "smoothing at plume scale": {"smooth.height_percent": 0.1},
    "opening": {"threshold.opening_px": 1},
    "noise of each pixel": {
        "noise.slew_sigma_per_s": 0.0, "noise.most_sigma": 1.0, "noise.sway_sigma": 1.0
    },
    "noise floor of 8-bit video": {"threshold.eight_bit_noise_counts": 0.75},
    "hold under the mask": {"background.hold_s": 0.01, "background.held_share": 0.5},
    "a background that follows": {"background.slew_sigma_per_s": 0.0},
    "registration": {"register.limit_percent": 0.0},
    "fast learning at the start": {"background.learn_factor": 1.0, "noise.learn_factor": 1.0},
}  # fmt: skip
"""Name -> settings that take it out of the profile."""


def _no_level(counts: np.ndarray, background: np.ndarray, *rest: Any) -> int:
    return 0


def _nothing(*args: Any, **named: Any) -> None:
    return None


KERNELS: dict[str, dict[str, Callable[..., Any]]] = {
    "level of the frame": {"median_shift": _no_level},
    "local level": {"remove_local_level": _nothing},
}
"""Name -> kernels whose place something idle takes."""


class _Others(ModuleType):
    """The compiled functions, some of them replaced."""

    def __init__(self, replaced: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__("edgeleak.kernels")
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(kernels, name)


class _Without(PipelineRunner):
    """Steps with some kernels idle; nobody else's pipeline is touched."""

    def __init__(self, footing: Footing, replaced: Mapping[str, Callable[..., Any]]) -> None:
        self._kernels = _Others(replaced)
        super().__init__(footing, BASE)

    def step(self, pixels: np.ndarray, info: FrameInfo | None) -> Reading:
        usual = stages.kernels
        stages.kernels = self._kernels
        try:
            return super().step(pixels, info)
        finally:
            stages.kernels = usual


def variants() -> list[Method]:
    """The profile, then without each element, then without each rule that can be switched off."""
    base = load(BASE)
    found = [of_profile(base, BASE, "all of it")]
    for name, replaced in KERNELS.items():
        label, what = f"without {name}", f"kernels idle: {', '.join(replaced)}"
        found.append(Method(label, label, what, partial(_Without, replaced=replaced), True))
    found += [_without(base, name, changes) for name, changes in ELEMENTS.items()]
    for rule in knowledge().values():
        if rule.switch:
            found.append(_without(base, f"rule {rule.name}", {rule.key: False}))
    return found


def _without(base: Profile, name: str, changes: dict[str, object]) -> Method:
    label = f"without {name}"
    made = of_profile(base.replace(changes), label, label)
    return made._replace(parameters=f"{made.parameters}; {changes}")


@dataclass
class Proof:
    """Tracks of all variants."""

    labels: Labels
    methane: dict[str, Track]
    clips: dict[str, dict[str, Track]] = field(default_factory=dict)
    plumes: list[tuple[str, dict[str, Track]]] = field(default_factory=list)
    leaks: list[dict[str, Track]] = field(default_factory=list)
    shaken_leaks: list[dict[str, Track]] = field(default_factory=list)
    shaken: list[dict[str, Track]] = field(default_factory=list)


def run_ablation(store: Store, data: Path, methods: Sequence[Method], quick: bool) -> Proof:
    """Every variant on methane, clips, drawn plumes and simulated leaks."""
    clip = recorded(data / METHANE, fps=1.0, name="methane").first(METHANE_FRAMES)
    labels = read_labels(data / METHANE / "labels.csv", clip.n_frames)
    proof = Proof(labels, store.run("ablation", clip, methods))
    clips = [c for c in gas_free(data) if not quick or c.name in QUICK_CLIPS[:3]]
    for one in clips:
        one = one.first(CLIP_FRAMES)
        proof.clips[one.name] = store.run("ablation", one, methods)
        if not quick and one.bits == 14:
            drawn = with_plume(one, CONTRAST, SEEDS[0], unit=PIXEL)
            proof.plumes.append((one.name, store.run("ablation", drawn, methods)))
    for kept, cells in (
        (proof.leaks, _cells(quick)), (proof.shaken_leaks, _shaken(SIDE_RATES, quick)),
        (proof.shaken, _shaken((0.0,), quick)),
    ):  # fmt: skip
        kept += [store.run("ablation", _scene(cell), methods) for cell in cells]
    return proof


def _cells(quick: bool) -> list[Cell]:
    if quick:
        return [Cell("rack", rate) for rate in QUICK_RATES]
    return [Cell(backdrop, rate) for backdrop in BACKDROPS for rate in RATES]


def _shaken(rates: Sequence[float], quick: bool) -> list[Cell]:
    """Before a hand."""
    backdrops = () if quick else BACKDROPS
    return [Cell(b, rate, shake_px=SHAKE_PX) for b in backdrops for rate in rates]


def _scene(cell: Cell) -> Clip:
    seed = FIRST_TEST_SEED + BACKDROPS.index(cell.backdrop)
    return scene_clip(cell.name, leak_scene(cell.backdrop, seed, **cell.values), seed)


def ablation_part(proof: Proof, methods: Sequence[Method]) -> Part:
    part = Part("ablation", "(e) The default profile without one element or rule at a time")
    levels = proof.labels.levels
    part.about = (
        f"Methane: the first {len(proof.labels.scfh)} frames. Clips: those of part (b), up to"
        f" {CLIP_FRAMES} frames; those of 14 bits with one plume each of {CONTRAST:g} x"
        f" {UNITS[PIXEL]}. Simulated: 6 m, dT 5 K, leaks of {_listed(RATES)} g/h on a tripod;"
        f" before a hand that shakes by {SHAKE_PX:g} px {_listed(SIDE_RATES)} g/h, and no leak."
    )
    table = Table(
        "What changes; shares of frames in %",
        ["profile", f"{levels[0]:g} scfh: false", *(f"{r:g} scfh" for r in levels[1:]),
         "false events in clips", "INHIBIT in clips", "plumes found", "leaks found",
         "leaks found, shaken", "false events, shaken"],
    )  # fmt: skip
    for method in methods:
        values = _row(proof, method.key)
        cells = [f"{100 * v:.1f}" for v in values["methane"]]
        table.add(
            [method.label, *cells, values["false"], f"{100 * values['inhibit']:.1f}",
             f"{values['plumes']} of {len(proof.plumes)}",
             f"{values['leaks']} of {len(proof.leaks)}",
             f"{values['shaken_leaks']} of {len(proof.shaken_leaks)}", values["shaken"]],
            variant=method.key, **values,
        )  # fmt: skip
    part.tables.append(table)
    part.notes += _idle(table)
    part.blind += [
        "elements together: one at a time is taken out, two may stand in for each other",
        "what an element is for where these recordings do not need it (a cover, a guard of time)",
    ]
    return part


def _listed(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)


def _row(proof: Proof, key: str) -> dict[str, Any]:
    called = proof.methane[key].confirmed()
    later = {name: t[key].time_s >= AFTER_S for name, t in proof.clips.items()}
    held = [t[key].is_word("INHIBIT")[later[name]] for name, t in proof.clips.items()]
    return {
        "methane": [share(called[proof.labels.at(rate)]).value for rate in proof.labels.levels],
        "false": sum(events(t[key].confirmed() & later[name]) for name, t in proof.clips.items()),
        "inhibit": float(np.concatenate(held).mean()),
        "plumes": sum(_found(t[key], proof.clips[name][key]) for name, t in proof.plumes),
        "leaks": sum(_found(t[key]) for t in proof.leaks),
        "shaken_leaks": sum(_found(t[key]) for t in proof.shaken_leaks),
        "shaken": sum(events(t[key].confirmed()) for t in proof.shaken),
    }


def _found(track: Track, plain: Track | None = None) -> bool:
    """On the plume, and no alarm without it; drawn plumes and simulated leaks begin alike."""
    called = track.confirmed()
    late = late_s(track, called if plain is None else new_gas(called, plain.confirmed()))
    return late == late


def _idle(table: Table) -> list[str]:
    """Variants that changed nothing."""
    base = table.rows[0][1:]
    idle = [row[0].removeprefix("without ") for row in table.rows[1:] if row[1:] == base]
    if not idle:
        return []
    return [f"changed nothing on these recordings: {', '.join(idle)}"]
