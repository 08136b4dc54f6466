# SPDX-License-Identifier: Apache-2.0
"""File names of recordings: serial, UTC and a number, never the clock alone."""

import re
from datetime import UTC, datetime
from pathlib import Path


def recording_path(folder: str | Path, serial: str, utc_ns: int) -> Path:
    """EL<serial>_<yyyymmddThhmmssZ>_<nnnn>.mcap with the next free number.

    A clock that jumped back, or was never set, still gives a new name: the
    number counts on over all recordings of the folder.
    """
    folder = Path(folder)
    clean = re.sub(r"[^A-Za-z0-9-]", "", serial) or "0"
    stamp = datetime.fromtimestamp(max(utc_ns, 0) / 1e9, UTC).strftime("%Y%m%dT%H%M%SZ")
    numbers = (re.search(r"_(\d{4,})\.mcap(\.part)?$", file.name) for file in folder.glob("EL*"))
    number = max((int(found[1]) for found in numbers if found), default=0) + 1
    return folder / f"EL{clean}_{stamp}_{number:04d}.mcap"
