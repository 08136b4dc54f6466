# SPDX-License-Identifier: Apache-2.0
"""A picture in a terminal: one character is two pixels, upper half block over background."""

import numpy as np

from edgeleak.picture.canvas import fit_rgb

HALF_BLOCK = "▀"
RESET = "\x1b[0m"


def terminal_picture(rgb: np.ndarray, columns: int = 80, rows: int = 40) -> str:
    """Text with 24-bit colours that fits `columns` x `rows` characters.

    rgb : (H, W, 3) uint8
    """
    small = fit_rgb(rgb, columns, 2 * rows)
    if small.shape[0] % 2:
        small = np.concatenate((small, small[-1:]))
    lines = []
    for upper, lower in zip(small[0::2], small[1::2], strict=True):
        lines.append("".join(_cell(a, b) for a, b in zip(upper, lower, strict=True)) + RESET)
    return "\n".join(lines)


def _cell(upper: np.ndarray, lower: np.ndarray) -> str:
    front = f"38;2;{upper[0]};{upper[1]};{upper[2]}"
    back = f"48;2;{lower[0]};{lower[1]};{lower[2]}"
    return f"\x1b[{front};{back}m{HALF_BLOCK}"
