# SPDX-License-Identifier: Apache-2.0
"""The picture of what could be seen: green where it would, red where nothing would."""

from typing import Any

import numpy as np

from edgeleak.picture import Picture
from edgeleak.picture.canvas import FAINT, Canvas, enlarge_rgb

GREEN, AMBER, RED = (60, 200, 110), (235, 170, 40), (220, 60, 60)
TIMES = 4.0
BANNER_PX, LEGEND_PX = 44, 56
LEAST_WIDTH_PX = 640
COLUMN_PPM_M = 1000.0


def drawn(grey: np.ndarray, limits: Any, document: dict[str, Any]) -> Picture:
    """The map over the scene.

    grey : (H, W) uint8

    Shows the rate where distance and response are known, else 1000 ppm m.
    """
    if limits.rate_g_per_h is None:
        needed, asked, unit = limits.column_ppm_m, COLUMN_PPM_M, "ppm m"
        share = limits.share_where(asked)
    else:
        needed, asked, unit = limits.rate_g_per_h, document["rate_g_per_h"], "g/h"
        share = limits.share_of_rate(asked)
    rgb = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    for where, ink in (
        (needed <= asked, GREEN),
        ((needed > asked) & (needed <= TIMES * asked), AMBER),
        (needed > TIMES * asked, RED),
    ):
        rgb[where] = 0.65 * rgb[where] + 0.35 * np.array(ink, np.float32)
    zoom = max(1, -(-LEAST_WIDTH_PX // grey.shape[1]))
    scene = enlarge_rgb(rgb.astype(np.uint8), zoom)
    canvas = Canvas(scene.shape[1], scene.shape[0] + BANNER_PX + LEGEND_PX)
    canvas.paste(scene, (0, BANNER_PX))
    room = canvas.width - 20
    title = f"{asked:g} {unit} of methane could be seen in {100 * share:.0f} % of this picture"
    canvas.text((10, BANNER_PX // 2), title, 18, room_px=room)
    foot = BANNER_PX + scene.shape[0]
    most = f"{TIMES * asked:g}"
    legend = f"green: {asked:g} {unit} is enough; amber: up to {most}; red: more than {most}"
    canvas.text((10, foot + 16), legend, 14, room_px=room)
    words = f"air {document['air']['counts']:.0f} counts, {document['air']['words']}"
    canvas.text((10, foot + 40), words, 13, ink=FAINT, room_px=room)
    return Picture(canvas.rgb(), {"words": canvas.words, "share": share, "unit": unit})
