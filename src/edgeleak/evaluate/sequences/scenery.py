# SPDX-License-Identifier: Apache-2.0
"""Still scenes and fixed patterns of the built-in sequences: real ones, or drawn ones.

Real: scenes and shutter flats of a 640x480 long-wave sensor, from the folder
of recordings.  Where that folder is absent, a drawn scene with the same
ranges stands in, so that the comparison runs on any machine; the note of the
sequence says which it was.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeleak.errors import DataError

SCENES_FILE = "lwir-scenes-640x480/scenes.npz"
FLATS_FILE = "flat-fields-640x480/flats.npz"
ROOM_TEMP_FLAT = 10  # 19.7 degC at the detector
N_SCENES = 4


@dataclass(frozen=True)
class Scenery:
    """What lies before the noise: the scene and the sensor's own pattern, both in counts.

    scene    : (H, W) float32, around 0..700
    flat     : (H, W) float32, the pattern of an uncorrected sensor, around 9000
    residue  : (H, W) float32, what a correction from the neighbouring
               temperatures leaves of it, around 0
    is_real  : made from recordings
    """

    scene: np.ndarray
    flat: np.ndarray
    residue: np.ndarray
    is_real: bool


def data_folder() -> Path | None:
    """Folder of the real recordings: EDGELEAK_DATA, or shared/data beside the repository."""
    beside = Path(__file__).resolve().parents[4].parent / "shared" / "data"
    found = Path(os.environ.get("EDGELEAK_DATA", beside))
    return found if found.is_dir() else None


def load_scenery(index: int, shape: tuple[int, int], folder: Path | None) -> Scenery:
    """Scene *index* 0..3 at *shape*, real where the folder has it."""
    if folder is None or not (folder / SCENES_FILE).is_file():
        return drawn_scenery(index, shape)
    try:
        with np.load(folder / SCENES_FILE) as scenes, np.load(folder / FLATS_FILE) as flats:
            scene = scenes["img"][index]
            near = flats["flats"][ROOM_TEMP_FLAT - 1 : ROOM_TEMP_FLAT + 2].astype(np.float32)
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{folder}: scenes or flats cannot be read ({error})") from error
    flat = near[1]
    residue = flat - (near[0] + near[2]) / 2
    residue -= np.median(residue)
    return Scenery(
        shrink(scene, shape), pick_pixels(flat, shape), pick_pixels(residue, shape), True
    )


def shrink(scene: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mean over whole blocks, then the top left corner: optics blur, so a scene may be averaged."""
    step = max(1, min(scene.shape[0] // shape[0], scene.shape[1] // shape[1]))
    h, w = scene.shape[0] // step, scene.shape[1] // step
    blocks = scene[: h * step, : w * step].reshape(h, step, w, step)
    return fit(blocks.mean(axis=(1, 3), dtype=np.float32), shape)


def pick_pixels(pattern: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Every n-th pixel: a pattern belongs to pixels, averaging would weaken it."""
    step = max(1, min(pattern.shape[0] // shape[0], pattern.shape[1] // shape[1]))
    return fit(np.ascontiguousarray(pattern[::step, ::step]), shape)


def fit(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Crop, or continue by mirroring, to exactly *shape*."""
    rows = max(0, shape[0] - picture.shape[0])
    columns = max(0, shape[1] - picture.shape[1])
    grown = np.pad(picture, ((0, rows), (0, columns)), mode="symmetric")
    return np.ascontiguousarray(grown[: shape[0], : shape[1]])


def drawn_scenery(index: int, shape: tuple[int, int]) -> Scenery:
    """Sky, ground, warm boxes and pipes; column stripes, vignetting and a few bad pixels."""
    rng = np.random.default_rng([index, 2025])
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    y, x = y / max(shape[0], 1), x / max(shape[1], 1)
    scene = 80 + 140 * np.clip((y - 0.35) * 4, 0, 1)
    for _ in range(12):
        top, left, high, wide = rng.uniform([0.1, 0, 0.05, 0.03], [0.9, 0.95, 0.4, 0.3])
        inside = (y > top) & (y < top + high) & (x > left) & (x < left + wide)
        scene = np.where(inside, rng.uniform(0, 550) + 60 * (x - left), scene)
    for height in rng.uniform(0.2, 0.9, 3):
        scene += 250 * np.exp(-(((y - height - 0.1 * x) / 0.012) ** 2))
    stripes = rng.normal(0, 46, shape[1]).astype(np.float32)
    vignette = 700 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    flat = 9000 + stripes + vignette + rng.normal(0, 40, shape)
    flat[rng.random(shape) < 0.0014] -= 4000
    residue = rng.normal(0, 1.6, shape) + 0.03 * stripes
    scene, flat, residue = (a.astype(np.float32) for a in (scene, flat, residue))
    return Scenery(scene, flat, residue, False)
