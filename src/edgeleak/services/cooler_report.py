# SPDX-License-Identifier: Apache-2.0
"""What the cooler tells of each control period: status, energy, steadiness, lifetime counters.

Nothing here decides what is driven.
"""

import math
from typing import NamedTuple

from edgeleak import codes
from edgeleak.board import TecPart
from edgeleak.config import CoolerConfig
from edgeleak.control.observation import PERIOD_S, Trip
from edgeleak.control.relay_tuner import Tuning
from edgeleak.drivers.tec import decode_current_a, decode_voltage_v
from edgeleak.services.closed_loop import ClosedLoop
from edgeleak.services.cooler_fan import CoolerFan
from edgeleak.services.cooler_inputs import CoolerInputs
from edgeleak.services.cooler_output import CoolerOutput
from edgeleak.services.life import LifeCounters
from edgeleak.services.thermal_status import (
    NO_NOTE,
    CoolerState,
    Energy,
    Note,
    Steadiness,
    Surroundings,
    ThermalStatus,
)

RAMP_AFTER = 3
"""Periods in a row without the bus: told, and without readings the current ramps to zero."""
SURROUNDINGS_S = 30.0
CYCLE_K = 20.0
DRIVEN_A = 0.05
S_PER_H = 3600.0


class Moment(NamedTuple):
    """What the service decided and read in one control period.

    trip   : fault or pause that keeps it off
    misses : periods in a row without the bus
    """

    state: CoolerState
    is_driven: bool
    is_ending: bool
    wants_drive: bool
    wish_degc: float
    cold_degc: float
    hot_degc: float
    misses: int
    trip: Trip | None
    surroundings: Surroundings
    tuning: Tuning | None


class CoolerReport:
    """Makes one `ThermalStatus` a period.

    part, config        : scale of the telemetry; tolerances
    inputs, output, fan : what is measured and commanded
    loop                : aims and limits
    life                : hours and thermal cycles are counted here
    """

    def __init__(self, part: TecPart, config: CoolerConfig, inputs: CoolerInputs,
                 output: CoolerOutput, loop: ClosedLoop, fan: CoolerFan,
                 life: LifeCounters) -> None:  # fmt: skip
        self._part, self._config, self._inputs, self._output = part, config, inputs, output
        self._loop, self._fan, self._life = loop, fan, life
        self.steady, self._energy = Steadiness(config.tolerance_k, config.stable_s), Energy()
        self._start_degc, self._cycle_is_open = math.nan, False

    def restart(self, cold_degc: float) -> None:
        """A drive begins at this temperature."""
        self.steady.restart()
        self._energy.restart()
        self._start_degc, self._cycle_is_open = cold_degc, False

    def status(self, now_ns: int, at: Moment) -> ThermalStatus:
        """Account this period, then tell it; once a period."""
        inputs, energy, loop = self._inputs, self._energy, self._loop
        current_a, voltage_v = self._measured(at.is_driven)
        power_w = current_a * voltage_v
        if at.is_driven:
            self._account(at.cold_degc, current_a, power_w)
        code, measured, expected = self._verdict(at)
        return ThermalStatus(
            time_ns=now_ns, state=at.state, cold_degc=at.cold_degc, hot_degc=at.hot_degc,
            set_point_degc=loop.target_degc, wish_degc=at.wish_degc,
            reference_degc=loop.ramp.value, current_a=current_a, voltage_v=voltage_v,
            power_w=power_w, command_a=self._output.applied_a, limit_a=loop.limit_a,
            energy_j=energy.total_j, energy_to_set_point_j=energy.to_set_point_j,
            cool_down_s=energy.cool_down_s, holding_w=energy.holding_w,
            fan_rpm=self._fan.rpm(now_ns), code=code, measured=measured, expected=expected,
            note=self._note(now_ns, power_w, at),
            is_stable=self.steady.is_stable and at.state == CoolerState.DRIVE,
            is_enabled=at.is_driven, is_safe=not at.is_driven or at.is_ending,
            misses=at.misses, bus_errors=inputs.errors, rewrites=self._output.tec.rewrites,
        )  # fmt: skip

    def _measured(self, is_driven: bool) -> tuple[float, float]:
        """Current in A and voltage in V of the telemetry; zero while off."""
        if not is_driven:
            return 0.0, 0.0
        return (decode_current_a(self._part, self._inputs.volts("tec_current")),
                decode_voltage_v(self._part, self._inputs.volts("tec_voltage")))  # fmt: skip

    def _account(self, cold_degc: float, current_a: float, power_w: float) -> None:
        self.steady.note(cold_degc, self._loop.target_degc, PERIOD_S)
        self._energy.note(power_w, PERIOD_S, self.steady.is_stable)
        self._loop.limit.note_power(power_w, current_a, PERIOD_S)
        if abs(current_a) > DRIVEN_A:
            self._life.add("tec_hours", PERIOD_S / S_PER_H)
        if self._start_degc - cold_degc > CYCLE_K and not self._cycle_is_open:
            self._cycle_is_open = True
            self._life.add("thermal_cycles", 1, is_urgent=True)

    def _verdict(self, at: Moment) -> tuple[int, float, float]:
        """(code, measured, expected): why the temperature cannot be relied on; 0 when it can."""
        steady, cold, target = self.steady, at.cold_degc, self._loop.target_degc
        if math.isnan(target):  # the loop has not aimed yet
            target = at.wish_degc
        if at.trip is not None:
            return at.trip.code, at.trip.measured, at.trip.expected
        if at.misses >= RAMP_AFTER and at.wants_drive:
            return codes.I2C_TEC_MISSES, at.misses, RAMP_AFTER
        if at.state == CoolerState.TUNE:
            return codes.TUNING, cold, target
        if at.state != CoolerState.DRIVE:
            code = codes.COOLER_STARTS if at.wants_drive else codes.COOLER_OFF
            return code, cold, at.wish_degc
        if self._loop.saturation.is_unreachable:
            return codes.UNREACHABLE, cold, target
        if not steady.is_stable:
            return (codes.UNSTABLE if steady.was_stable else codes.COOLING), cold, target
        if target > at.wish_degc + self._config.tolerance_k:
            return codes.DEW_LIMITED, target, at.wish_degc
        return codes.OK, cold, target

    def _note(self, now_ns: int, power_w: float, at: Moment) -> Note:
        """The first thing worth mentioning."""
        if (note := self._fan.note(now_ns)).code:
            return note
        if self._loop.limit.is_power_limited:
            return Note(codes.POWER_LIMITED, power_w, self._config.max_power_w)
        age_s = (now_ns - at.surroundings.time_ns) / 1e9
        if age_s > SURROUNDINGS_S:
            return Note(codes.SURROUNDINGS_OLD, age_s, SURROUNDINGS_S)
        if at.tuning is not None and at.tuning.gains is None:
            return Note(codes.TUNE_REFUSED)
        return NO_NOTE
