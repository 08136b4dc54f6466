# SPDX-License-Identifier: Apache-2.0
"""Make a closed recording of an interrupted or damaged one."""

from pathlib import Path

from edgeleak.errors import DataError, MissingInputError
from edgeleak.recording.reader import RecordingSource, read_json
from edgeleak.recording.writer import Writer
from edgeleak.sources.source import OpenOptions, first_frame_error


def recover(damaged: str | Path, out: str | Path, *, overwrite: bool = False) -> int:
    """Copy every whole frame, verdict and event to *out*; returns the number of frames.

    *damaged* is left as it is.  Raises DataError when it holds no whole frame.
    """
    source = _opened(Path(damaged))
    facts = source.metadata
    with Writer(
        out,
        source.shape,
        source.fps,
        source.sensor,
        bits=source.bits,
        serial=facts.get("serial", ""),
        config=read_json(facts.get("config", "").encode()) or {},
        metadata={**facts, "recovered_from": source.name},
        overwrite=overwrite,
    ) as writer:
        copied_events = 0
        for pixels, info in source:
            for event in source.events[copied_events:]:
                writer.event(event)
            copied_events = len(source.events)
            writer.write(pixels, info, source.verdict)
        for event in source.events[copied_events:]:
            writer.event(event)
        return writer.frames_written


def _opened(path: Path) -> RecordingSource:
    if not path.exists():
        raise MissingInputError(f"{path}: no such file; check the spelling")
    if not path.is_file():
        raise DataError(f"{path}: is no file; name the damaged recording itself")
    try:
        return RecordingSource(path, OpenOptions())
    except Exception as error:  # whatever a damaged file makes of a reader
        raise first_frame_error(path, error) from error
