# SPDX-License-Identifier: Apache-2.0
"""A camera with a real worker process, and waiting for what that process says."""

import contextlib
import hashlib
import os
import re
import select
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeleak import Pipeline
from edgeleak.config import SegmentConfig
from edgeleak.errors import UnavailableError
from edgeleak.segment import PACKAGED, Segmenter
from edgeleak.segment.runtime import find_interpreter
from edgeleak.sim.scene import octave_noise

SHAPE = (120, 160)
FRAME_NS = 100_000_000
START_NS = 43_000_000_000_000
"""A machine that has been up for half a day."""
PATIENCE_S = 60
PATIENT = SegmentConfig(deadline_ms=10_000)
"""A loaded machine is never late."""
MODEL = PACKAGED.with_name("plume.tflite")


def has_runtime():
    try:
        find_interpreter()
    except UnavailableError:
        return False
    return True


needs_runtime = pytest.mark.skipif(not has_runtime(), reason="no TFLite runtime is installed")


class Camera:
    """A pipeline on a still scene, and the segmenter beside it; every frame is counted."""

    def __init__(self, config=None, command=Segmenter.COMMAND, shape=SHAPE):
        self.pipeline = Pipeline(shape, "sensitive", fps=10, is_corrected=True)
        self.config = replace(config or PATIENT, is_on=True)
        rng = np.random.default_rng(5)
        self._scene = 6500 + 60 * octave_noise(rng, shape, 1.5)
        self._rng = rng
        self.frames, self.now_ns = 0, START_NS
        self.segmenter = Segmenter(self.pipeline, self.config, command, START_NS)

    def take(self, count=1, plume=0.0):
        """Frames as the frames loop sees them; a dark blot when there is a plume."""
        for _ in range(count):
            frame = self._scene + self._rng.normal(0, 3, self._scene.shape)
            frame[40:70, 50:90] -= plume
            verdict = self.pipeline.step(frame.astype(np.uint16))
            self.frames += 1
            self.now_ns += FRAME_NS
            self.segmenter.offer(self.now_ns, self.frames, verdict.code, verdict.noise_counts)
        return self

    def pass_s(self, seconds):
        """Time in which the supervisor looks once a second."""
        for _ in range(max(1, round(seconds))):
            self.now_ns += 10 * FRAME_NS
            self.segmenter.supervise(self.now_ns)
        return self

    def until(self, claim, what):
        """Wait until the worker makes the claim true, one event after the other."""
        end_s = time.monotonic() + PATIENCE_S
        while not claim():
            left_s = max(0.0, end_s - time.monotonic())
            ready, _, _ = select.select([self.segmenter.said], [], [], left_s)
            assert ready, f"never happened: {what}"
            os.eventfd_read(self.segmenter.said)
        return self

    def until_ready(self):
        return self.until(lambda: self.segmenter.memory.state().phase, "the model is loaded")

    def until_answered(self):
        self.take(30 if self.frames == 0 else 6)  # 3 s: the background is learnt, and it is time
        asked = self.segmenter.asked
        assert asked > 0, self.pipeline.verdict.reason
        self.until(lambda: self.segmenter.memory.reply().number == asked, "an answer")
        return self.take()

    @property
    def worker(self):
        return self.segmenter._process


@contextlib.contextmanager
def camera(*args, **kwargs):
    """A camera; its worker is gone afterwards."""
    made = Camera(*args, **kwargs)
    try:
        yield made
    finally:
        made.segmenter.close()


def copied_card(folder: Path, content: bytes | None = None, **changes: str) -> Path:
    """The packaged card and model in `folder`, with other bytes (and their hash) or values."""
    content = MODEL.read_bytes() if content is None else content
    text = PACKAGED.read_text(encoding="utf-8")
    changes = {"sha256": f'"{hashlib.sha256(content).hexdigest()}"', **changes}
    for name, value in changes.items():
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert count == 1, name
    shutil.copy(MODEL, folder / MODEL.name)
    (folder / MODEL.name).write_bytes(content)
    (folder / "plume.toml").write_text(text, encoding="utf-8")
    return folder / "plume.toml"
