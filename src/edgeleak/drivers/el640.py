# SPDX-License-Identifier: Apache-2.0
"""EL-1's readout: 640x480 or binned 320x240 over SPI, control port over I2C.

Packets, telemetry and registers are in `el640_link`.  A message reads whole
packets, at most what spidev takes at once, and a frame's messages follow each other inside one
call; idle packets vanish, damage costs the whole frame.
"""

from collections.abc import Iterator

import numpy as np

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.drivers.el640_link import (
    CHANNEL_SHIFT,
    CTRL_BIN,
    CTRL_SHUTTER,
    CTRL_STREAM,
    DEVICE_ID,
    FLAG_LED,
    FLAG_SATURATED,
    FLAG_SHUTTER,
    MEMORY_BINNED,
    MEMORY_FRAMES,
    REG_CTRL,
    REG_ID,
    REG_INTEGRATION_US,
    REG_LED_MODE,
    REG_PERIOD_US,
    REGISTER_BYTES,
    ExposureClock,
    Telemetry,
    ceiling_fps,
    check_times,
    packet_bytes,
    parse_telemetry,
)
from edgeleak.drivers.link import (
    FrameNumbers,
    LinkCounters,
    Loss,
    Progress,
    Steps,
    Unpacked,
    part_of,
)
from edgeleak.errors import BusError, UsageError, WrongDeviceError
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.kernels import digest_el640, gather_el640, unpack_el640
from edgeleak.sensor import EL640, SensorInfo

RESET_NS = 2 * NS_PER_MS
POWER_OFF_NS = 250 * NS_PER_MS
ID_TRIES = 3
EDGE_WAIT_S = 0.05


class El640:
    """The sensor on its buses; everything but the `set_` methods belongs to one thread.

    buses, board    : where it is wired
    clock           : time stamps and waits
    integration_us  : exposure of a frame
    frame_period_us : from frame to frame; UsageError when the bus cannot carry it
    binned          : 2x2 binning, a quarter of the pixels
    wait_s          : how long `capture` may wait for the data-ready edge
    """

    info: SensorInfo = EL640

    def __init__(
        self,
        buses: Buses,
        board: Board,
        clock: Clock,
        *,
        integration_us: int = 8000,
        frame_period_us: int = 90_909,
        binned: bool = False,
        wait_s: float = EDGE_WAIT_S,
    ) -> None:
        part, scale = board.sensor, 2 if binned else 1
        self.shape = (part.height // scale, part.width // scale)
        self.packets_shape = (self.shape[0] + 1, packet_bytes(self.shape[1]))
        check_times(self.shape, board.spi.max_hz, integration_us, frame_period_us)
        self._hz = board.spi.max_hz
        self.integration_us, self.frame_period_us = integration_us, frame_period_us
        self._ctrl = CTRL_STREAM | (CTRL_BIN if binned else 0)
        self._led_mode = 0
        self._spi, self._i2c, self._lines = buses
        self._address, self._power_up_ns = part.i2c_address, part.power_up_ms * NS_PER_MS
        self._has_edge = "data_ready" in board.gpio.lines
        self._clock, self._wait_s = clock, wait_s
        self._chunk = max(1, self._spi.max_message_bytes // self.packets_shape[1])
        self._steps = Steps(clock)
        self._row, self._looked_ns = 0, 0
        self._hunting, self._owes_edge = 0, False
        self._most_hunting = -(-self.packets_shape[0] // self._chunk) + 2
        self._counts = np.zeros(9, np.uint32)
        self._seen = [0] * 9
        self._numbers = FrameNumbers(32)
        self._exposures = ExposureClock()
        self.counters = LinkCounters()
        self.loss = Loss.NONE
        self.arrival_ns = 0
        self.telemetry: Telemetry | None = None
        self.is_running = False

    # --- start and stop ----------------------------------------------------------------------

    @property
    def period_ns(self) -> int:
        return self.frame_period_us * 1000

    @property
    def resync_after_ns(self) -> int:
        """Four periods without a frame are no accident."""
        return max(300 * NS_PER_MS, 4 * self.period_ns)

    @property
    def memory_ns(self) -> int:
        """So long the sensor keeps frames that nobody reads; one of them is read or written."""
        frames = MEMORY_BINNED if self._ctrl & CTRL_BIN else MEMORY_FRAMES
        return (frames - 1) * self.period_ns

    @property
    def bus_spare(self) -> float:
        """Share of the time in which the bus carries nothing, at best, 0..1."""
        return 1 - NS_PER_S / ceiling_fps(self.shape, self._hz) / self.period_ns

    @property
    def is_starting(self) -> bool:
        """Bring-up, resync or power cycle under way."""
        return self._steps.is_busy

    def start(self) -> None:
        """Begin bring-up; the next calls of `capture` carry it out and raise its errors."""
        self.counters.starts += 1
        self._steps.begin(self._bring_up())

    def resync(self) -> None:
        """Begin again at a frame: node reopened, stream stopped and started."""
        self.counters.resyncs += 1
        self._steps.begin(self._restart_stream())

    def power_cycle(self) -> None:
        """Supply off and on, then bring-up."""
        self.counters.power_cycles += 1
        self._steps.begin(self._cycle())

    def reopen(self) -> None:
        """Open the SPI node again, after a failed transfer.  Raises BusError."""
        self._row = 0
        self._spi.reopen()

    def stop(self) -> None:
        """Stream off, supply off; what fails on the way does not keep the supply on."""
        self._steps.stop()
        self.is_running = False
        try:
            self._write(REG_CTRL, self._ctrl & ~CTRL_STREAM)
        except BusError:
            self.counters.bus += 1
        self._lines.set("sensor_power", False)

    def _cycle(self) -> Iterator[int]:
        self.is_running = False
        self._lines.set("sensor_reset", True)
        self._lines.set("sensor_power", False)
        yield POWER_OFF_NS
        self._spi.reopen()
        yield from self._bring_up()

    def _bring_up(self) -> Iterator[int]:
        self.is_running, self._row = False, 0
        self._lines.set("sensor_reset", True)
        self._lines.set("sensor_power", True)
        yield RESET_NS
        self._lines.set("sensor_reset", False)
        yield self._power_up_ns
        for _ in range(ID_TRIES - 1):
            if self._read(REG_ID) == DEVICE_ID:
                break
            yield RESET_NS
        self._check_id()
        self._drain_edges()
        self._looked_ns = self._clock.monotonic_ns()
        self._numbers.restart()
        self._exposures.restart()
        self._configure()
        self.is_running = True

    def _restart_stream(self) -> Iterator[int]:
        self._row = 0
        self._spi.reopen()
        self._write(REG_CTRL, self._ctrl & ~CTRL_STREAM)
        yield RESET_NS
        self._drain_edges()
        self._configure()
        self.is_running = True

    def _check_id(self) -> None:
        found = self._read(REG_ID)
        if found != DEVICE_ID:
            raise WrongDeviceError(
                f"I2C 0x{self._address:02x}: expected el640 (id 0x{DEVICE_ID:04x}), read"
                f" 0x{found:04x}; check the sensor's cable and board.toml"
            )

    def _configure(self) -> None:
        """Every register written and read back, the stream last."""
        for register, value in (
            (REG_INTEGRATION_US, self.integration_us),
            (REG_PERIOD_US, self.frame_period_us),
            (REG_LED_MODE, self._led_mode),
            (REG_CTRL, self._ctrl),
        ):
            self._set(register, value)

    # --- control port; any thread ------------------------------------------------------------

    def set_led_mode(self, mode: int) -> None:
        """0 off, 1 on, 2 alternate; kept over a power cycle.  Raises BusError."""
        if mode not in (0, 1, 2):
            raise UsageError(f"led_mode {mode}: use 0 (off), 1 (on) or 2 (alternate)")
        self._led_mode = mode
        self._set(REG_LED_MODE, mode)

    def set_shutter(self, is_closed: bool) -> None:
        """Close or open; only the flag of each frame tells what it did.  Raises BusError."""
        self._ctrl = (self._ctrl & ~CTRL_SHUTTER) | (CTRL_SHUTTER if is_closed else 0)
        self._set(REG_CTRL, self._ctrl)

    def set_integration_us(self, integration_us: int) -> None:
        """Exposure of the frames to come.  Raises UsageError, BusError."""
        if not 10 <= integration_us <= self.frame_period_us:
            raise UsageError(
                f"integration of {integration_us} us: use 10 to {self.frame_period_us} us"
            )
        self.integration_us = integration_us
        self._set(REG_INTEGRATION_US, integration_us)

    def _set(self, register: int, value: int) -> None:
        self._write(register, value)
        found = self._read(register)
        if found != value:
            raise BusError(
                f"I2C 0x{self._address:02x} register 0x{register:02x}: wrote 0x{value:x}, reads"
                f" 0x{found:x}; check cable and pull-ups"
            )

    def _write(self, register: int, value: int) -> None:
        data = value.to_bytes(REGISTER_BYTES[register], "big")
        self._i2c.transfer(self._address, bytes((register,)) + data)

    def _read(self, register: int) -> int:
        answer = self._i2c.transfer(self._address, bytes((register,)), REGISTER_BYTES[register])
        return int.from_bytes(answer, "big")

    # --- frames ------------------------------------------------------------------------------

    def capture(self, packets: np.ndarray) -> Progress:
        """At most one frame into `packets`; pass the same buffer until COMPLETE or LOST.

        A frame that is announced is read at once, as messages without a pause; while a frame is
        looked for or incomplete, a call reads one message.

        packets : `packets_shape` uint8

        Raises BusError (also from bring-up) and WrongDeviceError.
        """
        if not self._steps.advance() or not self.is_running:
            return Progress.NOTHING
        if self._row == 0 and not self._is_ready():
            return Progress.NOTHING
        begin, end = self._row, self.packets_shape[0]
        if begin or self._is_hunting:
            end = min(begin + self._chunk, end)
        into = part_of(packets, begin, end)
        if self._spi.read_into(into, self._chunk * self.packets_shape[1]) != len(into):
            return self._short()
        return self._gather(packets, begin, end)

    def _short(self) -> Progress:
        self.counters.short += 1
        self.counters.lost += 1
        self.loss, self._row = Loss.SHORT, 0
        self._hunt()
        return Progress.LOST

    def _hunt(self) -> None:
        """The rest of a broken frame is still in the sensor and gives no edge: read on, but not
        for ever."""
        self._hunting += 1
        self._owes_edge = True
        self.arrival_ns = self._clock.monotonic_ns()

    def _gather(self, packets: np.ndarray, begin: int, end: int) -> Progress:
        self._row = gather_el640(packets, self.shape[1], begin, end, self._counts)
        good, idle, sync, crc, order, frame, flags, skipped, lost = self._counted()
        counters = self.counters
        counters.idle += idle
        counters.sync += sync
        counters.crc += crc
        counters.order += order + frame
        counters.lost += lost
        if self._row == self.packets_shape[0]:
            return self._complete()
        if sync or crc or order or frame or flags:
            self.loss = _reason(sync, crc, flags)
        is_headless = not (lost or self._row or self._hunting) and skipped + crc > 0
        if is_headless:  # its first line never came
            lost = 1
            counters.lost += 1
        if lost or sync or crc or order or frame or flags or skipped:
            self._hunt()
        elif idle and not good:
            self._hunting = 0
        if lost:
            return Progress.LOST
        return Progress.MORE if self._row or self._is_hunting else Progress.NOTHING

    def _complete(self) -> Progress:
        self._row = self._hunting = 0
        self.counters.frames += 1
        if self._owes_edge and self._has_edge:
            edge_ns = self._lines.wait_edge("data_ready", 0)
            self.arrival_ns = self.arrival_ns if edge_ns is None else edge_ns
        self._owes_edge = False
        return Progress.COMPLETE

    @property
    def _is_hunting(self) -> bool:
        return 0 < self._hunting <= self._most_hunting

    def _counted(self) -> list[int]:
        """What the last message added to the counts."""
        now = self._counts.tolist()
        added = [(a - b) & 0xFFFFFFFF for a, b in zip(now, self._seen, strict=True)]
        self._seen = now
        return added

    def _is_ready(self) -> bool:
        """A frame waits: told by the edge, or in its absence tried once a period."""
        if self._is_hunting:
            return True
        edge_ns = self._lines.wait_edge("data_ready", self._wait_s) if self._has_edge else None
        if edge_ns is not None:
            self.arrival_ns = self._looked_ns = edge_ns
            self._hunting, self._owes_edge = 0, False
            return True
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._looked_ns < 2 * self.period_ns:
            return False
        self._looked_ns = now_ns - self.period_ns
        self.arrival_ns = now_ns
        self._hunting = 0
        self.counters.blind += 1
        return True

    def _drain_edges(self) -> None:
        while self._has_edge and self._lines.wait_edge("data_ready", 0) is not None:
            pass

    def unpack(self, packets: np.ndarray, counts: np.ndarray, arrival_ns: int) -> Unpacked | None:
        """A whole frame to counts and facts; None when its telemetry contradicts its lines.

        packets    : as `capture` completed it
        counts     : (H, W) uint16, overwritten
        arrival_ns : `arrival_ns` when it was completed
        """
        telemetry = parse_telemetry(packets[-1])
        header_frame = int(packets[0, 4]) << 8 | int(packets[0, 5])
        if telemetry.frame & 0xFFFF != header_frame:
            self.loss = Loss.TELEMETRY
            return None
        always, ever = unpack_el640(packets, counts)
        moved = self._numbers.note(telemetry.frame)
        self.telemetry = telemetry
        info = FrameInfo(
            sequence=self._numbers.sequence,
            monotonic_ns=self._exposures.began_ns(
                telemetry, arrival_ns, self.memory_ns + self.period_ns
            ),
            fpa_temp_degc=telemetry.fpa_degc,
            led_on=bool(always & FLAG_LED),
            led_channel=always >> CHANNEL_SHIFT & 3,
            flags=_flags(ever),
        )
        return Unpacked(info, moved, digest_el640(packets, self.shape[1]))


def _flags(ever: int) -> FrameFlag:
    flags = FrameFlag.NONE
    if ever & FLAG_SATURATED:
        flags |= FrameFlag.SATURATED
    if ever & FLAG_SHUTTER:
        flags |= FrameFlag.SHUTTER
    return flags


def _reason(sync: int, crc: int, flags: int) -> Loss:
    if sync:
        return Loss.SYNC
    if crc:
        return Loss.CRC
    return Loss.FLAGS if flags else Loss.ORDER
