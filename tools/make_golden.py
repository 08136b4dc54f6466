# SPDX-License-Identifier: Apache-2.0
"""Golden frames of the pipeline, made with the NumPy reference of every kernel.

    python tools/make_golden.py          # writes tests/golden/pipeline-<profile>.npz

The compiled pipeline must give these bytes (tests/pipeline/test_golden.py).  The scene is
made from SEED with integers only, so that every machine makes the same one.
"""

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

from edgeleak import kernels
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES, Pipeline
from edgeleak.pipeline import chain as chain_module
from edgeleak.pipeline import gain as gain_module
from edgeleak.pipeline import stages as stages_module

SEED, SHAPE, FRAMES, PERIOD_NS = 20, (41, 54), 80, 111_000_000
FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden"
MODULES = (
    "agc", "background", "chain", "change", "clahe", "level", "morphology", "nuc", "places",
    "regions", "smooth",
)  # fmt: skip
OUTPUTS = ("counts", "grey", "background", "gas", "mask")


def twins() -> SimpleNamespace:
    """The reference under the names of edgeleak.kernels."""
    names: dict[str, object] = {}
    for module in MODULES:
        loaded = import_module(f"edgeleak.kernels.reference.{module}")
        names.update({n: getattr(loaded, n) for n in kernels.__all__ if hasattr(loaded, n)})
    return SimpleNamespace(**names)


@contextmanager
def reference_kernels():
    """Every kernel of the pipeline replaced by its twin."""
    twin = twins()
    with (
        mock.patch.object(stages_module, "kernels", twin),
        mock.patch.object(gain_module, "kernels", twin),
        mock.patch.object(chain_module, "RegionFinder", twin.RegionFinder),
    ):
        yield


def scene() -> np.ndarray:
    """(FRAMES, H, W) uint16: slope, noise, a bad pixel, level steps, and a swaying plume."""
    rng = np.random.default_rng(SEED)
    y, x = np.indices(SHAPE)
    frames = np.empty((FRAMES, *SHAPE), np.int64)
    for t in range(FRAMES):
        plume = np.maximum(0, 60 - 2 * (x - 2 * (t % 5) - 18) ** 2 - 2 * (y - 20) ** 2)
        frames[t] = 6000 + 25 * x + 9 * y + 12 * (t // 13) - (plume if t > 25 else 0)
        frames[t] += rng.integers(-3, 4, SHAPE)
    frames[:, 5, 7] = 16383
    return frames.astype(np.uint16)


def correction(shape: tuple[int, int]) -> SimpleNamespace:
    """A small calibration with one bad pixel."""
    rng = np.random.default_rng(SEED + 1)
    w = shape[1]
    at = 5 * w + 7
    return SimpleNamespace(
        shape=shape,
        gain_q14=(16384 + rng.integers(-200, 201, shape)).astype(np.int16),
        offset=rng.integers(-30, 31, shape).astype(np.int16),
        bad_pixels=np.array([[at, at - 1, at + 1, at - w, at + w]], np.int32),
    )


def run(profile: str) -> dict[str, np.ndarray]:
    """Last outputs, and the decision of every frame."""
    pipeline = Pipeline(SHAPE, profile, calibration=correction(SHAPE))
    evidence, words = [], []
    for t, frame in enumerate(scene()):
        verdict = pipeline.step(frame, FrameInfo(t, 1 + t * PERIOD_NS))
        evidence.append(verdict.evidence)
        words.append(int(verdict.kind) * 1000 + verdict.code)
    found = {name: np.array(getattr(pipeline, name)) for name in OUTPUTS}
    regions = pipeline.regions
    boxes = np.stack([regions[n] for n in ("x", "y", "w", "h", "area_px")]).astype(np.int64)
    return found | {"evidence": np.array(evidence), "words": np.array(words), "boxes": boxes}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with reference_kernels():
        for profile in PROFILES:
            np.savez_compressed(FOLDER / f"pipeline-{profile}.npz", **run(profile))
            print(f"wrote pipeline-{profile}.npz")


if __name__ == "__main__":
    main()
