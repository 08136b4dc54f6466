# SPDX-License-Identifier: Apache-2.0
"""EL-1's readout as the bus sees it: registers, exposures, packets, and what breaks on the way.

Exposures follow each other on a fixed period from the moment the stream is switched on.  A frame
is ready `READOUT_NS` after its exposure; the memory inside keeps four, or sixteen binned ones, and
of what comes when it is full only the number remains.  Pixels are made when the first line is
fetched, so frames nobody reads are free.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.drivers import el640_link as chip
from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import pack_el640, seal_el640
from edgeleak.sim import faults
from edgeleak.sim.chips.chip import BUS_IDLE, Nack
from edgeleak.sim.host import Host
from edgeleak.sim.link_damage import Damage
from edgeleak.sim.live_scene import Exposure, LiveScene

SIZES = {chip.REG_ID: 2, chip.REG_CTRL: 2, chip.REG_INTEGRATION_US: 4, chip.REG_PERIOD_US: 4,
         chip.REG_LED_MODE: 2}  # fmt: skip
REGISTER_FILE = 14
LOGGED = (
    (chip.REG_CTRL, "shutter", chip.CTRL_SHUTTER), (chip.REG_CTRL, "stream", chip.CTRL_STREAM),
    (chip.REG_INTEGRATION_US, "integration_us", None), (chip.REG_PERIOD_US, "period_us", None),
    (chip.REG_LED_MODE, "led_mode", None),
)  # fmt: skip
"""Registers that act: shutter, and what opens the LED's gate; with the one bit that is meant."""
KEPT_FRAMES, KEPT_BINNED = 4, 16
"""One memory of 2.2 MB inside: a host that stalls for 0.26 s at 11 frames/s loses none, binned
0.33 s at 45."""
LED_SEEN_MA = 5.0
"""Below this the sense resistor of the gate sees no light."""
OFF, ON, ALTERNATE = 0, 1, 2
TRUTH_KEPT = 8
STEP_NS = 5_000_000
"""Of the plant's physics."""


class SceneModel(Protocol):
    """Anything that turns an exposure into counts."""

    def __call__(self, exposure: Exposure) -> np.ndarray: ...


@dataclass(slots=True)
class Frame:
    """One exposure on its way out."""

    number: int
    began_ns: int
    ends_ns: int
    exposure: Exposure
    is_lit: bool
    is_shut: bool
    uptime_ms: int
    led_ma: float = 0.0
    light_ma: float = 0.0

    @property
    def ready_ns(self) -> int:
        return self.ends_ns + chip.READOUT_NS


class El640Model:
    """The sensor of a plant.

    scene     : what it looks at; may be replaced by anything callable with an Exposure
    counters  : frames exposed, read, overrun; damage is counted by the plant
    truth     : frame number -> counts as sent, of the last frames, when `keeps_truth`
    """

    def __init__(self, plant: Host) -> None:
        part = plant.board.sensor
        self._plant, self.address = plant, part.i2c_address
        self.full_shape = (part.height, part.width)
        self._power_up_ns = part.power_up_ms * NS_PER_MS
        self._has_edge = "data_ready" in plant.board.gpio.lines
        self._scene: SceneModel | None = None
        self.counters: Counter[str] = Counter()
        self.keeps_truth = False
        self.truth: dict[int, np.ndarray] = {}
        self._damage = Damage(plant, plant.seed)
        self._powered = self._in_reset = False
        self.frame_number = -1
        self._forget(0)

    def _forget(self, now_ns: int) -> None:
        """Power-on state."""
        self._registers = bytearray(REGISTER_FILE)
        self._registers[0:2] = chip.DEVICE_ID.to_bytes(2, "big")
        self._put(chip.REG_INTEGRATION_US, 8000)
        self._put(chip.REG_PERIOD_US, 100_000)
        self._pointer = 0
        self._alive_ns = now_ns + self._power_up_ns
        self.frame_number = -1
        self._stop()

    def _stop(self) -> None:
        self._next_ns: int | None = None
        self._waiting: deque[Frame] = deque()
        self._exposing: list[Frame] = []
        self._out: np.ndarray | None = None
        self._line = 0
        self.sent_ready_ns = 0
        self._set_ready(False, self._plant.now_ns)

    @property
    def scene(self) -> SceneModel:
        """What it looks at; drawn when first looked at."""
        if self._scene is None:
            self._scene = LiveScene(self.full_shape, self._plant.seed)
        return self._scene

    @scene.setter
    def scene(self, scene: SceneModel) -> None:
        self._scene = scene

    # --- supply and control port -------------------------------------------------------------

    def power(self, is_on: bool) -> None:
        if is_on != self._powered:
            self._powered = is_on
            self._forget(self._plant.now_ns)

    def reset(self, is_active: bool) -> None:
        if self._in_reset and not is_active:
            self._forget(self._plant.now_ns)
        self._in_reset = is_active
        if is_active:
            self._stop()

    def power_cycle(self) -> None:
        self._forget(self._plant.now_ns)

    @property
    def is_alive(self) -> bool:
        """Supplied, out of reset and done with its own start."""
        return (
            self._powered
            and not self._in_reset
            and self._plant.now_ns >= self._alive_ns
            and self._plant.fault(faults.SensorDead) is None
        )

    def transfer(self, data: bytes, read_length: int) -> bytes:
        """Pointer, then bytes written from there on; reads go on from the pointer."""
        if not self.is_alive:
            raise Nack
        if data:
            self._pointer = data[0]
            for value in data[1:]:
                self._write_byte(value)
            if len(data) > 1:
                self._control_changed()
                self._note_writes(data[0], len(data) - 1)
        answer = bytearray()
        for _ in range(read_length):
            at = self._pointer
            answer.append(self._registers[at] if at < REGISTER_FILE else BUS_IDLE)
            self._pointer = (at + 1) & 0xFF
        return bytes(answer)

    def _write_byte(self, value: int) -> None:
        if chip.REG_CTRL <= self._pointer < REGISTER_FILE:
            self._registers[self._pointer] = value
        self._pointer = (self._pointer + 1) & 0xFF

    def _get(self, register: int) -> int:
        return int.from_bytes(self._registers[register : register + SIZES[register]], "big")

    def _put(self, register: int, value: int) -> None:
        size = SIZES[register]
        self._registers[register : register + size] = value.to_bytes(size, "big")

    def _control_changed(self) -> None:
        streams = bool(self._get(chip.REG_CTRL) & chip.CTRL_STREAM)
        if streams and self._next_ns is None:
            self._next_ns = self._plant.now_ns
        elif not streams and self._next_ns is not None:
            self._stop()

    def _note_writes(self, first: int, count: int) -> None:
        """Log every register that was written, its old value again too."""
        for register, what, mask in LOGGED:
            if first < register + SIZES[register] and register < first + count:
                word = self._get(register)
                value = word if mask is None else bool(word & mask)
                self._plant.log.write(self._plant.now_ns, what, float(value))

    # --- exposures ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the frames now sent."""
        height, width = self.full_shape
        return (height // 2, width // 2) if self._is_binned else (height, width)

    @property
    def _is_binned(self) -> bool:
        return bool(self._get(chip.REG_CTRL) & chip.CTRL_BIN)

    @property
    def _kept(self) -> int:
        return KEPT_BINNED if self._is_binned else KEPT_FRAMES

    @property
    def is_shut(self) -> bool:
        """Where the shutter really is."""
        stuck = self._plant.fault(faults.ShutterStuck)
        if stuck is not None:
            return bool(stuck.closed)
        return bool(self._get(chip.REG_CTRL) & chip.CTRL_SHUTTER)

    def advance_to(self, time_ns: int) -> None:
        if self._next_ns is None:
            return
        if not self.is_alive:
            self._stop()
            return
        while self._next_ns <= time_ns:
            self._expose(self._next_ns)
            integration_us = self._get(chip.REG_INTEGRATION_US)
            period_us = max(self._get(chip.REG_PERIOD_US), integration_us, 100)
            self._next_ns += period_us * 1000
        while self._exposing and self._exposing[0].ready_ns <= time_ns:
            frame = self._exposing.pop(0)
            self._finish(frame, frame.ready_ns)

    @property
    def is_drawn(self) -> bool:
        """See `host.SensorModel`."""
        return True

    @property
    def next_ready_ns(self) -> int | None:
        """See `host.SensorModel`."""
        return self._exposing[0].ready_ns if self._exposing else self._next_ns

    def _expose(self, now_ns: int) -> None:
        plant = self._plant
        self.frame_number = (self.frame_number + 1) & 0xFFFFFFFF
        self.counters["exposed"] += 1
        mode, integration_us = self._get(chip.REG_LED_MODE), self._get(chip.REG_INTEGRATION_US)
        is_lit = mode == ON or (mode == ALTERNATE and self.frame_number % 2 == 0)
        truth, is_shut = plant.truth, self.is_shut
        cover_degc = truth.housing_degc if is_shut else self._cap_degc()
        exposure = Exposure(
            (now_ns - plant.start_ns) / NS_PER_S, self.shape, integration_us, truth.cold_degc,
            cover_degc, 0.0, plant.world.gas_g_per_h, plant.world.movers,
        )  # fmt: skip
        uptime_ms = (now_ns - self._alive_ns) // NS_PER_MS & 0xFFFFFFFF
        ends_ns = now_ns + integration_us * 1000
        frame = Frame(self.frame_number, now_ns, ends_ns, exposure, is_lit, is_shut, uptime_ms)
        self._exposing.append(frame)

    def _cap_degc(self) -> float:
        cap = self._plant.fault(faults.LensCovered)
        if cap is None:
            return math.nan
        return self._plant.truth.housing_degc if math.isnan(cap.degc) else float(cap.degc)

    def led_gate(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """Spans in which the gate output is high: exposures of frames meant to be lit."""
        spans = [
            (max(from_ns, frame.began_ns), min(to_ns, frame.ends_ns))
            for frame in (*self._waiting, *self._exposing)
            if frame.is_lit
        ]
        return [(start, stop) for start, stop in spans if start < stop]

    def tick(self) -> None:
        """After each physics step: what the gate's sense resistor saw during it, and the light."""
        led_ma, light_ma = self._plant.truth.led_ma, self._plant.truth.led_light_ma
        if led_ma <= LED_SEEN_MA:
            return
        now_ns = self._plant.now_ns
        for frame in (*self._waiting, *self._exposing):
            if frame.is_lit and frame.began_ns < now_ns and frame.ends_ns > now_ns - STEP_NS:
                frame.led_ma = max(frame.led_ma, led_ma)
                frame.light_ma = max(frame.light_ma, light_ma)

    def _finish(self, frame: Frame, ready_ns: int) -> None:
        if len(self._waiting) + (self._out is not None) >= self._kept:
            self.counters["overrun"] += 1
            return
        self._waiting.append(frame)
        if self._out is None and len(self._waiting) == 1:
            self._set_ready(True, ready_ns)

    def _set_ready(self, is_ready: bool, time_ns: int) -> None:
        """The data-ready line: up with a frame's first line, down with its last."""
        if not self._has_edge:
            return
        if not is_ready or self._plant.fault(faults.NoDataReady) is None:
            self._plant.lines.move("data_ready", is_ready, time_ns)

    # --- stream ------------------------------------------------------------------------------

    def read(self, buffer: memoryview) -> int:
        """One CS-low period: whole packets without gap; a cut one is lost."""
        if not self.is_alive:
            buffer[:] = bytes(len(buffer))
            return len(buffer)
        nbytes = chip.packet_bytes(self.shape[1])
        slots = -(-len(buffer) // nbytes)
        rows = np.empty((slots, nbytes), np.uint8)
        filled = 0
        while filled < slots:
            filled += self._fill(rows[filled:])
        buffer[:] = rows.reshape(-1)[: len(buffer)].data
        return self._damage.message(buffer)

    def _fill(self, rows: np.ndarray) -> int:
        """Packets of one frame, or idle ones; how many."""
        if self._out is None and self._waiting:
            self.sent_ready_ns = self._waiting[0].ready_ns
            self._out, self._line = self._render(self._waiting.popleft()), 0
        if self._out is None:
            rows[...] = self._idle(rows.shape[1])
            return len(rows)
        take = min(len(rows), len(self._out) - self._line)
        rows[:take] = self._out[self._line : self._line + take]
        self._line += take
        if self._line == len(self._out):
            self._drained()
        return take

    def _drained(self) -> None:
        self._out = None
        self.counters["read"] += 1
        self._set_ready(False, self._plant.now_ns)
        if self._waiting:
            self._set_ready(True, self._plant.now_ns)

    def _idle(self, nbytes: int) -> np.ndarray:
        packet = np.zeros(nbytes, np.uint8)
        seal_el640(packet, (nbytes - 10) // 7 * 4, chip.IDLE_LINE, self.frame_number & 0xFFFF, 0)
        return packet

    def _render(self, frame: Frame) -> np.ndarray:
        """Packets of a frame, damaged as the plant's faults ask."""
        exposure = frame.exposure._replace(led_light_ma=frame.light_ma)
        counts = self._damage.pixels(self.scene(exposure))
        height, width = counts.shape
        number, uptime_ms = self._damage.numbers(frame.number, frame.uptime_ms)
        flags = self._flags(frame, counts)
        packets = np.empty((height + 1, chip.packet_bytes(width)), np.uint8)
        pack_el640(counts, packets, number & 0xFFFF, flags)
        packets[height, chip.HEADER_BYTES :] = 0
        fpa_ck, fpa_raw = _centikelvin(exposure.fpa_degc), _fpa_raw(exposure.fpa_degc)
        chip.TELEMETRY.pack_into(
            packets[height].data, chip.HEADER_BYTES, uptime_ms, number, fpa_ck, fpa_raw,
            int(exposure.integration_us), round(frame.led_ma), 0,
        )  # fmt: skip
        seal_el640(packets[height], width, chip.TELEMETRY_LINE, number & 0xFFFF, flags)
        if self.keeps_truth:
            self.truth[number] = counts.copy()
            while len(self.truth) > TRUTH_KEPT:
                del self.truth[next(iter(self.truth))]
        return self._damage.el640_lines(packets)

    def _flags(self, frame: Frame, counts: np.ndarray) -> int:
        is_lit = frame.led_ma > 0
        if self._plant.take(faults.LedFlagWrong):
            is_lit = not is_lit
        flags = chip.FLAG_LED if is_lit else 0
        flags |= chip.FLAG_SHUTTER if frame.is_shut else 0
        full = int(np.count_nonzero(counts[:: max(1, len(counts) // 60)] >= MAX_COUNTS))
        limit = counts.size // max(1, len(counts) // 60) // 100
        return flags | (chip.FLAG_SATURATED if full > limit else 0)


def _centikelvin(degc: float) -> int:
    return max(0, min(0xFFFF, round((degc + 273.15) * 100)))


def _fpa_raw(degc: float) -> int:
    """ADC of the on-chip diode: falls by 20 codes a kelvin from 9000 at 0 degC (own figure)."""
    return max(0, min(0xFFFF, round(9000 - 20 * degc)))
