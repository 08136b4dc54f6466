# SPDX-License-Identifier: Apache-2.0
"""A drifting plume drawn into a recording, of known contrast in units of the local noise.

The column density is that of the scene simulator's parcels and eddies.  Contrast 1 means: at its
strongest 5x5 pixels the plume adds (or takes) one deviation of the pixel noise there, on average
over its time; puffs are up to twice as strong.  Noise is what neighbouring frames differ by, or
what a pixel deviates by in seconds.

Parts of a count are drawn by dither, floor(x + u) with u in 0..1: right on average at any strength,
with noise of its own of sqrt(f (1 - f)) counts where f is the part, so half a count at most.
Rounding would hide a plume of less than half a count.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.sim.scene.plume import Grid, Plume
from edgeleak.sim.scene.turbulence import Wind

START_S = 3.0
SCENE_WIDTH_M = 3.2
WIND_M_PER_S = 0.8
WIND_INTENSITY = 0.35
PREWARM_S = 3.0
PARCELS_PER_S = 500.0
METHANE_MOLAR_G = 16.04
MOST = 2.0
DRAWN_BY = ("evaluate/detection/plume.py", "sim/scene/plume.py", "sim/scene/turbulence.py")
BODY = 0.25
"""The truth holds pixels with so much of the plume's nominal contrast."""
FRAME, PIXEL = "frame", "pixel"
"""Units of contrast."""
DITHER_FRAMES = 20
LEAST_SIGMA_8_BIT = 0.5
"""Levels; below half a level rounding is the noise."""


def with_plume(clip: Clip, contrast: float, seed: int, *, unit: str = FRAME) -> Clip:
    """The clip with a plume from the third second on.

    contrast : in deviations of the local noise
    unit     : FRAME, what neighbouring frames differ by, or PIXEL, the deviation of a pixel in the
               seconds before the plume, with its drift and sway
    seed     : place, direction, sign and turbulence follow from it
    """

    def shots() -> Iterator[Shot]:
        nothing, source = np.zeros(clip.shape, bool), source_of(clip.shape, seed)
        plume, rng = drawn_fields(clip, contrast, seed, unit), _rng(seed, 3)
        first = first_frame(clip)
        for index, shot in enumerate(clip.shots()):
            if index < first:
                yield shot._replace(truth=nothing, source_xy=source)
                continue
            added, truth = next(plume)
            pixels = dithered(shot.pixels, added, rng, top_of(clip))
            yield shot._replace(pixels=pixels, truth=truth, source_xy=source)

    name = f"{clip.name} x{contrast:g}{'' if unit == FRAME else ' ' + unit} s{seed}"
    return replace(clip, name=name, shots=shots, depends=DRAWN_BY)


def first_frame(clip: Clip) -> int:
    """The first with a plume."""
    return round(START_S * clip.fps)


def top_of(clip: Clip) -> int:
    """Largest count or level."""
    return 255 if clip.bits == 8 else 16383


def drawn_fields(
    clip: Clip, contrast: float, seed: int, unit: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What every frame with gas gains or loses, counts, and where that is a plume, (H, W) bool."""
    strength, _ = strength_of(clip, seed)
    amplitude = contrast * sign_of(seed) * noise_unit(clip, seed, unit)
    for place in fields(clip, seed):
        field = np.minimum(place / strength, MOST)
        yield amplitude * field, field > BODY


def dithered(
    pixels: np.ndarray, added: np.ndarray, rng: np.random.Generator, top: int
) -> np.ndarray:
    """Whole counts of pixels + added, right on average; exactly the pixels where nothing is added.

    pixels : (H, W) uint8 or uint16
    added  : (H, W) float, counts, of either sign
    """
    whole = np.floor(added + rng.random(added.shape)).astype(np.int64)
    return np.clip(pixels + whole, 0, top).astype(pixels.dtype)


def dither_noise(clip: Clip, contrast: float, seed: int, unit: str) -> float:
    """Deviation of the drawn counts from the plume that was meant, measured in its body."""
    rng, middle, errors = _rng(seed, 3), np.full(clip.shape, top_of(clip) // 2), []
    for _, (added, body) in zip(
        range(DITHER_FRAMES), drawn_fields(clip, contrast, seed, unit), strict=False
    ):
        error = dithered(middle, added, rng, top_of(clip)) - middle - added
        errors.append(error[body])
    return float(np.concatenate(errors).std())


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream, 20])


def source_of(shape: tuple[int, int], seed: int) -> tuple[float, float]:
    """Column and row of the leak: in the middle third of the picture."""
    x, y = _rng(seed, 0).uniform([0.35, 0.45], [0.65, 0.7])
    return float(x * shape[1]), float(y * shape[0])


def sign_of(seed: int) -> float:
    """Absorbing or emitting."""
    return 1.0 if _rng(seed, 1).random() < 0.5 else -1.0


def fields(clip: Clip, seed: int) -> Iterator[np.ndarray]:
    """Column density of every frame with gas, (H, W) float32, any unit."""
    rng = _rng(seed, 2)
    toward = 1.0 if rng.random() < 0.5 else -1.0
    wind = Wind(rng, np.array([toward * WIND_M_PER_S, 0.0, 0.0]), WIND_INTENSITY)
    pixel_m = SCENE_WIDTH_M / clip.shape[1]
    column, row = source_of(clip.shape, seed)
    grid = Grid(clip.shape, pixel_m, (-column * pixel_m, row * pixel_m))
    plume = Plume(rng, grid, wind, METHANE_MOLAR_G)
    step_s, parts = steps(1 / clip.fps)
    for _ in range(round(PREWARM_S / step_s)):
        wind.step(step_s)
        plume.step(step_s, 1.0, PARCELS_PER_S)
    while True:
        for _ in range(parts):
            wind.step(step_s)
            plume.step(step_s, 1.0, PARCELS_PER_S)
        yield plume.column_g_per_m2()


@lru_cache(maxsize=4)
def noise_unit(clip: Clip, seed: int, unit: str) -> float:
    """Counts of contrast 1 where the plume will be."""
    _, body = strength_of(clip, seed)
    return local_noise(clip, body) if unit == FRAME else local_deviation(clip, body)


def steps(dt_s: float) -> tuple[float, int]:
    """A frame's time as steps of a tenth of a second at most."""
    parts = max(1, int(np.ceil(dt_s / 0.1)))
    return dt_s / parts, parts


@lru_cache(maxsize=4)
def strength_of(clip: Clip, seed: int) -> tuple[float, np.ndarray]:
    """Mean field at its strongest 5x5 pixels, and where a quarter of it is reached, (H, W) bool."""
    count = max(1, clip.n_frames - first_frame(clip))
    mean = np.zeros(clip.shape, np.float64)
    places = fields(clip, seed)
    for _ in range(count):
        mean += next(places)
    padded = np.pad(mean / count, 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    soft = windows.mean(axis=(-1, -2))
    strongest = float(soft.max())
    return strongest, soft > BODY * strongest


def local_noise(clip: Clip, body: np.ndarray) -> float:
    """Typical deviation of a pixel's noise where the plume will be, in the clip's unit."""
    last: np.ndarray | None = None
    changes = []
    for shot in clip.shots():
        pixels = shot.pixels[body].astype(np.float32)
        if last is not None:
            change = pixels - last
            changes.append(np.abs(change - np.mean(change)))
        last = pixels
    # Means over time, since whole counts have no fine median; the median pixel meets no animal.
    per_pixel = np.sqrt(np.pi / 2) * np.mean(np.stack(changes), axis=0) / np.sqrt(2)
    least = LEAST_SIGMA_8_BIT if clip.bits == 8 else 0.0
    return max(least, float(np.median(per_pixel)))


def local_deviation(clip: Clip, body: np.ndarray) -> float:
    """Typical deviation in time of a pixel before the plume, where it will be, the clip's unit."""
    before = clip.first(first_frame(clip))
    pixels = np.stack([shot.pixels[body].astype(np.float32) for shot in before.shots()])
    least = LEAST_SIGMA_8_BIT if clip.bits == 8 else 0.0
    return max(least, float(np.median(pixels.std(axis=0))))
