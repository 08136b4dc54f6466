# SPDX-License-Identifier: Apache-2.0
"""Everything that gives frames: open_source(path) finds the reader.

One reader a file; READERS names the module and class, imported when needed,
so that the board pays only for what it opens.
"""

import importlib
import os
from pathlib import Path

from edgeleak.errors import DataError, MissingInputError, UsageError
from edgeleak.sensor import SensorInfo
from edgeleak.sources.sniff import kind_of
from edgeleak.sources.source import Frame, OpenOptions, Source, first_frame_error

__all__ = ["ACCEPTED", "Frame", "OpenOptions", "Source", "open_source"]

READERS = {
    "arrays": ("edgeleak.sources.arrays", "ArraySource"),
    "tiff": ("edgeleak.sources.tiff", "TiffSource"),
    "pictures": ("edgeleak.sources.pictures", "PictureSource"),
    "raw": ("edgeleak.sources.raw", "RawSource"),
    "cptv": ("edgeleak.sources.cptv_file", "CptvSource"),
    "video": ("edgeleak.sources.video", "VideoSource"),
    "mcap": ("edgeleak.recording.reader", "RecordingSource"),
}
ACCEPTED = (
    ".mcap recordings, .npz/.npy stacks, 16-bit .tif, folders of PNG, TIFF or JPEG,"
    " .cptv, .avi/.mp4/.mkv video, raw dumps with --shape HxW, or sim:SCENE"
)


def open_source(
    path: str | Path,
    *,
    shape: tuple[int, int] | None = None,
    dtype: str | None = None,
    fps: float | None = None,
    key: str | None = None,
    sensor: SensorInfo | None = None,
    shift_bits: int = 0,
) -> Source:
    """Open a recording, folder, video, raw dump or simulated sensor ("sim:...").

    shape, dtype : geometry of a raw dump; the only case where they are needed
    fps          : frames a second, wins over the file
    key          : array to take from an .npz of several
    sensor       : edgeleak.sensor.SensorInfo, where the file does not say it
    shift_bits   : right shift for data of more than 14 bits

    Raises MissingInputError, DataError or UsageError; see source.py for what a
    damaged file gives.
    """
    if str(path).startswith("sim:"):
        return importlib.import_module("edgeleak.sim").open_sim(str(path).removeprefix("sim:"))
    options = OpenOptions(shape, dtype, fps, key, sensor, shift_bits)
    path = Path(path)
    kind, note = _choose(path, options)
    module, name = READERS[kind]
    try:
        source = getattr(importlib.import_module(module), name)(path, options)
    except (ImportError, AssertionError):
        raise
    except Exception as error:  # third-party decoders raise anything on damage
        raise first_frame_error(path, error) from error
    if note:
        source.warn(note)
    return source


def _choose(path: Path, options: OpenOptions) -> tuple[str, str | None]:
    """(reader, warning or None) for a path."""
    head = _head(path)
    if head is None:
        return "pictures", None
    if not head:
        raise DataError(f"{path}: the file is empty")
    if options.shape is not None:
        return "raw", None
    kind, by_name = kind_of(path, head)
    if kind is None and by_name == "video":
        return "video", None
    if kind is None:
        raise _unknown(path, by_name)
    note = None
    if by_name not in (None, kind):
        note = f"{path.name}: the extension says {by_name}, the content is {kind}; content wins"
    return kind, note


def _head(path: Path) -> bytes | None:
    """The first bytes of a file, None of a folder."""
    try:
        if path.is_dir():
            os.scandir(path).close()
            return None
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: is neither a file nor a folder")
        with path.open("rb") as file:
            return file.read(16)
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file or folder; check the spelling") from None
    except PermissionError:
        raise MissingInputError(
            f"{path}: you have no permission to read it; ask its owner, or copy it"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _unknown(path: Path, by_name: str | None) -> Exception:
    if by_name is not None:
        return DataError(
            f"{path}: does not start like a {path.suffix} file;"
            " it is damaged or something else with that name"
        )
    return UsageError(
        f"{path}: unknown kind of file; accepted are {ACCEPTED}."
        " For a raw dump say --shape HEIGHTxWIDTH and --dtype"
    )
