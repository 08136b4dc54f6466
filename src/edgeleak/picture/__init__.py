# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: overlay, contact sheet, palettes, terminal picture."""

from edgeleak.picture.canvas import Picture
from edgeleak.picture.overlay import Legend, overlay
from edgeleak.picture.palettes import NAMES as PALETTES
from edgeleak.picture.palettes import colour
from edgeleak.picture.sheet import contact_sheet
from edgeleak.picture.terminal import terminal_picture

__all__ = [
    "PALETTES",
    "Legend",
    "Picture",
    "colour",
    "contact_sheet",
    "overlay",
    "terminal_picture",
]
