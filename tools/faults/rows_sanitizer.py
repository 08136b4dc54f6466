# SPDX-License-Identifier: Apache-2.0
"""The compiled kernels under address and undefined-behaviour sanitizers: hostile frames."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from row import Outcome, Row

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("hostile_frames.py")
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all"
BUILT = ("src", "cext", "board", "setup.py", "pyproject.toml", "README.md", "build/cython")
KERNELS = ("chain", "level", "smooth", "change", "places", "ghosts", "regions", "motion",
           "background", "morphology", "agc", "clahe", "nuc", "link")  # fmt: skip
SYMBOLS = (b"__asan_init", b"__ubsan_handle")


def hostile_frames(count: int, seed: int) -> Outcome:
    """V5: zeros, full scale, beyond 14 bits, saturated, odd temperatures: no report, same bytes."""
    outcome = Outcome(clean_unit="frames")
    with tempfile.TemporaryDirectory(prefix="edgeleak-asan-") as name:
        source = Path(name)
        if not outcome.need(_build(source), "the sanitizer build failed"):
            return outcome
        for kernel in KERNELS:
            built = next((source / "src/edgeleak/kernels").glob(f"_{kernel}.*.so")).read_bytes()
            outcome.need(SYMBOLS[0] in built and SYMBOLS[1] in built,
                           f"kernel {kernel} was not built with the sanitizers")  # fmt: skip
        _compare(outcome, source / "src", (str(count), str(seed)))
        clean = max(400, count // 10)
        _compare(outcome, source / "src", (str(clean), str(seed), "clean"))
    return outcome


def _build(folder: Path) -> bool:
    """The kernels of the frame path at -O1 with both sanitizers, in a copy."""
    for name in BUILT:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, target)
    script = folder / "setup.py"
    script.write_text(script.read_text().replace('"-O3"', '"-O1"'))
    for built in (ROOT / "src/edgeleak/kernels").glob("*.so"):
        if not any(built.name.startswith(f"_{kernel}.") for kernel in KERNELS):
            shutil.copy2(built, folder / "src/edgeleak/kernels")
    settings = os.environ | {"CFLAGS": SANITIZE, "LDFLAGS": SANITIZE, "EDGELEAK_DEBUG": "1",
                             "EDGELEAK_ONLY": " ".join(KERNELS)}  # fmt: skip
    done = subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j2"],
                          cwd=folder, env=settings, capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0


def _library() -> str:
    done = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    return done.stdout.strip()


def _run(sources: Path, arguments: tuple[str, ...], **settings: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, cwd="/",
        env=os.environ | {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1", **settings},
    )  # fmt: skip
    return done.returncode, done.stdout.strip(), done.stderr


def _compare(outcome: Outcome, checked: Path, arguments: tuple[str, ...]) -> None:
    """The sanitizer build ends without report and gives the results of the usual build."""
    code, found, report = _run(
        checked, arguments, LD_PRELOAD=_library(), ASAN_OPTIONS="detect_leaks=0"
    )
    _, wanted, _ = _run(ROOT / "src", arguments)
    first = next((line for line in report.splitlines() if "rror" in line), report[-200:])
    is_good = outcome.expect(code == 0 and found == wanted and bool(found),
                             f"exit {code}: {first}; {found} expected {wanted}")  # fmt: skip
    wrong = int(found.split()[1]) if found else 0
    is_good = outcome.expect(not wrong, f"NO GAS on {wrong} blank frames") and is_good
    if arguments[-1] == "clean":
        outcome.clean += int(arguments[0])
        outcome.false_trips += not is_good
        return
    outcome.executed += int(arguments[0])
    outcome.trips += int(arguments[0]) if is_good else 0


ROWS = (
    Row("V5", "hostile frames on the sanitizer build: no report, same bytes", "process",
        10_000, 100_000, hostile_frames, "V5.patch", 400, control=0),
)  # fmt: skip
