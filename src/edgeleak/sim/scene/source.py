# SPDX-License-Identifier: Apache-2.0
"""A scene as a source of frames, and its truth as a file.

    with SceneSource("rack", 3) as source: Pipeline(source.shape, sensor=source.sensor, ...)

Opened by `edgeleak replay sim:family=rack,seed=3` too.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from edgeleak.errors import DataError, MissingInputError, StorageError
from edgeleak.frame import FrameFlag, FrameInfo, NucState
from edgeleak.sensor import METHANE_BAND_UM, SensorInfo
from edgeleak.sim.scene.family import Scenario, load_family
from edgeleak.sim.scene.stage import SceneFrame, Stage

TRUTH_SCHEMA = 1


class SceneSource:
    """Iterate for (counts, FrameInfo); `truth` is the SceneFrame yielded last.

    scenario : family name, path of a family file, or a Scenario
    seed     : picks the scene
    camera   : values that replace the scenario's, e.g. width=320

    Every iteration plays the same frames again.
    """

    bits = 14

    def __init__(self, scenario: str | Scenario, seed: int = 0, **camera: object) -> None:
        if isinstance(scenario, str):
            scenario = load_family(scenario).draw(seed)
        self.scenario = scenario.with_camera(**camera) if camera else scenario
        c = self.scenario.camera
        self.seed, self.shape, self.fps = seed, self.scenario.shape, c.fps
        band_um = (c.band_short_um, c.band_long_um)
        self.sensor = SensorInfo("scene", band_um, band_um == METHANE_BAND_UM,
                                 is_corrected=c.pattern != "raw")  # fmt: skip
        self.name = f"{self.scenario.name}-{seed}"
        self.path = f"sim:family={self.scenario.name},seed={seed}"
        self.n_frames: int | None = max(1, round(self.scenario.seconds * c.fps))
        self.warnings: list[str] = []
        self.damage: str | None = None
        self.truth: SceneFrame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to release; part of the Source protocol."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, FrameInfo]]:
        for index, frame in enumerate(Stage(self.scenario, self.seed).frames()):
            self.truth = frame
            yield frame.counts, frame_info(index, frame)


def frame_info(index: int, frame: SceneFrame) -> FrameInfo:
    """What a camera would say of the frame."""
    covered = frame.facts.is_covered
    return FrameInfo(
        sequence=index,
        monotonic_ns=round(frame.time_s * 1e9),
        led_on=frame.facts.led_on,
        nuc_state=NucState.RUNNING if covered else NucState.NONE,
        flags=FrameFlag.SHUTTER if covered else FrameFlag.NONE,
    )


class TruthWriter:
    """Collects the truth of a scene and writes it as NPZ, compressed.

    mask         : (N, H, ceil(W / 8)) uint8, bits of a row from the left
    column_ppm_m : (N, H, W) float16
    rate_g_per_h, time_s : (N,) float64
    shift_px     : (N, 2) float32, led_on and covered (N,) bool
    source_px    : (M, 2) float32, places of the leaks in the unmoved picture, column and row
    scenario     : JSON text of the drawn scenario; also schema, seed, shape
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario, self._seed = scenario, seed
        self._rows: list[tuple[np.ndarray, np.ndarray, float, float]] = []
        self._facts: list[tuple[tuple[float, float], bool, bool]] = []

    def add(self, frame: SceneFrame) -> None:
        """Take the truth of one frame."""
        column = frame.column_ppm_m.astype(np.float16)
        self._rows.append((np.packbits(frame.mask, 1), column, frame.rate_g_per_h, frame.time_s))
        facts = frame.facts
        self._facts.append((facts.shift_px, facts.led_on, facts.is_covered))

    def save(self, path: Path, places: list[tuple[float, float]]) -> Path:
        """Write; StorageError when the disk refuses."""
        masks, columns, rates, times = zip(*self._rows, strict=True)
        shifts, led, covered = zip(*self._facts, strict=True)
        arrays = {
            "mask": np.stack(masks), "column_ppm_m": np.stack(columns),
            "rate_g_per_h": np.array(rates, float), "time_s": np.array(times, float),
            "shift_px": np.array(shifts, np.float32), "led_on": np.array(led),
            "covered": np.array(covered),
            "source_px": np.array(places, np.float32).reshape(-1, 2),
            "shape": np.array(self._scenario.shape), "seed": np.array(self._seed),
            "schema": np.array(TRUTH_SCHEMA),
            "scenario": np.array(json.dumps(asdict(self._scenario))),
        }  # fmt: skip
        try:
            np.savez_compressed(path, allow_pickle=False, **arrays)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StorageError(f"{path}: the truth could not be written ({error})") from error
        return path


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """What TruthWriter wrote, `mask` as (N, H, W) bool.

    Raises MissingInputError, or DataError where the file is not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            truth = {name: stored[name] for name in stored.files}
        width = int(truth["shape"][1])
        if int(truth["schema"]) != TRUTH_SCHEMA:
            raise DataError(f"{path}: truth of schema {truth['schema']}, expected {TRUTH_SCHEMA}")
        truth["mask"] = np.unpackbits(truth["mask"], axis=2, count=width).astype(bool)
    except FileNotFoundError as error:
        raise MissingInputError(f"{path} is not there; check the path") from error
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: no truth of a scene ({error})") from error
    return truth


def source_places(stage: Stage) -> list[tuple[float, float]]:
    """Column and row of every leak in the picture of a camera that does not move."""
    around, left, _ = stage.margin
    return [(source.place[0] - left, source.place[1] - around) for source in stage.sources]
