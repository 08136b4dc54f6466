# SPDX-License-Identifier: Apache-2.0
"""From light to 14-bit counts: electrons, their noise, fixed pattern, drift, shutter.

The noise is made of what it is made of: shot noise of the scene's and the dark electrons, and
readout noise.  The exposure is the one that gives the wanted NETD before a black body of 20 degC,
so a warm place is noisier in counts than cold sky, and an NETD that the optics and the frame time
cannot give is refused.  Optics and pixel are this project's own definition of EL-1.
"""

import math
from dataclasses import dataclass

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.frame import MAX_COUNTS
from edgeleak.sim.scene.bands import Band

REFERENCE_DEGC = 20.0
RESPONSE_COUNTS_PER_K = 57.0
BLACK_COUNTS = 1600.0
F_NUMBER = 1.0
PITCH_UM = 15.0
"""Of one pixel at 640 columns; fewer columns are binned pixels of the same sensor."""
EFFICIENCY = 0.55
"""Quantum efficiency times transmission of lens and filter."""
DARK_E_PER_S = 1.0e7
"""Of a 15 um pixel at -20 degC (own figure; cooling decides it)."""
READ_E = 250.0
LARGEST_SHARE_EXPOSED = 0.9
HOUSING_DEGC = 24.0
HOUSING_SHARE = 0.35
"""Counts that a kelvin of housing and lens gives, over those of a kelvin of scene."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the camera turns light into counts.

    integration_us      : exposure
    counts_per_light    : counts per photon / (s m2 sr)
    counts_per_electron : system gain
    floor_e2            : variance of dark and readout electrons
    """

    integration_us: float
    counts_per_light: float
    counts_per_electron: float
    floor_e2: float

    def noise_counts(self, light_counts: np.ndarray | float) -> np.ndarray:
        """Deviation of one pixel that sees `light_counts` above black."""
        electrons = np.maximum(light_counts, 0) / self.counts_per_electron
        return self.counts_per_electron * np.sqrt(electrons + self.floor_e2)


def expose(band: Band, columns: int, fps: float, netd_mk: float) -> Exposure:
    """The exposure that gives `netd_mk` at 20 degC.

    Raises UsageError where it would be longer than the frame time allows.
    """
    pitch_m = PITCH_UM * 1e-6 * 640 / columns
    solid_sr = math.pi / (4 * F_NUMBER**2 + 1)
    electrons_per_light = pitch_m**2 * solid_sr * EFFICIENCY
    scene = float(band.light(REFERENCE_DEGC)) * electrons_per_light
    slope = band.light_per_k(REFERENCE_DEGC) * electrons_per_light
    dark = DARK_E_PER_S * (640 / columns) ** 2
    read_e2 = (READ_E * 640 / columns) ** 2  # charges of binned pixels are read one by one
    wanted = (netd_mk * 1e-3 * slope) ** 2
    seconds = (scene + dark + math.sqrt((scene + dark) ** 2 + 4 * wanted * read_e2)) / (2 * wanted)
    if seconds > LARGEST_SHARE_EXPOSED / fps:
        best = netd_mk * math.sqrt(seconds * fps / LARGEST_SHARE_EXPOSED)
        raise UsageError(
            f"an NETD of {netd_mk:g} mK needs {seconds * 1e3:.1f} ms, more than a frame at"
            f" {fps:g} frames/s gives; ask for about {best:.0f} mK, or fewer frames"
        )
    per_electron = RESPONSE_COUNTS_PER_K / (slope * seconds)
    return Exposure(
        integration_us=seconds * 1e6,
        counts_per_light=per_electron * electrons_per_light * seconds,
        counts_per_electron=per_electron,
        floor_e2=dark * seconds + read_e2,
    )


CORNER_SHARE = 0.1
"""How much more the corners drift than the middle, over 2."""
KINDS = {"none": 0.0, "residual": 0.02, "raw": 1.0}
"""Share of the sensor's own pattern that is left."""


class Camera:
    """One specimen.

    shape          : (H, W)
    pattern        : "none", "residual" (what a correction leaves) or "raw"
    drift_k_per_min: how fast the housing warms
    wander_k       : deviation of its slow wander
    """

    def __init__(self, rng: np.random.Generator, band: Band, shape: tuple[int, int], fps: float,
                 netd_mk: float, pattern: str, drift_k_per_min: float,
                 wander_k: float) -> None:  # fmt: skip
        self.band, self.shape, self.fps = band, shape, fps
        self.exposure = expose(band, shape[1], fps, netd_mk)
        self._rng = rng
        self._pattern = Pattern(rng, shape, pattern)
        self._drift_k_per_s, self._wander_k = drift_k_per_min / 60, wander_k
        self._wandered_k = 0.0
        self._noise = np.empty(shape, np.float32)
        self.step_counts = 0.0
        self._shutter_until_s = -math.inf
        e = self.exposure
        self._variance_per_count = np.float32(e.counts_per_electron)
        self._variance_floor = np.float32(e.floor_e2 * e.counts_per_electron**2)

    def counts(self, light: np.ndarray | float) -> np.ndarray:
        """Noise-free counts above black of a band light."""
        return np.asarray(light) * self.exposure.counts_per_light

    def level(self, temp_degc: np.ndarray | float) -> np.ndarray:
        """Noise-free counts above black of a black body; float32."""
        return self.counts(self.band.light(temp_degc)).astype(np.float32)

    def drift_counts(self, time_s: float) -> float:
        """Level that housing and lens add at a moment; advances its wander by one frame."""
        keep = math.exp(-1 / (self.fps * 45.0))
        kick = math.sqrt(1 - keep * keep) * self._wander_k
        self._wandered_k = keep * self._wandered_k + kick * float(self._rng.normal())
        warm_k = self._drift_k_per_s * time_s + self._wandered_k
        return HOUSING_SHARE * RESPONSE_COUNTS_PER_K * warm_k + self.step_counts

    def close_shutter(self, until_s: float) -> None:
        """Hide the scene; the correction made behind it leaves a new pattern and a new level."""
        self._shutter_until_s = until_s
        self._pattern.correct()
        self.step_counts += float(self._rng.normal(0, 12))

    def is_covered(self, time_s: float) -> bool:
        """The shutter is closed."""
        return time_s < self._shutter_until_s

    def read(self, light_counts: np.ndarray, time_s: float) -> np.ndarray:
        """(H, W) uint16 of (H, W) float32 counts above black, which is destroyed."""
        if self.is_covered(time_s):
            light_counts[...] = self.level(HOUSING_DEGC)
        noise = self._noise
        self._rng.standard_normal(out=noise, dtype=np.float32)
        variance = np.maximum(light_counts, 0)
        variance *= self._variance_per_count
        variance += self._variance_floor
        noise *= np.sqrt(variance, out=variance)
        self._pattern.drift(light_counts, self.drift_counts(time_s))
        self._pattern.apply(light_counts)
        light_counts += noise
        light_counts += np.float32(BLACK_COUNTS + 0.5)  # the cast cuts off
        np.clip(light_counts, 0, MAX_COUNTS, out=light_counts)
        counts = light_counts.astype(np.uint16)
        self._pattern.spoil(counts)
        return counts


class Pattern:
    """Gain and offset of every pixel, and the pixels that do not work.

    kind : "none"; "residual" leaves what a correction does; "raw" is the sensor's own
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int], kind: str) -> None:
        self._rng, self._shape = rng, shape
        self._kind = kind
        height, width = shape
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        self._bowl = x * x + y * y
        uneven = rng.normal(0, 0.02, shape) + rng.normal(0, 0.006, (1, width)) - 0.05 * self._bowl
        self._gain = (1 + KINDS[kind] * uneven).astype(np.float32)
        self._offset = self._drawn()
        bad = round(0.001 * height * width) if kind == "raw" else 0
        places = rng.choice(height * width, bad, replace=False)
        self._dead, self._stuck = places[: bad // 2], places[bad // 2 :]

    def _drawn(self) -> np.ndarray:
        width, height = self._shape[1], self._shape[0]
        stripes = self._rng.normal(0, 45, (1, width)) + self._rng.normal(0, 6, (height, 1))
        offset = stripes + self._rng.normal(0, 30, self._shape) - 220 * self._bowl
        return (KINDS[self._kind] * offset).astype(np.float32)

    def correct(self) -> None:
        """A new correction; the sensor's own pattern stays."""
        if self._kind == "residual":
            self._offset = self._drawn()

    def apply(self, counts: np.ndarray) -> None:
        """In place on (H, W) float32."""
        if self._kind != "none":
            counts *= self._gain
            counts += self._offset

    def drift(self, counts: np.ndarray, level_counts: float) -> None:
        """The housing's light, in place; a lens that is warm shines most into the corners."""
        counts += np.float32(level_counts)
        if self._kind != "none":
            counts += np.float32(CORNER_SHARE * level_counts) * self._bowl

    def spoil(self, counts: np.ndarray) -> None:
        """Dead and stuck pixels, in place on (H, W) uint16."""
        flat = counts.reshape(-1)
        flat[self._dead] = 0
        flat[self._stuck] = MAX_COUNTS
