# SPDX-License-Identifier: Apache-2.0
"""Optional packages, imported when a comparison needs them and named when they are missing."""

from types import ModuleType

from edgeleak.errors import UnavailableError


def load_opencv() -> ModuleType:
    """cv2, the peer of several methods."""
    try:
        import cv2
    except ImportError as error:
        raise UnavailableError(
            "this comparison needs OpenCV, which is not installed;"
            " run: pip install edgeleak[bench], or leave its methods out with --no-opencv"
        ) from error
    cv2.setNumThreads(1)
    return cv2


def load_pyplot() -> ModuleType:
    """matplotlib.pyplot, drawing to files only."""
    try:
        import matplotlib
    except ImportError as error:
        raise UnavailableError(
            "the figures need matplotlib, which is not installed;"
            " run: pip install edgeleak[host], or leave the figures out with --no-figures"
        ) from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
