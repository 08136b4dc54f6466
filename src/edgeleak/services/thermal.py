# SPDX-License-Identifier: Apache-2.0
"""The cooler as a service: `sample` every 10 ms, `step` every 50 ms, one status, few commands.

In each step: measure, let the interlock look, decide the current, write it and see it read
back, refresh the enable.  Two retries a period at most; the third period in a row without the
bus ramps the current to zero, the tenth is a fault.  A fault is S0: current to zero at the
board's dI/dt, then the enable off; urgent ones, and a bus that does not answer, cut the enable
at once.  Nothing here waits, and nothing here raises: errors become states.
"""

import math

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.protocols import GpioLines, I2cBus
from edgeleak.clock import Clock
from edgeleak.config import CoolerConfig
from edgeleak.control.dew import coldest_degc, dew_point_degc
from edgeleak.control.feed_forward import Physics
from edgeleak.control.interlock import Interlock
from edgeleak.control.limits import CoolLimit
from edgeleak.control.observation import PERIOD_S, Limits, Observation, Trip
from edgeleak.control.pid import Gains, Pid
from edgeleak.control.ramp import Ramp
from edgeleak.control.relay_tuner import RelayTuner, Tuning
from edgeleak.drivers.ad5693r import Ad5693r, ReadBackError
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.lines import Fan
from edgeleak.drivers.tec import Tec, decode_current_a, decode_voltage_v
from edgeleak.errors import BusError, ConfigError, NotReadyError, UsageError
from edgeleak.loop import Task
from edgeleak.services.cooler_inputs import SAMPLE_PERIOD_MS, CoolerInputs, Reading
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal_status import (
    CoolerState,
    Energy,
    Note,
    Saturation,
    Steadiness,
    Surroundings,
    ThermalStatus,
)

PERIOD_MS = 50
RAMP_AFTER, FAULT_AFTER = 3, 10
"""Periods in a row without the bus."""
REOPEN_AT = 5
TIMEOUTS = 3
"""Bus time-outs in a row: something holds the bus, and each call holds us."""
LATE_S = 0.15
OFF_A = 0.005
WARM_ENOUGH_K = 3.0
RAMP_SHARE = 0.85
"""Of the configured limit: what the course aims at, so that the plate never exceeds it."""
FF_SLEW_SHARE = 0.8
PROBE_S = 2.5
PROBE_LEAST_A, PROBE_LSB = 0.01, 3.0
RESUME_S = 10.0
SURROUNDINGS_S = 30.0
SLOW_FAN_SHARE = 0.6
CYCLE_K = 20.0
DRIVEN_A = 0.05
S_PER_H = 3600.0


class Cooler:
    """Temperature of the detector.

    tec, inputs, fan : drivers
    board            : limits and nominal physics
    config           : what the user wants
    clock            : ages only
    life             : lifetime counters
    reopen           : of the I2C bus, tried once when it stays silent
    """

    def __init__(self, tec: Tec, inputs: CoolerInputs, fan: Fan | None, board: Board,
                 config: CoolerConfig, clock: Clock, *, life: LifeCounters | None = None,
                 bus: I2cBus | None = None) -> None:  # fmt: skip
        model, part, adc = board.tec_model, board.tec, board.adc
        fpa, hot = board.fpa_thermistor, board.hot_thermistor
        if model is None or part is None or adc is None or fpa is None or hot is None:
            raise ConfigError(f"board {board.name}: cooler incomplete; it needs [tec], [tec_model],"
                              " [adc], [fpa_thermistor] and [hot_thermistor]")  # fmt: skip
        self._tec, self._inputs, self._fan, self._bus = tec, inputs, fan, bus
        self._config, self._clock, self._part = config, clock, part
        self._life = life or LifeCounters()
        self._fpa, self._hot = Reading(fpa), Reading(hot)
        self._full_scale_v = adc.fpa_thermistor.full_scale_v
        self.physics = Physics(
            seebeck_v_per_k=model.seebeck_v_per_k, resistance_ohm=model.resistance_ohm,
            conductance_w_per_k=model.conductance_w_per_k, cold_j_per_k=model.cold_j_per_k,
            leak_w_per_k=model.leak_w_per_k, load_w=model.load_w)  # fmt: skip
        gains = Gains(config.kp_a_per_k, config.ki_a_per_k_s, config.kd_a_s_per_k)
        self._pid = Pid(gains, PERIOD_S)
        self._ramp = Ramp(RAMP_SHARE * min(config.ramp_k_per_s, part.max_ramp_k_per_s),
                          accel_k_per_s2=config.accel_k_per_s2)  # fmt: skip
        self._lag_share = -math.expm1(-PERIOD_S / (model.thermistor_tau_s + PERIOD_S))
        self._limit = CoolLimit(part.max_cool_a, part.max_hot_degc, config.max_power_w)
        has_tacho = "fan_tacho" in board.gpio.lines
        self._interlock = Interlock(_limits(part, config, self.physics, has_tacho))
        self._steady = Steadiness(config.tolerance_k, config.stable_s)
        self._saturation = Saturation(config.no_progress_s, config.tolerance_k)
        self._energy = Energy()
        self._tuner: RelayTuner | None = None
        self.tuning: Tuning | None = None
        self._request: float | str | None = None
        self._wish_degc = config.set_point_degc
        self._wants_drive = config.is_on_at_start
        self._state = CoolerState.OFF
        self._trip: Trip | None = None
        self._pause: Trip | None = None
        self._resume_s = 0.0
        self._reference_degc = self._ff_a = 0.0
        self._start_degc = self._target_degc = math.nan
        self._applied_a = self._limit_a = 0.0
        self._misses = self._probe_s = 0
        self._write_failed = False
        self._stepped_ns: int | None = None
        self._fan_since_ns: int | None = None
        self._cycle_is_open = False
        self.surroundings = Surroundings()
        self.status = ThermalStatus()

    @classmethod
    def on(cls, board: Board, config: CoolerConfig, i2c: I2cBus, lines: GpioLines, clock: Clock,
           *, life: LifeCounters | None = None) -> "Cooler":  # fmt: skip
        """The service with its drivers on these buses."""
        if board.adc is None or board.address is None or board.tec is None:
            raise ConfigError(f"board {board.name}: no cooler is wired; add [adc], [address], [tec]"
                              " or leave the cooler off")  # fmt: skip
        adc = Ads1115(i2c, board.adc.fpa_thermistor.address)
        dac = Ad5693r(i2c, board.address.tec_dac)
        tec = Tec(dac, Enable(lines, "tec_enable"), board.tec, board.gpio.refresh_ms)
        names = board.gpio.lines
        fan = Fan(lines, has_tacho="fan_tacho" in names) if "fan" in names else None
        inputs = CoolerInputs(adc, board.adc, clock)
        return cls(tec, inputs, fan, board, config, clock, life=life, bus=i2c)

    def tasks(self) -> list[Task]:
        """Both tasks for the control loop, in this order."""
        return [
            Task("cooler inputs", self.sample, SAMPLE_PERIOD_MS, 5.0,
                 "four ADC channels, one conversion each 10 ms"),
            Task("cooler", self.step, PERIOD_MS, 10.0,
                 "20 Hz: a tenth of the thermistor's time constant"),
        ]  # fmt: skip

    # --- commands: any thread, one slot ------------------------------------------------------

    def request(self, what: float | str) -> None:
        """Ask for a set-point in degC, "off" (warm up on the ramp, then off), "stop" (current
        to zero now), "clear" (forget a fault; it starts again) or "tune".

        Raises UsageError for anything else.
        """
        if isinstance(what, str):
            if what not in ("off", "stop", "clear", "tune"):
                raise UsageError(f"cooler '{what}': use a set-point, off, stop, clear or tune")
        elif not -40 <= what <= 30:
            raise UsageError(f"cooler set-point {what} degC: use -40 to 30 degC")
        self._request = what

    @property
    def gains(self) -> Gains:
        """Of the loop now."""
        return self._pid.gains

    @gains.setter
    def gains(self, gains: Gains) -> None:
        self._pid.set_gains(gains)

    # --- the two tasks ---------------------------------------------------------------------------

    def sample(self, now_ns: int) -> None:
        """Every 10 ms: one ADC channel and the tacho."""
        self._inputs.sample(now_ns)
        if self._fan is not None:
            try:
                self._fan.poll()
            except BusError as error:
                self._inputs.note_error(error)

    def step(self, now_ns: int) -> None:
        """Every 50 ms: the control period."""
        now_ns = self._clock.monotonic_ns()
        self._check_lateness(now_ns)
        is_fresh = self._measure()
        self._count_misses(is_fresh)
        self._obey()
        if self._trip is None:
            self._look(now_ns, is_fresh)
        self._act(now_ns, is_fresh)
        self._stepped_ns = now_ns
        self._account(now_ns)

    def shutdown(self) -> None:
        """Off at once, whatever is going on; for the end of the process."""
        self._wants_drive = False
        self._state = CoolerState.OFF
        try:
            self._tec.off()
        except BusError:
            pass  # the enable line itself is gone, or the DAC: the monostable runs out
        self._applied_a = 0.0
        self._life.add("tec_starts", 0.0, is_urgent=True)

    # --- measuring -------------------------------------------------------------------------------

    def _check_lateness(self, now_ns: int) -> None:
        if self._stepped_ns is None or not self._tec.is_on:
            return
        late_s = (now_ns - self._stepped_ns) / 1e9
        if self._inputs.timeouts_in_a_row and late_s > LATE_S:
            self._fail(Trip(codes.I2C_TEC_STUCK, late_s, LATE_S, True))
        elif late_s > LATE_S:
            self._fail(Trip(codes.TEC_STALE, late_s, LATE_S, True))

    def _measure(self) -> bool:
        fresh = self._inputs.begin_period()
        for volts in fresh:
            self._fpa.take(volts)
        self._hot.take(self._inputs.volts("hot_thermistor"))
        if self._inputs.timeouts_in_a_row >= TIMEOUTS:
            self._fail(Trip(codes.I2C_TEC_STUCK, self._inputs.timeouts_in_a_row * 0.035,
                            LATE_S, True))  # fmt: skip
        return bool(fresh)

    def _count_misses(self, is_fresh: bool) -> None:
        is_good = is_fresh and not self._write_failed
        self._misses = 0 if is_good else self._misses + 1
        self._write_failed = False
        if self._misses == REOPEN_AT and self._bus is not None:
            try:
                self._bus.reopen()
            except BusError as error:
                self._inputs.note_error(error)
        if self._misses >= FAULT_AFTER and (self._wants_drive or self._tec.is_on):
            self._fail(Trip(codes.I2C_TEC, self._misses, FAULT_AFTER))

    def _look(self, now_ns: int, is_fresh: bool) -> None:
        """Show the interlock this period; obey when it objects."""
        if not is_fresh:
            return
        trip = self._interlock.observe(self._observation(now_ns))
        if trip is None:
            return
        if codes.TABLE[trip.code].kind == codes.Kind.FAULT:
            self._fail(trip)
        elif self._pause is None:
            self._pause, self._resume_s = trip, 0.0
            if self._tec.is_on:
                self._state = CoolerState.STOP

    def _observation(self, now_ns: int) -> Observation:
        inputs, around, part = self._inputs, self.surroundings, self._part
        current_v, voltage_v = inputs.volts("tec_current"), inputs.volts("tec_voltage")
        fan_on_s = 0.0 if self._fan_since_ns is None else (now_ns - self._fan_since_ns) / 1e9
        rpm = math.nan if self._fan is None else self._fan.rpm(now_ns)
        age_s = 0.0 if self._stepped_ns is None else (now_ns - self._stepped_ns) / 1e9
        return Observation(
            fpa_degc=self._fpa.degc, fpa_share=self._fpa.share, fpa_code=inputs.code(
                "fpa_thermistor"),
            hot_degc=self._hot.degc, hot_share=self._hot.share, hot_code=inputs.code(
                "hot_thermistor"),
            current_a=decode_current_a(part, current_v),
            voltage_v=decode_voltage_v(part, voltage_v), telemetry_v=(current_v, voltage_v),
            command_a=self._applied_a, limit_a=self._limit_a, is_driven=self._tec.is_on,
            target_degc=self._target_degc, reference_k_per_s=self._ramp.rate_k_per_s,
            housing_degc=around.housing_degc, humidity_percent=around.humidity_percent,
            supply_v=around.supply_v, fan_on_s=fan_on_s, fan_rpm=rpm, command_age_s=age_s,
        )  # fmt: skip

    # --- deciding --------------------------------------------------------------------------------

    def _obey(self) -> None:
        """Take the request slot."""
        what, self._request = self._request, None
        if what is None:
            return
        if isinstance(what, float | int):
            if what != self._wish_degc:
                self._steady.restart()
                self._saturation.restart()
            self._wish_degc, self._wants_drive = float(what), True
            if self._state in (CoolerState.WARM, CoolerState.TUNE):
                self._state = CoolerState.DRIVE
        elif what == "clear":
            self._trip = self._pause = None
            self._misses = 0
            self._interlock.reset()
            if self._state == CoolerState.FAULT:
                self._state = CoolerState.STOP
        elif what == "tune":
            if self._state == CoolerState.DRIVE and self._steady.is_stable:
                self._begin_tuning()
            else:
                self.tuning = Tuning.refused("the cooler is not steady; wait, then ask again")
        else:
            self._wants_drive = False
            if self._state in (CoolerState.DRIVE, CoolerState.TUNE, CoolerState.WARM):
                self._state = CoolerState.WARM if what == "off" else CoolerState.STOP

    def _act(self, now_ns: int, is_fresh: bool) -> None:
        """One period of whatever state this is."""
        if not self._tec.is_on:
            self._rest(now_ns, is_fresh)
            return
        wanted_a = self._wanted_a(now_ns, is_fresh)
        if self._trip is not None and self._trip.is_urgent:
            self._cut()
            return
        if self._drive(wanted_a, now_ns) and self._is_ended():
            self._cut()

    def _is_ended(self) -> bool:
        is_ending = self._state in (CoolerState.STOP, CoolerState.FAULT)
        return is_ending and abs(self._applied_a) < OFF_A

    def _wanted_a(self, now_ns: int, is_fresh: bool) -> float:
        if self._state in (CoolerState.STOP, CoolerState.FAULT) or self._misses >= RAMP_AFTER:
            self._pid_holds()
            return 0.0
        if not is_fresh:
            self._pid_holds()
            return self._applied_a
        if self._state == CoolerState.TUNE:
            return self._tune_step()
        return self._loop_step()

    def _loop_step(self) -> float:
        """PID around the feed-forward, along the ramp."""
        cold, hot = self._fpa.degc, self._hot.degc
        self._target_degc = self._aim(cold, hot)
        reference = self._ramp.step(self._target_degc, cold, PERIOD_S)
        self._reference_degc += (reference - self._reference_degc) * self._lag_share
        ambient = self._ambient_degc(hot)
        ff_a = self.physics.current_a(reference, hot, ambient, self._ramp.rate_k_per_s)
        step_a = FF_SLEW_SHARE * self._part.max_slew_a_per_s * PERIOD_S
        self._ff_a += min(step_a, max(-step_a, ff_a - self._ff_a))
        self._limit_a = self._limit.limit_a(hot, self.physics.best_a(cold))
        low_a = -self._part.max_heat_a
        wanted_a = self._pid.step(self._reference_degc, cold, self._ff_a, low_a, self._limit_a)
        self._watch_saturation(cold)
        if self._state == CoolerState.WARM and cold > hot - WARM_ENOUGH_K:
            self._state = CoolerState.STOP
        return wanted_a + self._probe_a(cold)

    def _aim(self, cold: float, hot: float) -> float:
        """The wish, or the coldest that stress and humidity allow."""
        if self._state == CoolerState.WARM:
            return hot
        aim = max(self._wish_degc, hot - self._config.max_delta_k)
        around = self.surroundings
        if not math.isnan(around.housing_degc) and not math.isnan(around.humidity_percent):
            dew = dew_point_degc(around.housing_degc, around.humidity_percent)
            aim = max(aim, coldest_degc(around.housing_degc, dew, self._config.dew_margin_k,
                                        self._config.window_share))  # fmt: skip
        return aim

    def _ambient_degc(self, hot: float) -> float:
        """The housing's air where somebody measures it; else the sink is all we know."""
        housing = self.surroundings.housing_degc
        return hot if math.isnan(housing) else housing

    def _watch_saturation(self, cold: float) -> None:
        if self._saturation.note(cold, self._target_degc, self._applied_a, self._limit_a,
                                 PERIOD_S):  # fmt: skip
            self._limit.fold_back(cold)
        elif not self._saturation.is_unreachable:
            self._limit.recover(PERIOD_S)

    def _probe_a(self, cold: float) -> float:
        """A little current to and fro while the reading does not move at all."""
        if not self._interlock.wants_probe:
            self._probe_s = 0
            return 0.0
        self._probe_s += 1
        gain = max(0.05, self.physics.gain_k_per_s_a(self._applied_a, cold))
        size_a = PROBE_LSB * self._fpa.lsb_k(self._full_scale_v) / (gain * PROBE_S)
        half = int(self._probe_s * PERIOD_S / PROBE_S)
        return max(PROBE_LEAST_A, size_a) * (1 if half % 2 == 0 else -1)

    def _pid_holds(self) -> None:
        """Somebody else decides: the loop follows, so that it can take over without a bump."""
        cold = self._fpa.degc
        if not math.isnan(cold):
            self._ramp.restart(cold)
            self._reference_degc = cold
            self._ff_a = self._applied_a
            self._pid.hold(cold, cold, self._ff_a, self._applied_a)

    # --- acting ------------------------------------------------------------------------------------

    def _rest(self, now_ns: int, is_fresh: bool) -> None:
        """Off: wait for a reason and for the conditions to start."""
        self._spin(False, now_ns)
        try:
            self._tec.rest()
        except BusError as error:
            self._inputs.note_error(error)
        if self._state == CoolerState.FAULT:
            return
        self._state = CoolerState.OFF
        if self._pause is not None:
            self._wait_to_resume(now_ns)
        elif self._wants_drive and self._trip is None and is_fresh and self._is_readable():
            self._start(now_ns)

    def _is_readable(self) -> bool:
        return not (math.isnan(self._fpa.degc) or math.isnan(self._hot.degc))

    def _wait_to_resume(self, now_ns: int) -> None:
        """A pause ends when its cause has been gone for long enough."""
        self._interlock.reset()
        around, pause = self.surroundings, self._pause
        is_clear = True
        if pause is not None and pause.code == codes.BROWN_OUT:
            is_clear = around.supply_v > self._config.min_supply_v + 0.1
        elif pause is not None:
            dew = dew_point_degc(around.housing_degc, around.humidity_percent)
            is_clear = around.housing_degc - dew > 2 * self._config.dew_margin_k
        self._resume_s = self._resume_s + PERIOD_S if is_clear else 0.0
        if self._resume_s >= RESUME_S:
            self._pause = None

    def _start(self, now_ns: int) -> None:
        """Zero, read back, enable; the loop begins where the plate is."""
        try:
            self._tec.start(now_ns)
        except BusError as error:
            self._inputs.note_error(error)
            self._write_failed = True
            if isinstance(error, ReadBackError):
                self._fail(Trip(codes.TEC_READ_BACK, 2, 2, True))
            return
        cold = self._fpa.degc
        self._interlock.reset()
        self._pid.reset()
        self._ramp.restart(cold)
        self._steady.restart()
        self._saturation.restart()
        self._energy.restart()
        self._reference_degc = self._start_degc = cold
        self._ff_a = self._applied_a = 0.0
        self._limit.recover(math.inf)
        self._cycle_is_open = False
        self._spin(True, now_ns)
        self._state = CoolerState.DRIVE
        self._life.add("tec_starts", 1)

    def _drive(self, wanted_a: float, now_ns: int) -> bool:
        """Write, see it read back, refresh; False when that ended the drive."""
        try:
            self._applied_a = self._write(wanted_a, now_ns)
        except ReadBackError:
            self._fail(Trip(codes.TEC_READ_BACK, 2, 2, True))
            self._cut()
            return False
        except BusError:
            self._write_failed = True
            if self._state == CoolerState.FAULT:
                self._fail(Trip(codes.I2C_TEC, self._misses, FAULT_AFTER, True))
                self._cut()
                return False
            self._tec.hold(now_ns)
        self._pid.track(self._applied_a)
        if self._trip is None or not self._trip.is_urgent:
            self._refresh(now_ns)
        return self._tec.is_on

    def _write(self, wanted_a: float, now_ns: int) -> float:
        while True:
            try:
                return self._tec.set_current_a(wanted_a, now_ns)
            except ReadBackError:
                raise
            except BusError as error:
                self._inputs.note_error(error)
                if not self._inputs.may_retry():
                    raise

    def _refresh(self, now_ns: int) -> None:
        silent_s = self._tec.silent_s(now_ns)
        try:
            if self._tec.refresh(now_ns):
                return
        except BusError as error:
            self._inputs.note_error(error)
            silent_s = max(silent_s, PERIOD_S)
        self._fail(Trip(codes.ENABLE_DROPPED, silent_s, 0.2, True))
        self._cut()

    def _fail(self, trip: Trip) -> None:
        """Latch a fault; an urgent reason overrides one that is being ramped down."""
        if self._trip is None or (trip.is_urgent and not self._trip.is_urgent):
            self._trip = trip if self._trip is None else self._trip._replace(is_urgent=True)
        self._state = CoolerState.FAULT
        self._tuner = None

    def _cut(self) -> None:
        """Enable off now."""
        was_on = self._tec.is_on
        try:
            self._tec.off()
        except BusError as error:
            self._inputs.note_error(error)
        self._applied_a = 0.0
        if was_on:
            self._life.add("tec_stops", 1, is_urgent=True)

    def _spin(self, is_on: bool, now_ns: int) -> None:
        """Fan on while driven and until the sink has cooled."""
        if self._fan is None:
            return
        wanted = is_on or self._hot.degc > self._ambient_degc(self._hot.degc) + 5
        try:
            self._fan.set(wanted, now_ns)
        except BusError as error:
            self._inputs.note_error(error)
            return
        if not wanted:
            self._fan_since_ns = None
        elif self._fan_since_ns is None:
            self._fan_since_ns = now_ns

    # --- tuning ------------------------------------------------------------------------------------

    def _begin_tuning(self) -> None:
        self._tuner = RelayTuner(self._target_degc, self._applied_a, PERIOD_S,
                                 low_a=0.0, high_a=self._limit_a)  # fmt: skip
        self.tuning = None
        self._state = CoolerState.TUNE

    def _tune_step(self) -> float:
        tuner = self._tuner
        if tuner is None:
            self._state = CoolerState.DRIVE
            return self._applied_a
        wanted_a = tuner.step(self._fpa.degc, self._applied_a)
        if tuner.result is not None:
            self.tuning, self._tuner = tuner.result, None
            if self.tuning.gains is not None:
                self._pid.set_gains(self.tuning.gains)
            self._pid_holds()
            self._steady.restart()
            self._state = CoolerState.DRIVE
        return wanted_a

    # --- telling -----------------------------------------------------------------------------------

    def _account(self, now_ns: int) -> None:
        inputs, part = self._inputs, self._part
        is_driven = self._tec.is_on
        current_a = decode_current_a(part, inputs.volts("tec_current")) if is_driven else 0.0
        voltage_v = decode_voltage_v(part, inputs.volts("tec_voltage")) if is_driven else 0.0
        power_w = current_a * voltage_v
        if is_driven:
            self._steady.note(self._fpa.degc, self._target_degc, PERIOD_S)
            self._energy.note(power_w, PERIOD_S, self._steady.is_stable)
            self._limit.note_power(power_w, current_a, PERIOD_S)
            self._count_life(current_a)
        self._tell(now_ns, current_a, voltage_v, power_w)

    def _count_life(self, current_a: float) -> None:
        if abs(current_a) > DRIVEN_A:
            self._life.add("tec_hours", PERIOD_S / S_PER_H)
        has_fallen = self._start_degc - self._fpa.degc > CYCLE_K
        if has_fallen and not self._cycle_is_open:
            self._cycle_is_open = True
            self._life.add("thermal_cycles", 1, is_urgent=True)

    def _tell(self, now_ns: int, current_a: float, voltage_v: float, power_w: float) -> None:
        energy, inputs = self._energy, self._inputs
        code, measured, expected = self._verdict()
        self.status = ThermalStatus(
            time_ns=now_ns, state=self._state,
            cold_degc=self._fpa.degc, hot_degc=self._hot.degc,
            set_point_degc=self._target_degc, wish_degc=self._wish_degc,
            reference_degc=self._ramp.value, current_a=current_a, voltage_v=voltage_v,
            power_w=power_w, command_a=self._applied_a, limit_a=self._limit_a,
            energy_j=energy.total_j, energy_to_set_point_j=energy.to_set_point_j,
            cool_down_s=energy.cool_down_s, holding_w=energy.holding_w,
            fan_rpm=math.nan if self._fan is None else self._fan.rpm(now_ns),
            code=code, measured=measured, expected=expected, note=self._note(now_ns, power_w),
            is_stable=self._steady.is_stable and self._state == CoolerState.DRIVE,
            is_enabled=self._tec.is_on, is_safe=self._is_safe(),
            misses=self._misses, bus_errors=inputs.errors, rewrites=self._tec.rewrites,
        )  # fmt: skip

    def _is_safe(self) -> bool:
        return not self._tec.is_on or self._state in (CoolerState.STOP, CoolerState.FAULT)

    def _verdict(self) -> tuple[int, float, float]:
        """(code, measured, expected): why the temperature cannot be relied on; 0 when it can."""
        trip = self._trip or self._pause
        cold, target = self._fpa.degc, self._target_degc
        if trip is not None:
            return trip.code, trip.measured, trip.expected
        if self._state == CoolerState.TUNE:
            return codes.TUNING, cold, target
        if self._state != CoolerState.DRIVE:
            return codes.COOLER_OFF, cold, self._wish_degc
        if self._saturation.is_unreachable:
            return codes.UNREACHABLE, cold, target
        if not self._steady.is_stable:
            return (codes.UNSTABLE if self._steady.was_stable else codes.COOLING), cold, target
        if target > self._wish_degc + self._config.tolerance_k:
            return codes.DEW_LIMITED, target, self._wish_degc
        return codes.OK, cold, target

    def _note(self, now_ns: int, power_w: float) -> Note:
        """The first thing worth mentioning."""
        if self._fan is not None and self._fan_since_ns is not None:
            usual = SLOW_FAN_SHARE * self._config.usual_fan_rpm
            if self._config.min_fan_rpm and self._fan.is_failing(now_ns, usual):
                return Note(codes.FAN_SLOW, self._fan.rpm(now_ns), self._config.usual_fan_rpm)
        if self._limit.is_power_limited:
            return Note(codes.POWER_LIMITED, power_w, self._config.max_power_w)
        age_s = (now_ns - self.surroundings.time_ns) / 1e9
        if age_s > SURROUNDINGS_S:
            return Note(codes.SURROUNDINGS_OLD, age_s, SURROUNDINGS_S)
        if self.tuning is not None and self.tuning.gains is None:
            return Note(codes.TUNE_REFUSED)
        return Note()


def _limits(part: object, config: CoolerConfig, physics: Physics, has_tacho: bool) -> Limits:
    return Limits(
        physics=physics,
        max_cool_a=part.max_cool_a, max_heat_a=part.max_heat_a, max_v=part.max_v,  # type: ignore[attr-defined]
        max_hot_degc=part.max_hot_degc, max_ramp_k_per_s=part.max_ramp_k_per_s,  # type: ignore[attr-defined]
        no_progress_s=config.no_progress_s, dew_margin_k=config.dew_margin_k,
        window_share=config.window_share, min_supply_v=config.min_supply_v,
        min_fan_rpm=config.min_fan_rpm if has_tacho else 0.0,
    )  # fmt: skip
