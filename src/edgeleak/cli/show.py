# SPDX-License-Identifier: Apache-2.0
"""Live picture: a window where there is a screen, else half blocks in the terminal."""

import os
import shutil
import sys
import time
from typing import Protocol, TextIO

import numpy as np

from edgeleak.errors import UnavailableError
from edgeleak.picture import terminal_picture

TERMINAL_PERIOD_S = 0.1
SPACE_BELOW_ROWS = 3


class Screen(Protocol):
    """Where live pictures go."""

    def show(self, rgb: np.ndarray) -> bool:
        """Show one (H, W, 3) uint8 picture; False when the user closed it."""

    def close(self) -> None:
        """Take the picture away."""


class Window:
    """A tkinter window; q, Escape or closing it ends the replay."""

    def __init__(self, title: str) -> None:
        import tkinter

        from PIL import Image, ImageTk

        self._image, self._imagetk = Image, ImageTk
        self._root = tkinter.Tk()
        self._root.title(title)
        self._open = True
        self._label = tkinter.Label(self._root, background="#121418")
        self._label.pack()
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda _event: self._leave())
        self._root.protocol("WM_DELETE_WINDOW", self._leave)

    def _leave(self) -> None:
        self._open = False

    def show(self, rgb: np.ndarray) -> bool:
        self._photo = self._imagetk.PhotoImage(self._image.fromarray(rgb))
        self._label.configure(image=self._photo)
        self._root.update()
        return self._open

    def close(self) -> None:
        self._root.destroy()


class Terminal:
    """Half blocks on a terminal, ten pictures a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_s = -1e9
        stream.write("\x1b[2J\x1b[?25l")  # clear, hide the cursor

    def show(self, rgb: np.ndarray) -> bool:
        now_s = time.monotonic()
        if now_s - self._last_s < TERMINAL_PERIOD_S:
            return True
        self._last_s = now_s
        columns, rows = shutil.get_terminal_size()
        picture = terminal_picture(rgb, columns, max(2, rows - SPACE_BELOW_ROWS))
        self._stream.write("\x1b[H" + picture + "\n")
        self._stream.flush()
        return True

    def close(self) -> None:
        self._stream.write("\x1b[0m\x1b[?25h\n")
        self._stream.flush()


def open_screen(title: str, stream: TextIO = sys.stderr) -> Screen:
    """The best screen there is; UnavailableError when there is none at all."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        try:
            return Window(title)
        except Exception as error:  # tkinter missing, or its TclError: fall back, but say so
            print(f"edgeleak: no window ({error}); using the terminal", file=sys.stderr)
    if stream.isatty():
        return Terminal(stream)
    raise UnavailableError(
        "--show needs a screen or a terminal, and there is neither; use --out DIR and open"
        " DIR/index.html"
    )


class Pace:
    """Lets frames through at their own speed."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._zero_s: float | None = None

    def wait_for(self, time_s: float) -> None:
        """Sleep until the moment of a frame; late frames pass at once."""
        if time_s != time_s:
            return
        now_s = time.monotonic()
        if self._zero_s is None:
            self._zero_s = now_s - time_s / self._speed
        time.sleep(max(0.0, self._zero_s + time_s / self._speed - now_s))
