# SPDX-License-Identifier: Apache-2.0
"""Colour tables for the grey picture: 256 levels to RGB."""

from functools import cache

import numpy as np

from edgeleak.errors import UsageError

# Stops are (level, red, green, blue); between them the colour is linear.
STOPS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "grey": ((0, 0, 0, 0), (255, 255, 255, 255)),
    "grey-inverted": ((0, 255, 255, 255), (255, 0, 0, 0)),
    "iron": (
        (0, 0, 0, 10), (48, 45, 0, 110), (96, 140, 0, 150), (144, 215, 55, 80),
        (192, 250, 145, 10), (228, 255, 220, 70), (255, 255, 255, 240),
    ),
    "arctic": (
        (0, 5, 5, 40), (70, 20, 70, 150), (128, 70, 150, 190), (180, 200, 200, 190),
        (220, 240, 190, 90), (255, 255, 245, 200),
    ),
    "rainbow": (
        (0, 20, 0, 70), (51, 0, 40, 220), (102, 0, 190, 200), (153, 60, 210, 40),
        (204, 250, 200, 0), (255, 230, 20, 0),
    ),
    "green": ((0, 0, 8, 0), (128, 20, 130, 30), (210, 120, 225, 120), (255, 235, 255, 230)),
    "amber": ((0, 8, 3, 0), (128, 150, 75, 0), (210, 255, 175, 40), (255, 255, 245, 215)),
}  # fmt: skip

NAMES = tuple(STOPS)


@cache
def palette(name: str) -> np.ndarray:
    """(256, 3) uint8 RGB of a palette, read only; UsageError lists the known names."""
    if name not in STOPS:
        raise UsageError(f"palette '{name}' is not known; choose one of {', '.join(NAMES)}")
    stops = np.array(STOPS[name], float)
    levels = np.arange(256)
    rgb = [np.interp(levels, stops[:, 0], stops[:, 1 + channel]) for channel in range(3)]
    table = np.rint(np.stack(rgb, axis=1)).astype(np.uint8)
    table.flags.writeable = False
    return table


def colour(grey: np.ndarray, name: str = "grey") -> np.ndarray:
    """(H, W) uint8 grey to (H, W, 3) uint8 RGB."""
    return palette(name)[grey]


GAS_COLD = (40, 200, 255)
GAS_WARM = (255, 170, 30)
"""Gas darker than its background (absorbing) is cyan, brighter (emitting) is orange."""


def gas_tint(gas_counts: np.ndarray, full_scale_counts: float) -> tuple[np.ndarray, np.ndarray]:
    """Colour and opacity of the gas layer.

    gas_counts        : (H, W) float contrast, counts
    full_scale_counts : contrast at which the tint is strongest; above 0
    returns rgb (H, W, 3) float32 and opacity (H, W) float32 in 0.15..0.65
    """
    strength = np.clip(np.abs(gas_counts) / np.float32(full_scale_counts), 0, 1)
    cold = (gas_counts < 0)[..., None]
    rgb = np.where(cold, np.array(GAS_COLD, np.float32), np.array(GAS_WARM, np.float32))
    return rgb, (0.15 + 0.5 * np.sqrt(strength)).astype(np.float32)
