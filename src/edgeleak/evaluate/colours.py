# SPDX-License-Identifier: Apache-2.0
"""One colour and line style per method, the same in every figure.

Families differ in hue, members of a family in lightness, so that a method is
found again across panels and stays apart for readers who see few colours.
"""

METHOD_COLOURS = {
    "mean": "#000000",
    "median": "#8c6d1f",
    "mog-sg": "#d62728",
    "mog2-auto": "#ff7f0e",
    "mog2-fixed": "#f2b134",
    "sigma-delta": "#7b3fa0",
    "eps-a": "#9ecae1",
    "eps-b": "#4a98c9",
    "eps-c": "#1764ab",
    "eps-d": "#08306b",
    "linear": "#7f7f7f",
    "linear-full": "#c7c7c7",
    "log": "#1764ab",
    "log-full": "#9ecae1",
    "plateau": "#2ca02c",
    "equalise": "#d62728",
    "ahe": "#7b3fa0",
    "clahe": "#ff7f0e",
    "log-clahe": "#08306b",
    "he-log": "#e377c2",
    "bilateral": "#8c6d1f",
}
METHOD_DASHES = {"mean": "-", "median": "-.", "sigma-delta": "--", "mog2-fixed": "--"}


def colour_of(key: str) -> str:
    """Colour of a method; a variant such as plateau-50 has its family's colour."""
    while key not in METHOD_COLOURS:
        key, dash, _ = key.rpartition("-")
        if not dash:
            return "#555555"
    return METHOD_COLOURS[key]


def dashes_of(key: str) -> str:
    return METHOD_DASHES.get(key, "-")
