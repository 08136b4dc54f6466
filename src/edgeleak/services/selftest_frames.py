# SPDX-License-Identifier: Apache-2.0
"""The sensor's part of the self-test: who it is, whole frames, their checksums, what is in them."""

from collections.abc import Callable, Iterator

import numpy as np

from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.errors import UnavailableError
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.services import parts
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.checks import Bench, Check, Verdict, guarded, within

FRAMES = 4
PATIENCE_S = 10.0
POLL_NS = NS_PER_MS
LEVELS = (50.0, 16_300.0)
"""Median counts of a picture that is neither dark nor full."""
RATE_SHARE = 0.1
DETECTOR_DEGC = (-60.0, 90.0)


def steps(bench: Bench, keep: Callable[[np.ndarray], None] | None = None) -> Iterator[int]:
    """Supply on, frames, supply off; notes one check for each thing shown.

    keep : gets the counts of the last frame, (H, W) uint16 as they came
    """
    name = f"sensor {bench.board.sensor.kind}"
    yield from guarded(bench, name, f"{FRAMES} whole frames", _frames(bench, name, keep))


def _frames(bench: Bench, name: str,
            keep: Callable[[np.ndarray], None] | None) -> Iterator[int]:  # fmt: skip
    sensor = parts.sensor(bench.board, bench.config.sensor, bench.buses, bench.clock)
    acquisition = Acquisition(sensor, bench.clock, bench.config.sensor.stale_ms)
    pipeline = Pipeline(sensor.shape, bench.config.detection.profile, sensor=sensor.info)
    infos: list[FrameInfo] = []
    acquisition.start()
    try:
        yield from _take(bench, acquisition, pipeline, infos)
    finally:
        acquisition.stop()
    size = f"of {sensor.shape[1]}x{sensor.shape[0]}"
    bench.note(Check(name, f"{len(infos)} {size}", f"{FRAMES} whole frames",
                     measured=len(infos), unit="frames"))  # fmt: skip
    if keep is not None:
        keep(pipeline.arena["counts"])
    _note_link(bench, acquisition)
    _note_picture(bench, pipeline.arena["counts"], infos)
    _note_rate(bench, parts.fps(sensor, bench.config.sensor), infos)
    bench.note(Check("pipeline", f"{pipeline.profile.name}, {pipeline.frames} frames", "runs"))


def _take(bench: Bench, acquisition: Acquisition, pipeline: Pipeline,
          infos: list[FrameInfo]) -> Iterator[int]:  # fmt: skip
    """Whole frames through the compiled unpacker and the pipeline; the last stays in the arena."""
    begin_ns, counts = bench.clock.monotonic_ns(), pipeline.arena["counts"]
    while len(infos) < FRAMES:
        acquisition.step()
        info = acquisition.take(counts)
        if info is not None:
            infos.append(info)
            if len(infos) < FRAMES:  # the last is looked at as it came
                pipeline.step(counts, info)
        elif bench.clock.monotonic_ns() - begin_ns > PATIENCE_S * NS_PER_S:
            raise UnavailableError(
                f"{len(infos)} whole frames in {PATIENCE_S:g} s; check the sensor's cable and"
                " supply, and that data_ready is wired"
            )
        yield POLL_NS


def _note_link(bench: Bench, acquisition: Acquisition) -> None:
    counters = acquisition.status.counters
    bench.note(within("bad CRCs", counters.crc + counters.sync, 0, 0, "packets",
                      "check the sensor's cable; lower spi.max_hz in board.toml",
                      form=".0f"))  # fmt: skip


def _note_picture(bench: Bench, counts: np.ndarray, infos: list[FrameInfo]) -> None:
    level, last = float(np.median(counts)), infos[-1]
    bench.note(within("picture level", level, *LEVELS, "counts",
                      "set sensor.integration_us; look for a dead readout",
                      form=".0f"))  # fmt: skip
    spread = float(np.percentile(counts, 99) - np.percentile(counts, 1))
    bench.note(within("picture spread", spread, 1, float("inf"), "counts",
                      "power-cycle the sensor: a live picture has noise", form=".0f"))  # fmt: skip
    bench.note(within("sensor detector", last.fpa_temp_degc, *DETECTOR_DEGC, "degC",
                      "power-cycle the sensor: its telemetry cannot be right"))  # fmt: skip
    lit = sum(info.led_on for info in infos)
    bench.note(within("frames lit", lit, 0, 0, "frames",
                      "check the LED gate: the sensor says it was on", form=".0f"))  # fmt: skip


def _note_rate(bench: Bench, expected_fps: float, infos: list[FrameInfo]) -> None:
    """From the exposure times, so a slow reader does not change it; a note only."""
    passed_s = (infos[-1].monotonic_ns - infos[0].monotonic_ns) / NS_PER_S
    fps = (infos[-1].sequence - infos[0].sequence) / passed_s if passed_s > 0 else 0.0
    check = within("frame rate", fps, (1 - RATE_SHARE) * expected_fps,
                   (1 + RATE_SHARE) * expected_fps, "1/s",
                   "compare sensor.fps with what the bus carries", form=".1f")  # fmt: skip
    is_off = check.verdict is Verdict.FAIL
    bench.note(check._replace(verdict=Verdict.NOTE if is_off else Verdict.OK))
