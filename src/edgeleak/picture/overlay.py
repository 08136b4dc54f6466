# SPDX-License-Identifier: Apache-2.0
"""The picture an operator sees: scene, gas tint, red boxes, verdict banner, legend with units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeleak.frame import EIGHT_BIT_SHIFT, FrameFlag, FrameInfo
from edgeleak.picture.canvas import FAINT, PAPER, Canvas, Picture, enlarge_rgb
from edgeleak.picture.palettes import GAS_COLD, GAS_WARM, colour, gas_tint, palette

VERDICT_INK = {
    "GAS": (214, 40, 40),
    "NO GAS": (34, 134, 70),
    "INHIBIT": (200, 130, 10),
    "FAULT": (136, 60, 170),
}
RED = (255, 45, 45)
YELLOW = (250, 215, 70)
SCENE_GREY = np.float32(110)  # the gas scale is shown over a middle grey
SMALLEST_WIDTH_PX = 640
LABELLED_BOXES = 3
DRAWN_BOXES = 40
BANNER_PX = 40
LEGEND_PX = 58
TEXT_PX = 14
REASON_PX = 13
LABEL_PX = 12
LABEL_HEIGHT_PX = 16
COUNTS_PER_LEVEL = 1 << EIGHT_BIT_SHIFT
VERDICT_PX = 21


@dataclass(frozen=True, slots=True)
class Legend:
    """What the numbers of a picture mean.

    source            : name of the recording or camera
    time_s            : time of the frame since the first one; NaN unknown
    counts_range      : counts shown darkest and brightest by the gain control, or None
    gas_scale_counts  : contrast at full tint
    eight_bit         : counts are levels of an 8-bit video times 64; shown as levels
    palette           : name of the colour table of the scene
    grey_contrast     : contrasts of regions are levels of the grey picture, not counts
    frame             : number of the frame in tables and file names, from 0; None has none
    """

    source: str = ""
    time_s: float = math.nan
    counts_range: tuple[float, float] | None = None
    gas_scale_counts: float = 40.0
    eight_bit: bool = False
    palette: str = "grey"
    grey_contrast: bool = False
    frame: int | None = None


def overlay(
    grey: np.ndarray,
    mask: np.ndarray | None,
    regions: np.ndarray | None,
    verdict: object,
    info: FrameInfo,
    legend: Legend = Legend(),
    *,
    gas_counts: np.ndarray | None = None,
    evidence: float = math.nan,
    others: np.ndarray | None = None,
) -> Picture:
    """Draw one frame.

    grey       : (H, W) uint8 picture after gain control
    mask       : (H, W) uint8 0/255, pixels of changed radiance; None = no tint
    regions    : structured array with x, y, w, h, area_px, contrast_counts; None = no boxes
    verdict    : anything whose str() is GAS, NO GAS, INHIBIT or FAULT; `.reason` is shown
    gas_counts : (H, W) contrast in counts, signed, colours the tint; None tints by the mask alone
    evidence   : number shown in the banner; NaN is left out
    others     : regions that changed but are not what was called gas, like `regions`

    Boxes of `regions` are red when the verdict is GAS.  All others are thin and yellow: a change,
    not confirmed.  The inner edge of a box is the region exactly.  Pictures narrower than 640
    pixels are enlarged.
    """
    zoom = _zoom_of(grey.shape)
    scene = enlarge_rgb(_coloured(grey, mask, gas_counts, legend), zoom)
    canvas, at = _framed(scene)
    height = scene.shape[0]
    word = str(verdict)
    beside = _draw_boxes(canvas, others, YELLOW, zoom, at)
    boxes = _draw_boxes(canvas, regions, RED if word == "GAS" else YELLOW, zoom, at)
    if word == "GAS":
        _label_boxes(canvas, boxes, regions, beside, legend)
    _clear_margins(canvas, height)
    _draw_banner(canvas, word, getattr(verdict, "reason", ""), evidence)
    _draw_legend(canvas, BANNER_PX + height, legend, info)
    drawn = {"scene_at_px": list(at), "zoom": zoom, "boxes_px": boxes, "other_boxes_px": beside}
    return Picture(canvas.rgb(), _described(canvas, word, info, drawn))


def _framed(scene: np.ndarray) -> tuple[Canvas, tuple[int, int]]:
    """The scene between banner and legend, and where its corner is."""
    height, width = scene.shape[:2]
    canvas = Canvas(max(width, SMALLEST_WIDTH_PX), height + BANNER_PX + LEGEND_PX)
    at = ((canvas.width - width) // 2, BANNER_PX)
    canvas.paste(scene, at)
    return canvas, at


def _described(canvas: Canvas, word: str, info: FrameInfo, drawn: dict) -> dict:
    """What the picture shows, for tests and for those who cannot see it."""
    return {
        "verdict": word,
        "sequence": info.sequence,
        "size_px": [canvas.width, canvas.height],
        **drawn,
        "box_colour": "red" if word == "GAS" else "yellow",
        "words": canvas.words,
    }


def _zoom_of(shape: tuple[int, ...]) -> int:
    """Whole number by which small pictures are enlarged."""
    wanted = -(-SMALLEST_WIDTH_PX // shape[1]) if max(shape) < 480 else 1
    return min(max(1, wanted), 8)


def _coloured(grey: np.ndarray, mask: np.ndarray | None, gas_counts: np.ndarray | None,
              legend: Legend) -> np.ndarray:  # fmt: skip
    rgb = colour(grey, legend.palette)
    return rgb if mask is None else _tinted(rgb, mask, gas_counts, legend.gas_scale_counts)


def _tinted(rgb: np.ndarray, mask: np.ndarray, gas_counts: np.ndarray | None,
            scale_counts: float) -> np.ndarray:  # fmt: skip
    inside = mask > 0
    if not inside.any():
        return rgb
    gas = gas_counts if gas_counts is not None else np.full(mask.shape, -scale_counts, np.float32)
    tint, opacity = gas_tint(np.asarray(gas)[inside], scale_counts)
    base = rgb[inside].astype(np.float32)
    out = rgb.copy()
    out[inside] = (base + opacity[:, None] * (tint - base)).astype(np.uint8)
    return out


def _draw_boxes(canvas: Canvas, regions: np.ndarray | None, ink: tuple, zoom: int,
                at: tuple[int, int]) -> list[list[int]]:  # fmt: skip
    """The largest ones, in order of size; what was drawn, in canvas pixels."""
    if regions is None:
        return []
    boxes: list[list[int]] = []
    for region in _largest(regions)[:DRAWN_BOXES]:
        x, y, w, h = (zoom * int(region[name]) for name in "xywh")
        box = (at[0] + x, at[1] + y, at[0] + x + w, at[1] + y + h)
        canvas.frame(box, ink, 2 if ink == RED else 1)
        boxes.append(list(box))
    return boxes


def _largest(regions: np.ndarray) -> np.ndarray:
    return regions[np.argsort(-regions["area_px"].astype(np.int64), kind="stable")]


def _label_boxes(canvas: Canvas, boxes: list[list[int]], regions: np.ndarray | None,
                 others: list[list[int]], legend: Legend) -> None:  # fmt: skip
    """Contrast and size beside the largest boxes, where neither box nor label stands."""
    taken: list[Sequence[int]] = [*boxes, *others]
    if regions is None:
        return
    labelled = _largest(regions)[:LABELLED_BOXES]
    for box, region in zip(boxes, labelled, strict=False):
        text = f"{_contrast(region['contrast_counts'], legend)}, {region['area_px']} px"
        place = _free_place(canvas, box, canvas.text_width(text, LABEL_PX) + 8, taken)
        if place is not None:
            canvas.fill(place, RED)
            canvas.text((place[0] + 4, place[1] + 8), text, LABEL_PX, ink=(255, 255, 255))
            taken.append(place)


def _contrast(counts: float, legend: Legend) -> str:
    if legend.grey_contrast:
        return f"{counts:+.0f} grey levels"
    if legend.eight_bit:
        return f"{counts / COUNTS_PER_LEVEL:+.1f} levels"
    return f"{counts:+.0f} counts"


def _free_place(canvas: Canvas, box: list[int], wide: int,
                taken: list[Sequence[int]]) -> tuple[int, int, int, int] | None:  # fmt: skip
    """Above, below, right or left of a box, inside the scene; None when all is taken."""
    lowest = canvas.height - LEGEND_PX - LABEL_HEIGHT_PX
    start, end = box[0] - 2, box[2] + 2 - wide
    above, below = box[1] - 2 - LABEL_HEIGHT_PX, box[3] + 2
    beside = (box[1], box[3] - LABEL_HEIGHT_PX)
    wanted = [(x, y) for y in (above, below) for x in (start, end)]
    wanted += [(x, y) for x in (box[2] + 2, box[0] - 2 - wide) for y in beside]
    for x, y in wanted:
        x = max(0, min(x, canvas.width - wide))
        place = (x, y, x + wide, y + LABEL_HEIGHT_PX)
        if BANNER_PX <= y <= lowest and not any(_overlap(place, other) for other in taken):
            return place
    return None


def _overlap(a: Sequence[int], b: Sequence[int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _clear_margins(canvas: Canvas, height: int) -> None:
    """A box at the picture's rim must not run into banner or legend."""
    canvas.fill((0, 0, canvas.width, BANNER_PX), PAPER)
    canvas.fill((0, BANNER_PX + height, canvas.width, canvas.height), PAPER)


def _draw_banner(canvas: Canvas, word: str, reason: str, evidence: float) -> None:
    middle = BANNER_PX // 2
    chip = canvas.text_width(word, VERDICT_PX) + 26
    canvas.fill((6, 5, 6 + chip, BANNER_PX - 5), VERDICT_INK.get(word, FAINT), radius=5)
    canvas.text((6 + chip // 2, middle), word, VERDICT_PX, ink=(255, 255, 255), anchor="mm")
    right = canvas.width - 10
    if not math.isnan(evidence):
        right -= canvas.text((right, middle), f"evidence {evidence:.3g}", TEXT_PX, anchor="rm") + 14
    left, room = chip + 18, right - chip - 18
    first, second = _in_two_lines(canvas, reason, room)
    row = middle if not second else middle - 8
    canvas.text((left, row), first, REASON_PX, room_px=room)
    canvas.text((left, middle + 8), second, REASON_PX, room_px=room)


def _in_two_lines(canvas: Canvas, text: str, room_px: int) -> tuple[str, str]:
    """Break at the last space that fits; the second line is shortened where it is drawn."""
    if canvas.text_width(text, REASON_PX) <= room_px:
        return text, ""
    words = text.split(" ")
    for count in range(len(words) - 1, 0, -1):
        first = " ".join(words[:count])
        if canvas.text_width(first, REASON_PX) <= room_px:
            return first, " ".join(words[count:])
    return text, ""


def _draw_legend(canvas: Canvas, top: int, legend: Legend, info: FrameInfo) -> None:
    third = canvas.width // 3
    _scene_scale(canvas, (10, top + 8, third - 16, top + 20), legend)
    _gas_scale(canvas, (third + 6, top + 8, 2 * third - 20, top + 20), legend)
    right, room = canvas.width - 10, third - 10
    canvas.text((right, top + 15), legend.source, TEXT_PX, anchor="rm", room_px=room)
    time = "" if math.isnan(legend.time_s) else f"t {legend.time_s:.2f} s  "
    noted = "  8-bit" if legend.eight_bit or info.flags & FrameFlag.EIGHT_BIT else ""
    text = f"{time}{frame_name(legend.frame, info.sequence)}{noted}"
    canvas.text((right, top + 38), text, TEXT_PX, ink=FAINT, anchor="rm", room_px=room)


def frame_name(frame: int | None, sequence: int) -> str:
    """The number of the tables; after # the camera's own sequence where it differs."""
    if frame is None or frame == sequence:
        return f"frame {sequence}"
    return f"frame {frame} #{sequence}"


def _scene_scale(canvas: Canvas, box: tuple[int, int, int, int], legend: Legend) -> None:
    canvas.bar(box, palette(legend.palette))
    row = box[3] + 18
    if legend.counts_range is None:
        canvas.text(((box[0] + box[2]) // 2, row), "scene, grey levels", TEXT_PX, anchor="mm")
        return
    unit = "levels" if legend.eight_bit else "counts"
    low, high = (value / _counts_per_unit(legend) for value in legend.counts_range)
    canvas.text((box[0], row), f"{low:.0f}", TEXT_PX)
    canvas.text(((box[0] + box[2]) // 2, row), f"scene, {unit}", TEXT_PX, ink=FAINT, anchor="mm")
    canvas.text((box[2], row), f"{high:.0f}", TEXT_PX, anchor="rm")


def _counts_per_unit(legend: Legend) -> int:
    return COUNTS_PER_LEVEL if legend.eight_bit else 1


def _gas_scale(canvas: Canvas, box: tuple[int, int, int, int], legend: Legend) -> None:
    span = np.linspace(-1, 1, 101, dtype=np.float32) * legend.gas_scale_counts
    tint, opacity = gas_tint(span, legend.gas_scale_counts)
    ramp = SCENE_GREY + opacity[:, None] * (tint - SCENE_GREY)
    canvas.bar(box, ramp.astype(np.uint8))
    row, scale = box[3] + 18, f"{legend.gas_scale_counts / _counts_per_unit(legend):.0f}"
    unit = "levels" if legend.eight_bit else "counts"
    canvas.text((box[0], row), f"-{scale}", TEXT_PX, ink=GAS_COLD)
    middle = (box[0] + box[2]) // 2
    canvas.text((middle, row), f"gas, {unit}", TEXT_PX, ink=FAINT, anchor="mm")
    canvas.text((box[2], row), f"+{scale}", TEXT_PX, ink=GAS_WARM, anchor="rm")
