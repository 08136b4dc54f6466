# SPDX-License-Identifier: Apache-2.0
"""The first simulated sensor: a Source of raw 14-bit frames with known truth.

Scene (`scene`), gas (`plume`), moving things (`movers`) and detector (`detector`) are apart, so
the physical simulator can replace any of them without touching the others.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.frame import FrameInfo
from edgeleak.sensor import EL640, SensorInfo
from edgeleak.sim.detector import (
    NOISE_COUNTS,
    RESPONSE_COUNTS_PER_K,
    FixedPattern,
    Readout,
    ideal_counts,
    make_fixed_pattern,
)
from edgeleak.sim.movers import Cat, Fan, Mover, Person
from edgeleak.sim.plume import GAS_DEGC, Plume, enlarge
from edgeleak.sim.scene import Scene, plant_scene

DEFAULT_SHAPE = (480, 640)
DEFAULT_FPS = 14.0
"""EL-1's readout reaches 14.4 frames/s at 640x480 on a 62.5 MHz bus."""
DEFAULT_RATE_G_PER_H = 250.0
SMALLEST_SHAPE = (24, 32)
TRUTH_CONTRAST_COUNTS = 2 * NOISE_COUNTS
"""The truth mask holds pixels whose gas contrast is above twice the noise."""
FPA_TEMP_DEGC = -20.0
DRIFT_COUNTS_PER_S = 0.5


class SimulatedSensor:
    """A camera on a tripod before a plant yard with (or without) a leaking flange.

    seed          : everything random follows from it
    shape         : (H, W), at least 24 x 32
    fps           : frames a second of the simulated clock
    leak          : False gives the same world without gas
    leak_start_s  : simulated time of the first gas
    rate_g_per_h  : methane release
    seconds       : length of the run; None never ends
    movers        : person, cat and fan in the picture
    fixed_pattern : False gives an ideal detector (noise stays)

    Iteration yields (counts, FrameInfo); counts is (H, W) uint16, reused for the next frame.
    `truth_*` and `column_ppm_m` describe the frame yielded last.
    """

    name = "sim"
    bits = 14

    def __init__(
        self,
        seed: int = 0,
        shape: tuple[int, int] = DEFAULT_SHAPE,
        fps: float = DEFAULT_FPS,
        leak: bool = True,
        *,
        leak_start_s: float = 0.0,
        rate_g_per_h: float = DEFAULT_RATE_G_PER_H,
        seconds: float | None = None,
        movers: bool = True,
        fixed_pattern: bool = True,
    ) -> None:
        _check(shape, fps, rate_g_per_h, seconds)
        self.shape, self.fps, self.leak, self.seed = shape, fps, leak, seed
        self.leak_start_s = leak_start_s
        self.sensor: SensorInfo = EL640
        self.path = f"sim:seed={seed}"
        self.warnings: list[str] = []
        self.damage: str | None = None
        self.n_frames = None if seconds is None else max(1, round(seconds * fps))
        world, gas, chip, noise, bench = (
            np.random.Generator(np.random.SFC64(child))
            for child in np.random.SeedSequence(seed).spawn(5)
        )
        self._scene = plant_scene(world, shape)
        self._plume = Plume(gas, self._scene, rate_g_per_h if leak else 0.0, leak_start_s)
        self._movers = _movers(self._scene) if movers else []
        bad_share = 0.001 if fixed_pattern else 0.0
        self.pattern: FixedPattern = make_fixed_pattern(chip, shape, bad_share)
        if not fixed_pattern:
            self.pattern.gain[...] = 1
            self.pattern.offset[...] = 0
        self._readout = Readout(self.pattern, noise)
        self._bench = Readout(self.pattern, bench)  # calibrating does not change the run
        self._counts = np.zeros(shape, np.uint16)
        self._contrast_box: tuple[slice, slice] | None = None
        self._contrast = np.zeros((0, 0), np.float32)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to release; part of the Source protocol."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, FrameInfo]]:
        while self.n_frames is None or self._sequence < self.n_frames:
            yield self._next_frame()

    def _next_frame(self) -> tuple[np.ndarray, FrameInfo]:
        time_s = self._sequence / self.fps
        frame = self._scene.temp_degc.copy()
        for mover in self._movers:
            mover.draw(frame, time_s)
        frame *= np.float32(RESPONSE_COUNTS_PER_K)
        frame += np.float32(ideal_counts(0.0))
        self._plume.step(time_s, 1 / self.fps)
        self._absorb(frame)
        frame += np.float32(self.drift_counts(time_s))
        self._readout.expose(frame, self._counts)
        info = FrameInfo(
            sequence=self._sequence,
            monotonic_ns=round(time_s * 1e9),
            fpa_temp_degc=FPA_TEMP_DEGC,
        )
        self._sequence += 1
        return self._counts, info

    def drift_counts(self, time_s: float) -> float:
        """Common level drift of housing and lens, counts: slow, and harmless to a good detector."""
        wave = 6.0 * np.sin(2 * np.pi * time_s / 23.0) + 2.5 * np.sin(2 * np.pi * time_s / 7.1)
        return float(wave + DRIFT_COUNTS_PER_S * time_s)

    def _absorb(self, ideal: np.ndarray) -> None:
        """Beer-Lambert: the gas hides a share of the background and adds its own radiation."""
        opacity = self._plume.opacity()
        rows = np.flatnonzero(opacity.max(axis=1) > 1e-4)
        cols = np.flatnonzero(opacity.max(axis=0) > 1e-4)
        self._contrast_box = None
        if not rows.size:
            return
        cell = self._plume.cell_px
        part = opacity[rows[0] : rows[-1] + 2, cols[0] : cols[-1] + 2]
        top, left = rows[0] * cell, cols[0] * cell
        behind = ideal[top : top + len(part) * cell, left : left + part.shape[1] * cell]
        nodes = np.pad(part, ((0, 1), (0, 1)), mode="edge")
        contrast = enlarge(nodes, cell, behind.shape)
        contrast *= np.float32(ideal_counts(GAS_DEGC)) - behind
        behind += contrast
        self._contrast = contrast
        self._contrast_box = (
            slice(top, top + behind.shape[0]),
            slice(left, left + behind.shape[1]),
        )

    @property
    def counts(self) -> np.ndarray:
        """(H, W) uint16 raw counts of the last frame; overwritten by the next one."""
        return self._counts

    @property
    def truth_contrast_counts(self) -> np.ndarray:
        """(H, W) float32: what the gas added to the ideal counts of the last frame."""
        whole = np.zeros(self.shape, np.float32)
        if self._contrast_box is not None:
            whole[self._contrast_box] = self._contrast
        return whole

    def truth_mask(self, above_counts: float = TRUTH_CONTRAST_COUNTS) -> np.ndarray:
        """(H, W) uint8 0/255: gas contrast of the last frame above `above_counts`, either sign."""
        return (np.abs(self.truth_contrast_counts) > above_counts).astype(np.uint8) * 255

    @property
    def column_ppm_m(self) -> np.ndarray:
        """(H, W) float32 methane column of the last frame, ppm m."""
        return enlarge(self._plume.column_ppm_m, self._plume.cell_px, self.shape)

    @property
    def bad_pixels(self) -> np.ndarray:
        """(H, W) bool: dead, stuck, hot and flickering pixels."""
        return self.pattern.defects > 0

    def blackbody(self, temp_degc: float, n: int) -> np.ndarray:
        """(n, H, W) uint16 frames of a uniform surface that fills the picture."""
        frames = np.empty((n, *self.shape), np.uint16)
        for frame in frames:
            self._bench.expose(np.full(self.shape, ideal_counts(temp_degc), np.float32), frame)
        return frames


def _movers(scene: Scene) -> list[Mover]:
    return [Fan(scene), Cat(scene, first_s=24.0), Person(scene, first_s=6.0, every_s=27.0)]


def _check(shape: tuple[int, int], fps: float, rate_g_per_h: float, seconds: float | None) -> None:
    if shape[0] < SMALLEST_SHAPE[0] or shape[1] < SMALLEST_SHAPE[1] or max(shape) > 4096:
        raise UsageError(f"simulated picture of {shape[0]}x{shape[1]}: use 24x32 to 4096x4096")
    if not 0.1 <= fps <= 1000:
        raise UsageError(f"fps={fps:g}: use 0.1 to 1000 frames a second")
    if not 0 <= rate_g_per_h <= 1e6:
        raise UsageError(f"rate={rate_g_per_h:g}: use 0 to 1000000 g/h")
    if seconds is not None and not 0 < seconds <= 86400:
        raise UsageError(f"seconds must lie above 0 and be at most 86400, got {seconds:g}")
