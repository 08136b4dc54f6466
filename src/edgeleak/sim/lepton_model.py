# SPDX-License-Identifier: Apache-2.0
"""A FLIR Lepton as the buses see it: CCI registers, VoSPI segments, and how it loses step.

Sources as in drivers.lepton.  The camera sends 27 frames a second, each unique one three times: a
Lepton 3 numbers the segments of the first 1..4 and those of the repetitions 0, a Lepton 2 repeats
the frame counter.  A segment is there as a whole when its quarter of the frame time begins
and must be read before the next begins; one left unread, or a byte slip, puts the stream out of
step until chip select has been high for 185 ms.
"""

from collections import Counter

import numpy as np

from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.drivers import lepton as chip
from edgeleak.drivers import lepton_telemetry as row_a
from edgeleak.kernels import crc_vospi, pack_vospi
from edgeleak.sim import faults
from edgeleak.sim.chips.chip import BUS_IDLE, Nack
from edgeleak.sim.el640_model import SceneModel
from edgeleak.sim.host import Host
from edgeleak.sim.link_damage import Damage
from edgeleak.sim.live_scene import NOMINAL_FPA_DEGC, Exposure, LiveScene

IDLE_NS = 185 * NS_PER_MS
COMMAND_NS = 2 * NS_PER_MS
FFC_NS = 500 * NS_PER_MS
REPEATS = 3
TRUTH_KEPT = 8
PART_NUMBERS = {(60, 80): "500-0763-01", (120, 160): "500-0771-01"}
BAD_COMMAND = 256 - 4
REG_END = chip.REG_DATA + 32
ATTRIBUTE_BYTES = {
    chip.AGC_ENABLE: 4, chip.OEM_VIDEO_FORMAT: 4, chip.SYS_TELEMETRY: 4,
    chip.SYS_TELEMETRY_LOCATION: 4,
}  # fmt: skip
DISCARD_ID = (0x0F, 0xFF)
"""xFxx; the rest of a discard packet means nothing."""


class LeptonModel:
    """The camera of a plant; attributes as those of El640Model.

    uptime_ahead_ms : how long it had been on when the plant began
    """

    def __init__(self, plant: Host) -> None:
        part = plant.board.sensor
        self._plant, self.address = plant, part.i2c_address
        self.full_shape = self.shape = (part.height, part.width)
        self._power_up_ns = part.power_up_ms * NS_PER_MS
        self._segments = chip.LAYOUTS[self.shape][0]
        self._scene: SceneModel | None = None
        self._busy_until_ns = 0
        self.counters: Counter[str] = Counter()
        self.keeps_truth = False
        self.truth: dict[int, np.ndarray] = {}
        self.frame_step, self.uptime_ahead_ms = 1, 0
        self._damage = Damage(plant, plant.seed)
        self._rng = np.random.default_rng((plant.seed, 2))
        self._has_power_line = "sensor_power" in plant.board.gpio.lines
        self._powered, self._in_reset = not self._has_power_line, False
        self._boot(plant.now_ns)

    @property
    def scene(self) -> SceneModel:
        """What it looks at; drawn when first looked at."""
        if self._scene is None:
            self._scene = LiveScene(self.shape, self._plant.seed, bad_share=0.0)
        return self._scene

    @scene.setter
    def scene(self, scene: SceneModel) -> None:
        self._scene = scene

    def _boot(self, now_ns: int) -> None:
        self._alive_ns = now_ns + self._power_up_ns
        self._registers = bytearray(REG_END)
        self._attributes = dict.fromkeys(ATTRIBUTE_BYTES, 0)
        self._attributes[chip.SYS_TELEMETRY_LOCATION] = chip.TELEMETRY_FOOTER
        self._attributes[chip.AGC_ENABLE] = 1
        self._error, self._busy_ns = 0, 0
        self._ffc_until_ns, self._ffc_state, self._ffc_ms = 0, row_a.FFC_NEVER, 0
        self._segment, self._next = -1, 0
        self._shift, self._is_in_step = 0, False
        self._rendered = -1
        self._parts: list[np.ndarray] = []
        self._last_read_ns = -IDLE_NS

    # --- supply ------------------------------------------------------------------------------

    def power(self, is_on: bool) -> None:
        if is_on != self._powered:
            self._powered = is_on
            self._boot(self._plant.now_ns)

    def reset(self, is_active: bool) -> None:
        if self._in_reset and not is_active:
            self._boot(self._plant.now_ns)
        self._in_reset = is_active

    def power_cycle(self) -> None:
        self._boot(self._plant.now_ns)

    @property
    def is_alive(self) -> bool:
        is_on = self._powered and not self._in_reset
        is_up = self._plant.now_ns >= self._alive_ns
        return is_on and is_up and self._plant.fault(faults.SensorDead) is None

    def advance_to(self, time_ns: int) -> None:
        """Nothing happens before somebody reads; frames follow from the time."""

    def tick(self) -> None:
        """Nothing is kept between transfers."""

    is_drawn, next_ready_ns, sent_ready_ns = True, None, 0
    """Segments are made when they are read, whenever that is."""

    def led_gate(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """A Lepton has no LED."""
        return []

    # --- control port ------------------------------------------------------------------------

    def transfer(self, data: bytes, read_length: int) -> bytes:
        """16-bit register address, then words; reads go on from there."""
        if not self.is_alive:
            raise Nack
        self._settle()
        at = int.from_bytes(data[:2], "big") if len(data) >= 2 else 0
        for offset, value in enumerate(data[2:]):
            if chip.REG_COMMAND <= at + offset < REG_END:
                self._registers[at + offset] = value
        if len(data) > 2 and at <= chip.REG_COMMAND < at + len(data) - 2:
            self._execute(int.from_bytes(self._registers[4:6], "big"))
        status = self._error << 8 | chip.STATUS_BOOTED | 2 | (1 if self._is_busy else 0)
        self._registers[2:4] = status.to_bytes(2, "big")
        answer = bytes(self._registers[at : at + read_length])
        return answer + bytes((BUS_IDLE,)) * (read_length - len(answer))

    @property
    def _is_busy(self) -> bool:
        return self._plant.now_ns < self._busy_ns

    def _settle(self) -> None:
        if self._ffc_state == row_a.FFC_RUNNING and self._plant.now_ns >= self._ffc_until_ns:
            self._ffc_state = row_a.FFC_DONE
            self._ffc_ms = (self._ffc_until_ns - FFC_NS - self._alive_ns) // NS_PER_MS

    def _execute(self, command: int) -> None:
        self._busy_ns = self._plant.now_ns + COMMAND_NS
        attribute, kind = command & ~3, command & 3
        self._error = 0
        if attribute in self._attributes and kind == chip.SET:
            data = self._registers[chip.REG_DATA : chip.REG_DATA + 4]
            self._attributes[attribute] = data[2] << 24 | data[3] << 16 | data[0] << 8 | data[1]
            self._rendered = -1
        elif attribute in self._attributes and kind == chip.GET:
            self._answer(self._attributes[attribute], 2)
        elif command == chip.SYS_RUN_FFC | chip.RUN:
            self._ffc_state = row_a.FFC_RUNNING
            self._ffc_until_ns = self._plant.now_ns + FFC_NS
            self._plant.log.write(self._plant.now_ns, "ffc", 1.0)
        elif command == chip.OEM_PART_NUMBER:
            text = PART_NUMBERS[self.shape].encode().ljust(32, b"\0")
            swapped = bytes(text[at ^ 1] for at in range(32))
            self._registers[chip.REG_DATA : REG_END] = swapped
        elif not self._answer_number(command):
            self._error = BAD_COMMAND

    def _answer_number(self, command: int) -> bool:
        uptime_ms = (self._plant.now_ns - self._alive_ns) // NS_PER_MS + self.uptime_ahead_ms
        numbers = {
            chip.SYS_UPTIME: (uptime_ms, 2),
            chip.SYS_FPA_TEMP: (self._fpa_ck(), 1),
            chip.SYS_FFC_STATUS: (int(self._ffc_state == row_a.FFC_RUNNING), 2),
            chip.SYS_PING | chip.RUN: (0, 0),
        }
        if command not in numbers:
            return False
        self._answer(*numbers[command])
        return True

    def _answer(self, value: int, words: int) -> None:
        for word in range(words):
            at = chip.REG_DATA + 2 * word
            self._registers[at : at + 2] = (value >> 16 * word & 0xFFFF).to_bytes(2, "big")

    def _fpa_ck(self) -> int:
        return round((self._plant.truth.housing_degc + 2 + 273.15) * 100)

    # --- stream ------------------------------------------------------------------------------

    @property
    def _has_telemetry(self) -> bool:
        return bool(self._attributes[chip.SYS_TELEMETRY])

    @property
    def per_segment(self) -> int:
        """Packets of a segment now: 60, or 63 and 61 with telemetry."""
        return chip.LAYOUTS[self.shape][1] if self._has_telemetry else 60

    @property
    def segment_ns(self) -> int:
        return chip.VIDEO_FRAME_NS // self._segments

    def read(self, buffer: memoryview) -> int:
        """One CS-low period, packet by packet at the bus clock.

        A segment is there for 9 ms only, so it matters when a board would have begun, not how
        late its emulator comes to it.
        """
        begin_ns = self._plant.spi_begin_ns
        now_ns = self._plant.now_ns if begin_ns is None else begin_ns
        packet_ns = round(chip.PACKET_BYTES * self._plant.spi_ns_per_byte)
        slots = -(-len(buffer) // chip.PACKET_BYTES)
        begin_ns = max(now_ns, min(self._busy_until_ns, now_ns + slots * packet_ns))
        if not self.is_alive:
            buffer[:] = bytes(len(buffer))
            return len(buffer)
        self._settle()
        if begin_ns - self._last_read_ns > IDLE_NS:
            self._step_in(begin_ns)
        rows = np.zeros((slots, chip.PACKET_BYTES), np.uint8)
        slot = 0
        while slot < slots:
            slot += self._fill(rows[slot:], begin_ns + slot * packet_ns, packet_ns)
        self._busy_until_ns = self._last_read_ns = begin_ns + slots * packet_ns
        data = rows.reshape(-1)[: len(buffer)]
        buffer[:] = self._slipped(data).data
        return self._damage.shortened(len(buffer))

    def _step_in(self, now_ns: int) -> None:
        """After the silence: in step from the next segment on."""
        self._is_in_step, self._shift = True, 0
        self._segment = (now_ns - self._alive_ns) // self.segment_ns + 1
        self._next = 0
        self.counters["resyncs"] += 1

    def _fill(self, rows: np.ndarray, now_ns: int, packet_ns: int) -> int:
        """Packets up to the next segment, or discards; how many."""
        current = (now_ns - self._alive_ns) // self.segment_ns
        if current > self._segment:
            self._fall_behind(current)
        ends_ns = self._alive_ns + (current + 1) * self.segment_ns
        most = min(len(rows), max(1, -(-(ends_ns - now_ns) // packet_ns)))
        left = 0 if current < self._segment else self._length - self._next
        if left <= 0:
            rows[:most, 0:2] = DISCARD_ID
            return most
        take = min(most, left)
        rows[:take] = self._lines(current)[self._next : self._next + take]
        self._next += take
        return take

    @property
    def _length(self) -> int:
        """Packets of the current segment; damage makes some longer or shorter."""
        return len(self._lines(self._segment))

    def _fall_behind(self, current: int) -> None:
        """Segments began that nobody read to their end."""
        is_read = self._segment >= 0 and self._next >= self._length
        if self._is_in_step and (not is_read or current > self._segment + 1):
            self.counters["missed"] += 1
            self._lose_step(int(self._rng.integers(1, chip.PACKET_BYTES)))
        self._segment, self._next = current, 0

    def _lose_step(self, shift: int) -> None:
        self._is_in_step, self._shift = False, shift % chip.PACKET_BYTES or 1

    def _slipped(self, data: np.ndarray) -> np.ndarray:
        """Out of step the same bytes come too early, from a random byte on at first."""
        at = 0
        if (slip := self._plant.take(faults.LostSync)) is not None:
            at = int(self._rng.integers(len(data)))
            self._lose_step(slip.shift_bytes)
        if self._is_in_step:
            return data
        slipped = data.copy()
        slipped[at:] = np.roll(data[at:], -self._shift)
        return slipped

    # --- frames ------------------------------------------------------------------------------

    def _lines(self, segment: int) -> np.ndarray:
        """Packets of a segment by its running number."""
        video = segment // self._segments
        if video != self._rendered:
            self._render(video)
        part = segment % self._segments
        return self._parts[part]

    def _render(self, video: int) -> None:
        unique, repeat = divmod(video, REPEATS)
        if repeat == 0 or self._rendered < 0 or self._rendered // REPEATS != unique:
            self._words = self._expose(unique)
        self._rendered = video
        per = self.per_segment
        packed = []
        for part in range(self._segments):
            words = self._words[part * per : (part + 1) * per]
            packets = np.empty((len(words), chip.PACKET_BYTES), np.uint8)
            mark = 0 if self._segments == 1 or repeat else part + 1
            pack_vospi(words, mark, packets)
            packed.append(packets)
        if self._plant.faults:
            part = int(self._rng.integers(self._segments))
            packed[part] = self._damaged(packed[part])
        self._parts = packed

    def _damaged(self, packets: np.ndarray) -> np.ndarray:
        if self._plant.take(faults.WrongId) is not None:
            line = int(self._rng.integers(len(packets)))
            packets[line, 1] = (packets[line, 1] + 1) % len(packets)
            crc = crc_vospi(packets[line])
            packets[line, 2], packets[line, 3] = crc >> 8, crc & 0xFF
        if self._plant.take(faults.Discard) is not None:
            line = int(self._rng.integers(len(packets)))
            packets = np.concatenate([packets[:line], _discard()[None], packets[line:]])
        return self._damage.any_lines(packets)

    def _expose(self, unique: int) -> np.ndarray:
        """(N, 80) words of one frame with its telemetry rows."""
        plant, truth = self._plant, self._plant.truth
        time_ns = self._alive_ns + unique * REPEATS * chip.VIDEO_FRAME_NS
        is_shut = self._ffc_state == row_a.FFC_RUNNING
        cap = plant.fault(faults.LensCovered)
        cover_degc = truth.housing_degc if is_shut or cap is not None else float("nan")
        exposure = Exposure(
            max(0.0, (time_ns - plant.start_ns) / NS_PER_S), self.shape,
            fpa_degc=NOMINAL_FPA_DEGC, cover_degc=cover_degc,
            gas_g_per_h=0.0, movers=plant.world.movers,
        )  # fmt: skip
        counts = self._damage.pixels(self.scene(exposure))
        uptime_ms = (time_ns - self._alive_ns) // NS_PER_MS
        number, uptime_ms = self._damage.numbers(unique * self.frame_step, uptime_ms)
        self.counters["exposed"] += 1
        if self.keeps_truth:
            self.truth[number] = counts.copy()
            while len(self.truth) > TRUTH_KEPT:
                del self.truth[next(iter(self.truth))]
        video = counts.reshape(-1, 80)
        if not self._has_telemetry:
            return video.copy()
        rows = self._segments * self.per_segment - len(video)
        telemetry = np.zeros((rows, 80), np.uint16)
        self._fill_telemetry(telemetry[0], uptime_ms + self.uptime_ahead_ms, number)
        return np.concatenate([video, telemetry])

    def _fill_telemetry(self, row: np.ndarray, uptime_ms: int, number: int) -> None:
        """Row A; 32-bit fields low word first."""
        row[0] = 0x000E
        row[1], row[2] = uptime_ms & 0xFFFF, uptime_ms >> 16 & 0xFFFF
        row[3] = self._ffc_state << 4
        row[20], row[21] = number & 0xFFFF, number >> 16 & 0xFFFF
        row[24] = self._fpa_ck()
        row[26] = round((self._plant.truth.housing_degc + 273.15) * 100)
        ffc_ms = self._ffc_ms + self.uptime_ahead_ms if self._ffc_ms else 0
        row[30], row[31] = ffc_ms & 0xFFFF, ffc_ms >> 16 & 0xFFFF


def _discard() -> np.ndarray:
    packet = np.zeros(chip.PACKET_BYTES, np.uint8)
    packet[0:2] = DISCARD_ID
    return packet
