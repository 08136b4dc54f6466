# SPDX-License-Identifier: Apache-2.0
"""A camera that feeds a real recorder process, and waiting for what that process says."""

import contextlib
import json
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak import codes
from edgeleak.config import RecorderConfig
from edgeleak.frame import FrameFlag, FrameInfo, NucState, UtcQuality
from edgeleak.pipeline.group import Group
from edgeleak.pipeline.verdict import Limits, Verdict
from edgeleak.sensor import EL640
from edgeleak.services.health import FINE, Answer, Trouble
from edgeleak.services.recorder import Recorder, Stream
from edgeleak.sources import open_source

SHAPE = (60, 80)
FPS = 10.0
LIMITS = Limits(1.0, 0.5, (0.1, 0.2, 0.3, 0.4, 0.5))
STREAM = Stream(SHAPE, FPS, EL640, "7", LIMITS)
FRAME_NS = 100_000_000
PATIENCE_S = 20


def pixels_of(number):
    made = np.random.default_rng(number).integers(0, 16384, SHAPE, dtype=np.uint16)
    made[0, 0] = number
    return made


def info_of(number):
    return FrameInfo(
        number, number * FRAME_NS, 10**18 + number, UtcQuality.GPS, -20.0 + number / 100,
        bool(number % 2), 1, 5, 1234 + number, NucState.VALID, number // 3, FrameFlag.SATURATED,
    )  # fmt: skip


def verdict_of(number):
    kind, place = codes.Kind(number % 2), Group(9, 8, 7, 6, 5, 4, is_kept=True)
    return Verdict(kind, 0, number / 7, 1.5, 2.5, 3, 4, 55, 0.25, 1.75, FrameFlag.SATURATED, LIMITS,
                   place, 0.75, -3.5, 120_000, 4.25)  # fmt: skip


def answer_of(number):
    if number % 10 == 9:
        trouble = Trouble(codes.FRAMES_STALE, 0.5, 0.4)
        return Answer(codes.Kind.INHIBIT, trouble, verdict_of(number))
    return Answer(codes.Kind(number % 2), FINE, verdict_of(number))


class Camera:
    """Feeds a recorder as the frames loop does, frame after frame."""

    def __init__(self, recorder):
        self.recorder, self.number, self.slowest_s = recorder, 0, 0.0

    def take(self, count):
        for _ in range(count):
            begin = time.perf_counter()
            self.recorder.begin(pixels_of(self.number))
            self.recorder.publish(info_of(self.number), answer_of(self.number))
            self.slowest_s = max(self.slowest_s, time.perf_counter() - begin)
            self.number += 1


def config_of(folder, **changes):
    return replace(RecorderConfig(folder=str(folder), keep_free_mib=1), **changes)


def until(said: int, claim: Callable[[], Any], what: str, *more: int) -> None:
    """Wait until the recorder makes the claim true.

    said, more : descriptors that become readable when something may have changed
    """
    end_s = time.monotonic() + PATIENCE_S
    while not claim():
        ready, _, _ = select.select([said, *more], [], [], max(0.0, end_s - time.monotonic()))
        assert ready, f"never happened: {what}"
        for descriptor in ready:
            os.read(descriptor, 4096)


@contextlib.contextmanager
def made_recorder(
    config: RecorderConfig, command: tuple[str, ...] = Recorder.COMMAND
) -> Iterator[Recorder]:
    """A recorder with its process; closed afterwards."""
    recorder = Recorder(STREAM, config, lambda ns: 10**18 + ns, command)
    try:
        yield recorder
    finally:
        recorder.close()


def frames_in(path):
    with open_source(path) as source:
        return [(counts.copy(), info) for counts, info in source]


def events_in(path):
    text = Path(path).read_bytes()
    found, start = [], 0
    while (start := text.find(b'{"', start)) >= 0:
        try:
            facts, length = json.JSONDecoder().raw_decode(text[start:].decode("latin-1"))
        except ValueError:
            start += 1
            continue
        start += length
        if isinstance(facts, dict) and "event" in facts:
            found.append(facts)
    return found
