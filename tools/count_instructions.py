# SPDX-License-Identifier: Apache-2.0
"""Instructions per pixel of every stage, which no load on the machine can disturb.

    tools/count_instructions.py [--json] [--size 640x480] [--target x86-avx2 ...]

tests/c/chain_driver.c runs a stage three times and once; half the difference is the stage, and
set-up drops out.  x86-64 is counted by callgrind, aarch64 and armv7 by a counting plugin
(tools/qemu_count.c) in Debian's qemu-user; qemu-user-static has no plugins.
Exit code 1 when a limit that was counted is not kept.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "count"
FLAGS = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-static"]
PAPER = ("chain", "pass_a", "pass_b", "nuc", "bad_pixels", "agc", "clahe", "background_grey")
SENSITIVE = ("follow", "smooth", "level", "change", "open", "area", "faint")
ALSO = ("background_counts",)
REGISTER = ("register_find", "register_move")
LOOKS = ("frame_level", "local_level", "plume_smooth", "places", "outlines", "motion",
         "faint_look", "structure")  # fmt: skip
LINK = ("link_check", "link_unpack", "link_pack")
STAGES = PAPER + SENSITIVE + LOOKS + ALSO + REGISTER + LINK
JUDGED_SIZE = "640x480"
TARGETS_PER_PIXEL = {("x86-avx2", "chain"): 20.0, ("aarch64", "chain"): 23.0}
LINK_TARGET, LINK_STAGES = "aarch64", ("link_check", "link_unpack")
BUS_HZ = 62_500_000
"""The fastest row of docs/sensor-link.md: the one that leaves the least time."""
LINE_BYTES, LINES = 1130, 481
"""640 pixels of 14 bits with head and check sum; 480 lines and the telemetry (same document)."""
CORE_HZ, BUS_SHARE = 1e9, 0.25
"""A Cortex-A53 at one instruction a cycle, an estimate; the share is the goal."""


@dataclass(frozen=True)
class Target:
    """A compiler and a way to count; the ISA is forced through EDGELEAK_ISA on x86."""

    name: str
    compiler: str
    flags: tuple[str, ...] = ()
    emulator: str | None = None
    isa: str | None = None

    def missing(self) -> str | None:
        """What to install, or None."""
        if shutil.which(self.compiler) is None:
            return f"{self.compiler} is missing: see README"
        counter = self.emulator or "valgrind"
        if shutil.which(counter) is None:
            package = "qemu-user" if self.emulator else "valgrind"
            return f"{counter} is missing: apt install {package}"
        return None


ARMV7 = ("-march=armv7-a", "-mfpu=neon")
TARGETS = (
    Target("x86-avx2", "gcc", isa="avx2"),
    Target("x86-baseline", "gcc", isa="baseline"),
    Target("aarch64", "aarch64-linux-gnu-gcc", emulator="qemu-aarch64"),
    Target("armv7", "arm-linux-gnueabihf-gcc", ARMV7, "qemu-arm"),
)


def build_driver(target: Target) -> Path:
    driver = BUILD / f"chain_driver.{target.name}"
    source = [str(ROOT / "tests/c/chain_driver.c"), "-o", str(driver), "-lm"]
    include = [f"-I{ROOT / 'cext/include'}", f"-I{ROOT / 'tests/c'}"]
    subprocess.run([target.compiler, *FLAGS, *target.flags, *include, *source], check=True)
    return driver


def build_plugin() -> Path:
    plugin = BUILD / "qemu_count.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(plugin)]
    subprocess.run([*command, str(ROOT / "tools/qemu_count.c")], check=True)
    return plugin


def instructions(target: Target, command: list[str], plugin: Path | None) -> int:
    """Instructions of one run of *command*, set-up included."""
    if plugin:
        counted, pattern = [target.emulator, "-plugin", str(plugin)], r"instructions (\d+)"
    else:
        counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        pattern = r"Collected : (\d+)"
    env = {"EDGELEAK_ISA": target.isa or "", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*counted, *command], capture_output=True, text=True, env=env)
    found = re.search(pattern, done.stderr)
    if done.returncode or not found:
        sys.exit(f"count_instructions: {' '.join(command)} on {target.name}:\n{done.stderr[-800:]}")
    return int(found[1])


def per_pixel(
    target: Target, driver: Path, stage: str, size: tuple[int, int], plugin: Path | None
) -> float:
    w, h = size
    command = [str(driver), stage, str(w), str(h)]
    three = instructions(target, [*command, "3"], plugin)
    one = instructions(target, [*command, "1"], plugin)
    return (three - one) / 2 / (w * h)


def count(
    target: Target, sizes: list[tuple[int, int]], stages: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """stage -> size -> instructions per pixel."""
    BUILD.mkdir(parents=True, exist_ok=True)
    driver = build_driver(target)
    plugin = build_plugin() if target.emulator else None
    return {
        stage: {f"{w}x{h}": per_pixel(target, driver, stage, (w, h), plugin) for w, h in sizes}
        for stage in stages
    }


def size_of(text: str) -> tuple[int, int]:
    w, _, h = text.partition("x")
    return int(w), int(h)


def print_table(counts: dict[str, dict[str, dict[str, float]]], sizes: list[str]) -> None:
    columns = [(target, size) for target in counts for size in sizes]
    print("instructions per pixel".ljust(24) + "".join(t.rjust(15) for t, _ in columns))
    print(" " * 24 + "".join(s.rjust(15) for _, s in columns))
    stages = list(next(iter(counts.values()), {}))
    for stage in stages:
        cells = "".join(f"{counts[t][stage][s]:15.2f}" for t, s in columns)
        print(stage.ljust(24) + cells)
    for line, _ in judged(counts):
        print(line)


def judged(counts: dict[str, dict[str, dict[str, float]]]) -> list[tuple[str, bool]]:
    """(sentence, kept) of every limit whose stages were counted at the judged size."""
    found = []
    for (target, stage), limit in TARGETS_PER_PIXEL.items():
        seen = counts.get(target, {}).get(stage, {}).get(JUDGED_SIZE)
        if seen is not None:
            found.append((f"{target} {stage} at {JUDGED_SIZE}: {seen:.2f}, at most {limit:.0f}",
                          seen <= limit))  # fmt: skip
    stages = counts.get(LINK_TARGET, {})
    parts = [stages.get(stage, {}).get(JUDGED_SIZE) for stage in LINK_STAGES]
    if None not in parts:
        found.append(_link(sum(part for part in parts if part is not None)))
    return [(f"{line}: {'met' if kept else 'NOT MET'}", kept) for line, kept in found]


def _link(seen: float) -> tuple[str, bool]:
    """Check and unpacking of one frame against a quarter of its time on the bus."""
    width, height = size_of(JUDGED_SIZE)
    took_ms = 1e3 * seen * width * height / CORE_HZ
    most_ms = 1e3 * BUS_SHARE * LINES * LINE_BYTES * 8 / BUS_HZ
    line = (f"{LINK_TARGET} {' + '.join(LINK_STAGES)} at {JUDGED_SIZE}: {took_ms:.2f} ms at"
            f" {CORE_HZ / 1e9:g} GHz and one instruction a cycle, at most {most_ms:.1f} ms, a"
            f" quarter of the frame on a bus of {BUS_HZ / 1e6:g} MHz")  # fmt: skip
    return line, took_ms <= most_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--size", action="append", type=size_of, help="WxH, may be repeated")
    parser.add_argument("--target", action="append", choices=[t.name for t in TARGETS])
    parser.add_argument("--stage", action="append", choices=STAGES)
    args = parser.parse_args()
    sizes = args.size or [(640, 480), (160, 120)]
    counts, skipped = {}, {}
    for target in TARGETS:
        if args.target and target.name not in args.target:
            continue
        if reason := target.missing():
            skipped[target.name] = reason
            print(f"count_instructions: {target.name} left out: {reason}", file=sys.stderr)
            continue
        counts[target.name] = count(target, sizes, tuple(args.stage or STAGES))
    if args.json:
        print(json.dumps({"per_pixel": counts, "left_out": skipped}))
    else:
        print_table(counts, [f"{w}x{h}" for w, h in sizes])
    if not counts:
        return 69
    return 0 if all(kept for _, kept in judged(counts)) else 1


if __name__ == "__main__":
    sys.exit(main())
