# SPDX-License-Identifier: Apache-2.0
"""Scenario files: a family of scenes, of which a seed picks one.

Wherever a number stands, a family may give `[low, high]` (uniform), `{ log = [low, high] }` or,
for words too, `{ choice = [...] }`; a `[[distractor]]` may have a `chance`.  `draw` makes one
`Scenario` of plain values, which can be printed and written down.  Seeds of the splits `train`,
`validate` and `test` never overlap, and families with test seeds alone are never trained on.
"""

import difflib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak import schema
from edgeleak.errors import ConfigError, MissingInputError, UsageError
from edgeleak.schema import number, word

FOLDER = Path(__file__).parent / "families"
SPLITS = {"train": (0, 100_000), "validate": (100_000, 200_000), "test": (200_000, 300_000)}
"""Seeds of a split: from, to (exclusive), the same in every family."""
LISTS = ("leak", "distractor")


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """The camera."""

    width: int = number("px", 32, 1280, "columns", 160)
    height: int = number("px", 24, 1024, "rows", 120)
    fps: float = number("frames/s", 0.5, 120, "rate", 9.0)
    fov_deg: float = number("deg", 2, 90, "horizontal field of view", 24.0)
    netd_mk: float = number("mK", 5, 200, "noise before a black body of 20 degC", 30.0)
    pattern: str = word("fixed pattern", "residual", ("none", "residual", "raw"))
    drift_k_per_min: float = number("K/min", -5, 5, "how fast the housing warms", 0.1)
    wander_k: float = number("K", 0, 2, "slow wander of the housing", 0.05)
    band_short_um: float = number("um", 0.5, 29, "band's shortest wavelength", 3.2)
    band_long_um: float = number("um", 0.6, 30, "band's longest wavelength", 3.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """What stands there, and the air."""

    backdrop: str = word("kind of background", "rack")
    air_degc: float = number("degC", -40, 60, "air and gas", 15.0)
    distance_m: float = number("m", 0.5, 200, "camera to the leak", 6.0)
    difference_k: float = number("K", -80, 200, "of the backdrop 'wall' over the air", 5.0)
    behind_m: float = number("m", 0, 500, "leak to the background", 1.0)
    sun: float = number("1", 0, 1, "share of a clear noon's sunlight", 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindSpec:
    """Mean wind at the leak."""

    speed_m_per_s: float = number("m/s", 0, 20, "mean", 1.0)
    toward_deg: float = number("deg", -360, 360, "0 right, 90 away from the camera, 180 left", 0.0)
    intensity: float = number("1", 0.02, 1.5, "deviation of eddies over the mean", 0.35)
    eddy_m: float = number("m", 0.1, 20, "largest eddy", 0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakSpec:
    """One release."""

    gas: str = word("name in gases.toml", "methane")
    rate_g_per_h: float = number("g/h", 0, 1e6, "release", 100.0)
    start_s: float = number(
        "s", -600, 86400, "first gas; before 0 it is there from the start", -6.0
    )
    stop_s: float = number("s", -600, 1e9, "last gas", 1e9)
    place: int = number("", 0, 99, "which part of the backdrop leaks", 0)
    gas_degc: float = number("degC", -60, 80, "of the gas; NaN is the air's", math.nan)
    jet_m_per_s: float = number("m/s", 0, 30, "speed at the hole", 0.6)
    jet_deg: float = number("deg", -360, 360, "0 right, 90 up", 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSpec:
    """How the camera is held."""

    shake_px: float = number("px", 0, 20, "deviation of the hand's motion", 0.0)
    pan_px_per_s: float = number("px/s", -400, 400, "speed of a pan", 0.0)
    pan_from_s: float = number("s", 0, 86400, "its begin", 0.0)
    pan_to_s: float = number("s", 0, 86400, "its end", 0.0)
    stops: int = number("", 0, 100, "stops after the first, instead of one pan", 0)
    stop_px: float = number("px", 1, 4000, "between two stops", 100.0)
    dwell_s: float = number("s", 0, 3600, "at each stop but the first", 6.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedSpec:
    """The lamp beside the lens."""

    mode: str = word("when it shines", "off", ("off", "on", "alternate"))
    power_mw: float = number("mW", 0, 10000, "optical power inside the band", 20.0)
    half_angle_deg: float = number("deg", 1, 60, "of the beam, to 1/e2", 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistractorSpec:
    """Something that is no gas."""

    kind: str = word("which")
    start_s: float = number("s", -600, 86400, "when it appears", 2.0)
    distance_m: float = number("m", 0.5, 200, "from the camera; NaN is that of the leak", math.nan)
    strength: float = number("", 0, 100, "how strong; each kind says of what", 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scene, all values plain."""

    name: str = "unnamed"
    summary: str = ""
    seconds: float = 20.0
    camera: CameraSpec = CameraSpec()
    world: WorldSpec = WorldSpec()
    wind: WindSpec = WindSpec()
    motion: MotionSpec = MotionSpec()
    led: LedSpec = LedSpec()
    leaks: tuple[LeakSpec, ...] = ()
    distractors: tuple[DistractorSpec, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of a frame."""
        return self.camera.height, self.camera.width

    def with_camera(self, **values: Any) -> "Scenario":
        """The same scene seen by another camera, e.g. `width=320, height=240, fps=14`.

        Raises UsageError where a value is unknown or out of range.
        """
        try:
            camera = schema.build(CameraSpec, {**asdict(self.camera), **values}, "camera")
        except ConfigError as error:
            raise UsageError(str(error)) from error
        return replace(self, camera=camera)

    def without_gas(self) -> "Scenario":
        """The same scene, nothing leaks."""
        return replace(self, leaks=())


@dataclass(frozen=True, slots=True)
class Family:
    """A scenario file.

    name   : of the file
    splits : what its seeds may be used for
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    table: dict[str, Any] = field(repr=False)
    origin: str = ""
    text: str = field(default="", repr=False)

    def seeds(self, split: str) -> range:
        """Seeds of a split; empty where the family is not for it."""
        low, high = SPLITS[split]
        return range(low, high) if split in self.splits else range(0)

    def draw(self, seed: int) -> Scenario:
        """The scene that a seed stands for."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        table = {k: v for k, v in self.table.items() if k not in ("summary", "splits")}
        drawn = _drawn(table, rng, self.origin)
        parts: dict[str, Any] = {
            name: schema.build(cls, drawn.pop(name, {}), self.origin, self.text, name)
            for name, cls in (("camera", CameraSpec), ("world", WorldSpec), ("wind", WindSpec),
                              ("motion", MotionSpec), ("led", LedSpec))
        }  # fmt: skip
        lists: dict[str, Any] = {}
        for name, cls in (("leak", LeakSpec), ("distractor", DistractorSpec)):
            rows = _taken(drawn.pop(name, []), rng, f"{self.origin}: {name}")
            lists[name + "s"] = tuple(
                schema.build(cls, row, self.origin, self.text, name) for row in rows
            )
        seconds = drawn.pop("seconds", 20.0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            raise ConfigError(f"{self.origin}: seconds = {seconds!r}; expected a number above 0")
        if drawn:
            raise ConfigError(_unknown(next(iter(drawn)), self.origin))
        return Scenario(
            name=self.name, summary=self.summary, seconds=float(seconds), **parts, **lists
        )


def _unknown(key: str, origin: str) -> str:
    known = ("summary", "splits", "seconds", "camera", "world", "wind", "motion", "led", *LISTS)
    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"nearest is '{near[0]}'" if near else f"known are {', '.join(known)}"
    return f"{origin}: unknown setting '{key}'; {hint}"


def _drawn(value: Any, rng: np.random.Generator, origin: str) -> Any:
    """The table with every range replaced by one value of it."""
    if isinstance(value, dict):
        if value.keys() == {"choice"}:
            if not isinstance(value["choice"], list) or not value["choice"]:
                raise ConfigError(f"{origin}: choice = {value['choice']!r}; write a list")
            return value["choice"][int(rng.integers(len(value["choice"])))]
        if value.keys() == {"log"}:
            low, high = _ends(value["log"], origin)
            if low <= 0:
                raise ConfigError(f"{origin}: log = {value['log']!r}; both ends must be above 0")
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return {key: _drawn(part, rng, origin) for key, part in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(part, dict) for part in value):
            return [_drawn(part, rng, origin) for part in value]
        low, high = _ends(value, origin)
        if isinstance(low, int) and isinstance(high, int):
            return int(rng.integers(low, high + 1))
        return float(rng.uniform(low, high))
    return value


def _ends(value: Any, origin: str) -> tuple[float, float]:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        or value[0] > value[1]
    ):
        raise ConfigError(f"{origin}: {value!r} is no range; write [low, high]")
    return value[0], value[1]


def _taken(rows: Any, rng: np.random.Generator, where: str) -> list[dict[str, Any]]:
    """Rows whose chance came up."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{where} is a list of tables; write it in double brackets")
    chances = [row.get("chance", 1.0) for row in rows]
    for chance in chances:
        if not isinstance(chance, int | float) or not 0 <= chance <= 1:
            raise ConfigError(f"{where}: chance = {chance!r}; expected 0 to 1")
    luck = rng.random(len(rows))
    return [
        {k: v for k, v in row.items() if k != "chance"}
        for row, chance, lucky in zip(rows, chances, luck, strict=True)
        if lucky < chance
    ]


def family_names(split: str | None = None) -> list[str]:
    """The families that come with EdgeLeak, or those of one split."""
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    return names if split is None else [n for n in names if split in load_family(n).splits]


def load_family(name: str) -> Family:
    """A family by name, or by path when it ends in .toml.

    Raises MissingInputError with the nearest name, ConfigError where the file cannot be meant.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        near = difflib.get_close_matches(name, family_names(), 1, 0.5)
        hint = f"nearest is '{near[0]}'" if near else f"known are {', '.join(family_names())}"
        raise MissingInputError(f"family '{name}' is not known; {hint}")
    table, text = schema.read(path)
    splits = table.get("splits", list(SPLITS))
    if not isinstance(splits, list) or not set(splits) <= set(SPLITS):
        raise ConfigError(f"{path}: splits = {splits!r}; expected some of {', '.join(SPLITS)}")
    return Family(path.stem, str(table.get("summary", "")), tuple(splits), table, str(path), text)


def scenarios(split: str, count: int, first: int = 0) -> Iterator[tuple[Scenario, int]]:
    """`count` pairs (scenario, seed) of a split, the families taking turns.

    The same arguments give the same scenes; scenes of two splits never share a seed.
    """
    if split not in SPLITS:
        raise UsageError(f"split '{split}' is not known; use {', '.join(SPLITS)}")
    families = [load_family(name) for name in family_names(split)]
    for index in range(first, first + count):
        family = families[index % len(families)]
        seed = family.seeds(split)[index // len(families)]
        yield family.draw(seed), seed
