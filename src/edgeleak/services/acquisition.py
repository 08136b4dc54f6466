# SPDX-License-Identifier: Apache-2.0
"""From bus messages to frames: two buffers, and what is done when frames stop coming.

The capture thread fills one buffer while the other waits to be taken, so a bus at its ceiling
does not wait for the pipeline, unless that stalls: then the sensor's own memory keeps the frames
for a while (`patience`).  A buffer is handed over only when the driver has seen every line of one
frame, whole and in order, so a torn frame cannot be published.  When no frame comes: bounded
resyncs, then a named fault and a power cycle of the sensor, then `LinkLost` for the supervisor.
Nothing here waits except in the driver's own wait for data-ready.
"""

import errno
import threading
from dataclasses import dataclass, replace
from math import nan
from typing import Any, Protocol

import numpy as np

from edgeleak import codes
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.drivers.link import LinkCounters, Loss, Progress, Unpacked
from edgeleak.errors import BusError, LinkLost
from edgeleak.frame import MAX_COUNTS, FrameFlag, FrameInfo
from edgeleak.pipeline.clipping import saturated_from
from edgeleak.sensor import SensorInfo
from edgeleak.services.ladder import POWER_CYCLES, RESYNCS, Ladder, Rung
from edgeleak.services.patience import Patience
from edgeleak.services.staleness import FINE, Staleness, Trouble

BAD_FRAMES = 3
"""Lost frames in a row that are more than a glitch."""
BAD_TRANSFERS = 3
CLIPPED_SHARE = 0.99
"""The rest may be dead pixels; as many live ones are never twice the same."""
FPA_BAND_DEGC = (-60.0, 90.0)
FIRST_BACK_OFF_NS, LONGEST_BACK_OFF_NS = 20 * NS_PER_MS, 320 * NS_PER_MS
AT_ONCE = (errno.EINTR, errno.EAGAIN)
"""Nothing is broken: the transfer is tried again with the next step."""
MOST_MESSAGES = 64
"""Of one `step`; a frame of 640x480 takes nine."""

LOSS_CODES = {
    Loss.CRC: codes.LINK_CRC,
    Loss.SYNC: codes.LINK_SYNC,
    Loss.ORDER: codes.LINK_ORDER,
    Loss.FLAGS: codes.LINK_FLAGS,
    Loss.SHORT: codes.LINK_SHORT,
    Loss.BUS: codes.LINK_BUS,
    Loss.TELEMETRY: codes.LINK_TELEMETRY,
}


class Camera(Protocol):
    """A sensor's driver; `drivers.el640.El640` and `drivers.lepton.Lepton`."""

    info: SensorInfo
    shape: tuple[int, int]
    packets_shape: tuple[int, int]
    counters: LinkCounters
    loss: Loss
    arrival_ns: int

    @property
    def resync_after_ns(self) -> int: ...

    @property
    def memory_ns(self) -> int: ...

    @property
    def bus_spare(self) -> float: ...

    @property
    def is_starting(self) -> bool: ...

    is_running: bool

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def resync(self) -> None: ...

    def power_cycle(self) -> None: ...

    def reopen(self) -> None: ...

    def capture(self, packets: np.ndarray) -> Progress: ...

    def unpack(self, packets: np.ndarray, counts: np.ndarray,
               arrival_ns: int) -> Unpacked | None: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One consistent picture of the link.

    code, measured, expected : 0, or why its frames cannot be trusted
    published, overruns      : frames handed over; of these never taken
    drops                    : frames missing between those taken
    counters                 : the driver's
    """

    code: int
    measured: float
    expected: float
    published: int
    overruns: int
    drops: int
    counters: LinkCounters


@dataclass(slots=True)
class _Buffer:
    packets: np.ndarray
    arrival_ns: int = 0


class Acquisition:
    """`step` belongs to the capture thread, `take` to the frames thread, `status` to everybody.

    camera   : driver
    clock    : intervals
    stale_ms : without a frame this long there is no answer
    """

    def __init__(self, camera: Camera, clock: Clock, stale_ms: float = 400.0) -> None:
        self._camera, self._clock = camera, clock
        self._stale_ns = round(stale_ms * NS_PER_MS)
        self._filling, self._spare = (
            _Buffer(np.zeros(camera.packets_shape, np.uint8)) for _ in range(2)
        )
        self._ready: _Buffer | None = None
        self._is_full = False  # what is being filled is a whole frame
        store_ns = min(camera.memory_ns, self._stale_ns) // 2
        self._patience = Patience(store_ns, camera.bus_spare)
        self._lock = threading.Lock()
        self._ladder = Ladder(max(self._stale_ns, camera.resync_after_ns))
        self._staleness = Staleness()
        self._stale: Trouble = FINE
        self._band: Trouble = FINE
        self._bad_frames = self._bad_transfers = 0  # capture thread
        self._unreadable = 0  # whole frames in a row; frames thread
        self._unproven_ns: int | None = None  # a frame that the ladder has not heard of
        self._back_off_ns, self._retry_ns = FIRST_BACK_OFF_NS, 0
        self._has_failed = self._is_lost = self._is_higher = False
        self._highest = self._strides = self._strides_seen = 0
        self._frame_ns: int | None = None
        self.published = self.overruns = self.drops = 0

    def start(self) -> None:
        """Begin the sensor's bring-up; `step` carries it out."""
        self._camera.start()

    def stop(self) -> None:
        """Sensor off.  Raises BusError when its supply could not be switched."""
        self._camera.stop()

    # --- capture thread ----------------------------------------------------------------------

    def step(self, _now_ns: int = 0) -> Progress:
        """Read what is there, at most to the end of one frame.

        Raises LinkLost when nothing helped and WrongDeviceError from bring-up; every other
        trouble is counted, answered and shown in `status`.
        """
        progress = Progress.NOTHING
        for _ in range(MOST_MESSAGES):
            progress = self._message()
            if progress is not Progress.MORE:
                break
        self._note_good()
        self._climb()
        self._strides += self._is_higher and self._ladder.step > 0
        return progress

    def capture(self) -> bool:
        """`step`; True when the sensor may have more, so that no frame waits for a pause."""
        return self.step() is not Progress.NOTHING

    def _message(self) -> Progress:
        now_ns = self._clock.monotonic_ns()
        if self._has_failed or now_ns < self._retry_ns or not self._has_room(now_ns):
            return Progress.NOTHING
        was_starting = self._camera.is_starting
        try:
            progress = self._camera.capture(self._filling.packets)
        except BusError as error:
            self._fail(was_starting, error.errno in AT_ONCE)
            return Progress.NOTHING
        if progress is Progress.COMPLETE:
            self._complete()
        elif progress is Progress.LOST:
            self._bad_frames += 1
        if progress is not Progress.NOTHING:
            self._bad_transfers, self._back_off_ns = 0, FIRST_BACK_OFF_NS
        return progress

    def _complete(self) -> None:
        self._filling.arrival_ns = self._camera.arrival_ns
        self._is_full = True
        self._bad_frames = 0
        self._frame_ns = self._unproven_ns = now_ns = self._clock.monotonic_ns()
        self._has_room(now_ns)

    def _has_room(self, now_ns: int) -> bool:
        """Hands over what is full, at once or when the frame before it was taken; False while the
        next frame stays in the sensor's memory."""
        if self._patience.waits(now_ns, self._is_full and self._ready is not None):
            return False
        if self._is_full:
            self._publish()
        return True

    def _publish(self) -> None:
        full = self._filling
        with self._lock:
            self.overruns += self._ready is not None
            self._ready, self._filling, self._spare = full, self._spare, full
        self.published += 1
        self._is_full = False

    def _fail(self, was_starting: bool, is_interrupted: bool) -> None:
        """A transfer failed: open the node again, later and later."""
        camera = self._camera
        camera.counters.bus += 1
        self._bad_transfers += 1
        if is_interrupted and not was_starting:
            return
        self._retry_ns = self._clock.monotonic_ns() + self._back_off_ns
        self._back_off_ns = min(2 * self._back_off_ns, LONGEST_BACK_OFF_NS)
        if was_starting:
            self._has_failed = True
            self._ladder.failed()
            return
        try:
            camera.reopen()
        except BusError:
            camera.counters.bus += 1

    def _note_good(self) -> None:
        """A frame ends the recovery, unless the frames thread could read none of late."""
        if self._unproven_ns is not None and self._unreadable < BAD_FRAMES:
            self._ladder.good(self._unproven_ns)
            self._unproven_ns = None

    def _climb(self) -> None:
        camera, failed = self._camera, self._has_failed
        now_ns = self._clock.monotonic_ns()
        if failed and now_ns < self._retry_ns:
            return
        rung = self._ladder.next(now_ns, camera.is_starting, failed)
        if rung is Rung.NONE:
            return
        self._has_failed = False
        self._is_higher = self._ladder.step > self._highest
        self._highest = max(self._highest, self._ladder.step)
        if rung is Rung.RESYNC:
            (camera.resync if camera.is_running else camera.start)()
        elif rung is Rung.POWER_CYCLE:
            camera.power_cycle()
        else:
            self._is_lost = True
            raise LinkLost(
                f"sensor {camera.info.name}: no frame after {RESYNCS} resynchronisations and"
                f" {POWER_CYCLES} power cycles (last loss: {camera.loss}); check its cable and"
                " supply, then restart"
            )

    # --- frames thread -----------------------------------------------------------------------

    def take(self, counts: np.ndarray) -> FrameInfo | None:
        """The newest whole frame, once; None when there is no new one.

        counts : (H, W) uint16, overwritten when a frame is returned and left alone otherwise
        """
        with self._lock:
            buffer = self._ready
            if buffer is None:
                return None
            unpacked = self._camera.unpack(buffer.packets, counts, buffer.arrival_ns)
            self._ready = None
        if unpacked is None:
            self._unreadable += 1
            return None
        self._unreadable = self._highest = 0
        self.drops += max(0, unpacked.moved - 1)
        self._stale = self._staleness.note(unpacked.moved, unpacked.digest,
                                           lambda: _is_clipped(unpacked.info, counts))  # fmt: skip
        self._band = _band(unpacked.info.fpa_temp_degc)
        return replace(unpacked.info, drops=self.drops)

    def has_climbed(self) -> bool:
        """The capture thread went on with the recovery since the last call, higher than ever since
        the last good frame: each rung is bounded, so is the whole, and a hang is none."""
        seen, self._strides_seen = self._strides_seen, self._strides
        return seen != self._strides_seen

    # --- everybody ---------------------------------------------------------------------------

    @property
    def telemetry(self) -> Any:
        """Telemetry of the frame taken last; None before the first."""
        return getattr(self._camera, "telemetry", None)

    @property
    def status(self) -> LinkStatus:
        """What is wrong with the link now, and what it counted since the start."""
        code, measured, expected = self._trouble()
        return LinkStatus(code, measured, expected, self.published, self.overruns, self.drops,
                          self._camera.counters)  # fmt: skip

    def _trouble(self) -> Trouble:
        if self._is_lost:
            return codes.LINK_GONE, POWER_CYCLES, POWER_CYCLES
        if self._ladder.is_dead:
            return codes.LINK_DEAD, RESYNCS, POWER_CYCLES
        if self._stale[0]:
            return self._stale
        if self._bad_transfers >= BAD_TRANSFERS:
            return codes.LINK_BUS, self._bad_transfers, BAD_TRANSFERS
        if self._bad_frames >= BAD_FRAMES:
            code = LOSS_CODES.get(self._camera.loss, codes.LINK_CRC)
            return code, self._bad_frames, BAD_FRAMES
        if self._unreadable >= BAD_FRAMES:
            return codes.LINK_TELEMETRY, self._unreadable, BAD_FRAMES
        frame_ns = self._frame_ns
        if frame_ns is None:
            return codes.LINK_STARTING, nan, nan
        age_ns = self._clock.monotonic_ns() - frame_ns
        if age_ns > self._stale_ns:
            return codes.LINK_SILENT, age_ns / NS_PER_S, self._stale_ns / NS_PER_S
        return self._band


def _is_clipped(info: FrameInfo, counts: np.ndarray) -> bool:
    """Hardly a pixel tells anything, and the sensor says so: such frames get no answer anyway."""
    if not info.flags & FrameFlag.SATURATED:
        return False
    full = int(np.count_nonzero(counts >= saturated_from(MAX_COUNTS)))
    return full >= CLIPPED_SHARE * counts.size


def _band(fpa_degc: float) -> Trouble:
    """NaN is a sensor that does not tell."""
    low, high = FPA_BAND_DEGC
    if fpa_degc < low:
        return codes.FPA_BAND, fpa_degc, low
    return (codes.FPA_BAND, fpa_degc, high) if fpa_degc > high else FINE
