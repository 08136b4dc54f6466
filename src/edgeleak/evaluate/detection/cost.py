# SPDX-License-Identifier: Apache-2.0
"""Part (f): instructions per pixel of each element, counted, and what they buy."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import edgeleak
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.tables import write_text

ROOT = Path(edgeleak.__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "count_instructions.py"
SIZE = "640x480"
TARGETS, QUICK_TARGETS = ("x86-avx2", "aarch64"), ("x86-avx2",)
FRAMES_PER_S = 11.4
"""The most of a 640x480 sensor on the bus of the board (docs/main-loop.md): looks come a few times
a second, so a frame of a slower one carries more of them."""


class Element(NamedTuple):
    """One row: what the tool calls it, what it is, and in which frames it runs."""

    stage: str
    name: str
    every: int = 1


ELEMENTS = (
    Element("nuc", "correction: gain and offset"),
    Element("bad_pixels", "correction: bad pixels"),
    Element("register_find", "registration: search for a hand's shift"),
    Element("frame_level", "level of the frame"),
    Element("follow", "background, difference, hold"),
    Element("local_level", "local level"),
    Element("plume_smooth", "smoothing at plume scale"),
    Element("change", "threshold, noise of each pixel, change"),
    Element("open", "opening"),
    Element("area", "area"),
    Element("places", "places: sums of the mask, judging, clearing"),
    Element("faint", "faint gas: totals of places"),
    Element("outlines", "look: outlines, things, ghosts", 3),
    Element("faint_look", "look: faint gas", 3),
    Element("structure", "look: structure, ranges", 3),
    Element("motion", "look: camera motion", 2),
)
BY_HAND = Element("register_move", "held by hand besides: the picture moved back")
CHAIN = "chain"
STAGES = (*(element.stage for element in (*ELEMENTS, BY_HAND)), CHAIN)
Counts = dict[str, dict[str, float]]
"""Stage -> size -> instructions per pixel."""
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
    part.tables.append(_table(counts))
    for target, stages in counts.items():
        part.notes += [
            _judged(target, "on a tripod", sum_of(stages), stages[CHAIN][SIZE]),
            _judged(target, "held by hand", sum_of(stages) + _of(stages, BY_HAND),
                    stages[CHAIN][SIZE]),
        ]  # fmt: skip
    part.blind += [
        "Python around the kernels, some microseconds a frame, and copies of the picture:"
        " docs/main-loop.md has the whole loop, interpreter and all",
        "the picture for people (gain control and CLAHE), which is part of the paper's chain and of"
        " `sensitive` only while somebody looks",
        "a busier mask: outlines and places cost by what is masked; here a patch of 1/64 of the"
        " picture; the look for structure is NumPy, counted as the same sums in plain C",
    ]
    return part


def _of(stages: Counts, element: Element) -> float:
    """Instructions per pixel of a frame, on average."""
    return stages[element.stage][SIZE] / element.every


def sum_of(stages: Counts) -> float:
    """Of the whole classical part on a tripod."""
    return sum(_of(stages, element) for element in ELEMENTS)


def _table(counts: dict[str, Counts]) -> Table:
    table = Table(
        f"Instructions per pixel and frame at {FRAMES_PER_S:g} frames/s; looks are shared out over"
        " the frames between them",
        ["element", "every", *counts],
    )

    def add(name: str, every: str, values: dict[str, float]) -> None:
        table.add([name, every, *(f"{v:.2f}" for v in values.values())], element=name, **values)

    for element in ELEMENTS:
        add(element.name, _frames(element.every), {t: _of(s, element) for t, s in counts.items()})
    add("sum, on a tripod", "", {t: sum_of(s) for t, s in counts.items()})
    add(BY_HAND.name, _frames(BY_HAND.every), {t: _of(s, BY_HAND) for t, s in counts.items()})
    add("the paper's whole chain", "", {t: s[CHAIN][SIZE] for t, s in counts.items()})
    return table


def _frames(every: int) -> str:
    return "frame" if every == 1 else f"{every} frames"


def _judged(target: str, where: str, whole: float, chain: float) -> str:
    return judged(
        f"{target}, {where}: at most {MOST_RATIO:g} x the paper's chain",
        whole <= MOST_RATIO * chain, f"{whole:.1f} of {chain:.1f}, {whole / chain:.2f} x",
    )  # fmt: skip


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
    stages = [arg for stage in STAGES for arg in ("--stage", stage)]
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
    """Changes with every C file that is counted."""
    total = hashlib.sha256(repr((targets, STAGES, SIZE)).encode())
    folders = ROOT / "cext" / "include", ROOT / "tests" / "c"
    counted = sorted(path for folder in folders for path in folder.rglob("*.[ch]"))
    for path in (*counted, TOOL):
        total.update(path.read_bytes())
    return total.hexdigest()[:16]
