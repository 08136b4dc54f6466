# SPDX-License-Identifier: Apache-2.0
"""FLIR Lepton 2 (80x60) and 3 (160x120): VoSPI frames, control over the CCI.

Sources: FLIR's Lepton engineering datasheet (VoSPI: packets, discards, segments, 185 ms resync,
telemetry rows) and Software Interface Description Document (CCI registers and command numbers),
compared with FLIR's published SDK header.  Not verified on a camera: the order of the two words
of 32-bit telemetry fields (low word first, as two public drivers read them; one example reads
them the other way round) and whether the frame counter moves by 1 or by 3 from one unique frame
to the next (both are understood).

Every frame comes three times by design: a Lepton 3 marks the repetitions with segment number 0,
a Lepton 2 repeats its frame counter.  A Lepton sees 8..14 um and so never says NO GAS.
"""

import zlib
from collections.abc import Generator, Iterator

import numpy as np

from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.drivers.lepton_telemetry import (
    FFC_RUNNING,
    OwnCorrections,
    Telemetry,
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
from edgeleak.errors import BusError, ConfigError
from edgeleak.frame import MAX_COUNTS, FrameFlag, FrameInfo
from edgeleak.kernels import gather_vospi, unpack_vospi
from edgeleak.sensor import LEPTON, SensorInfo

PACKET_BYTES = 164
REG_STATUS, REG_COMMAND, REG_LENGTH, REG_DATA = 0x0002, 0x0004, 0x0006, 0x0008
STATUS_BUSY, STATUS_BOOTED = 1, 4
GET, SET, RUN = 0, 1, 2
AGC_ENABLE = 0x0100
SYS_PING, SYS_UPTIME, SYS_FPA_TEMP = 0x0200, 0x020C, 0x0214
SYS_TELEMETRY, SYS_TELEMETRY_LOCATION = 0x0218, 0x021C
SYS_RUN_FFC, SYS_FFC_STATUS = 0x0240, 0x0244
OEM_PART_NUMBER, OEM_VIDEO_FORMAT = 0x481C, 0x4828
TELEMETRY_FOOTER, FORMAT_RAW14 = 1, 7

VIDEO_FRAME_NS = 37_037_037
"""27 frames/s on the link; a third of them are new."""
RESYNC_NS = 187 * NS_PER_MS
"""Chip select high and clock still for more than 185 ms."""
RESET_NS = 10 * NS_PER_MS
POWER_OFF_NS = 250 * NS_PER_MS
POLL_NS, BOOT_LIMIT_NS, COMMAND_LIMIT_NS = NS_PER_MS, 5 * NS_PER_S, 1 * NS_PER_S
OUT_OF_STEP = 3
"""Damaged packets without one good in the same message: not noise, out of step."""
USUAL_REPEATS = 3
LAYOUTS = {(60, 80): (1, 63), (120, 160): (4, 61)}
"""(H, W) -> segments, packets a segment with telemetry on."""

Waits = Generator[int, None, bytes]


class Lepton:
    """The camera on its buses; everything but `request_ffc` belongs to one thread.

    buses, board : where it is wired; supply and reset line where the board has them
    clock        : time stamps and waits

    Frames are at most 9 a second; `capture` must be called so often that a segment is read
    before the next begins (9.2 ms, Lepton 2: 37 ms), or the camera falls out of step.
    """

    info: SensorInfo = LEPTON
    resync_after_ns = 600 * NS_PER_MS
    memory_ns, bus_spare = 0, 0.0

    def __init__(self, buses: Buses, board: Board, clock: Clock) -> None:
        part = board.sensor
        self.shape = (part.height, part.width)
        if self.shape not in LAYOUTS:
            raise ConfigError(
                f"board {board.name}: a Lepton has 80x60 or 160x120 pixels, not"
                f" {part.width}x{part.height}; correct [sensor]"
            )
        self._segments, self._per_segment = LAYOUTS[self.shape]
        self._video = self.shape[0] * self.shape[1] // 80
        self.packets_shape = (self._segments * self._per_segment, PACKET_BYTES)
        self._spi, self._i2c, self._lines = buses
        self._address, self._power_up_ns = part.i2c_address, part.power_up_ms * NS_PER_MS
        self._wired = board.gpio.lines
        self._clock = clock
        self._chunk = max(1, min(self._per_segment, self._spi.max_message_bytes // PACKET_BYTES))
        self._steps, self._errand = Steps(clock), Steps(clock)
        message_ns = 8 * NS_PER_S * self._chunk * PACKET_BYTES // board.spi.max_hz
        self._silence_ns = RESYNC_NS + 2 * message_ns  # one may still be under way
        self._row, self._quiet_ns = 0, 0
        self._counts = np.zeros(7, np.uint32)
        self._seen = [0] * 7
        self._last_frame, self._times_seen = -1, 0
        self._numbers, self._stride, self._sequence = FrameNumbers(32), USUAL_REPEATS, -1
        self._corrections = OwnCorrections()
        self.counters = LinkCounters()
        self.loss = Loss.NONE
        self.arrival_ns = 0
        self.telemetry: Telemetry | None = None
        self.part_number = ""
        self.is_running = False

    # --- start and stop ----------------------------------------------------------------------

    @property
    def is_starting(self) -> bool:
        """Bring-up or power cycle under way; resyncs count as time without frames."""
        return self._steps.is_busy

    def start(self) -> None:
        """Begin bring-up; the next calls of `capture` carry it out and raise its errors."""
        self.counters.starts += 1
        self._steps.begin(self._bring_up())

    def resync(self) -> None:
        """Leave chip select high and the clock still until the camera begins anew."""
        self.counters.resyncs += 1
        self._row = 0
        self._quiet_ns = self._clock.monotonic_ns() + self._silence_ns

    def power_cycle(self) -> None:
        """Supply (or power-down line) off and on, then bring-up."""
        self.counters.power_cycles += 1
        self._steps.begin(self._cycle())

    def reopen(self) -> None:
        """Open the SPI node again, after a failed transfer.  Raises BusError."""
        self._row = 0
        self._spi.reopen()

    def stop(self) -> None:
        """Supply off, where the board can."""
        self._steps.stop()
        self.is_running = False
        self._line("sensor_power", False)

    def _line(self, name: str, is_active: bool) -> None:
        if name in self._wired:
            self._lines.set(name, is_active)

    def _cycle(self) -> Iterator[int]:
        self.is_running = False
        self._line("sensor_reset", True)
        self._line("sensor_power", False)
        yield POWER_OFF_NS
        self._spi.reopen()
        yield from self._bring_up()

    def _bring_up(self) -> Iterator[int]:
        self.is_running, self._row = False, 0
        self._line("sensor_reset", True)
        self._line("sensor_power", True)
        yield RESET_NS
        self._line("sensor_reset", False)
        yield self._power_up_ns
        yield from self._until(STATUS_BUSY | STATUS_BOOTED, STATUS_BOOTED, BOOT_LIMIT_NS, "boot")
        yield from self._command(SYS_PING | RUN, "ping")
        answer = yield from self._command(OEM_PART_NUMBER, "part number", read_length=32)
        self.part_number = _text(answer)
        for command, value, what in (
            (AGC_ENABLE, 0, "gain control off"),
            (OEM_VIDEO_FORMAT, FORMAT_RAW14, "14-bit video"),
            (SYS_TELEMETRY_LOCATION, TELEMETRY_FOOTER, "telemetry as footer"),
            (SYS_TELEMETRY, 1, "telemetry on"),
        ):
            yield from self._set(command, value, what)
        self._numbers.restart()
        self._corrections.restart()
        self._last_frame = -1
        self.is_running = True
        self._quiet_ns = self._clock.monotonic_ns() + self._silence_ns

    # --- control port ------------------------------------------------------------------------

    def request_ffc(self) -> None:
        """Have the camera look at its shutter and correct itself; from any thread.

        Frames meanwhile carry FrameFlag.SHUTTER and NucState.RUNNING, those after it a new nuc_id.
        """
        self._errand.begin(self._run_ffc())

    def _run_ffc(self) -> Iterator[int]:
        yield from self._command(SYS_RUN_FFC | RUN, "flat-field correction")

    def read_uptime_ms(self) -> Generator[int, None, int]:
        """Steps that end in the camera's time since its start."""
        return _number((yield from self._command(SYS_UPTIME, "uptime", read_length=4)))

    def read_fpa_degc(self) -> Generator[int, None, float]:
        """Steps that end in the detector's temperature."""
        answer = yield from self._command(SYS_FPA_TEMP, "FPA temperature", read_length=2)
        return _number(answer) / 100 - 273.15

    def _set(self, command: int, value: int, what: str) -> Iterator[int]:
        """Set a 32-bit attribute and read it back."""
        words = (value & 0xFFFF).to_bytes(2, "big") + (value >> 16).to_bytes(2, "big")
        yield from self._command(command | SET, what, words)
        found = _number((yield from self._command(command | GET, what, read_length=4)))
        if found != value:
            raise BusError(
                f"Lepton command 0x{command:04x} ({what}): set {value}, reads {found};"
                " check the camera's cable"
            )

    def _command(self, command: int, what: str, data: bytes = b"", read_length: int = 0) -> Waits:
        """One CCI command; yields waits, returns the data read."""
        yield from self._until(STATUS_BUSY, 0, COMMAND_LIMIT_NS, what)
        if data:
            self._write(REG_DATA, data)
        self._write(REG_LENGTH, (max(len(data), read_length) // 2).to_bytes(2, "big"))
        self._write(REG_COMMAND, command.to_bytes(2, "big"))
        yield POLL_NS
        status = yield from self._until(STATUS_BUSY, 0, COMMAND_LIMIT_NS, what)
        if error := status[0]:
            raise BusError(
                f"Lepton command 0x{command:04x} ({what}) failed with {error - 256};"
                " power-cycle the camera"
            )
        return self._read(REG_DATA, read_length) if read_length else b""

    def _until(self, mask: int, wanted: int, limit_ns: int, what: str) -> Waits:
        """Poll the status register, at most `limit_ns`."""
        end_ns = self._clock.monotonic_ns() + limit_ns
        while True:
            status = self._read(REG_STATUS, 2)
            if status[1] & mask == wanted:
                return status
            if self._clock.monotonic_ns() >= end_ns:
                raise BusError(
                    f"Lepton at I2C 0x{self._address:02x}: {what} not done after"
                    f" {limit_ns / NS_PER_S:g} s (status 0x{status.hex()}); power-cycle it"
                )
            yield POLL_NS

    def _write(self, register: int, data: bytes) -> None:
        self._i2c.transfer(self._address, register.to_bytes(2, "big") + data)

    def _read(self, register: int, length: int) -> bytes:
        return self._i2c.transfer(self._address, register.to_bytes(2, "big"), length)

    # --- frames ------------------------------------------------------------------------------

    def capture(self, packets: np.ndarray) -> Progress:
        """At most one message into `packets`; pass the same buffer until COMPLETE or LOST.

        packets : `packets_shape` uint8

        Raises BusError, also from bring-up and from a correction that was asked for.
        """
        if not self._steps.advance() or not self.is_running:
            return Progress.NOTHING
        self._errand.advance()
        if self._clock.monotonic_ns() < self._quiet_ns:
            return Progress.NOTHING
        begin, end = self._row, min(self._row + self._chunk, self.packets_shape[0])
        into = part_of(packets, begin, end)
        if self._spi.read_into(into) != len(into):
            self.counters.short += 1
            self.counters.lost += 1
            self.loss, self._row = Loss.SHORT, 0
            return Progress.LOST
        self._row = gather_vospi(packets, self._segments, begin, end, self._counts)
        return self._judge(packets)

    def _judge(self, packets: np.ndarray) -> Progress:
        good, discards, crc, order, repeats, _parts, lost = self._counted()
        counters = self.counters
        counters.idle += discards
        counters.crc += crc
        counters.order += order
        counters.repeats += repeats
        counters.lost += lost
        if crc >= OUT_OF_STEP and not good:
            counters.sync += 1
            self.loss = Loss.SYNC
            self.resync()
            return Progress.LOST
        if crc or order:
            self.loss = Loss.CRC if crc else Loss.ORDER
        if self._row == self.packets_shape[0]:
            self._row = 0
            return self._whole(packets)
        if lost:
            return Progress.LOST
        return Progress.MORE if good else Progress.NOTHING

    def _whole(self, packets: np.ndarray) -> Progress:
        """New, or one of the repetitions a Lepton 2 sends."""
        frame = parse_telemetry(packets[self._video]).frame
        self._times_seen = self._times_seen + 1 if frame == self._last_frame else 1
        self._last_frame = frame
        if 1 < self._times_seen <= USUAL_REPEATS:
            self.counters.repeats += 1
            return Progress.NOTHING
        self.counters.frames += 1
        self.arrival_ns = self._clock.monotonic_ns()
        return Progress.COMPLETE

    def _counted(self) -> list[int]:
        """What the last message added to the counts."""
        now = self._counts.tolist()
        added = [(a - b) & 0xFFFFFFFF for a, b in zip(now, self._seen, strict=True)]
        self._seen = now
        return added

    def unpack(self, packets: np.ndarray, counts: np.ndarray, arrival_ns: int) -> Unpacked:
        """A whole frame to counts and facts.

        packets    : as `capture` completed it
        counts     : (H, W) uint16, overwritten; limited to 14 bits
        arrival_ns : `arrival_ns` when it was completed
        """
        unpack_vospi(packets[: self._video], counts.reshape(-1, 80))
        flags = FrameFlag.NONE
        if int(counts.max()) > MAX_COUNTS:
            np.minimum(counts, MAX_COUNTS, out=counts)
            flags |= FrameFlag.CLIPPED_TO_14_BIT
        self.telemetry = telemetry = parse_telemetry(packets[self._video])
        if telemetry.ffc_state == FFC_RUNNING:
            flags |= FrameFlag.SHUTTER
        moved = self._moved(telemetry.frame)
        nuc_id, age_ms, state = self._corrections.note(telemetry)
        info = FrameInfo(
            sequence=self._sequence,
            monotonic_ns=arrival_ns - VIDEO_FRAME_NS,
            fpa_temp_degc=telemetry.fpa_degc,
            nuc_id=nuc_id,
            ms_since_nuc=age_ms,
            nuc_state=state,
            flags=flags,
        )
        return Unpacked(info, moved, zlib.crc32(counts.data))

    def _moved(self, frame: int) -> int:
        """Frames since the last one, whether the camera counts unique frames or all of them."""
        moved = self._numbers.note(frame)
        if self._sequence >= 0:
            if 0 < moved < self._stride:
                self._stride = moved
            moved = -(-moved // self._stride)
        self._sequence += moved
        return moved


def _number(data: bytes) -> int:
    """An attribute of one or two words, the low one first."""
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    return sum(word << 16 * place for place, word in enumerate(words))


def _text(data: bytes) -> str:
    """Characters of an attribute: in each word the low byte comes first."""
    swapped = bytes(data[at ^ 1] for at in range(len(data)))
    return swapped.split(b"\0")[0].decode("ascii", "replace")
