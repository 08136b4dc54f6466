# SPDX-License-Identifier: Apache-2.0
"""Make a closed recording of an interrupted or damaged one."""

import json
from pathlib import Path

from edgeleak.recording.reader import RecordingSource
from edgeleak.recording.writer import Writer
from edgeleak.sources.source import OpenOptions


def recover(damaged: str | Path, out: str | Path, *, overwrite: bool = False) -> int:
    """Copy every whole frame, verdict and event to *out*; returns the number of frames.

    *damaged* is left as it is.  Raises DataError when it holds no whole frame.
    """
    source = RecordingSource(Path(damaged), OpenOptions())
    facts = source.metadata
    with Writer(
        out,
        source.shape,
        source.fps,
        source.sensor,
        bits=source.bits,
        serial=facts.get("serial", ""),
        config=json.loads(facts.get("config", "{}")),
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
