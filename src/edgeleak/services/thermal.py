# SPDX-License-Identifier: Apache-2.0
"""The cooler as a service: `sample` every 10 ms, `step` every 50 ms, one status, few commands.

In each step: measure, let the interlock look, decide the current, write it and see it read
back, refresh the enable.  Two retries a period at most.  A command that could not be renewed for
three periods has expired and the enable is cut; without readings alone the current ramps to zero
from the third period.  The tenth period in a row is a fault.  A fault is S0: current to zero at the
board's dI/dt, then the enable off; urgent ones, and a bus that does not answer, cut the enable
at once.  Nothing here waits, and nothing here raises: errors become states.
"""

import math
from collections import deque

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.protocols import I2cBus
from edgeleak.clock import Clock
from edgeleak.config import CoolerConfig
from edgeleak.control.interlock import Interlock
from edgeleak.control.observation import PERIOD_S, Observation, Trip
from edgeleak.control.pid import Gains
from edgeleak.control.relay_tuner import RelayTuner, Tuning
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.lines import Fan
from edgeleak.drivers.tec import decode_current_a, decode_voltage_v
from edgeleak.errors import BusError, ConfigError
from edgeleak.loop import Task
from edgeleak.services.closed_loop import ClosedLoop, interlock_limits
from edgeleak.services.cooler_fan import CoolerFan
from edgeleak.services.cooler_inputs import SAMPLE_PERIOD_MS, CoolerInputs, Reading
from edgeleak.services.cooler_output import CoolerOutput
from edgeleak.services.cooler_pause import Pause
from edgeleak.services.cooler_report import RAMP_AFTER, CoolerReport, Moment
from edgeleak.services.cooler_wish import check_wish
from edgeleak.services.lateness import LATE_S, Lateness
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal_status import CoolerState, Surroundings, ThermalStatus

PERIOD_MS = 50
FAULT_AFTER, REOPEN_AT = 10, 5
"""Periods in a row without the bus."""
TIMEOUTS, TIMEOUT_S = 3, 0.035
"""Bus time-outs in a row: something holds the bus, and each call holds us so long."""
OFF_A = 0.005
KEPT_REQUESTS = 16
WARM_ENOUGH_K = 3.0
DRIVING = (CoolerState.DRIVE, CoolerState.WARM, CoolerState.TUNE)


class Cooler:
    """Temperature of the detector; `cooler_parts.cooler_on` builds it.

    output, inputs, fan : drivers
    board               : limits and nominal physics
    config              : what the user wants
    clock               : the time of each period
    life                : lifetime counters
    bus                 : reopened once when it stays silent

    `may_drive` is the permission of whoever watches over everything: without it the current
    ramps to zero and nothing starts, whatever is wished; the wish itself stays.
    """

    def __init__(self, output: CoolerOutput, inputs: CoolerInputs, fan: Fan | None, board: Board,
                 config: CoolerConfig, clock: Clock, *, life: LifeCounters | None = None,
                 bus: I2cBus | None = None) -> None:  # fmt: skip
        model, part, adc = board.tec_model, board.tec, board.adc
        fpa, hot = board.fpa_thermistor, board.hot_thermistor
        if model is None or part is None or adc is None or fpa is None or hot is None:
            raise ConfigError(f"board {board.name}: cooler incomplete; it needs [tec], [tec_model],"
                              " [adc], [fpa_thermistor] and [hot_thermistor]")  # fmt: skip
        self._output, self._inputs, self._bus = output, inputs, bus
        self._fan = CoolerFan(fan, inputs, config)
        self._config, self._clock, self._part = config, clock, part
        self._life = life or LifeCounters()
        self._fpa, self._hot = Reading(fpa), Reading(hot)
        self._full_scale_v = adc.fpa_thermistor.full_scale_v
        self.loop = ClosedLoop(part, model, config)
        has_tacho = "fan_tacho" in board.gpio.lines
        has_supply = board.led is not None  # the round of its ADC is where it is measured
        self._interlock = Interlock(interlock_limits(part, config, self.loop.physics, has_tacho,
                                                     has_supply))  # fmt: skip
        self._report = CoolerReport(part, config, inputs, output, self.loop, self._fan, self._life)
        self._tuner: RelayTuner | None = None
        self.tuning: Tuning | None = None
        self._requests: deque[float | str] = deque(maxlen=KEPT_REQUESTS)
        self._wish_degc, self._wants_drive = config.set_point_degc, config.is_on_at_start
        self._state = CoolerState.OFF
        self._trip: Trip | None = None
        self._pause: Pause | None = None
        self._misses = 0
        self._lateness, self._stepped_ns = Lateness(), clock.monotonic_ns()
        self.may_drive = True
        self.surroundings = Surroundings()
        starts = codes.COOLER_STARTS if self._wants_drive else codes.COOLER_OFF
        self.status = ThermalStatus(code=starts)

    def tasks(self) -> list[Task]:
        """Both tasks for the control loop, in this order."""
        return [
            Task("cooler inputs", self.sample, SAMPLE_PERIOD_MS, 5.0,
                 "four ADC channels, one conversion each 10 ms"),
            Task("cooler", self.step, PERIOD_MS, 10.0,
                 "20 Hz: an eighth of the thermistor's time constant"),
        ]  # fmt: skip

    @property
    def enable(self) -> Enable:
        """For whoever must switch off without the control loop."""
        return self._output.tec.enable

    # --- commands: any thread, obeyed in their order ---------------------------------------------

    def request(self, what: float | str) -> None:
        """Ask for a set-point in degC, "off" (warm up on the ramp, then off), "stop" (current
        to zero now), "clear" (forget a fault; it starts again) or "tune".

        Raises UsageError for anything else.
        """
        check_wish(what)
        self._requests.append(what)

    @property
    def wants_drive(self) -> bool:
        """It is to drive to the set-point, by the requests that were taken until now."""
        return self._wants_drive

    @property
    def gains(self) -> Gains:
        """Of the loop; a change of them makes no bump."""
        return self.loop.pid.gains

    @gains.setter
    def gains(self, gains: Gains) -> None:
        self.loop.pid.set_gains(gains)

    def shutdown(self) -> None:
        """Enable off at once, whatever is going on; for the end of the process."""
        self._wants_drive = False
        self._cut()
        self._state = CoolerState.OFF

    def zero(self) -> None:
        """After `shutdown`: the command to zero, once the output has run out (60 to 200 ms).

        Nothing is written on a bus that holds its callers; a write that fails is not repeated.
        """
        tec, now_ns = self._output.tec, self._clock.monotonic_ns()
        if tec.is_rested or self._inputs.timeouts_in_a_row:
            return
        self._output.rest(now_ns)
        self._clock.wait_until_ns(now_ns + tec.fall_ns)
        self._output.rest(self._clock.monotonic_ns())

    # --- the two tasks ---------------------------------------------------------------------------

    def sample(self, _due_ns: int) -> None:
        """Every 10 ms: one ADC channel and the tacho."""
        self._inputs.sample()
        self._fan.poll()

    def step(self, _due_ns: int) -> None:
        """Every 50 ms: the control period."""
        now_ns = self._clock.monotonic_ns()
        self._check_lateness(now_ns)
        is_fresh = self._measure()
        self._obey()
        if is_fresh:
            self._look(now_ns)
        self._act(now_ns, is_fresh)
        self._stepped_ns = now_ns
        self._account(now_ns)

    # --- measuring -------------------------------------------------------------------------------

    def _check_lateness(self, now_ns: int) -> None:
        """A bus that held us is a fault, a processor that was away is not."""
        late_s = (now_ns - self._stepped_ns) / 1e9
        if late_s <= LATE_S or not self._output.tec.is_on:
            return
        if self._inputs.timeouts_in_a_row > 0:
            self._fail(Trip(codes.I2C_TEC_STUCK, late_s, LATE_S, True))
            return
        self._interrupt(now_ns, Trip(codes.TEC_LATE, late_s, LATE_S, True))

    def _interrupt(self, now_ns: int, late: Trip) -> None:
        """Off at once, and on again by itself unless that happens too often."""
        trip = self._lateness.judge(now_ns, late)
        if trip is not late or self._state == CoolerState.FAULT:
            self._fail(trip)
        else:
            self._end_tuning_early("a control period came late")
            self._pause = self._pause or Pause(trip)
        self._cut()

    def _measure(self) -> bool:
        """Take what the round brought; count a period that brought nothing."""
        inputs = self._inputs
        fresh, write_failed = inputs.begin_period(), self._output.begin_period()
        for volts in fresh:
            self._fpa.take(volts)
        self._hot.take(inputs.volts("hot_thermistor"))
        self._misses = 0 if fresh and not write_failed else self._misses + 1
        if inputs.timeouts_in_a_row >= TIMEOUTS:
            self._fail(Trip(codes.I2C_TEC_STUCK, inputs.timeouts_in_a_row * TIMEOUT_S, LATE_S,
                            True))  # fmt: skip
        if self._misses == REOPEN_AT and self._bus is not None:
            try:
                self._bus.reopen()
            except BusError as error:
                inputs.note_error(error)
        if self._misses >= FAULT_AFTER and (self._wants_drive or self._output.tec.is_on):
            self._fail(Trip(codes.I2C_TEC, self._misses, FAULT_AFTER, write_failed))
        return bool(fresh)

    def _look(self, now_ns: int) -> None:
        """Show the interlock this period; obey when it objects."""
        trip = self._interlock.observe(self._observation(now_ns))
        if trip is None:
            return
        if codes.TABLE[trip.code].kind == codes.Kind.FAULT:
            self._fail(trip)
        elif self._pause is None:
            self._pause = Pause(trip)
            if self._output.tec.is_on and self._state != CoolerState.FAULT:
                self._state = CoolerState.STOP

    def _observation(self, now_ns: int) -> Observation:
        inputs, around, part, loop = self._inputs, self.surroundings, self._part, self.loop
        current_v, voltage_v = inputs.volts("tec_current"), inputs.volts("tec_voltage")
        return Observation(
            fpa_degc=self._fpa.degc, fpa_share=self._fpa.share,
            fpa_code=inputs.code("fpa_thermistor"),
            hot_degc=self._hot.degc, hot_share=self._hot.share,
            hot_code=inputs.code("hot_thermistor"),
            current_a=decode_current_a(part, current_v),
            voltage_v=decode_voltage_v(part, voltage_v), telemetry_v=(current_v, voltage_v),
            command_a=self._output.applied_a, limit_a=loop.limit_a,
            is_driven=self._output.tec.is_on, target_degc=loop.target_degc,
            reference_k_per_s=loop.ramp.rate_k_per_s,
            is_relay=self._state == CoolerState.TUNE, housing_degc=around.housing_degc,
            humidity_percent=around.humidity_percent, supply_v=around.supply_v,
            air_s=around.age_s(now_ns), fan_on_s=self._fan.on_s(now_ns),
            fan_rpm=self._fan.rpm(now_ns),
        )  # fmt: skip

    # --- deciding --------------------------------------------------------------------------------

    def _obey(self) -> None:
        """Take the requests in their order; then the permission, which none of them overrules."""
        while self._requests:
            self._obey_request(self._requests.popleft())
        if not self.may_drive and self._state in DRIVING:
            self._state, self._tuner = CoolerState.STOP, None

    def _obey_request(self, what: float | str) -> None:
        if isinstance(what, str):
            self._obey_word(what)
        else:
            if what != self._wish_degc:
                self._report.steady.restart()
                self.loop.saturation.restart()
            self._wish_degc, self._wants_drive = float(what), True
            if self._state in (CoolerState.WARM, CoolerState.TUNE):
                self._state, self._tuner = CoolerState.DRIVE, None

    def _obey_word(self, what: str) -> None:
        if what == "clear":
            past = self._trip or (self._pause.trip if self._pause is not None else None)
            if past is None or past.code != codes.HOT_SIDE:
                self._pause = None
            elif self._trip is not None:  # asked again, it does not begin again
                self._pause = Pause(past)
            self._trip, self._misses = None, 0
            self._interlock.reset()
            self._lateness.clear()
            if self._state == CoolerState.FAULT:
                self._state = CoolerState.STOP
        elif what == "tune":
            self._begin_tuning()
        else:
            self._wants_drive, self._tuner = False, None
            if self._state in (CoolerState.DRIVE, CoolerState.TUNE, CoolerState.WARM):
                self._state = CoolerState.WARM if what == "off" else CoolerState.STOP

    def _act(self, now_ns: int, is_fresh: bool) -> None:
        """One period of whatever state this is."""
        if not self._output.tec.is_on:
            self._rest(now_ns, is_fresh)
            return
        wanted_a = self._wanted_a(is_fresh)
        if self._trip is not None and self._trip.is_urgent:
            self._cut()
            return
        trip = self._output.drive(wanted_a, now_ns)
        self.loop.pid.track(self._output.applied_a)
        is_lost = self._state == CoolerState.FAULT and self._output.has_failed
        if trip is None and is_lost:
            trip = Trip(codes.I2C_TEC, self._misses, FAULT_AFTER, True)
        if trip is not None and trip.code == codes.ENABLE_DROPPED:
            self._interrupt(now_ns, trip)
        elif trip is not None:
            self._fail(trip)
            self._cut()
        elif self._output.has_failed and self._output.tec.is_expired(now_ns):
            self._cut()  # not a fault yet: it starts again from zero when the bus is back
        elif self._is_ending() and abs(self._output.applied_a) < OFF_A:
            self._cut()

    def _is_ending(self) -> bool:
        return self._state in (CoolerState.STOP, CoolerState.FAULT)

    def _wanted_a(self, is_fresh: bool) -> float:
        """Current of this period; without a reading it is held, then ramped to zero."""
        cold, hot, applied_a = self._fpa.degc, self._hot.degc, self._output.applied_a
        if self._is_ending() or not is_fresh or self._misses >= RAMP_AFTER:
            self.loop.hold(cold, hot, self._ambient_degc(), applied_a)
            self._end_tuning_early("the bus failed during the experiment")
            return applied_a if not self._is_ending() and self._misses < RAMP_AFTER else 0.0
        if self._tuner is not None:
            return self._tune_step(self._tuner)
        is_warming = self._state == CoolerState.WARM
        if is_warming and cold > hot - WARM_ENOUGH_K:
            self._state = CoolerState.STOP
        aim = hot if is_warming else self.loop.aim(self._wish_degc, hot, self.surroundings)
        wanted_a = self.loop.step(aim, cold, hot, self._ambient_degc(), applied_a)
        lsb_k = self._fpa.lsb_k(self._full_scale_v)
        return wanted_a + self.loop.probe_a(self._interlock.wants_probe, cold, applied_a, lsb_k)

    def _ambient_degc(self) -> float:
        """The housing's air where somebody measures it; else the sink is all we know."""
        housing = self.surroundings.housing_degc
        return self._hot.degc if math.isnan(housing) else housing

    def _fail(self, trip: Trip) -> None:
        """Latch a fault; an urgent reason hastens one that is being ramped down."""
        if self._trip is None:
            self._trip = trip
        elif trip.is_urgent:
            self._trip = self._trip._replace(is_urgent=True)
        self._state, self._tuner = CoolerState.FAULT, None

    def _cut(self) -> None:
        if self._output.cut():
            self._life.add("tec_stops", 1, is_urgent=True)

    # --- off and on ------------------------------------------------------------------------------

    def _rest(self, now_ns: int, is_fresh: bool) -> None:
        """Off: wait for a wish and for the conditions to start."""
        self._fan.spin(False, self._hot.degc - self._ambient_degc(), now_ns)
        # This period began before the line fell; from when on it is down only the clock tells.
        self._output.rest(self._clock.monotonic_ns())
        if self._state == CoolerState.FAULT:
            return
        self._state = CoolerState.OFF
        is_readable = not (math.isnan(self._fpa.degc) or math.isnan(self._hot.degc))
        if self._pause is not None:
            self._interlock.reset()
            if self._pause.is_over(self.surroundings, self._config, now_ns, self._hot.degc):
                self._pause = None
        elif self._wants_drive and self.may_drive and is_fresh and is_readable \
                and self._output.tec.is_rested:  # fmt: skip
            self._start(now_ns)

    def _start(self, now_ns: int) -> None:
        """Zero, read back, enable; the loop begins where the plate is."""
        if (trip := self._output.start(now_ns)) is not None:
            self._fail(trip)
        if not self._output.tec.is_on:
            return
        self._interlock.reset()
        self.loop.restart(self._fpa.degc)
        self._report.restart(self._fpa.degc)
        self._fan.spin(True, 0.0, now_ns)
        self._state = CoolerState.DRIVE
        self._life.add("tec_starts", 1)

    # --- tuning ----------------------------------------------------------------------------------

    def _begin_tuning(self) -> None:
        if self._state != CoolerState.DRIVE or self.loop.saturation.is_unreachable:
            self.tuning = Tuning.refused("the cooler is not driving towards a reachable set-point")
            return
        self._tuner = RelayTuner(self.loop.target_degc, self._output.applied_a, PERIOD_S,
                                 low_a=0.0, high_a=self.loop.limit_a)  # fmt: skip
        self.tuning, self._state = None, CoolerState.TUNE

    def _tune_step(self, tuner: RelayTuner) -> float:
        wanted_a = tuner.step(self._fpa.degc, self._output.applied_a)
        if tuner.result is not None:
            self._end_tuning(tuner.result)
        return wanted_a

    def _end_tuning(self, result: Tuning) -> None:
        self.tuning, self._tuner = result, None
        if result.gains is not None:
            self.gains = result.gains
        self.loop.hold(self._fpa.degc, self._hot.degc, self._ambient_degc(),
                       self._output.applied_a)  # fmt: skip
        self._report.steady.restart()
        if self._state == CoolerState.TUNE:
            self._state = CoolerState.DRIVE

    def _end_tuning_early(self, why: str) -> None:
        if self._tuner is not None:
            self._end_tuning(Tuning.refused(why))

    # --- telling ---------------------------------------------------------------------------------

    def _account(self, now_ns: int) -> None:
        self.status = self._report.status(now_ns, Moment(
            state=self._state, is_driven=self._output.tec.is_on, is_ending=self._is_ending(),
            wants_drive=self._wants_drive, wish_degc=self._wish_degc, cold_degc=self._fpa.degc,
            hot_degc=self._hot.degc, misses=self._misses,
            trip=self._trip or (self._pause.trip if self._pause is not None else None),
            surroundings=self.surroundings, tuning=self.tuning))  # fmt: skip
