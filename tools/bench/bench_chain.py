# SPDX-License-Identifier: Apache-2.0
"""Speed of EdgeLeak beside its peers: one table, one run, everybody takes turns.

    tools/bench/bench_chain.py [--quick] [--json] [--only chain|stages|pipeline|portable]

Times are ns per pixel, minimum and median; the ratio, last, is the median of the ratios inside
each round.  Results are compared in the same run: a fast wrong answer stops the program.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import peers
from frames import Course, aligned, log_levels, make_course
from ours import FusedChain, StagedChain, corrected_counts, grey_levels
from timing import Timing, best_ratio, paired_ratio, race

from edgeleak import kernels

SHAPES = ((480, 640), (240, 320), (120, 160))
SECTIONS = ("chain", "stages", "pipeline", "portable")


@dataclass(frozen=True)
class Row:
    """One contestant against ours (times in ns per pixel); target is a floor for the ratio."""

    section: str
    shape: str
    peer: str
    ours: str
    peer_min: float
    ours_min: float
    peer_median: float
    ours_median: float
    ratio: float
    ratio_of_minima: float
    target: float | None = None

    @property
    def is_met(self) -> bool | None:
        """The paired ratio decides."""
        return None if self.target is None else self.ratio >= self.target


@dataclass(frozen=True)
class Effort:
    """How long to look: rounds of turns, calls in a turn."""

    rounds: int
    calls: int = 16

    def at(self, pixels: int) -> "Effort":
        """More rounds for small frames: a turn is over sooner."""
        return Effort(max(self.rounds, min(self.rounds * 4, self.rounds * 307200 // pixels)))


FULL, QUICK = Effort(24), Effort(4)

CHAIN_TARGETS = {
    ("avx2", (480, 640), "user chain"): 5.0,
    ("avx2", (480, 640), "tuned chain"): 4.0,
    ("avx2", (120, 160), "user chain"): 4.0,
    ("avx2", (120, 160), "tuned chain"): 3.3,
    ("baseline", (480, 640), "user chain"): 4.0,
    ("baseline", (480, 640), "tuned chain"): 3.0,
}
STAGE_TARGETS = {"cv2.CLAHE": 3.2, "OpenCV float, any epsilon": 5.0, "MOG2": 100.0}
STAGE_TARGETS["OpenCV 8 bit, whole levels"] = 5.0


def name_of(shape: tuple[int, int]) -> str:
    return f"{shape[1]}x{shape[0]}"


def rows_against(
    section: str,
    course: Course,
    times: dict[str, Timing],
    ours: str,
    targets: dict[str, float],
) -> list[Row]:
    """A row for everybody but *ours*."""
    n, fast = course.pixels, times[ours]
    return [
        Row(
            section,
            name_of(course.shape),
            peer,
            ours,
            slow.best_ns / n,
            fast.best_ns / n,
            slow.median_ns / n,
            fast.median_ns / n,
            paired_ratio(slow, fast),
            best_ratio(slow, fast),
            targets.get(peer),
        )
        for peer, slow in times.items()
        if peer != ours
    ]


def must_equal(what: str, got: np.ndarray, want: np.ndarray, allowed: float = 0.0) -> None:
    """Stop when more than the *allowed* share of samples differ."""
    share = float((got != want).mean())
    if share > allowed:
        sys.exit(f"bench_chain: {what}: {share:.3%} of pixels differ, allowed {allowed:.3%}")


def check_chains(course: Course) -> None:
    """Fused = staged = OpenCV's CLAHE; the peers' masks agree but for float rounding."""
    fused, staged = FusedChain(course), StagedChain(course)
    lut = kernels.log_lut(*log_levels())
    user, tuned = peers.UserChain(course, lut), peers.TunedChain(course, lut)
    levels, n_set = grey_levels(course), 0
    for index in range(len(course.raw)):
        for ours in (fused, staged):
            ours.step(index)
            if index == 0:
                ours.background[...] = ours.grey.astype(np.uint16) << 8
        want = peers.cv2.createCLAHE(peers.CLIP_LIMIT, peers.TILES).apply(levels[index])
        must_equal("grey against OpenCV", fused.grey, want)
        for plane in ("counts", "grey", "background", "difference", "mask"):
            must_equal(f"fused {plane}", getattr(fused, plane), getattr(staged, plane))
        # float32 NUC and medianBlur round their own way: a few neighbours of bad pixels differ
        user_mask, tuned_mask = user.step(index), tuned.step(index)
        if index:
            must_equal("tuned chain's mask", tuned_mask, fused.mask, 0.02)
            must_equal("user chain's mask", user_mask, fused.mask, 0.02)
        n_set += int(np.count_nonzero(fused.mask)) if index else 0
    if n_set == 0:
        sys.exit("bench_chain: the plume never reached the mask: nothing was compared")


def bench_chain(course: Course, effort: Effort) -> list[Row]:
    """Raw counts to mask, without opening and regions."""
    from numba_twin import NumbaChain

    check_chains(course)
    lut = kernels.log_lut(*log_levels())
    contestants = {
        "user chain": peers.UserChain(course, lut).step,
        "tuned chain": peers.TunedChain(course, lut).step,
        "tuned chain, any epsilon": peers.TunedChain(course, lut, is_any_step=True).step,
        "numba twin": NumbaChain(course, lut, peers.THRESHOLD_LEVELS).step,
        "our staged kernels": StagedChain(course).step,
        "fused": FusedChain(course).step,
    }
    times = race(contestants, effort.rounds, effort.calls)
    isa = kernels.build_info()["isa"]
    targets = {p: t for (i, s, p), t in CHAIN_TARGETS.items() if (i, s) == (isa, course.shape)}
    return rows_against(f"chain ({isa})", course, times, "fused", targets)


def bench_nuc(course: Course, effort: Effort) -> list[Row]:
    counts = [aligned(frame) for frame in course.raw]
    work = aligned(counts[0])

    def ours(index: int) -> None:
        np.copyto(work, counts[index])
        kernels.nuc(work, course.gain_q14, course.offset)

    def bad_pixels(index: int) -> None:
        kernels.replace_bad_pixels(counts[index], course.bad_table)

    stages = peers.nuc_stages(course) | {"nuc (and a copy)": ours}
    rows = rows_against(
        "NUC", course, race(stages, effort.rounds, effort.calls), "nuc (and a copy)", {}
    )
    bad = peers.bad_pixel_stages(course) | {"replace_bad_pixels": bad_pixels}
    times = race(bad, effort.rounds, effort.calls)
    return rows + rows_against("bad pixels", course, times, "replace_bad_pixels", {})


def bench_agc(course: Course, effort: Effort) -> list[Row]:
    lut, counts = kernels.log_lut(*log_levels()), corrected_counts(course)
    grey = aligned(np.empty(course.shape, np.uint8))
    stages = peers.lut_stages(counts, lut)
    for name, run in stages.items():
        must_equal(name, np.asarray(run(0)), lut[counts[0]])
    stages["agc"] = lambda index: kernels.agc(counts[index], lut, grey)
    times = race(stages, effort.rounds, effort.calls)
    return rows_against("gain control", course, times, "agc", {})


def bench_clahe(course: Course, effort: Effort, is_quick: bool) -> list[Row]:
    levels = grey_levels(course)
    work = aligned(levels[0])

    def ours(index: int) -> np.ndarray:
        np.copyto(work, levels[index])
        kernels.clahe(work)
        return work

    stages = peers.clahe_stages(levels)
    for index in range(len(levels)):
        must_equal("clahe against OpenCV", ours(index), stages["cv2.CLAHE"](index))
    stages["clahe (and a copy)"] = ours
    times = race(stages, effort.rounds, effort.calls)
    rows = rows_against("CLAHE", course, times, "clahe (and a copy)", STAGE_TARGETS)
    if is_quick:
        return rows
    slow = {"skimage equalize_adapthist": peers.adapthist_stage(levels), "clahe (and a copy)": ours}
    times = race(slow, 3, 4)
    return rows + rows_against("CLAHE", course, times, "clahe (and a copy)", {})


def bench_background(course: Course, effort: Effort) -> list[Row]:
    levels = grey_levels(course)
    background = aligned(levels[0].astype(np.uint16) << 8)
    difference, mask = aligned(levels[0]), aligned(levels[0])

    def ours(index: int) -> np.ndarray:
        kernels.background_step(
            levels[index], background, difference, mask, 256, peers.THRESHOLD_LEVELS
        )
        return mask

    stages = peers.background_stages(levels)
    for index in range(len(levels)):
        want = ours(index)
        must_equal("8-bit OpenCV", stages["OpenCV 8 bit, whole levels"](index), want, 0.005)
    stages["background_step"] = ours
    times = race(stages, effort.rounds, effort.calls)
    return rows_against(
        "background, difference, mask", course, times, "background_step", STAGE_TARGETS
    )


def bench_stages(course: Course, effort: Effort, is_quick: bool) -> list[Row]:
    return [
        *bench_nuc(course, effort),
        *bench_agc(course, effort),
        *bench_clahe(course, effort, is_quick),
        *bench_background(course, effort),
    ]


def bench_portable(is_quick: bool) -> list[Row]:
    """The chain again in a process that may not use AVX2."""
    if "avx2" not in kernels.build_info()["isa_variants"]:
        return []
    command = [sys.executable, __file__, "--json", "--only", "chain"]
    command += ["--quick"] if is_quick else []
    env = os.environ | {"EDGELEAK_ISA": "baseline"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    own = Row.__dataclass_fields__
    return [
        Row(**{k: v for k, v in row.items() if k in own}) for row in json.loads(done.stdout)["rows"]
    ]


def collect(only: set[str], is_quick: bool) -> tuple[list[Row], list[dict[str, object]]]:
    """All rows, and the figures of pipeline and regions that have no peer's shape."""
    effort, rows, notes = (QUICK if is_quick else FULL), [], []
    for shape in SHAPES:
        if is_quick and shape == (240, 320):
            continue
        course = make_course(shape)
        say(f"{name_of(shape)} ...")
        if "chain" in only:
            rows += bench_chain(course, effort.at(course.pixels))
        if "stages" in only and shape != (240, 320):
            rows += bench_stages(course, effort.at(course.pixels), is_quick)
        if "pipeline" in only:
            from pipeline_cost import bench_pipeline

            notes += bench_pipeline(course, effort.at(course.pixels).rounds)
    if "portable" in only:
        say("portable build ...")
        rows += bench_portable(is_quick)
    return rows, notes


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def verdict(is_met: bool | None) -> str:
    return "" if is_met is None else "met" if is_met else "NOT MET"


def print_table(rows: list[Row]) -> None:
    print(
        f"{'':34}{'ns per pixel: min (median)':^38}{'minima':>9}{'paired':>9}\n"
        f"{'peer':<34}{'peer':>17}  {'ours':>17}  {'ratio':>9}{'ratio':>9}  at least"
    )
    heading = ""
    for row in rows:
        if (new := f"-- {row.section}, {row.shape}, ours: {row.ours}") != heading:
            heading = new
            print(heading)
        peer = f"{row.peer_min:.3f} ({row.peer_median:.3f})"
        ours = f"{row.ours_min:.3f} ({row.ours_median:.3f})"
        target = f"{row.target:.1f} {verdict(row.is_met)}" if row.target else ""
        print(
            f"  {row.peer:<32}{peer:>17}  {ours:>17}  {row.ratio_of_minima:9.2f}{row.ratio:9.2f}"
            f"  {target}"
        )


def print_notes(notes: list[dict[str, object]]) -> None:
    for note in notes:
        target = (
            f"   at most {note['at_most']} {verdict(note['is_met'])}" if "at_most" in note else ""
        )
        print(f"  {note['shape']:<9}{note['what']:<58}{note['value']:>9} {note['unit']}{target}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute, for CI")
    parser.add_argument("--json", action="store_true", help="the same figures for machines")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be repeated")
    args = parser.parse_args()
    rows, notes = collect(set(args.only or SECTIONS), args.quick)
    if args.json:
        kept = [asdict(row) | {"is_met": row.is_met} for row in rows]
        print(json.dumps({"build": kernels.build_info(), "rows": kept, "notes": notes}))
        return 0
    build = kernels.build_info()
    print(f"{build['compiler']}, {build['isa']}, OpenCV {peers.cv2.__version__}, one thread")
    print_table(rows)
    print_notes(notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
