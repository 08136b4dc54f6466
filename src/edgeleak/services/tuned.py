# SPDX-License-Identifier: Apache-2.0
"""`tuned.toml`: the one file of settings that the instrument itself writes."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeleak import config
from edgeleak.durable import replace_text
from edgeleak.errors import ConfigError

HEAD = "# Written by the instrument; what is here wins over edgeleak.toml."


def write(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Put values into their sections; everything else in the file stays.

    Raises ConfigError when the file that is there cannot be read or the new one would not be,
    StorageError when it cannot be written, UnsettledError when it was and a power cut may take
    it back.
    """
    tables: dict[str, Any] = {}
    if path.is_file():
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read ({error}); move it away") from error
    lines = [HEAD]
    for section, values in changes.items():
        tables[section] = tables.get(section, {}) | dict(values)
    for section, values in tables.items():
        lines += ["", f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]
    text = "\n".join(lines) + "\n"
    try:
        tomllib.loads(text)  # first: what cannot be read would keep the instrument from starting
    except ValueError as error:
        raise ConfigError(f"{path}: a value that no file can hold ({error})") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, text)
    config.load([path])  # what was written can be read
    return path
