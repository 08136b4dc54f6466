# SPDX-License-Identifier: Apache-2.0
"""Part (c): a real release from a nozzle, hand-held, without truth: pictures to look at."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import DataError
from edgeleak.evaluate.detection.clip import NOZZLE, Clip, Shot
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.statistics import share
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part, Table, judged
from edgeleak.evaluate.extras import load_opencv

FPS = 15.0
ORANGE = 40
GROW_PX = 5
SHOWN = (40, 70, 100, 130)
AFTER_S = 2.0


def nozzle_clip(data: Path) -> Clip:
    """The clip without what was burnt into it: a box and a score, painted over."""
    frames = _frames(data / NOZZLE)

    def shots() -> Iterator[Shot]:
        for frame in frames:
            yield Shot(frame[0], None, frame[1])

    return Clip("nozzle", frames[0][0].shape, FPS, 8, len(frames), shots)


@lru_cache(maxsize=1)
def _frames(path: Path) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    cv2 = load_opencv()
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        is_there, colour = video.read()
        if not is_there:
            break
        frames.append(_without_print(cv2, colour))
    video.release()
    if not frames:
        raise DataError(f"{path}: no frame could be decoded; is the file whole?")
    return tuple(frames)


def _without_print(cv2: Any, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) uint8 where what is orange, and what lies beside it, continues its surroundings;
    (H, W) bool, the inside of what is orange."""
    blue, red = colour[:, :, 0].astype(np.int16), colour[:, :, 2].astype(np.int16)
    printed = (red - blue > ORANGE).astype(np.uint8)
    printed = cv2.dilate(printed, np.ones((GROW_PX, GROW_PX), np.uint8))
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    inside = np.zeros(grey.shape, bool)
    if printed.any():
        rows, columns = np.flatnonzero(printed.any(axis=1)), np.flatnonzero(printed.any(axis=0))
        inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return cv2.inpaint(grey, printed, 5, cv2.INPAINT_TELEA), inside


def nozzle(store: Store, data: Path, methods: Sequence[Method], draws: bool, out: Path) -> Part:
    clip = nozzle_clip(data)
    tracks = store.run("nozzle", clip, methods)
    part = Part("nozzle", "(c) Release from a nozzle, hand-held, 15 frames/s")
    part.about = (
        f"{clip.n_frames} frames; the box and score that were burnt in are painted over. There is"
        " gas from the first frame on and no truth: look at nozzle.png. The plume leaves the dark"
        " nozzle to its left. The box is another network's guess at the plume, green in nozzle.png."
    )
    table = Table(
        f"After {AFTER_S:g} s: frames by verdict in %, marked part of the picture in %",
        ["method", "GAS", "NO GAS", "INHIBIT", "codes", "marked, median", "of it in the box"],
    )
    for method in methods:
        track = tracks[method.key]
        later = track.time_s >= AFTER_S
        shares = [share(track.is_word(word)[later]) for word in ("GAS", "NO GAS", "INHIBIT")]
        codes = sorted({int(c) for c in track.code[later]} - {0})
        marked = 100 * float(np.median(track.area_px[later])) / (clip.shape[0] * clip.shape[1])
        boxed = 100 * float(track.hit_px[later].sum() / max(1, track.area_px[later].sum()))
        cells = shares if method.decides else ["score only", "-", "-"]
        table.add(
            [method.label, *cells, ", ".join(map(str, codes)) or "-", f"{marked:.2f}",
             f"{boxed:.0f}"],
            method=method.key, words=[s.as_dict() for s in shares], codes=codes,
            marked_percent=marked, in_box_percent=boxed,
        )  # fmt: skip
    part.tables.append(table)
    part.notes += _judge(table, 100 * float(np.mean([f[1].mean() for f in _frames(data / NOZZLE)])))
    part.blind.append("whether what is marked is gas: nobody drew masks; 145 frames of one release")
    if draws:
        from edgeleak.evaluate.detection.pictures import marked_figure

        title = "Nozzle, hand-held: red is what a method marks; gas leaves the dark nozzle"
        part.pictures.append(marked_figure(clip, methods, SHOWN, title, out / "nozzle.png"))
    return part


def _judge(table: Table, box_percent: float) -> list[str]:
    """Marking at random puts the box's share of the picture into the box."""
    own = [row for row in table.values if row["method"] == "sensitive"]
    if not own:
        return []
    boxed = float(str(own[0]["in_box_percent"]))
    return [
        judged("`sensitive` marks the plume: most of what it marks lies in the box",
               boxed > 50, f"{boxed:.0f} %; the box is {box_percent:.0f} % of the picture, and what"
               " it marks besides are edges of the nozzle and the rim of the picture (nozzle.png)")
    ]  # fmt: skip
