# SPDX-License-Identifier: Apache-2.0
"""Built-in 14-bit sequences with exact truth: still, noisy, contrast change, moving objects.

Semi-real: a real scene, the real pattern of a real sensor, drawn noise.  Every
frame is made from (seed, frame number) alone, so a sequence can be read again
from the start and two methods never see different noise.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgeleak.evaluate.sequences.scenery import N_SCENES, Scenery, load_scenery
from edgeleak.evaluate.sequences.sequence import Sequence
from edgeleak.frame import MAX_COUNTS

BUILT_IN_FRAMES = 1000
CORRECTED_LEVEL_COUNTS = 6000
CHANGE_AT = 150  # first frame after the sudden change, counted from 0
CHANGE_GAIN = 0.5
CHANGE_LEVEL_COUNTS = 60
OBJECT_COUNTS = 160
STANDING_UNTIL, STANDING_AGAIN = 60, (200, 260)

Truth = Callable[[int], np.ndarray]


def built_in_sequences(
    shape: tuple[int, int], folder: Path | None, seed: int = 1
) -> list[Sequence]:
    """The four sequences, 1000 frames each; *folder* None draws the scenes."""
    scenery = [load_scenery(i, shape, folder) for i in range(N_SCENES)]
    return [
        _still(scenery[0], seed),
        _noisy(scenery[1], seed + 1),
        _contrast_change(scenery[2], seed + 2),
        _moving_objects(scenery[3], seed + 3),
    ]


def _sequence(name: str, note: str, scenery: Scenery, truth: Truth, sampler, events=()) -> Sequence:
    origin = "real scene and real pattern" if scenery.is_real else "drawn scene and pattern"

    def frames() -> Iterator[np.ndarray]:
        return (sampler(index) for index in range(BUILT_IN_FRAMES))

    return Sequence(
        name, f"{origin}; {note}", scenery.scene.shape, 14, BUILT_IN_FRAMES, frames, truth, events
    )


def noisy_counts(
    clean: np.ndarray, sigma_counts: float, column_counts: float, seed: int, index: int
) -> np.ndarray:
    """(H, W) uint16: clean counts plus pixel noise and, per frame, column noise."""
    rng = np.random.default_rng([seed, index])
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    noise *= sigma_counts
    if column_counts:
        noise += column_counts * rng.standard_normal(clean.shape[1], dtype=np.float32)
    noise += clean
    np.rint(noise, out=noise)
    return np.clip(noise, 0, MAX_COUNTS, out=noise).astype(np.uint16)


def _constant(clean: np.ndarray) -> Truth:
    clean = np.clip(clean, 0, MAX_COUNTS).astype(np.float32)
    return lambda index: clean


def _still(scenery: Scenery, seed: int) -> Sequence:
    truth = _constant(scenery.scene + scenery.flat)
    note = "uncorrected sensor (stripes, vignetting, outliers), noise 3 counts"
    return _sequence("still", note, scenery, truth, lambda i: noisy_counts(truth(i), 3, 0, seed, i))


def _noisy(scenery: Scenery, seed: int) -> Sequence:
    truth = _constant(scenery.scene + scenery.residue + CORRECTED_LEVEL_COUNTS)
    note = "corrected by temperature, noise 40 counts and column noise 10 counts"
    return _sequence(
        "noisy", note, scenery, truth, lambda i: noisy_counts(truth(i), 40, 10, seed, i)
    )


def _contrast_change(scenery: Scenery, seed: int) -> Sequence:
    middle = np.median(scenery.scene)
    base = scenery.residue + CORRECTED_LEVEL_COUNTS
    before = _constant(scenery.scene + base)(0)
    flatter = (scenery.scene - middle) * CHANGE_GAIN + middle + CHANGE_LEVEL_COUNTS
    after = _constant(flatter + base)(0)

    def truth(index: int) -> np.ndarray:
        return before if index < CHANGE_AT else after

    note = f"contrast x {CHANGE_GAIN} and level +{CHANGE_LEVEL_COUNTS} counts at frame 151, noise 5"
    return _sequence(
        "contrast-change",
        note,
        scenery,
        truth,
        lambda i: noisy_counts(truth(i), 5, 0, seed, i),
        ((CHANGE_AT + 1, "contrast change"),),
    )


def _moving_objects(scenery: Scenery, seed: int) -> Sequence:
    truth = _constant(scenery.scene + scenery.residue + CORRECTED_LEVEL_COUNTS)

    def sample(index: int) -> np.ndarray:
        warm = OBJECT_COUNTS * objects_cover(scenery.scene.shape, index)
        return noisy_counts(truth(index) + warm, 5, 0, seed, index)

    note = (
        "three warm objects cross, one stands in frames 1-60 and 201-260, +160 counts, noise 5;"
        " the truth is the scene without them"
    )
    events = ((STANDING_UNTIL + 1, "object leaves"), (STANDING_AGAIN[0] + 1, "object stands"))
    return _sequence("moving-objects", note, scenery, truth, sample, events)


def objects_cover(shape: tuple[int, int], index: int) -> np.ndarray:
    """(H, W) float32 0..1: soft round objects of a tenth of the height at frame *index*."""
    h, w = shape
    size = 0.07 * h
    centres = [
        ((1.9 * index) % (1.4 * w) - 0.2 * w, 0.55 * h),
        (1.2 * w - (1.1 * index) % (1.4 * w), 0.75 * h),
        (0.3 * w, (0.8 * index) % (1.4 * h) - 0.2 * h),
    ]
    if index < STANDING_UNTIL or STANDING_AGAIN[0] <= index < STANDING_AGAIN[1]:
        centres.append((0.65 * w, 0.45 * h))
    y, x = np.arange(h, dtype=np.float32), np.arange(w, dtype=np.float32)
    cover = np.zeros(shape, np.float32)
    for cx, cy in centres:
        across = np.exp(-(((x - np.float32(cx)) / size) ** 4))
        down = np.exp(-(((y - np.float32(cy)) / (1.3 * size)) ** 4))
        np.maximum(cover, down[:, None] * across[None, :], out=cover)
    return cover
