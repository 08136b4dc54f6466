# SPDX-License-Identifier: Apache-2.0
"""Text files of a result folder, written whole or not at all."""

import os
from pathlib import Path

from edgeleak.errors import StorageError


def write_text(path: Path, text: str) -> Path:
    """Write to `.part`, then rename; StorageError keeps what was there before."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"{path}: could not be written ({error.strerror or error})") from error
    return path
