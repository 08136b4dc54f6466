# SPDX-License-Identifier: Apache-2.0
"""The board and the world around it: what every bus call of the firmware reaches.

One single-threaded object without threads or own time.  Both tiers use it: in lockstep it is
moved by the scheduler, in real time by the server's clock.  Physics run on a fixed grid of 5 ms;
enables, LED pulses and tacho edges are exact between the grid points.

Models plug in through `wiring`: chips in `plant.chips` by I2C address, the sensor as
`plant.sensor`, `plant.tec`, `plant.led`.  A model asks `plant.take(FaultClass)` whether the
event at hand is broken, and reads the world from `plant.truth` and `plant.world`.
"""

import errno
import math
import random
from bisect import insort
from collections import Counter
from typing import Any

from edgeleak.board import Board
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.errors import UsageError
from edgeleak.sim import faults, wiring
from edgeleak.sim.actuator_log import ActuatorLog
from edgeleak.sim.breakage import Breakage
from edgeleak.sim.chips.chip import Chip
from edgeleak.sim.fan import Fan
from edgeleak.sim.faults import Active, Fault, Gone, Nack, Stuck
from edgeleak.sim.host import SensorModel
from edgeleak.sim.judge import Judge
from edgeleak.sim.lighting import Lighting, Span, overlap
from edgeleak.sim.lines import Lines
from edgeleak.sim.monostable import Monostable
from edgeleak.sim.scenario import Event, Scenario, World
from edgeleak.sim.spi_timing import SpiTiming
from edgeleak.sim.spoken import So, Spoken
from edgeleak.sim.truth import Truth

STEP_NS = 5_000_000
UNDER_VOLTAGE_V = 2.7
"""TEC and LED drivers lock out below this supply."""
FREEZING = (faults.FrozenFrame, faults.CounterStuck, faults.PixelsStuck)


class Plant:
    """One board in one world.

    board    : table of parts, the same the firmware loads
    seed     : everything random follows from it
    scenario : what the world does; None is a still room without gas
    start_ns : first time; the real-time tier starts at the machine's monotonic clock
    is_live  : pictures are drawn in a thread, so that other calls need not wait for them
    """

    def __init__(self, board: Board, *, seed: int = 0, scenario: Scenario | None = None,
                 start_ns: int = 0, is_live: bool = False) -> None:  # fmt: skip
        self.board, self.seed, self.is_live = board, seed, is_live
        self.now_ns = self.start_ns = self._stepped_ns = start_ns
        self.random = random.Random(seed)
        self.scenario = scenario or Scenario()
        self.world: World = self.scenario.world_at(0.0)
        self.truth = Truth.at_rest(self.world)
        self.counters: Counter[str] = Counter()
        self.log = ActuatorLog()
        self.judge = Judge(board, start_ns)
        self.spoken = Spoken(self.judge.check)
        self.lines = Lines(board.gpio)
        self.tec_command_v = self.led_command_v = 0.0
        self.spi_ns_per_byte = SpiTiming().ns_per_byte(board.spi.max_hz)
        self.spi_begin_ns: int | None = None
        self._breakage = Breakage(self.counters)
        self.faults: dict[str, Active] = self._breakage.active
        self._fan = Fan(board.fan)
        refresh_ns, bridge_ns = board.gpio.refresh_ms * NS_PER_MS, board.gpio.bridge_ms * NS_PER_MS
        self._enables = {
            name: Monostable(refresh_ns, bridge_ns) for name in ("tec_enable", "led_enable")
        }
        self._events = list(self.scenario.events)
        self._ahead_s = 0.0
        self._attach()

    def _attach(self) -> None:
        self.tec, self.led = wiring.tec(self), wiring.led(self)
        self._breakage.connect(self.tec, self.led)
        cold_degc = self.scenario.start.cold_degc
        if self.tec is not None and not math.isnan(cold_degc):
            self.tec.chill(cold_degc)
            self.truth.cold_degc = cold_degc
        self._lighting = Lighting(self.led, self.judge, self.counters) if self.led else None
        self.sensor: SensorModel | None = wiring.sensor(self)
        self.chips: dict[int, Chip] = wiring.chips(self)
        if self.sensor is not None:
            self.chips[self.sensor.address] = self.sensor

    # --- time --------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """Scenario time."""
        return (self.now_ns - self.start_ns) / NS_PER_S + self._ahead_s

    def advance_to(self, time_ns: int) -> None:
        """Let the world run to `time_ns`; a time that is past changes nothing."""
        while self._stepped_ns + STEP_NS <= time_ns:
            self.now_ns = self._stepped_ns + STEP_NS
            self._step(self._stepped_ns, self.now_ns)
            self._stepped_ns = self.now_ns
        if time_ns > self.now_ns:
            self.now_ns = time_ns
            if self.sensor is not None:
                self.sensor.advance_to(time_ns)

    def _step(self, from_ns: int, to_ns: int) -> None:
        dt_s = STEP_NS / NS_PER_S
        self._run_events()
        self._read_world(dt_s)
        if self.sensor is not None:
            self.sensor.advance_to(to_ns)
        led_on = self._settle_enables(from_ns, to_ns)
        self._move_fan(from_ns, to_ns)
        self._cool(dt_s)
        self._shine(led_on, from_ns, to_ns, dt_s)
        for chip in self.chips.values():
            chip.tick()
        self.judge.step(to_ns, self.truth)
        if self.spoken.is_due(to_ns):
            self.spoken.look(to_ns, self.so())

    def schedule(self, event: Event) -> None:
        """Let something happen at `event.at_s`; what is past happens with the next step."""
        insort(self._events, event, key=lambda one: one.at_s)

    def skip(self, seconds: float) -> None:
        """Move the scenario on; physics do not notice, what it names comes earlier."""
        if not seconds >= 0:
            raise UsageError(f"skip of {seconds!r} s: a scenario only moves on")
        self._ahead_s += seconds

    def _run_events(self) -> None:
        while self._events and self._events[0].at_s <= self.elapsed_s:
            event = self._events.pop(0)
            if event.fault is not None:
                self.inject(event.fault)
            elif event.clear is not None:
                self.clear(event.clear)
            elif event.line is not None:
                self.set_input(event.line, event.level)

    def _read_world(self, dt_s: float) -> None:
        world = self.world = self.scenario.world_at(self.elapsed_s)
        truth = self.truth
        truth.ambient_degc, truth.humidity = world.ambient_degc, world.humidity
        sag = self.fault(faults.BrownOut)
        truth.supply_v = world.supply_v if sag is None else sag.volts
        housing = self.board.housing_model
        target = world.ambient_degc + housing.rise_k
        truth.housing_degc += (target - truth.housing_degc) * dt_s / housing.tau_s

    def so(self) -> So:
        """What is true now, for the judge of what is said."""
        sensor, truth = self.sensor, self.truth
        level = self._breakage.drivable(self.lines.levels).get
        is_frozen = any(self._breakage.is_at_work(kind) for kind in FREEZING)
        return So(
            truth.cold_degc, truth.tec_enabled or truth.led_enabled,
            self._breakage.is_at_work(faults.LensCovered),
            bool(getattr(sensor, "is_shut", False)), is_frozen,
            getattr(sensor, "counters", {}).get("read", -1), self.world.gas_g_per_h,
            level("alarm"), level("status_green"), level("status_red"),
        )  # fmt: skip

    def program_begins(self) -> None:
        """Somebody took the lines: what is said from now on is his."""
        self.spoken.began(self.lines.levels.get("safe_strap", False))

    # --- faults ------------------------------------------------------------------------------

    def inject(self, fault: Fault) -> None:
        """Break something from now on; the same kind again replaces the first."""
        self._breakage.inject(fault, self.now_ns)
        self.log.write(self.now_ns, f"fault {fault.name}", 1.0)

    def clear(self, name: str) -> Active | None:
        """Mend; returns what it did, None when it was not broken."""
        if (active := self._breakage.clear(name)) is not None:
            self.log.write(self.now_ns, f"fault {name}", 0.0)
        return active

    def fault(self, kind: type[Any]) -> Any:
        """The lasting fault of this class, or None; counts nothing."""
        return self._breakage.of(kind) if self.faults else None

    def take(self, kind: type[Any], address: int | None = None) -> Any:
        """The fault of this class if it breaks the event at hand; counts event and hit."""
        return self._breakage.take(kind, address) if self.faults else None

    def _check_call(self) -> None:
        if (broken := self.take(faults.CallFails)) is not None:
            raise Gone(getattr(errno, broken.error))

    # --- buses -------------------------------------------------------------------------------

    def i2c(self, address: int, data: bytes, read_length: int) -> bytes:
        """One transaction; raises Nack, Stuck or Gone."""
        self.counters["i2c.calls"] += 1
        self._check_call()
        if self.fault(faults.I2cUnplugged):
            raise Gone
        if stuck := self.take(faults.BusStuck):
            is_for_ever = math.isinf(stuck.block_ms)
            raise Stuck(faults.FOR_EVER_NS if is_for_ever else round(stuck.block_ms * NS_PER_MS))
        try:
            return self._transfer(address, data, read_length)
        except Nack:
            self.counters["i2c.nacks"] += 1
            raise

    def _transfer(self, address: int, data: bytes, read_length: int) -> bytes:
        chip = self.chips.get(address)
        if chip is None or self.take(faults.BusNack, address):
            raise Nack
        answer = chip.transfer(data, read_length)
        if data and self.take(faults.NackAfterData, address):
            raise Nack
        if answer and (turned := self.take(faults.ReadCorrupted, address)):
            answer = bytes([answer[0] ^ turned.mask]) + answer[1:]
        return answer

    def spi_read(self, buffer: memoryview) -> int:
        """One CS-low period; returns the bytes clocked in, raises Gone."""
        self.counters["spi.reads"] += 1
        self._check_call()
        if self.fault(faults.SpiUnplugged):
            raise Gone
        if self.sensor is None:
            buffer[:] = bytes(len(buffer))
            return len(buffer)
        self.sensor.advance_to(self.now_ns)
        count = self.sensor.read(buffer)
        self.counters["spi.bytes"] += count
        return count

    # --- lines -------------------------------------------------------------------------------

    def gpio_set(self, name: str, is_active: bool) -> None:
        """Drive an output; True is active whatever the polarity.  Raises Gone."""
        self.check_gpio()
        refused = self.fault(faults.LineRefused)
        if refused is not None and refused.line == name and self.take(faults.LineRefused):
            raise Gone(errno.EIO)
        self.counters["gpio.sets"] += 1
        is_change = self.lines.drive(name, is_active)
        written = f"{name}_line" if name in self._enables else name
        self.log.write(self.now_ns, written, float(is_active))
        if is_change:
            self._driven(name, is_active)

    def _driven(self, name: str, is_active: bool) -> None:
        """An output has another level now."""
        if name in self._enables:
            self._drive_enable(name, is_active)
        elif name == "fan":
            self._fan.is_on = is_active
        elif self.sensor is not None and name == "sensor_power":
            self.sensor.power(is_active)
        elif self.sensor is not None and name == "sensor_reset":
            self.sensor.reset(is_active)

    def gpio_get(self, name: str) -> bool:
        """Level of any line as active or not.  Raises Gone."""
        self.check_gpio()
        return self.lines.level(name)

    def take_edges(self, name: str) -> list[int]:
        """Rising edges since the last call, at most the 16 newest, oldest first."""
        self.check_gpio()
        return self.lines.take(name)

    def next_edge_ns(self, name: str) -> int:
        """No rising edge of this input comes earlier; now, where nobody can tell."""
        if name != "data_ready" or self.sensor is None or self.sensor.next_ready_ns is None:
            return self.now_ns
        return self.sensor.next_ready_ns

    def set_input(self, name: str, is_active: bool) -> None:
        """The world moves an input: button, strap."""
        self.lines.move(name, is_active, self.now_ns)
        if name == "safe_strap":
            self.spoken.strap_moved(is_active)

    def edge(self, name: str, time_ns: int) -> None:
        """A rising edge of an input at its exact time."""
        if name != "data_ready" or self.fault(faults.NoDataReady) is None:
            self.lines.rise(name, time_ns)

    def check_gpio(self) -> None:
        """Raises Gone while the chip is unplugged."""
        self._check_call()
        if self.fault(faults.GpioUnplugged):
            raise Gone

    # --- actuators ---------------------------------------------------------------------------

    def set_tec_command(self, volts: float) -> None:
        """What the TEC's DAC puts out from now on, the same again too."""
        self.tec_command_v = volts
        self.log.write(self.now_ns, "tec_command_v", volts)
        enable = self._enables["tec_enable"]
        enable.settle(self.now_ns)
        self._note_tec_enable()
        if enable.is_on:
            self.judge.tec_current(self.now_ns, self.commanded_tec_a())

    def set_led_command(self, volts: float) -> None:
        """What the LED's DAC puts out from now on, the same again too."""
        self.led_command_v = volts
        self.log.write(self.now_ns, "led_command_v", volts)

    def commanded_tec_a(self) -> float:
        """What the enabled driver is told to deliver; above 0 is meant to cool."""
        part = self.board.tec
        if part is None or self.truth.supply_v < UNDER_VOLTAGE_V:
            return 0.0
        return (self.tec_command_v - part.zero_v) * part.command_a_per_v

    def _drive_enable(self, name: str, is_active: bool) -> None:
        if is_active:
            self.judge.enable_edge(name, self.now_ns)
            self.spoken.enable_edge(self.now_ns)
            self.counters[f"{name}.edges"] += 1
        self._enables[name].set(is_active, self.now_ns)
        if name == "tec_enable":
            self._note_tec_enable()

    def _note_tec_enable(self) -> None:
        """Log and judge what the TEC's enable did; off is a step that is always allowed."""
        for time_ns, is_on in self._enables["tec_enable"].take_changes():
            self.log.write(time_ns, "tec_enable", float(is_on))
            if is_on:
                self.judge.tec_current(time_ns, self.commanded_tec_a())
            else:
                self.judge.tec_enable_off(time_ns)

    def _settle_enables(self, from_ns: int, to_ns: int) -> list[Span]:
        """Truth of both enables; the spans of this step in which the LED's was on."""
        tec, led = self._enables["tec_enable"], self._enables["led_enable"]
        tec.settle(to_ns)
        led.settle(to_ns)
        self._note_tec_enable()
        since_ns = from_ns if self.truth.led_enabled else to_ns
        spans = []
        for time_ns, is_on in led.take_changes():
            self.log.write(time_ns, "led_enable", float(is_on))
            if not is_on:
                spans.append((since_ns, time_ns))
            since_ns = time_ns if is_on else to_ns
        spans.append((since_ns, to_ns))
        self.truth.tec_enabled, self.truth.led_enabled = tec.is_on, led.is_on
        return spans

    # --- physics -----------------------------------------------------------------------------

    def _move_fan(self, from_ns: int, to_ns: int) -> None:
        slow = self.fault(faults.FanSlow)
        dead = self.fault(faults.FanDead) or self.truth.supply_v < UNDER_VOLTAGE_V
        self._fan.limit = 0.0 if dead else slow.share if slow is not None else 1.0
        for time_ns in self._fan.step(from_ns, to_ns):
            self.edge("fan_tacho", time_ns)
        self.truth.fan_speed = self._fan.speed

    def _cool(self, dt_s: float) -> None:
        tec, truth, part = self.tec, self.truth, self.board.tec
        if tec is None or part is None:
            return
        sign = -1.0 if self.fault(faults.TecReversed) else 1.0
        through_a = 0.0
        if truth.tec_enabled and not self.fault(faults.TecOpen):
            max_v = min(part.max_v, truth.supply_v)
            through_a = tec.delivered_a(sign * self.commanded_tec_a(), max_v)
        truth.tec_a, truth.tec_v = sign * through_a, sign * tec.voltage_v(through_a)
        tec.step(dt_s, through_a, truth.ambient_degc, self.sink_k_per_w())
        truth.cold_degc, truth.hot_degc = tec.cold_degc, tec.hot_degc

    def sink_k_per_w(self) -> float:
        """Hot side to ambient; its conductance grows with the fan's speed."""
        model = self.board.tec_model
        if model is None:
            return math.inf
        still, blown = 1 / model.sink_still_k_per_w, 1 / model.sink_fan_k_per_w
        blocked = self.fault(faults.SinkBlocked)
        return (blocked.factor if blocked else 1.0) / (
            still + (blown - still) * self.truth.fan_speed
        )

    def _shine(self, enabled: list[Span], from_ns: int, to_ns: int, dt_s: float) -> None:
        truth, light = self.truth, self._lighting
        if light is None:
            return
        spans: list[Span] = []
        if self.sensor is not None and truth.supply_v >= UNDER_VOLTAGE_V:
            spans = overlap(self.sensor.led_gate(from_ns, to_ns), enabled)
        truth.led_ma = light.shine(spans, self.led_command_v, to_ns)
        truth.led_held_ma, truth.led_light_ma = light.held_ma, light.light_ma
        hot = self.fault(faults.LedHot)
        light.led.rest(dt_s, truth.housing_degc + (0.0 if hot is None else hot.kelvin))
        truth.led_degc = light.led.led_degc
