# SPDX-License-Identifier: Apache-2.0
"""Saving figures: one resolution, no time stamps, so equal numbers give equal files."""

from pathlib import Path
from typing import Any

from edgeleak.errors import StorageError
from edgeleak.evaluate.extras import load_pyplot

DPI = 130


def save_figure(figure: Any, path: Path) -> Path:
    """Write *figure* as PNG and release it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None}, facecolor="white")
    except OSError as error:
        raise StorageError(
            f"{path}: not written ({error.strerror}); choose another --out"
        ) from error
    finally:
        load_pyplot().close(figure)
    return path
