# SPDX-License-Identifier: Apache-2.0
"""What a whole `Pipeline.step` costs: per profile, per element, and outside compiled code.

The overhead is a step on an 8x8 frame with one CLAHE tile: everything that does not grow with
the pixels, the calls into compiled code included; set against a step at 160x120.
"""

from time import perf_counter_ns
from types import SimpleNamespace

from frames import Course, make_course
from timing import race

from edgeleak import kernels
from edgeleak.pipeline import Pipeline, load_profile, stages

PROFILES = ("paper", "sensitive")
OVERHEAD_TARGET_PERCENT = 10.0
OVERHEAD_SHAPE = (120, 160)
TINY = (8, 8)
FPS = 30.0
Note = dict[str, object]


def make_pipeline(course: Course, profile: str, **changes: object) -> Pipeline:
    """A pipeline that has learnt: its steps run every element."""
    calibration = SimpleNamespace(
        shape=course.shape,
        gain_q14=course.gain_q14,
        offset=course.offset,
        bad_pixels=course.bad_table,
    )
    settings = load_profile(profile).replace(**changes)
    pipeline = Pipeline(course.shape, settings, FPS, calibration)
    for index in range(int(6 * FPS)):
        pipeline.step(course.raw[index % len(course.raw)])
    return pipeline


def note(course: Course, what: str, value: float, unit: str, **more: object) -> Note:
    h, w = course.shape
    return {"shape": f"{w}x{h}", "what": what, "value": round(value, 3), "unit": unit, **more}


def step_times(course: Course, rounds: int) -> tuple[list[Note], dict[str, float]]:
    """ns per pixel of a step of each profile; and ns of a step."""
    pipelines = {name: make_pipeline(course, name) for name in PROFILES}

    def stepper(pipeline: Pipeline) -> object:
        return lambda index: pipeline.step(course.raw[index])

    times = race({k: stepper(p) for k, p in pipelines.items()}, rounds, len(course.raw))
    notes = [
        note(course, f"Pipeline.step, profile {name}", time.best_ns / course.pixels, "ns/px")
        for name, time in times.items()
    ]
    return notes, {name: time.median_ns for name, time in times.items()}


def overhead(course: Course, steps_ns: dict[str, float], rounds: int) -> list[Note]:
    """Share of a step that is not pixel work."""
    tiny = make_course(TINY)
    notes = []
    for name in PROFILES:
        pipeline = make_pipeline(tiny, name, clahe__tiles_x=1, clahe__tiles_y=1)
        time = race({name: lambda i, p=pipeline: p.step(tiny.raw[i])}, rounds, 16)[name]
        share = 100 * time.median_ns / steps_ns[name]
        notes.append(
            note(
                course,
                f"outside pixel work, profile {name}: {time.median_ns / 1000:.1f} us",
                share,
                "%",
                at_most=OVERHEAD_TARGET_PERCENT,
                is_met=share < OVERHEAD_TARGET_PERCENT,
            )
        )
    return notes


class Meter:
    """Stands in for edgeleak.kernels inside the stages and times every call."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = {}

    def __getattr__(self, name: str) -> object:
        run = getattr(kernels, name)

        def timed(*args: object, **settings: object) -> object:
            start = perf_counter_ns()
            result = run(*args, **settings)
            self.spent_ns[name] = self.spent_ns.get(name, 0) + perf_counter_ns() - start
            return result

        setattr(self, name, timed)
        return timed


def elements(course: Course, steps: int) -> list[Note]:
    """ns per pixel of each element of profile `sensitive`, mean of *steps* steps."""
    pipeline = make_pipeline(course, "sensitive")
    meter = Meter()
    stages.kernels = meter
    try:
        start = perf_counter_ns()
        for index in range(steps):
            pipeline.step(course.raw[index % len(course.raw)])
        total = perf_counter_ns() - start
    finally:
        stages.kernels = kernels
    scale = 1 / steps / course.pixels
    notes = [
        note(course, f"  sensitive: {name}", spent * scale, "ns/px")
        for name, spent in sorted(meter.spent_ns.items(), key=lambda item: -item[1])
    ]
    rest = total - sum(meter.spent_ns.values())
    return [*notes, note(course, "  sensitive: the rest of the step", rest * scale, "ns/px")]


def bench_pipeline(course: Course, rounds: int) -> list[Note]:
    notes, steps_ns = step_times(course, rounds)
    if course.shape == OVERHEAD_SHAPE:
        notes += overhead(course, steps_ns, rounds)
    return notes + elements(course, 16 * max(2, rounds // 4))
