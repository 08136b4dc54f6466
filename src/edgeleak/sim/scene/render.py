# SPDX-License-Identifier: Apache-2.0
"""`render`: from a scenario and a seed to frames with exact truth.

    for counts, mask, column_ppm_m, rate_g_per_h, time_s in render("rack", 3):

One frame: the world's light, things that pass behind, the gas's absorption and emission, things
that pass in front, the camera's motion, electrons, counts.  Everything is linear in light.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgeleak.errors import ConfigError
from edgeleak.sim.scene.backdrop import MAKERS, make_backdrop
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.family import DistractorSpec, LeakSpec, Scenario, load_family
from edgeleak.sim.scene.gases import Gas, gas_in
from edgeleak.sim.scene.motion import CameraMotion, moved
from edgeleak.sim.scene.plume import LONGEST_STEP_S, PARCELS, Grid, Plume
from edgeleak.sim.scene.turbulence import Wind
from edgeleak.sim.scene.walkers import KINDS, USUAL_SPEED_M_PER_S, Walker

MASK_NOISE = 1.0
"""The mask holds pixels whose gas contrast is above this many deviations of their noise."""
FINEST_GRID = 160
"""Columns of the finest plume grid over one picture; larger pictures interpolate it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is true of a frame.

    contrast_counts : (H, W) float32, what the gas added to (or took from) the counts
    shift_px        : (dx, dy) that the camera looked off centre
    noise_counts    : deviation of a pixel that sees the air's temperature
    """

    contrast_counts: np.ndarray
    shift_px: tuple[float, float]
    noise_counts: float


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


class _Source:
    """One leak: its gas, its plume, its place in the world."""

    def __init__(self, spec: LeakSpec, gas: Gas, plume: Plume, cell_px: int) -> None:
        self.spec, self.gas, self.plume, self.cell_px = spec, gas, plume, cell_px

    def rate_g_per_h(self, time_s: float) -> float:
        """Release at a moment."""
        return self.spec.rate_g_per_h if self.spec.start_s <= time_s < self.spec.stop_s else 0.0


class Stage:
    """A scenario brought to life; `frames` plays it once."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        world, gas, air, chip, hand = (
            np.random.Generator(np.random.SFC64(child))
            for child in np.random.SeedSequence([seed, 1]).spawn(5)
        )
        c, m = scenario.camera, scenario.motion
        self.band = Band(c.band_short_um, c.band_long_um)
        self.camera = Camera(chip, self.band, scenario.shape, c.fps, c.netd_mk, c.pattern,
                             c.drift_k_per_min, c.wander_k)  # fmt: skip
        self._motion = CameraMotion(hand, c.fps, m.shake_px, m.pan_px_per_s, m.pan_from_s,
                                    m.pan_to_s)  # fmt: skip
        pan_px = m.pan_px_per_s * max(0.0, m.pan_to_s - m.pan_from_s)
        self._margin = CameraMotion.margin_px(m.shake_px, pan_px)
        self.backdrop = make_backdrop(world, self._kind(), scenario.shape, self._margin,
                                      scenario.world.air_degc)  # fmt: skip
        self._light = self.camera.level(self.backdrop.temp_degc)
        self.pixel_m = self.pixel_m_at(scenario.world.distance_m)
        self.wind = self._blow(air)
        self._sources = [self._leak(spec, gas) for spec in scenario.leaks]
        self._walkers = [self._walker(spec) for spec in scenario.distractors]
        self._prewarm()

    def _kind(self) -> str:
        kind = self.scenario.world.backdrop
        if kind not in MAKERS:
            raise ConfigError(f"backdrop '{kind}' is not known; use {', '.join(sorted(MAKERS))}")
        return kind

    def pixel_m_at(self, distance_m: float) -> float:
        """Size of a pixel at a distance, m."""
        camera = self.scenario.camera
        return 2 * distance_m * math.tan(math.radians(camera.fov_deg / 2)) / camera.width

    def _blow(self, rng: np.random.Generator) -> Wind:
        spec = self.scenario.wind
        angle = math.radians(spec.toward_deg)
        mean = spec.speed_m_per_s * np.array([math.cos(angle), 0.0, math.sin(angle)])
        return Wind(rng, mean, spec.intensity, spec.eddy_m)

    def _leak(self, spec: LeakSpec, rng: np.random.Generator) -> _Source:
        gas = gas_in(spec.gas, self.band)
        cell_px = max(1, round(self.scenario.camera.width / FINEST_GRID))
        height, width = self._light.shape
        col, row = self.backdrop.places[spec.place % len(self.backdrop.places)]
        grid = Grid((-(-height // cell_px) + 1, -(-width // cell_px) + 1), cell_px * self.pixel_m,
                    (-col * self.pixel_m, row * self.pixel_m))  # fmt: skip
        angle = math.radians(spec.jet_deg)
        jet = (spec.jet_m_per_s * math.cos(angle), spec.jet_m_per_s * math.sin(angle), 0.0)
        return _Source(spec, gas, Plume(rng, grid, self.wind, gas.molar_mass_g, jet), cell_px)

    def _walker(self, spec: DistractorSpec) -> Walker:
        if spec.kind not in KINDS:
            raise ConfigError(f"distractor '{spec.kind}' is not known; use {', '.join(KINDS)}")
        distance = spec.distance_m
        if math.isnan(distance):
            distance = self.scenario.world.distance_m
        speed = USUAL_SPEED_M_PER_S[spec.kind] * spec.strength
        return KINDS[spec.kind](self._light.shape[1], self.backdrop.ground_row,
                                self.pixel_m_at(distance), speed, spec.start_s,
                                self.camera.level)  # fmt: skip

    def _prewarm(self) -> None:
        """Gas that was there before the first frame."""
        first = min((s.spec.start_s for s in self._sources), default=0.0)
        time_s = first
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
            for source in self._sources:
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
            yield self._frame(time_s)

    def _frame(self, time_s: float) -> SceneFrame:
        dx, dy = self._motion.step(time_s)
        height, width = self.scenario.shape
        left, top = self._margin[1] + dx, self._margin[0] + dy
        col, row = math.floor(left), math.floor(top)
        window = (slice(row, row + height + 1), slice(col, col + width + 1))
        light = self._light[window].copy()
        for walker in self._walkers:
            walker.paint(light, (col, row), time_s)
        column, contrast = self._gas(light, (row, col), window)
        place = (left - col, top - row)
        light = moved(light, *place, (height, width))
        column = moved(column, *place, (height, width))
        contrast = moved(contrast, *place, (height, width))
        mask = np.abs(contrast) > MASK_NOISE * self.camera.exposure.noise_counts(light)
        counts = self.camera.read(light, time_s)
        rate = sum(source.rate_g_per_h(time_s) for source in self._sources)
        frame = SceneFrame(counts, mask, column, rate, time_s)
        air = self.camera.level(self.scenario.world.air_degc)
        noise = float(self.camera.exposure.noise_counts(air))
        frame.facts = Facts(contrast, (dx, dy), noise)
        return frame

    def _gas(self, light: np.ndarray, corner: tuple[int, int],
             window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Beer-Lambert in place; (column in ppm m, change of the counts)."""
        column = np.zeros_like(light)
        before = light.copy()
        for source in self._sources:
            own = source.plume.column_g_per_m2() * np.float32(source.gas.ppm_m_per_g_m2)
            own = enlarged(own, source.cell_px)[window]
            column += own
            degc = source.spec.gas_degc
            level = self.camera.level(self.scenario.world.air_degc if math.isnan(degc) else degc)
            absorbed = source.gas.absorbed(own)
            light += absorbed * (level - light)
        return column, light - before


def enlarged(grid: np.ndarray, cell_px: int) -> np.ndarray:
    """Linear between the middles of cells, `cell_px` pixels a cell; float32."""
    if cell_px == 1:
        return grid
    for axis in (0, 1):
        at = (np.arange(grid.shape[axis] * cell_px, dtype=np.float32) + 0.5) / cell_px - 0.5
        low = np.clip(np.floor(at).astype(np.int64), 0, grid.shape[axis] - 2)
        share = np.clip(at - low, 0, 1)
        share = share[:, None] if axis == 0 else share[None, :]
        before = grid.take(low, axis)
        grid = before + share * (grid.take(low + 1, axis) - before)
    return grid


def render(scenario: str | Scenario, seed: int = 0, **camera: object) -> Iterator[SceneFrame]:
    """Frames of a scene, with truth.

    scenario : name of a family, path of a scenario file, or a Scenario
    seed     : picks the family's scene, and everything random in it
    camera   : values that replace the scenario's, e.g. width=320, height=240, fps=14

    Raises MissingInputError, ConfigError or UsageError before the first frame.
    """
    if isinstance(scenario, str):
        scenario = load_family(scenario).draw(seed)
    if camera:
        scenario = scenario.with_camera(**camera)
    return Stage(scenario, seed).frames()
