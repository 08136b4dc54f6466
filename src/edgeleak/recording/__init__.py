# SPDX-License-Identifier: Apache-2.0
"""Recordings: MCAP with one chunk a frame, lossless, whole after a cut at any byte."""

from edgeleak.recording.names import recording_path
from edgeleak.recording.reader import RecordingSource
from edgeleak.recording.recovery import recover
from edgeleak.recording.writer import Writer

__all__ = ["RecordingSource", "Writer", "recording_path", "recover"]
