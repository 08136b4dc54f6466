# SPDX-License-Identifier: Apache-2.0
"""Text and bars on an RGB canvas, with Pillow; everything drawn is also described.

The description is what tests and `--json` read: a picture that lost its legend must fail a
test, and pixels are a poor witness for words.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeleak.errors import StorageError, UnavailableError

PAPER = (18, 20, 24)
INK = (232, 234, 237)
FAINT = (154, 160, 168)


class Picture(NamedTuple):
    """A finished picture and what is in it.

    rgb         : (H, W, 3) uint8
    description : words, boxes (left, top, right, bottom in canvas pixels) and scales drawn
    """

    rgb: np.ndarray
    description: dict

    def save(self, path: Path) -> Path:
        """Write PNG (or what the name says); StorageError when the disk refuses."""
        try:
            _pillow().Image.fromarray(self.rgb).save(path)
        except OSError as error:
            raise StorageError(f"{path}: the picture could not be written ({error})") from error
        return path


class _Pillow(NamedTuple):
    Image: Any
    ImageDraw: Any
    ImageFont: Any


def _pillow() -> _Pillow:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise UnavailableError(
            "pictures need Pillow: pip install 'edgeleak[host]' (or python3-pil from Debian)"
        ) from error
    return _Pillow(Image, ImageDraw, ImageFont)


@dataclass
class Canvas:
    """RGB paper with a pen; `words` collects every text that was drawn."""

    width: int
    height: int
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pil = _pillow()
        self._image = self._pil.Image.new("RGB", (self.width, self.height), PAPER)
        self._draw = self._pil.ImageDraw.Draw(self._image)
        self._fonts: dict[int, Any] = {}

    def _font(self, size_px: int) -> object:
        if size_px not in self._fonts:
            self._fonts[size_px] = self._pil.ImageFont.load_default(size_px)
        return self._fonts[size_px]

    def text_width(self, text: str, size_px: int) -> int:
        return int(self._draw.textlength(text, font=self._font(size_px))) + 1

    def text(
        self,
        xy: tuple[int, int],
        text: str,
        size_px: int,
        *,
        ink: tuple = INK,
        anchor: str = "lm",
        room_px: int | None = None,
    ) -> int:
        """Draw one line, shortened with an ellipsis to `room_px`; returns its width.

        anchor : Pillow's two letters: l m r and t m b
        """
        if room_px is not None:
            text = self.shorten(text, size_px, room_px)
        if text:
            self._draw.text(xy, text, fill=ink, font=self._font(size_px), anchor=anchor)
            self.words.append(text)
        return self.text_width(text, size_px) if text else 0

    def shorten(self, text: str, size_px: int, room_px: int) -> str:
        if self.text_width(text, size_px) <= room_px:
            return text
        lengths = range(1, len(text))
        most = bisect_right(
            lengths, room_px, key=lambda n: self.text_width(text[:n] + "…", size_px)
        )
        kept = text[:most].rstrip()
        return kept + "…" if kept else ""

    def fill(self, box: tuple[int, int, int, int], ink: tuple, radius: int = 0) -> None:
        """Fill left, top, right, bottom (right and bottom exclusive)."""
        left, top, right, bottom = box
        self._draw.rounded_rectangle((left, top, right - 1, bottom - 1), radius, fill=ink)

    def frame(self, box: tuple[int, int, int, int], ink: tuple, thick_px: int) -> None:
        """A frame whose inner edge is the box."""
        left, top, right, bottom = box
        outer = (left - thick_px, top - thick_px, right + thick_px - 1, bottom + thick_px - 1)
        self._draw.rectangle(outer, outline=ink, width=thick_px)

    def bar(self, box: tuple[int, int, int, int], colours: np.ndarray) -> None:
        """A horizontal colour scale; colours is (n, 3) uint8 from left to right."""
        left, top, right, bottom = box
        pick = np.linspace(0, len(colours) - 1, right - left).round().astype(int)
        strip = np.broadcast_to(colours[pick], (bottom - top, right - left, 3))
        self.paste(np.ascontiguousarray(strip), (left, top))
        self._draw.rectangle((left - 1, top - 1, right, bottom), outline=FAINT)

    def paste(self, rgb: np.ndarray, at: tuple[int, int]) -> None:
        self._image.paste(self._pil.Image.fromarray(rgb), at)

    def rgb(self) -> np.ndarray:
        return np.array(self._image)


def enlarge_rgb(rgb: np.ndarray, zoom: int) -> np.ndarray:
    """Integer enlargement: smooth, so a 160x120 picture does not read as tiles."""
    if zoom == 1:
        return rgb
    image = _pillow().Image
    size = (rgb.shape[1] * zoom, rgb.shape[0] * zoom)
    return np.array(image.fromarray(rgb).resize(size, image.Resampling.BICUBIC))


def fit_rgb(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize to fit inside width x height, keeping proportions."""
    image = _pillow().Image
    share = min(width / rgb.shape[1], height / rgb.shape[0])
    size = (max(1, round(rgb.shape[1] * share)), max(1, round(rgb.shape[0] * share)))
    return np.array(image.fromarray(rgb).resize(size, image.Resampling.LANCZOS))
