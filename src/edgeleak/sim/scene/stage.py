# SPDX-License-Identifier: Apache-2.0
"""A scenario brought to life: world, wind, gas, things, camera; frame by frame.

One frame: the world's light, what changes behind the gas, the gas's absorption and emission, what
is before it, the camera's motion, electrons, counts.  Everything is linear in light.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgeleak.errors import ConfigError
from edgeleak.sim.scene.backdrop import make_backdrop, through_air
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.family import DistractorSpec, LeakSpec, Scenario
from edgeleak.sim.scene.gases import Gas, gas_in
from edgeleak.sim.scene.led import Led
from edgeleak.sim.scene.motion import CameraMotion, Way, blurred, moved
from edgeleak.sim.scene.painting import MAKERS
from edgeleak.sim.scene.plume import LONGEST_STEP_S, PARCELS, Grid, Plume
from edgeleak.sim.scene.things import THINGS, Surroundings, Thing, enlarged
from edgeleak.sim.scene.turbulence import Wind
from edgeleak.sim.scene.walkers import KINDS, USUAL_SPEED_M_PER_S

MASK_NOISE = 1.0
"""The mask holds pixels whose gas contrast is above this many deviations of their noise."""
FINEST_GRID = 160
"""Columns of the finest plume grid over one picture; larger pictures interpolate it."""
CAMERA_EVENTS = ("level-step", "shutter")
SHUTTER_S = 0.6
STEP_EVERY_S = 7.0
STEP_COUNTS = 20.0
EYE_M = 1.5
"""Height of the camera above the ground."""
GROUND_SHARE = 0.1
"""What is far away stands no more than this share of the picture higher than the leak's foot."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is true of a frame.

    contrast_counts : (H, W) float32, what the gas added to (or took from) the counts
    shift_px        : (dx, dy) that the camera looked off centre
    noise_counts    : deviation of a pixel that sees the air's temperature
    led_on          : the lamp was lit
    is_covered      : the shutter was closed; then the mask is empty
    """

    contrast_counts: np.ndarray
    shift_px: tuple[float, float]
    noise_counts: float
    led_on: bool
    is_covered: bool


class _Five(NamedTuple):
    counts: np.ndarray
    mask: np.ndarray
    column_ppm_m: np.ndarray
    rate_g_per_h: float
    time_s: float


class SceneFrame(_Five):
    """One frame and its truth; unpacks into the five fields.

    counts       : (H, W) uint16, 14 bits
    mask         : (H, W) bool, gas contrast above the noise of its pixel
    column_ppm_m : (H, W) float32, all gases
    rate_g_per_h : released now, all leaks
    time_s       : of the exposure
    facts        : see Facts
    """

    facts: Facts


class Source:
    """One leak: its gas, its plume, its place in the world."""

    def __init__(self, spec: LeakSpec, gas: Gas, plume: Plume, cell_px: int,
                 place: tuple[float, float]) -> None:  # fmt: skip
        self.spec, self.gas, self.plume, self.cell_px, self.place = spec, gas, plume, cell_px, place

    def rate_g_per_h(self, time_s: float) -> float:
        """Release at a moment."""
        return self.spec.rate_g_per_h if self.spec.start_s <= time_s < self.spec.stop_s else 0.0

    def column_ppm_m(self) -> np.ndarray:
        """(H, W) float32 over the world."""
        grams = self.plume.column_g_per_m2() * np.float32(self.gas.ppm_m_per_g_m2)
        return enlarged(grams, self.cell_px)


class Stage:
    """One scene; `frames` plays it once.

    sources : the leaks, with their place (column, row) in the world
    camera, wind, backdrop, pixel_m : as drawn
    lamp_counts : (H, W) float32 counts that the lamp adds to the world; None without one
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        world, gas, air, chip, hand, other = (
            np.random.Generator(np.random.SFC64(child))
            for child in np.random.SeedSequence([seed, 1]).spawn(6)
        )
        c, w = scenario.camera, scenario.world
        self.band = Band(c.band_short_um, c.band_long_um)
        self.camera = Camera(chip, self.band, scenario.shape, c.fps, c.netd_mk, c.pattern,
                             c.drift_k_per_min, c.wander_k)  # fmt: skip
        self._hold(hand)
        kind = _known("backdrop", w.backdrop, MAKERS)
        self.backdrop = make_backdrop(world, kind, scenario.shape, self.margin, w.air_degc,
                                      w.difference_k)  # fmt: skip
        self.pixel_m = self.pixel_m_at(w.distance_m)
        self._blow(air)
        self._shine()
        self.sources = [self._leak(spec, gas) for spec in scenario.leaks]
        self._place_things(other)
        self._prewarm()

    def pixel_m_at(self, distance_m: float) -> float:
        """Size of a pixel at a distance, m."""
        camera = self.scenario.camera
        return 2 * distance_m * math.tan(math.radians(camera.fov_deg / 2)) / camera.width

    @property
    def apparent_degc(self) -> np.ndarray:
        """(H, W) temperature of the black body that shines as the still world does."""
        light = self._light / self.camera.exposure.counts_per_light
        return self.band.temp_degc(np.maximum(light, 1.0))

    def _hold(self, rng: np.random.Generator) -> None:
        m = self.scenario.motion
        way = Way(m.pan_px_per_s, m.pan_from_s, m.pan_to_s, m.stops, m.stop_px, m.dwell_s)
        self._motion = CameraMotion(rng, self.scenario.camera.fps, m.shake_px, way)
        self.margin = CameraMotion.margin_px(m.shake_px, way.whole_px)

    def _blow(self, rng: np.random.Generator) -> None:
        spec = self.scenario.wind
        angle = math.radians(spec.toward_deg)
        mean = spec.speed_m_per_s * np.array([math.cos(angle), 0.0, math.sin(angle)])
        self.wind = Wind(rng, mean, spec.intensity, spec.eddy_m)

    def _shine(self) -> None:
        """Everything still that reaches the camera: emitted, mirrored, sunlit, and the LED's."""
        w, led, camera = self.scenario.world, self.scenario.led, self.camera
        self._sunlit = self.backdrop.sunlight(camera, w.sun)
        away_m = w.distance_m + w.behind_m
        still = self.backdrop.emitted(camera, w.air_degc) + self._sunlit
        self._light = through_air(still, camera, w.air_degc, away_m).astype(np.float32)
        self.lamp_counts: np.ndarray | None = None
        if led.mode != "off":
            rows, cols = np.indices(self._light.shape, np.float32)
            right = cols - self.margin[1] - self.scenario.camera.width / 2
            low = rows - self.margin[0] - self.scenario.camera.height / 2
            off_axis_m = np.hypot(right, low) * self.pixel_m_at(away_m)
            lamp = Led(led.power_mw, led.half_angle_deg)
            scatters = self.backdrop.scattering
            self.lamp_counts = lamp.on_scene(camera, scatters, away_m, off_axis_m).astype(
                np.float32
            )

    def _leak(self, spec: LeakSpec, rng: np.random.Generator) -> Source:
        gas = gas_in(spec.gas, self.band)
        cell_px = max(1, round(self.scenario.camera.width / FINEST_GRID))
        height, width = self._light.shape
        col, row = self.backdrop.places[spec.place % len(self.backdrop.places)]
        grid = Grid((-(-height // cell_px) + 1, -(-width // cell_px) + 1), cell_px * self.pixel_m,
                    (-col * self.pixel_m, row * self.pixel_m))  # fmt: skip
        angle = math.radians(spec.jet_deg)
        jet = (spec.jet_m_per_s * math.cos(angle), spec.jet_m_per_s * math.sin(angle), 0.0)
        plume = Plume(rng, grid, self.wind, gas.molar_mass_g, jet)
        return Source(spec, gas, plume, cell_px, (col, row))

    def _place_things(self, rng: np.random.Generator) -> None:
        specs = self.scenario.distractors
        self._events = [(s.kind, s) for s in specs if s.kind in CAMERA_EVENTS]
        self._fired = [0] * len(self._events)
        at = Surroundings(self.camera, self.backdrop, self.wind, self.pixel_m,
                          self.scenario.world.air_degc, self._sunlit)  # fmt: skip
        self.things = [self._thing(s, rng, at) for s in specs if s.kind not in CAMERA_EVENTS]

    def _thing(self, spec: DistractorSpec, rng: np.random.Generator, at: Surroundings) -> Thing:
        kind = _known("distractor", spec.kind, (*KINDS, *THINGS, *CAMERA_EVENTS))
        if kind in THINGS:
            return THINGS[kind](rng, at, spec.start_s, spec.strength)  # type: ignore[no-any-return]
        leak_m = self.scenario.world.distance_m
        distance_m = 1.2 * leak_m if math.isnan(spec.distance_m) else spec.distance_m
        pixel_m = self.pixel_m_at(distance_m)
        nearer_px = EYE_M * (1 / pixel_m - 1 / self.pixel_m)
        row = self.backdrop.ground_row + max(nearer_px, -GROUND_SHARE * self.scenario.shape[0])
        speed = USUAL_SPEED_M_PER_S[kind] * spec.strength
        return KINDS[kind](self._light.shape[1], row, pixel_m, speed, spec.start_s,
                           self.camera.level, at.air_degc, distance_m > leak_m)  # fmt: skip

    def _prewarm(self) -> None:
        """Gas that was there before the first frame."""
        time_s = min((s.spec.start_s for s in self.sources), default=0.0)
        while time_s < 0:
            step = min(LONGEST_STEP_S, -time_s)
            self._advance(time_s, step)
            time_s += step

    def _advance(self, time_s: float, dt_s: float) -> None:
        """Carry all gas from `time_s` by `dt_s`."""
        steps = max(1, math.ceil(dt_s / LONGEST_STEP_S - 1e-9))
        for index in range(steps):
            now_s = time_s + index * dt_s / steps
            self.wind.step(dt_s / steps)
            for source in self.sources:
                rate = source.rate_g_per_h(now_s) / 3600
                source.plume.step(dt_s / steps, rate, self._parcels_per_s())

    def _parcels_per_s(self) -> float:
        speed = max(0.25, float(np.linalg.norm(self.wind.mean[:2])))
        residence_s = self._light.shape[1] * self.pixel_m / speed
        return PARCELS / min(max(residence_s, 0.5), 12.0)

    def frames(self) -> Iterator[SceneFrame]:
        """Every frame of the scenario."""
        fps = self.scenario.camera.fps
        for index in range(max(1, round(self.scenario.seconds * fps))):
            time_s = index / fps
            if index:
                self._advance(time_s - 1 / fps, 1 / fps)
                for thing in self.things:
                    thing.advance(1 / fps)
            self._camera_events(time_s)
            yield self._frame(index, time_s)

    def _camera_events(self, time_s: float) -> None:
        """Level steps and shutter closings that are due."""
        for index, (kind, spec) in enumerate(self._events):
            every_s = STEP_EVERY_S if kind == "level-step" else 60.0
            if time_s < spec.start_s + every_s * self._fired[index]:
                continue
            self._fired[index] += 1
            if kind == "shutter":
                self.camera.close_shutter(time_s + SHUTTER_S)
            else:
                sign = 1 if self._fired[index] % 2 else -1
                self.camera.step_counts += sign * STEP_COUNTS * spec.strength

    def _is_lit(self, index: int) -> bool:
        mode = self.scenario.led.mode
        return mode == "on" or (mode == "alternate" and index % 2 == 0)

    def _frame(self, index: int, time_s: float) -> SceneFrame:
        dx, dy = self._motion.step(time_s)
        height, width = self.scenario.shape
        left, top = self.margin[1] + dx, self.margin[0] + dy
        corner = col, row = math.floor(left), math.floor(top)
        window = (slice(row, row + height + 1), slice(col, col + width + 1))
        light = self._light[window].copy()
        self._paint(light, corner, time_s, behind=True)
        lamp = (
            self.lamp_counts[window]
            if self.lamp_counts is not None and self._is_lit(index)
            else None
        )
        column, contrast = self._gas(light, lamp, window)
        clear = light - contrast
        self._paint(light, corner, time_s, behind=False)
        if not all(thing.is_behind for thing in self.things):
            self._paint(clear, corner, time_s, behind=False)
            contrast = light - clear
        place = (left - col, top - row)
        light, column, contrast = (
            moved(p, *place, self.scenario.shape)
            for p in (blurred(light), column, blurred(contrast))
        )
        return self._read(light, column, contrast, time_s, (dx, dy), lamp is not None)

    def _paint(self, picture: np.ndarray, corner: tuple[int, int], time_s: float,
               behind: bool) -> None:  # fmt: skip
        for thing in self.things:
            if thing.is_behind == behind:
                thing.paint(picture, corner, time_s)

    def _gas(self, light: np.ndarray, lamp: np.ndarray | None,
             window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Beer-Lambert in place; (column in ppm m, change of the counts)."""
        column = np.zeros_like(light)
        before = light.copy()
        back = None if lamp is None else lamp.copy()
        for source in self.sources:
            own = source.column_ppm_m()[window]
            column += own
            degc = source.spec.gas_degc
            level = self.camera.level(self.scenario.world.air_degc if math.isnan(degc) else degc)
            light += source.gas.absorbed(own) * (level - light)
            if back is not None:  # out and back through the same lines
                back *= 1 - source.gas.absorbed(2 * own)
        if lamp is not None and back is not None:
            light += back
            before += lamp
        return column, light - before

    def _read(self, light: np.ndarray, column: np.ndarray, contrast: np.ndarray, time_s: float,
              shift_px: tuple[float, float], led_on: bool) -> SceneFrame:  # fmt: skip
        exposure, covered = self.camera.exposure, self.camera.is_covered(time_s)
        if covered:
            contrast = np.zeros_like(contrast)
        mask = np.abs(contrast) > MASK_NOISE * exposure.noise_counts(light)
        counts = self.camera.read(light, time_s)
        rate = sum(source.rate_g_per_h(time_s) for source in self.sources)
        frame = SceneFrame(counts, mask, column, rate, time_s)
        air = self.camera.level(self.scenario.world.air_degc)
        noise = float(exposure.noise_counts(air))
        frame.facts = Facts(contrast, shift_px, noise, led_on, covered)
        return frame


def _known(what: str, name: str, known: object) -> str:
    if name not in known:  # type: ignore[operator]
        raise ConfigError(f"{what} '{name}' is not known; use {', '.join(sorted(known))}")  # type: ignore[call-overload]
    return name
