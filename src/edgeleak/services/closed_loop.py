# SPDX-License-Identifier: Apache-2.0
"""From temperatures to a wanted current: ramp, feed-forward, PID, limits; no bus, no states."""

import math

from edgeleak.board import TecModel, TecPart
from edgeleak.config import CoolerConfig
from edgeleak.control.dew import coldest_degc, dew_point_degc
from edgeleak.control.feed_forward import Physics
from edgeleak.control.limits import CoolLimit
from edgeleak.control.observation import PERIOD_S, Limits
from edgeleak.control.pid import Gains, Pid
from edgeleak.control.ramp import Pace, Ramp
from edgeleak.services.thermal_status import Saturation, Surroundings

RAMP_SHARE = 0.85
"""Of the configured limit: what the course aims at, so that the plate never exceeds it."""
FF_SLEW_SHARE = 0.6
"""Of the slew limit: the feed-forward arrives without winding the integral."""
PROBE_S = 2.5
PROBE_LEAST_A, PROBE_LSB = 0.01, 1.5


def physics_of(model: TecModel) -> Physics:
    """The board's nominal cooler in the words of `control`."""
    return Physics(
        seebeck_v_per_k=model.seebeck_v_per_k,
        resistance_ohm=model.resistance_ohm,
        conductance_w_per_k=model.conductance_w_per_k,
        cold_j_per_k=model.cold_j_per_k,
        leak_w_per_k=model.leak_w_per_k,
        load_w=model.load_w,
    )


def interlock_limits(part: TecPart, config: CoolerConfig, physics: Physics,
                     has_tacho: bool, has_supply: bool = False) -> Limits:  # fmt: skip
    """What the interlock compares with, from board and configuration."""
    return Limits(
        physics=physics,
        max_cool_a=part.max_cool_a,
        max_heat_a=part.max_heat_a,
        max_v=part.max_v,
        max_hot_degc=part.max_hot_degc,
        max_ramp_k_per_s=part.max_ramp_k_per_s,
        no_progress_s=config.no_progress_s,
        window_share=config.window_share,
        min_supply_v=config.min_supply_v,
        min_fan_rpm=config.min_fan_rpm if has_tacho else 0.0,
        has_supply=has_supply,
    )


class ClosedLoop:
    """The loop proper; everything once a period.

    part, model : limits and nominal physics of the board
    config      : what the user wants
    """

    def __init__(self, part: TecPart, model: TecModel, config: CoolerConfig) -> None:
        self.physics = physics_of(model)
        self._part, self._config = part, config
        gains = Gains(config.kp_a_per_k, config.ki_a_per_k_s, config.kd_a_s_per_k)
        self.pid = Pid(gains, PERIOD_S)
        most_k_per_s = min(config.ramp_k_per_s, part.max_ramp_k_per_s)
        self.ramp = Ramp(RAMP_SHARE * most_k_per_s, accel_k_per_s2=config.accel_k_per_s2)
        self._pace = Pace(most_k_per_s, PERIOD_S)
        self.limit = CoolLimit(part.max_cool_a, part.max_hot_degc, config.max_power_w)
        self.saturation = Saturation(config.no_progress_s, config.tolerance_k)
        self._lag_share = -math.expm1(-PERIOD_S / (model.thermistor_tau_s + PERIOD_S))
        self._reference_degc = self._ff_a = 0.0
        self._probes, self._is_held = 0, False
        self.limit_a = part.max_cool_a
        self.target_degc = math.nan

    def restart(self, cold_degc: float) -> None:
        """A drive begins at 0 A."""
        self.pid.reset()
        self.limit.recover(math.inf)
        self.saturation.restart()
        self.ramp.restart(cold_degc)
        self._pace.restart()
        self._reference_degc, self._ff_a = cold_degc, 0.0
        self._is_held = False

    def hold(self, cold_degc: float, hot_degc: float, ambient_degc: float,
             applied_a: float) -> None:  # fmt: skip
        """Somebody else decides: follow, so that the loop can take over without a bump."""
        if math.isnan(cold_degc) or math.isnan(hot_degc):
            return
        # What the current does to the plate is the course's, up to its speed: in the integral it
        # would be there twice once the course moves on.
        moves = self.physics.warming_k_per_s(applied_a, cold_degc, hot_degc, ambient_degc)
        course = self.ramp.rate_k_per_s
        rate = max(min(0.0, course), min(max(0.0, course), moves))
        self.ramp.restart(cold_degc, rate)
        self._pace.restart()
        self._reference_degc = cold_degc
        self._ff_a = self.physics.current_a(cold_degc, hot_degc, ambient_degc, rate)
        self.pid.hold(cold_degc, cold_degc, self._ff_a, applied_a)
        self._is_held = True

    def aim(self, wish_degc: float, hot_degc: float, around: Surroundings) -> float:
        """The wish, or the coldest that stress in the module and humidity allow."""
        config = self._config
        aim_degc = max(wish_degc, hot_degc - config.max_delta_k)
        if not (math.isnan(around.housing_degc) or math.isnan(around.humidity_percent)):
            dew_degc = dew_point_degc(around.housing_degc, around.humidity_percent)
            dry_degc = coldest_degc(around.housing_degc, dew_degc, config.dew_margin_k,
                                    config.window_share)  # fmt: skip
            aim_degc = max(aim_degc, dry_degc)
        return aim_degc

    def step(self, target_degc: float, cold_degc: float, hot_degc: float, ambient_degc: float,
             applied_a: float) -> float:  # fmt: skip
        """Wanted current of this period; the actuator may give less, then `pid.track` it."""
        self.target_degc = target_degc
        if self._is_held:  # what moved while nobody read must not show as a bump
            self.hold(cold_degc, hot_degc, ambient_degc, applied_a)
            self._is_held = False
        share = self._pace.share(cold_degc)
        reference = self.ramp.step(target_degc, cold_degc, PERIOD_S, share)
        self._reference_degc += (reference - self._reference_degc) * self._lag_share
        ff_a = self.physics.current_a(reference, hot_degc, ambient_degc, self.ramp.rate_k_per_s)
        step_a = FF_SLEW_SHARE * self._part.max_slew_a_per_s * PERIOD_S
        self._ff_a += min(step_a, max(-step_a, ff_a - self._ff_a))
        self.limit_a = self.limit.limit_a(hot_degc, self.physics.best_a(cold_degc))
        wanted_a = self.pid.step(self._reference_degc, cold_degc, self._ff_a,
                                 -self._part.max_heat_a, self.limit_a)  # fmt: skip
        is_over = self.saturation.note(cold_degc, target_degc, applied_a, self.limit_a, PERIOD_S)
        if is_over:
            self.limit.fold_back(cold_degc)
        elif not self.saturation.is_unreachable:
            self.limit.recover(PERIOD_S)
        return wanted_a

    def probe_a(self, is_wanted: bool, cold_degc: float, applied_a: float, lsb_k: float) -> float:
        """A little current to and fro while the reading does not move at all.

        lsb_k : one code of the reading; the probe moves a live sensor by more than one
        """
        if not is_wanted:
            self._probes = 0
            return 0.0
        self._probes += 1
        gain = max(0.05, self.physics.gain_k_per_s_a(applied_a, cold_degc))
        size_a = max(PROBE_LEAST_A, PROBE_LSB * lsb_k / (gain * PROBE_S))
        return size_a if int(self._probes * PERIOD_S / PROBE_S) % 2 == 0 else -size_a
