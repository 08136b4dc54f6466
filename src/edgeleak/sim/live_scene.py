# SPDX-License-Identifier: Apache-2.0
"""What the plant's sensor looks at: the simulated plant yard, made cheap enough to run live.

Scene, plume, movers and fixed pattern are those of `sim.sensor`.  Added here: dark current and
pattern that move with the detector's temperature, exposure time, shutter and cap, and the 3.3 um
LED, whose light crosses the gas twice.  Noise comes from a table drawn once, entered at a random
place for every frame: no frame repeats another, and a 640x480 frame costs milliseconds.
"""

from math import isnan
from typing import NamedTuple

import numpy as np

from edgeleak.frame import MAX_COUNTS
from edgeleak.sim.detector import (
    NOISE_COUNTS,
    RESPONSE_COUNTS_PER_K,
    FixedPattern,
    ideal_counts,
    make_fixed_pattern,
)
from edgeleak.sim.movers import Cat, Fan, Mover, Person
from edgeleak.sim.plume import GAS_DEGC, Plume, enlarge
from edgeleak.sim.scene import octave_noise, plant_scene

NOISE_TABLE = 1 << 20
NOMINAL_US = 8000.0
NOMINAL_FPA_DEGC = -20.0
DARK_COUNTS = 150.0
"""Dark signal at -20 degC and the nominal exposure; it doubles every 9 K (own figure)."""
DARK_DOUBLES_K = 9.0
LED_COUNTS_PER_MA = 1.6
"""A white wall in the middle of the beam, for each mA of a new LED at 25 degC."""
STEP_K = 0.005
LONGEST_GAP_S = 1.0
BAD_SHARE = 0.001
ROWS_AT_ONCE = 5


class Exposure(NamedTuple):
    """One exposure.

    time_s         : scenario time at its start
    shape          : (H, W) of the frame; a binned frame has half the scene's rows and columns
    integration_us : length
    fpa_degc       : detector
    cover_degc     : temperature of shutter or cap in front of the lens; NaN is open
    led_light_ma   : the LED's light, as the current of a new one at 25 degC; 0 is dark
    gas_g_per_h    : methane released now
    movers         : person, cat and fan are there
    """

    time_s: float
    shape: tuple[int, int]
    integration_us: float = NOMINAL_US
    fpa_degc: float = NOMINAL_FPA_DEGC
    cover_degc: float = float("nan")
    led_light_ma: float = 0.0
    gas_g_per_h: float = 0.0
    movers: bool = True


class LivePlume(Plume):
    """A plume whose source can be opened and closed."""

    def release(self, rate_g_per_h: float) -> None:
        self._rate_g_per_s = rate_g_per_h / 3600

    def _add_puffs(self, rows: np.ndarray, cols: np.ndarray) -> None:
        """A few rows at a time: a product this small stays on one core, where threads that wait
        for each other cost three times the work."""
        total = self.column_ppm_m
        for row in range(0, len(total), ROWS_AT_ONCE):
            part = slice(row, row + ROWS_AT_ONCE)
            np.matmul(rows[part], cols, out=total[part])


class LiveScene:
    """Counts of any exposure; one object is one specimen of the sensor before one yard.

    shape : (H, W) of the whole detector
    seed  : everything random follows from it
    """

    def __init__(self, shape: tuple[int, int], seed: int = 0, *, bad_share: float = BAD_SHARE,
                 noise_counts: float = NOISE_COUNTS) -> None:  # fmt: skip
        self.shape = shape
        world, gas, chip, noise, heat = (
            np.random.Generator(np.random.SFC64(child))
            for child in np.random.SeedSequence(seed).spawn(5)
        )
        self._scene = plant_scene(world, shape)
        self._plume = LivePlume(gas, self._scene, 0.0, 0.0)
        self._movers: list[Mover] = [
            Fan(self._scene), Cat(self._scene, first_s=24.0),
            Person(self._scene, first_s=6.0, every_s=27.0),
        ]  # fmt: skip
        self.pattern: FixedPattern = make_fixed_pattern(chip, shape, bad_share)
        self._draw_heat(heat)
        self._beam = _beam(world, shape)
        self._noise = noise.standard_normal(NOISE_TABLE + shape[0] * shape[1], np.float32)
        self._noise *= np.float32(noise_counts)
        self._choose = noise
        self._bad = [np.flatnonzero(self.pattern.defects == kind) for kind in (1, 2, 3, 4)]
        self._level = np.empty(shape, np.float32)
        self._offset = np.empty(shape, np.float32)
        self._made_for = (float("nan"), float("nan"))
        self._time_s = 0.0
        self._counts = np.empty(shape, np.uint16)

    def _draw_heat(self, rng: np.random.Generator) -> None:
        """How each pixel's dark signal and offset follow the detector's temperature."""
        shape = self.shape
        self._dark = (1 + rng.normal(0, 0.05, shape)).astype(np.float32)
        stripes = rng.normal(0, 1.0, (1, shape[1]))
        self._counts_per_k = (rng.normal(0, 0.5, shape) + stripes).astype(np.float32)

    def __call__(self, exposure: Exposure) -> np.ndarray:
        """(H, W) uint16 counts; the array is reused for the next exposure."""
        level = self._level
        self._move_gas(exposure)
        if isnan(exposure.cover_degc):
            self._look(exposure, level)
        else:
            level[...] = ideal_counts(exposure.cover_degc)
        level *= np.float32(exposure.integration_us / NOMINAL_US)
        return self._read_out(level, exposure)

    def blackbody(self, temp_degc: float, exposure: Exposure) -> np.ndarray:
        """Counts before a uniform surface that fills the picture; copy to keep."""
        return self(exposure._replace(cover_degc=temp_degc))

    def _move_gas(self, exposure: Exposure) -> None:
        dt_s = min(LONGEST_GAP_S, max(0.0, exposure.time_s - self._time_s))
        self._time_s = exposure.time_s
        self._plume.release(exposure.gas_g_per_h)
        if dt_s > 0:
            self._plume.step(exposure.time_s, dt_s)

    def _look(self, exposure: Exposure, level: np.ndarray) -> None:
        np.copyto(level, self._scene.temp_degc)
        if exposure.movers:
            for mover in self._movers:
                mover.draw(level, exposure.time_s)
        level *= np.float32(RESPONSE_COUNTS_PER_K)
        level += np.float32(ideal_counts(0.0))
        box, opacity = self._gas_box(level.shape)
        behind = level[box]
        if opacity is not None:
            behind += opacity * (np.float32(ideal_counts(GAS_DEGC)) - behind)
        if exposure.led_light_ma > 0:
            self._shine(level, exposure.led_light_ma, box, opacity)

    def _gas_box(
        self, shape: tuple[int, ...]
    ) -> tuple[tuple[slice, slice], np.ndarray | None]:  # fmt: skip
        """Where the gas is, and what share of the light it takes there."""
        opacity, cell = self._plume.opacity(), self._plume.cell_px
        rows = np.flatnonzero(opacity.max(axis=1) > 1e-4)
        cols = np.flatnonzero(opacity.max(axis=0) > 1e-4)
        if not rows.size:
            return (slice(0), slice(0)), None
        part = opacity[rows[0] : rows[-1] + 2, cols[0] : cols[-1] + 2]
        top, left = int(rows[0]) * cell, int(cols[0]) * cell
        bottom = min(shape[0], top + len(part) * cell)
        right = min(shape[1], left + part.shape[1] * cell)
        nodes = np.pad(part, ((0, 1), (0, 1)), mode="edge")
        fine = enlarge(nodes, cell, (bottom - top, right - left))
        return (slice(top, bottom), slice(left, right)), fine

    def _shine(self, level: np.ndarray, light_ma: float, box: tuple[slice, slice],
               opacity: np.ndarray | None) -> None:  # fmt: skip
        """Reflected LED light; through gas it goes out and back."""
        light = np.float32(light_ma * LED_COUNTS_PER_MA) * self._beam
        if opacity is not None:
            light[box] *= (1 - opacity) ** 2
        level += light

    def _read_out(self, level: np.ndarray, exposure: Exposure) -> np.ndarray:
        self._follow_temperature(exposure.fpa_degc, exposure.integration_us)
        level *= self.pattern.gain
        level += self._offset
        start = int(self._choose.integers(0, NOISE_TABLE))
        level += self._noise[start : start + level.size].reshape(level.shape)
        np.clip(level, 0, MAX_COUNTS, out=level)
        counts = self._counts
        np.copyto(counts, level, casting="unsafe")
        self._break(counts.reshape(-1))
        return counts if exposure.shape == self.shape else binned(counts)

    def _follow_temperature(self, fpa_degc: float, integration_us: float) -> None:
        made_degc, made_us = self._made_for
        if abs(fpa_degc - made_degc) < STEP_K and integration_us == made_us:
            return
        self._made_for = (fpa_degc, integration_us)
        above_k = fpa_degc - NOMINAL_FPA_DEGC
        dark = DARK_COUNTS * integration_us / NOMINAL_US * 2.0 ** (above_k / DARK_DOUBLES_K)
        np.multiply(self._dark, np.float32(dark), out=self._offset)
        self._offset += np.float32(above_k) * self._counts_per_k
        self._offset += self.pattern.offset
        self._offset += np.float32(0.5)  # the cast to counts cuts off

    def _break(self, flat: np.ndarray) -> None:
        dead, stuck, hot, flickering = self._bad
        flat[dead] = 0
        flat[stuck] = MAX_COUNTS
        flat[hot] = np.minimum(flat[hot] + np.uint16(2500), MAX_COUNTS)
        on = flickering[self._choose.random(flickering.size) < 0.5]
        flat[on] = np.minimum(flat[on] + np.uint16(180), MAX_COUNTS)


def binned(counts: np.ndarray) -> np.ndarray:
    """(H / 2, W / 2) uint16: rounded means of 2x2 pixels, as the readout adds charges."""
    total = counts[0::2, 0::2] + counts[0::2, 1::2]
    total += counts[1::2, 0::2]
    total += counts[1::2, 1::2]  # four times 16383 still fits in 16 bits
    return (total + np.uint16(2)) >> np.uint16(2)


def _beam(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Beam profile times reflectance of what it falls on, 0..1."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    rough = np.clip(0.45 + 0.15 * octave_noise(rng, shape, 1.2), 0.05, 0.95)
    return (np.exp(-1.2 * (x * x + y * y)) * rough).astype(np.float32)
