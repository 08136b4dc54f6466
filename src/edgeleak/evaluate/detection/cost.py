# SPDX-License-Identifier: Apache-2.0
"""Part (f): instructions per pixel of each element, counted, and what they buy."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import edgeleak
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.tables import write_text

ROOT = Path(edgeleak.__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "count_instructions.py"
SIZE = "640x480"
TARGETS, QUICK_TARGETS = ("x86-avx2", "aarch64"), ("x86-avx2",)
ELEMENTS = {
    "nuc": "correction: gain and offset",
    "bad_pixels": "correction: bad pixels",
    "follow": "background, difference, hold",
    "level": "level of the frame, local level",
    "smooth": "smoothing at plume scale",
    "change": "threshold, noise of each pixel, change",
    "open": "opening",
    "area": "area",
    "faint": "totals of places",
}
CHAIN = "chain"
MOST_RATIO = 2.0
LIMIT_S = 900


def cost(folder: Path, quick: bool) -> Part:
    """The part; it says so where nothing can be counted."""
    part = Part("cost", "(f) Instructions per pixel of the default profile")
    part.about = (
        f"Counted by tools/count_instructions.py at {SIZE} (callgrind, or qemu with a counting"
        " plugin); no load on the machine disturbs it."
    )
    counts, trouble = _counted(folder, QUICK_TARGETS if quick else TARGETS)
    if trouble:
        part.notes.append(trouble)
        return part
    targets = list(counts)
    table = Table("Instructions per pixel", ["element", *targets])
    for stage, name in ELEMENTS.items():
        values = {t: counts[t][stage][SIZE] for t in targets if stage in counts[t]}
        table.add([name, *(f"{values[t]:.2f}" if t in values else "-" for t in targets)],
                  element=stage, **values)  # fmt: skip
    sums = {t: sum(counts[t][s][SIZE] for s in ELEMENTS if s in counts[t]) for t in targets}
    chain = {t: counts[t][CHAIN][SIZE] for t in targets}
    table.add(["sum", *(f"{sums[t]:.2f}" for t in targets)], element="sum", **sums)
    table.add(["the paper's whole chain", *(f"{chain[t]:.2f}" for t in targets)],
              element=CHAIN, **chain)  # fmt: skip
    part.tables.append(table)
    for target in targets:
        ratio = sums[target] / chain[target]
        part.notes.append(
            judged(f"{target}: at most {MOST_RATIO:g} x the paper's chain", ratio <= MOST_RATIO,
                   f"{ratio:.2f} x")
        )  # fmt: skip
    part.blind.append(
        "the looks four times a second (places, outlines, ghosts, camera motion, structure) and the"
        " picture for people (gain control and CLAHE): docs/main-loop.md has the whole loop"
    )
    return part


def _counted(folder: Path, targets: tuple[str, ...]) -> tuple[dict, str]:
    """target -> stage -> size -> instructions; or why not."""
    if not TOOL.is_file():
        return {}, "not counted: this is an installed package; run from a checkout with tools/"
    seal = _seal(targets)
    path = folder / "instructions.json"
    if path.is_file():
        kept = json.loads(path.read_text())
        if kept.get("seal") == seal:
            return kept["per_pixel"], ""
    stages = [arg for stage in (*ELEMENTS, CHAIN) for arg in ("--stage", stage)]
    command = [sys.executable, str(TOOL), "--json", "--size", SIZE, *stages]
    command += [arg for target in targets for arg in ("--target", target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return {}, f"not counted: {TOOL.name} took more than {LIMIT_S} s; run it by hand"
    if done.returncode or not done.stdout.strip():
        return {}, f"not counted: {(done.stderr or done.stdout).strip()[-300:]}"
    per_pixel = json.loads(done.stdout.splitlines()[-1])["per_pixel"]
    write_text(path, json.dumps({"seal": seal, "per_pixel": per_pixel}))
    return per_pixel, ""


def _seal(targets: tuple[str, ...]) -> str:
    """Changes with every C header that is counted."""
    total = hashlib.sha256(repr((targets, tuple(ELEMENTS), SIZE)).encode())
    for path in [*sorted((ROOT / "cext" / "include").rglob("*.h")), TOOL]:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
