# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: event pictures, contact sheet, video; bounded in number."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.cli.answers import Event, strength
from edgeleak.cli.drawing import Painter
from edgeleak.cli.video import VideoWriter
from edgeleak.cli.watching import Seen
from edgeleak.errors import StorageError, UnavailableError
from edgeleak.frame import FrameInfo
from edgeleak.picture import Picture, contact_sheet
from edgeleak.picture.canvas import fit_rgb

SHEET_CELLS = 9
SPACED_KEPT = 12
MARKED_KEPT = 8
CELL_PX = 420
VIDEO_NAME, SHEET_NAME = "overlay.mp4", "contact_sheet.png"


@dataclass(slots=True)
class _Kept:
    seen: Seen
    rgb: np.ndarray
    note: str

    def caption(self) -> str:
        seen = self.seen
        time = "" if math.isnan(seen.time_s) else f" {seen.time_s:.1f} s,"
        return f"{self.note}frame {seen.index},{time} {seen.word}"


class Gallery:
    """Saves what is worth looking at while frames pass by.

    folder       : made when missing
    most         : largest number of event pictures
    video_fps    : None = no video; else frames a second of the MP4
    video_every  : draw every n-th frame into the video

    A full disk ends the saving, not the run: `trouble` then says what happened.
    """

    def __init__(self, folder: Path, painter: Painter, *, most: int = 24,
                 video_fps: float | None = None, video_every: int = 1) -> None:  # fmt: skip
        self.folder, self._painter, self._most = folder, painter, most
        self.pictures: list[tuple[Path, str]] = []
        self.files: list[Path] = []
        self.trouble: StorageError | None = None
        self.notes: list[str] = []
        self._video_every = video_every
        self._spaced: list[_Kept] = []
        self._stride = 1
        self._marked: list[_Kept] = []
        self._peak: tuple[Event, Seen, Picture] | None = None
        make_folder(folder)
        _remove_earlier(folder)
        self._video = self._start_video(video_fps)

    def _start_video(self, fps: float | None) -> VideoWriter | None:
        if fps is None:
            return None
        try:
            return VideoWriter(self.folder / VIDEO_NAME, fps)
        except UnavailableError as error:
            self.notes.append(str(error))
            return None

    def take(self, pipeline: Any, seen: Seen, info: FrameInfo, event: Event | None) -> None:
        """Look at one frame; draws it only when somebody will see it."""
        gas = event if seen.word == "GAS" else None
        if self._peak is not None and self._peak[0] is not gas:
            self._guarded(self._save_peak, *self._peak)
            self._peak = None
        first = gas is not None and gas.first is seen
        better = gas is not None and self._is_peak(seen)
        in_video = self._video is not None and seen.index % self._video_every == 0
        spaced = seen.index % self._stride == 0
        if not (first or better or in_video or spaced):
            return
        picture = self._painter.draw(pipeline, seen, info)
        if gas is not None and first:
            self._mark(seen, picture, "first: ")
            self._guarded(self._save, gas, seen, picture, "first")
        if gas is not None and better:
            self._peak = (gas, seen, picture)
        if spaced:
            self._keep_spaced(seen, picture)
        if self._video is not None and in_video:
            self._guarded(self._video.write, picture.rgb)

    def _is_peak(self, seen: Seen) -> bool:
        return self._peak is None or strength(seen) > strength(self._peak[1])

    def _guarded(self, action: Any, *given: Any) -> bool:
        """Do it; False when the disk refused, now or before."""
        if self.trouble is None:
            try:
                action(*given)
            except StorageError as error:
                self.trouble = error
        return self.trouble is None

    def _save(self, event: Event, seen: Seen, picture: Picture, what: str) -> None:
        if len(self.pictures) >= self._most:
            return
        path = self.folder / f"event{event.number:03d}_{what}_frame{seen.index:06d}.png"
        self.pictures.append((picture.save(path), f"event {event.number}, {what} frame"))

    def _save_peak(self, event: Event, seen: Seen, picture: Picture) -> None:
        if seen is event.first:
            return
        self._mark(seen, picture, "peak: ")
        self._save(event, seen, picture, "peak")

    def _mark(self, seen: Seen, picture: Picture, note: str) -> None:
        """Remember for the contact sheet: the first event and the strongest few."""
        self._marked.append(_Kept(seen, _small(picture), note))
        if len(self._marked) > MARKED_KEPT:
            weakest = min(self._marked[1:], key=lambda kept: strength(kept.seen))
            self._marked = [kept for kept in self._marked if kept is not weakest]

    def _keep_spaced(self, seen: Seen, picture: Picture) -> None:
        self._spaced.append(_Kept(seen, _small(picture), ""))
        if len(self._spaced) > SPACED_KEPT:  # half of them, twice as far apart
            self._spaced = self._spaced[::2]
            self._stride *= 2

    def close(self, title: str) -> None:
        """Finish video and contact sheet; `files` names those that are whole."""
        if self._peak is not None:
            self._guarded(self._save_peak, *self._peak)
        if self._video is not None:
            is_whole = self._guarded(self._video.close)
            if is_whole and self._video.frames:
                self.files.append(self._video.path)
        chosen = self._choose()
        if chosen:
            pairs = [(kept.rgb, kept.caption()) for kept in chosen]
            sheet = contact_sheet(pairs, title, cell_px=CELL_PX)
            path = self.folder / SHEET_NAME
            if self._guarded(sheet.save, path):
                self.files.append(path)

    def _choose(self) -> list[_Kept]:
        """Event frames first, the rest evenly spaced; in order of time."""
        strongest = sorted(self._marked, key=lambda kept: strength(kept.seen), reverse=True)
        first = self._marked[:1]
        marked = {id(k.seen): k for k in (*first, *strongest[: SHEET_CELLS // 2])}
        room = SHEET_CELLS - len(marked)
        spare = [kept for kept in self._spaced if id(kept.seen) not in marked]
        picks = np.unique(np.linspace(0, len(spare) - 1, min(room, len(spare))).round().astype(int))
        every = [*marked.values(), *(spare[i] for i in picks if spare)]
        return sorted(every, key=lambda kept: kept.seen.index)


def _small(picture: Picture) -> np.ndarray:
    return fit_rgb(picture.rgb, CELL_PX, 2 * CELL_PX)


def _remove_earlier(folder: Path) -> None:
    """Pictures and video of an earlier run: the page would mix two runs."""
    for old in (
        *folder.glob("event[0-9][0-9][0-9]_*.png"),
        folder / VIDEO_NAME,
        folder / SHEET_NAME,
    ):
        try:
            old.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"{old}: an old result cannot be replaced ({error.strerror})"
            ) from error


def make_folder(folder: Path) -> None:
    """Create a folder for results, or say why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be used as result folder ({error.strerror})"
        ) from error
