# SPDX-License-Identifier: Apache-2.0
"""All background methods over one sequence, frame by frame, in one run.

Methods take turns on every frame, so that a busy machine slows all of them
alike; the time per pixel is the median over frames of step() alone.
"""

import time
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from edgeleak.evaluate.background.epsilon import epsilon_methods
from edgeleak.evaluate.background.mean import RunningMean
from edgeleak.evaluate.background.median import RunningMedian
from edgeleak.evaluate.background.method import BackgroundMethod
from edgeleak.evaluate.background.mixture import GaussianMixture
from edgeleak.evaluate.background.mog2 import FIXED_RATE, OpenCvMixture
from edgeleak.evaluate.background.scoring import (
    REFERENCES,
    SCORED_FRAMES,
    Split,
    make_references,
    psnr_db,
    split_frames,
)
from edgeleak.evaluate.background.sigma_delta import SigmaDelta
from edgeleak.evaluate.progress import Progress
from edgeleak.evaluate.sequences.grey import grey_sequence
from edgeleak.evaluate.sequences.sequence import Sequence

SHOWN_FRAME = 300


def background_methods(bits: int, with_opencv: bool = True) -> list[BackgroundMethod]:
    """Fresh methods for frames of *bits*, in the order of every table."""
    mixtures: list[BackgroundMethod] = [GaussianMixture(bits)]
    if with_opencv:
        mixtures += [OpenCvMixture(bits), OpenCvMixture(bits, FIXED_RATE)]
    return [RunningMean(), RunningMedian(), *mixtures, SigmaDelta(bits), *epsilon_methods(bits)]


@dataclass(frozen=True)
class MethodResult:
    """One method on one sequence.

    psnr_db            : reference -> (n_scored,) float64, dB
    state_bytes_per_px : bytes that live between frames
    ns_per_px          : median over frames of one step
    shown              : (H, W) float32 estimate after frame 300 (or the last)
    """

    key: str
    label: str
    parameters: str
    implementation: str
    psnr_db: dict[str, np.ndarray]
    state_bytes_per_px: float
    ns_per_px: float
    shown: np.ndarray


@dataclass(frozen=True)
class SequenceResult:
    """All methods on one sequence in one domain ("counts" or "grey")."""

    sequence: Sequence
    domain: str
    split: Split
    unseen_kind: str
    shown_frame: int
    shown_input: np.ndarray
    methods: list[MethodResult] = field(default_factory=list)

    def has(self, key: str) -> bool:
        return any(m.key == key for m in self.methods)

    def method(self, key: str) -> MethodResult:
        """The method with that key; KeyError where it did not run."""
        return {m.key: m for m in self.methods}[key]


def compare_sequence(
    sequence: Sequence,
    n_scored: int = SCORED_FRAMES,
    with_opencv: bool = True,
    progress: Progress = lambda name, done, total: None,
) -> list[SequenceResult]:
    """Run every method in the domain of the sequence, and in 8 bits too where it has 14."""
    domains = [("grey", grey_sequence(sequence))]
    if sequence.bits == 14:
        domains.insert(0, ("counts", sequence))
    return [_run(domain, seen, n_scored, with_opencv, progress) for domain, seen in domains]


def _run(
    domain: str, sequence: Sequence, n_scored: int, with_opencv: bool, progress: Progress
) -> SequenceResult:
    split = split_frames(sequence.n_frames, n_scored)
    references = make_references(sequence, split)
    methods = background_methods(sequence.bits, with_opencv)
    scores = np.empty((len(methods), len(REFERENCES), split.n_scored))
    steps_ns = np.zeros((len(methods), split.n_scored), np.int64)
    shown_frame = min(SHOWN_FRAME, split.n_scored)
    shown: list[np.ndarray] = []
    for index, raw in enumerate(islice(sequence.frames(), split.n_scored)):
        frame = np.ascontiguousarray(raw)
        targets = (references.paper, references.unseen(index))
        for m, method in enumerate(methods):
            steps_ns[m, index] = _timed_step(method, frame, index)
            estimate = method.estimate()
            scores[m, :, index] = [psnr_db(estimate, t, sequence.peak) for t in targets]
            if index + 1 == shown_frame:
                shown.append(estimate)
        if index + 1 == shown_frame:
            shown_input = frame.copy()
        progress(f"{sequence.name} {domain}", index + 1, split.n_scored)
    n_pixels = shown_input.size
    results = [
        MethodResult(
            method.key,
            method.label,
            method.parameters,
            method.implementation,
            dict(zip(REFERENCES, scores[m], strict=True)),
            method.state_bytes() / n_pixels,
            float(np.median(steps_ns[m, 1:])) / n_pixels,
            shown[m],
        )
        for m, method in enumerate(methods)
    ]
    return SequenceResult(
        sequence, domain, split, references.unseen_kind, shown_frame, shown_input, results
    )


def _timed_step(method: BackgroundMethod, frame: np.ndarray, index: int) -> int:
    begin = time.perf_counter_ns()
    method.start(frame) if index == 0 else method.step(frame)
    return time.perf_counter_ns() - begin
