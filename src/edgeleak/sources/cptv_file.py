# SPDX-License-Identifier: Apache-2.0
"""CPTV: the Cacophony Project's recordings of a FLIR Lepton.

The `cptv` package reads them.  It is pure Python and NumPy, so damage raises
instead of crashing; what it lacks are limits, and those are put round it here:
a read is never longer than the largest possible packed frame.
"""

import contextlib
import itertools
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeleak.errors import DataError, UnavailableError
from edgeleak.frame import FrameInfo, NucState
from edgeleak.sensor import LEPTON
from edgeleak.sources.arrays import LEPTON_FPS
from edgeleak.sources.source import Frame, OpenOptions, Source, check_shape

NS_PER_MS = 1_000_000
FFC_SETTLE_MS = 1000  # frames this soon after a flat-field event are not scene yet
PACKED_OVERHEAD = 64


class BoundedStream:
    """File-like that refuses reads longer than a frame can be, and short ones."""

    def __init__(self, stream: Any, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes

    def read(self, size: int) -> bytes:
        if size > self._limit_bytes:
            raise DataError(f"a field of {size} bytes is larger than a frame can be")
        data = self._stream.read(size)
        if data and len(data) < size:
            raise DataError("the file ends inside a frame")
        return data

    def seek(self, offset: int) -> int:
        return self._stream.seek(offset)


class CptvSource(Source):
    """Lepton frames with time since power-on, flat-field events and temperature."""

    def __init__(self, path: Path, options: OpenOptions) -> None:
        super().__init__(path, options)
        self.sensor = options.sensor or LEPTON
        self.bits = 14
        reader = self._open()
        try:
            self.shape = check_shape(reader.frame_dim, f"{path}: header")
            if options.fps is None and reader.fps:
                self.fps = float(reader.fps)
            elif options.fps is None:
                self.fps = self._fps_from_times(reader)
            self.n_frames = reader.num_frames
        finally:
            reader.file.close()

    def _open(self) -> Any:
        try:
            from cptv import CPTVReader
        except ImportError as error:
            raise UnavailableError(
                "CPTV files need the package cptv; install it with `pip install edgeleak[host]`"
            ) from error
        # It reports every unknown field by log; damage shows in the frames as well.
        logging.getLogger("cptv").setLevel(logging.CRITICAL + 1)
        file = self.path.open("rb")
        try:
            reader = CPTVReader(file)
        except BaseException:
            file.close()
            raise
        reader.file = file
        return reader

    def _bounded(self, reader: Any) -> Any:
        pixels = self.shape[0] * self.shape[1]
        reader.s = BoundedStream(reader.s, 4 * pixels + PACKED_OVERHEAD)
        return reader

    def _fps_from_times(self, reader: Any) -> float:
        """Median rate of the first frames; older files hold no rate."""
        times_ms: list[float] = []
        with contextlib.suppress(Exception):  # damage is reported when the frames are read
            for frame in itertools.islice(self._bounded(reader), 12):
                if frame.time_on is not None and not frame.background_frame:
                    times_ms.append(frame.time_on.total_seconds() * 1000)
        steps = sorted(b - a for a, b in itertools.pairwise(times_ms) if b > a)
        return round(1000 / steps[len(steps) // 2], 2) if steps else LEPTON_FPS

    def _read(self) -> Iterator[Frame]:
        reader = self._open()
        try:
            start_utc_ns = round(reader.timestamp.timestamp() * 1000) * NS_PER_MS
            first_ms: int | None = None
            sequence = 0
            for frame in self._bounded(reader):
                if frame.background_frame:  # an average the camera stored, not a frame
                    continue
                if frame.time_on is None:
                    yield frame.pix, self._untimed(sequence)
                else:
                    on_ms = round(frame.time_on.total_seconds() * 1000)
                    first_ms = on_ms if first_ms is None else first_ms
                    utc_ns = start_utc_ns + (on_ms - first_ms) * NS_PER_MS
                    yield frame.pix, self._info(frame, sequence, on_ms, utc_ns)
                sequence += 1
        finally:
            reader.file.close()

    @staticmethod
    def _info(frame: Any, sequence: int, on_ms: int, utc_ns: int) -> FrameInfo:
        ffc_ms = round(frame.last_ffc_time.total_seconds() * 1000)
        age_ms = on_ms - ffc_ms if ffc_ms else -1
        settling = 0 <= age_ms < FFC_SETTLE_MS
        temp_degc = float(frame.temp_c) if frame.temp_c else math.nan
        return FrameInfo(
            sequence=sequence,
            monotonic_ns=on_ms * NS_PER_MS,
            utc_ns=max(utc_ns, -1),
            fpa_temp_degc=temp_degc if math.isfinite(temp_degc) else math.nan,
            nuc_id=ffc_ms or -1,
            ms_since_nuc=max(age_ms, -1),
            nuc_state=NucState.SETTLING if settling else NucState.VALID,
        )
