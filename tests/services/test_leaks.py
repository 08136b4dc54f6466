# SPDX-License-Identifier: Apache-2.0
"""Leaks of the running instrument reach the journal by way of the real recorder process."""

import os
import signal
from types import SimpleNamespace

from events_scene import SHAPE, Wall
from recorder_bench import config_of, until

from edgeleak.events.journal import read
from edgeleak.pipeline import Pipeline
from edgeleak.sensor import EL640
from edgeleak.services.leaks import Leaks
from edgeleak.services.recorder import Recorder, Stream

LEAK = (40, 60, 60, -10, -60)


class Bench:
    """Pipeline, recorder and leaks, with a path and a health that only hold the newest frame."""

    def __init__(self, folder):
        self.wall, self.pipeline = Wall(seed=2), Pipeline(SHAPE, is_corrected=True)
        self.path = SimpleNamespace(frames=0, info=None)
        self.health = SimpleNamespace(answer="")
        stream = Stream(SHAPE, 10.0, EL640, "EL-T", self.pipeline.verdict.limits)
        self.folder, self.lines = folder, []
        self.recorder = Recorder(stream, config_of(folder), lambda ns: -1)
        self.leaks = Leaks(self.pipeline, self.path, self.health, self.recorder, self.lines.append)

    def go(self, frames, plumes=()):
        for _ in range(frames):
            pixels, info = self.wall.frame(plumes), self.wall.info()
            self.health.answer = str(self.pipeline.step(pixels, info))
            self.path.frames, self.path.info = self.path.frames + 1, info
            if self.path.frames % 10 == 0:  # once a second
                self.leaks.look()
        return self

    def close(self):
        self.leaks.close()
        self.recorder.close()


def test_a_leak_is_written_when_confirmed_and_when_it_ends(tmp_path):
    bench = Bench(tmp_path / "rec")
    bench.go(40).go(110, [LEAK])
    (shown,) = bench.leaks.facts()["open"]
    assert abs(shown["origin_xy"][0] - 40) + abs(shown["origin_xy"][1] - 60) < 10
    bench.go(130)
    assert bench.leaks.facts() == {"confirmed": 1, "open": []}
    bench.close()
    found = read(tmp_path / "rec" / "events.jsonl")
    (event,) = found.events
    assert (event["run"], event["id"], event["state"]) == ("EL-T", shown["id"], "ended")
    assert found.records >= 2
    assert set(event["thumbnails"]) >= {"confirmed"}
    assert len(bench.lines) == 2


def test_a_power_cut_while_it_leaks_leaves_the_leak(tmp_path):
    bench = Bench(tmp_path / "rec")
    bench.go(40).go(60, [LEAK])
    confirmed = bench.leaks.facts()["open"]
    path = tmp_path / "rec" / "events.jsonl"
    until(bench.recorder.said, lambda: path.exists() and path.read_bytes().endswith(b"\n"), "it")
    os.kill(bench.recorder._process.pid, signal.SIGKILL)
    (event,) = read(tmp_path / "rec" / "events.jsonl").events
    assert (event["state"], event["ended"]) == ("confirmed", None)
    assert [row["id"] for row in confirmed] == [event["id"]]
    bench.close()


def test_records_wait_while_there_is_no_recorder(tmp_path):
    bench = Bench(tmp_path / "rec")
    process, bench.recorder._process = bench.recorder._process, None
    bench.go(40).go(90, [LEAK])
    assert bench.leaks.facts()["confirmed"] == 1
    assert not (tmp_path / "rec" / "events.jsonl").exists()
    bench.recorder._process = process
    bench.go(10, [LEAK])
    bench.close()
    assert read(tmp_path / "rec" / "events.jsonl").events
