# SPDX-License-Identifier: Apache-2.0
"""What a method said about every frame of a clip, and what follows from it afterwards."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from time import perf_counter_ns

import numpy as np

from edgeleak import kernels
from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Footing, Method, Reading
from edgeleak.evaluate.detection.statistics import above
from edgeleak.pipeline.decision import Persistence
from edgeleak.pipeline.profile import load

WORDS = ("", "GAS", "NO GAS", "INHIBIT", "FAULT")
ON_PLUME = 0.25
"""Share of the mask that has to lie on gas: thin edges of a plume are outside its truth."""
RECENT_S = 1.5
"""The longest mean that a mask is (`faint.mean_s`): it lies where gas was, not only where it is."""
DUTY_S = 5.0
TOP_DUTY = 0.95


@dataclass
class Track:
    """One method on one clip; arrays of one value a frame.

    time_s    : since the first frame
    score     : see Reading; NaN without an answer
    word      : index into WORDS
    code      : why there is no plain answer
    area_px   : of the mask
    hit_px, truth_px : mask on gas of that very frame, gas; 0 where the truth is not known
    recent_px : mask on gas of the last RECENT_S
    source_px : distance of the place that is masked most often from the leak; NaN unknown
    ns_per_px : mean time of a step, this machine, busy or not
    """

    time_s: np.ndarray
    score: np.ndarray
    word: np.ndarray
    code: np.ndarray
    area_px: np.ndarray
    hit_px: np.ndarray
    truth_px: np.ndarray
    recent_px: np.ndarray
    source_px: np.ndarray
    ns_per_px: np.ndarray

    def to_bytes(self) -> bytes:
        out = io.BytesIO()
        np.savez_compressed(out, **{f.name: getattr(self, f.name) for f in fields(self)})
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Track":
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return cls(**{f.name: stored[f.name] for f in fields(cls)})

    def is_word(self, word: str) -> np.ndarray:
        return self.word == WORDS.index(word)

    @property
    def is_on_plume(self) -> np.ndarray:
        """Frames whose mask lies on gas of the last seconds, as far as the truth is known; an empty
        mask is judged as the last one that was not, for that is what a verdict that lasts speaks
        of.  An alarm is false in all other frames."""
        is_on = (self.recent_px > 0) & (self.recent_px >= ON_PLUME * self.area_px)
        last = np.maximum.accumulate(np.where(self.area_px > 0, np.arange(len(is_on)), 0))
        return np.asarray(is_on[last])

    @property
    def is_answered(self) -> np.ndarray:
        """Frames with a plain answer: GAS or NO GAS, or a score."""
        return ~(self.is_word("INHIBIT") | self.is_word("FAULT") | np.isnan(self.score))

    def confirmed(self, threshold: float | None = None) -> np.ndarray:
        """Frames called GAS: by the method itself (None), or by its score above a threshold in
        half of the frames of five seconds, the persistence of profile `sensitive`."""
        if threshold is None:
            return self.is_word("GAS")
        persistence = Persistence(load("sensitive"))
        hits = above(self.score, threshold)
        called = np.zeros(len(hits), bool)
        for i, (now_s, hit) in enumerate(zip(self.time_s, hits, strict=True)):
            if np.isnan(self.score[i]):
                continue
            called[i] = persistence.add(float(now_s), bool(hit))
        return called


def events(called: np.ndarray) -> int:
    """How often GAS begins."""
    return int(np.count_nonzero(np.diff(called.astype(int), prepend=0) == 1))


class Source:
    """Where a mask was most often in the last seconds, at the end that flickers least."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._duty = np.zeros(shape, np.float32)
        self._rows, self._columns = (a.astype(np.float32) for a in np.mgrid[: shape[0], : shape[1]])

    def add(self, mask: np.ndarray, dt_s: float) -> None:
        part = np.float32(min(1.0, dt_s / DUTY_S))
        self._duty += part * ((mask > 0) - self._duty)

    def place(self) -> tuple[float, float] | None:
        """Column and row; None before anything was masked."""
        duty = self._duty
        top = float(duty.max())
        if top < 0.05:
            return None
        rows, columns = np.nonzero(duty >= TOP_DUTY * top)
        total = duty.sum()
        # Downstream flickers, so the most constant part lies upstream of the whole.
        upstream_x = columns.mean() - float((duty * self._columns).sum() / total)
        upstream_y = rows.mean() - float((duty * self._rows).sum() / total)
        far = int(np.argmax(columns * upstream_x + rows * upstream_y))
        return float(columns[far]), float(rows[far])


class _Bench:
    """One method at work, with its track growing."""

    def __init__(self, method: Method, clip: Clip) -> None:
        self._runner = method.make(Footing(clip.shape, clip.fps, clip.bits))
        self._source = Source(clip.shape)
        self._gas_s = np.full(clip.shape, -np.inf)
        self._rows: list[tuple[float, ...]] = []
        self._spent_ns = 0

    def step(self, shot: Shot, time_s: float, dt_s: float) -> Reading:
        began = perf_counter_ns()
        reading = self._runner.step(shot.pixels, shot.info)
        self._spent_ns += perf_counter_ns() - began
        hit = truth = recent = 0
        mask = reading.mask
        if shot.truth is not None:
            truth = int(np.count_nonzero(shot.truth))
            hit = int(np.count_nonzero(mask[shot.truth]))
            self._gas_s[shot.truth] = time_s
            recent = int(np.count_nonzero(mask[self._gas_s > time_s - RECENT_S]))
        error = float("nan")
        if shot.source_xy is not None:
            self._source.add(mask, dt_s)
            place = self._source.place()
            if place is not None:
                error = float(np.hypot(*np.subtract(place, shot.source_xy)))
        word = WORDS.index(reading.word)
        area = kernels.area(mask)
        self._rows.append(
            (time_s, reading.score, word, reading.code, area, hit, truth, recent, error)
        )
        return reading

    def track(self, clip: Clip) -> Track:
        columns = np.array(self._rows, float).reshape(-1, 9).T
        pixels = clip.shape[0] * clip.shape[1] * max(1, len(self._rows))
        word, code, area, hit, truth, recent = (columns[i].astype(np.int64) for i in range(2, 8))
        speed = np.array([self._spent_ns / pixels])
        return Track(
            columns[0], columns[1], word, code, area, hit, truth, recent, columns[8], speed
        )  # fmt: skip


Watcher = Callable[[str, int, Shot, Reading], None]


def run_clip(
    clip: Clip,
    methods: Sequence[Method],
    progress: Callable[[int], None] = lambda done: None,
    watch: Watcher | None = None,
) -> dict[str, Track]:
    """Every method on the same frames, in one reading.

    watch : called after every step with key, frame number, Shot and Reading, for pictures
    """
    benches = {method.key: _Bench(method, clip) for method in methods}
    time_s, last_ns = -1 / clip.fps, -1
    for index, shot in enumerate(clip.shots()):
        now_ns = -1 if shot.info is None else shot.info.monotonic_ns
        dt_s = (now_ns - last_ns) * 1e-9 if min(now_ns, last_ns) >= 0 else 1 / clip.fps
        last_ns = now_ns
        time_s += dt_s
        for key, bench in benches.items():
            reading = bench.step(shot, time_s, dt_s)
            if watch is not None:
                watch(key, index, shot, reading)
        progress(index + 1)
    return {key: bench.track(clip) for key, bench in benches.items()}
