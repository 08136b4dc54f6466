# SPDX-License-Identifier: Apache-2.0
"""The last seconds of frames in shared memory: the camera writes, the recorder reads.

The writer never waits and never asks: it fills the oldest slot, then publishes its number.  A
reader that is too slow finds the number overtaken and counts what it missed.  The event
descriptor does two things: it wakes the reader, and its kernel lock orders the memory, so
what was written before the wake is seen after it on every machine.

Gains, offsets and bad pixels in force lie beside the slots, so that a recording can be replayed
with the very correction that made its verdicts.
"""

import mmap
import os
import struct
from typing import NamedTuple

import numpy as np

from edgeleak.codes import Kind
from edgeleak.errors import DataError
from edgeleak.frame import FrameFlag, FrameInfo, NucState, UtcQuality
from edgeleak.pipeline.group import Group
from edgeleak.pipeline.verdict import Limits, Verdict

MAGIC = b"ELRING4\0"
HEAD_BYTES = 4096
SLOT_HEAD_BYTES = 256
MARGIN_SLOTS = 2
"""A reader keeps this far from the slot being written, so no frame is torn."""
_HEAD = struct.Struct("<8sIIII")
_NUMBER = struct.Struct("<Q")
_STATE = struct.Struct("<QQQQqq")
_CORRECTION = struct.Struct("<Qqq")
BAD_SHARE = 8
"""One pixel in so many may be bad; more and the recording has no correction beside it."""
PUBLISHED_AT, STATE_AT, CORRECTION_AT = 64, 128, 256
_GROUP = len(Group._fields)
_SLOT = struct.Struct(f"<Qqqqdqqq I4B BHHdd BHddd iii dd I {_GROUP - 1}iB d dq d")


class Progress(NamedTuple):
    """What the recorder says of itself.

    phase    : 0 starting, 1 idle, 2 recording, 3 stopped by trouble
    error    : errno of the trouble, 0 none; ENOSPC also when the reserve was reached
    written  : frames of the present or last recording
    lost     : frames of it that could not be written
    handled  : number of the last frame looked at
    free_mib : of the storage, -1 unknown
    """

    phase: int = 0
    error: int = 0
    written: int = 0
    lost: int = 0
    handled: int = -1
    free_mib: int = -1


class Correction(NamedTuple):
    """Gain (H, W) int16 Q14, offset (H, W) int16, bad pixels (N, 5) int32."""

    nuc_id: int
    gain_q14: np.ndarray
    offset: np.ndarray
    bad_pixels: np.ndarray


class Slot(NamedTuple):
    """One frame's facts as they were published."""

    info: FrameInfo
    verdict: Verdict
    kind: int
    code: int
    measured: float
    expected: float


class Ring:
    """Both sides of the memory.

    descriptor : of the memory
    shape      : (H, W); None reads it from the memory
    slots      : frames kept
    may_write  : False maps it for looking on; nothing of it can be changed then
    """

    def __init__(self, descriptor: int, shape: tuple[int, int] | None = None,
                 slots: int = 0, *, may_write: bool = True) -> None:  # fmt: skip
        self.descriptor = descriptor
        if shape is not None:
            os.ftruncate(descriptor, _total_bytes(shape, slots))
        nbytes = os.fstat(descriptor).st_size
        # All pages now: the frame path must not meet the kernel's memory later.
        access = mmap.PROT_READ | mmap.PROT_WRITE if may_write else mmap.PROT_READ
        self._map = mmap.mmap(descriptor, nbytes, mmap.MAP_SHARED | mmap.MAP_POPULATE, access)
        if shape is not None:
            _HEAD.pack_into(self._map, 0, MAGIC, *shape, slots, SLOT_HEAD_BYTES)
        magic, height, width, self.slots, _ = _HEAD.unpack_from(self._map)
        self.shape = (height, width)
        if magic != MAGIC or nbytes != _total_bytes(self.shape, self.slots):
            raise DataError("the ring's memory is of another version; restart the instrument")
        self._bind()

    def _bind(self) -> None:
        count, at = self.shape[0] * self.shape[1], HEAD_BYTES
        planes = np.frombuffer(self._map, np.int16, 2 * count, at)
        self.gain_q14, self.offset = planes.reshape(2, *self.shape)
        rows = count // BAD_SHARE
        self._bad = np.frombuffer(self._map, np.int32, 5 * rows, at + 4 * count).reshape(rows, 5)
        self._first = at + _correction_bytes(count)
        self._step = SLOT_HEAD_BYTES + _padded(2 * count)
        self._pixels = [
            np.frombuffer(self._map, np.uint16, count, self._at(k) + SLOT_HEAD_BYTES).reshape(
                self.shape
            )
            for k in range(self.slots)
        ]

    def _at(self, slot: int) -> int:
        return self._first + slot * self._step

    # --- the camera's side -----------------------------------------------------------------------

    def begin(self, pixels: np.ndarray) -> None:
        """Copy the raw counts of the next frame in."""
        self._pixels[self.published % self.slots][...] = pixels

    def publish(self, info: FrameInfo, verdict: Verdict, kind: Kind, code: int, measured: float,
                expected: float) -> None:  # fmt: skip
        """Add the facts of the frame begun last, then let readers see it."""
        number = self.published
        _SLOT.pack_into(
            self._map, self._at(number % self.slots), number,
            info.sequence, info.monotonic_ns, info.utc_ns, info.fpa_temp_degc, info.nuc_id,
            info.ms_since_nuc, info.drops, int(info.flags), int(info.utc_quality), info.led_on,
            info.led_channel, int(info.nuc_state), int(kind), code, 0, measured, expected,
            int(verdict.kind), verdict.code, verdict.evidence, verdict.measured,
            verdict.expected, verdict.hits, verdict.needed, verdict.area_px,
            verdict.level_counts, verdict.noise_counts, int(verdict.flags), *verdict.group,
            verdict.ghost, verdict.contrast_counts, verdict.nuc_age_ms, verdict.faint_sigma,
        )  # fmt: skip
        _NUMBER.pack_into(self._map, PUBLISHED_AT, number + 1)

    def newest(self) -> np.ndarray:
        """Raw counts of the frame published last, in place; for the camera's own thread."""
        return self._pixels[(self.published - 1) % self.slots]

    @property
    def published(self) -> int:
        """Frames published so far; the next one gets this number."""
        return int(_NUMBER.unpack_from(self._map, PUBLISHED_AT)[0])

    def set_correction(self, nuc_id: int, gain_q14: np.ndarray, offset: np.ndarray,
                       bad_pixels: np.ndarray | None) -> None:  # fmt: skip
        """Keep the correction in force; odd counters mark a copy under way."""
        turn, _, _ = _CORRECTION.unpack_from(self._map, CORRECTION_AT)
        rows = 0 if bad_pixels is None else len(bad_pixels)
        _CORRECTION.pack_into(self._map, CORRECTION_AT, turn | 1, nuc_id, rows)
        if rows > len(self._bad):
            return  # stays odd: none to be had
        self.gain_q14[...] = gain_q14
        self.offset[...] = offset
        if bad_pixels is not None:
            self._bad[:rows] = bad_pixels
        _CORRECTION.pack_into(self._map, CORRECTION_AT, (turn | 1) + 1, nuc_id, rows)

    def progress(self) -> Progress:
        """What the recorder last said."""
        return Progress(*_STATE.unpack_from(self._map, STATE_AT))

    # --- the recorder's side ---------------------------------------------------------------------

    def set_progress(self, progress: Progress) -> None:
        _STATE.pack_into(self._map, STATE_AT, *progress)

    def correction(self) -> Correction | None:
        """A copy; None while it is being replaced or before any."""
        turn, nuc_id, rows = _CORRECTION.unpack_from(self._map, CORRECTION_AT)
        if turn == 0 or turn & 1:
            return None
        planes = (self.gain_q14.copy(), self.offset.copy(), self._bad[:rows].copy())
        again, _, _ = _CORRECTION.unpack_from(self._map, CORRECTION_AT)
        return Correction(nuc_id, *planes) if again == turn else None

    def oldest(self) -> int:
        """Number of the oldest frame that can still be read safely."""
        return max(0, self.published - self.slots + MARGIN_SLOTS)

    def read(self, number: int, pixels: np.ndarray, limits: Limits) -> Slot | None:
        """Copy one frame out; None when it was overtaken meanwhile."""
        at = self._at(number % self.slots)
        fields = _SLOT.unpack_from(self._map, at)
        pixels[...] = self._pixels[number % self.slots]
        if fields[0] != number or number < self.oldest():
            return None
        return _slot(fields, limits)

    def close(self) -> None:
        """Let go of the views; the memory itself ends with its last user."""
        self._pixels.clear()
        del self.gain_q14, self.offset, self._bad
        self._map.close()


def make(shape: tuple[int, int], slots: int) -> Ring:
    """A ring in fresh anonymous memory that child processes can be given."""
    return Ring(os.memfd_create("edgeleak-ring", os.MFD_CLOEXEC), shape, slots)


def _padded(nbytes: int) -> int:
    return -(-nbytes // 64) * 64


def _correction_bytes(count: int) -> int:
    return _padded(4 * count + 20 * (count // BAD_SHARE))


def _total_bytes(shape: tuple[int, int], slots: int) -> int:
    count = shape[0] * shape[1]
    return HEAD_BYTES + _correction_bytes(count) + slots * (SLOT_HEAD_BYTES + _padded(2 * count))


def _slot(fields: tuple, limits: Limits) -> Slot:
    frame, rest = fields[1:13], fields[13:]
    sequence, monotonic_ns, utc_ns, fpa_degc, nuc_id, since_ms, drops, flags = frame[:8]
    quality, led_on, channel, nuc_state = frame[8:]
    info = FrameInfo(
        sequence, monotonic_ns, utc_ns, UtcQuality(quality), fpa_degc, bool(led_on), channel,
        nuc_id, since_ms, NucState(nuc_state), drops, FrameFlag(flags),
    )  # fmt: skip
    kind, code, _, measured, expected, *found = rest
    seen, group, last = found[:11], found[11 : 11 + _GROUP], found[11 + _GROUP :]
    kept = Group(*group)._replace(is_kept=bool(group[-1]))
    facts = (Kind(seen[0]), *seen[1:10], FrameFlag(seen[10]), limits, kept, *last)
    verdict = Verdict._make(facts)
    return Slot(info, verdict, kind, code, measured, expected)
