# SPDX-License-Identifier: Apache-2.0
"""Relay experiment (Astrom and Hagglund 1984) with a model behind it, and a refusal when unsure.

A relay around the set-point makes the loop oscillate at the frequency that matters.  The cycle
alone gives the ultimate gain only within the describing function's error, so a model (gain,
loss, delay) is fitted to the recorded currents and temperatures by the integral method, one
delay a control period.  Gains follow Skogestad's rule with the closed-loop time 1.5 delays:
gain margin 3.9 on the model, so an error of a factor 1.9 in gain or delay still leaves 2.
Refused: no steady cycle, a fit that does not explain the data, a cycle that contradicts the fit.
"""

import math
from dataclasses import dataclass

from edgeleak.control.pid import Gains

RELAY_A, LEAST_RELAY_A = 0.15, 0.02
HYSTERESIS_K, NOISE_FACTOR = 0.02, 6.0
QUIET_S = 2.0
MOST_S = 600.0
MOST_AWAY_K, SHRINK_AWAY_K = 5.0, 2.0
CYCLES, USED = 7, 4
"""Cycles in all, and how many at the end must agree and are fitted."""
SPREAD = 0.15
LEAST_FIT = 0.97
CYCLE_TOLERANCE = 0.4
MOST_DELAY_S = 9.0
DELAYS = 60
POINTS = 300
CLOSED_LOOP_DELAYS = 1.5
LEAST_DELAY_S = 0.3
KP_RANGE = (0.002, 3.0)
SLEW_A_PER_S = 0.5


@dataclass(frozen=True, slots=True)
class Tuning:
    """Outcome.

    gains        : None when refused
    reason       : why it was refused, or what it rests on
    gain_k_per_s_a, delay_s, loss_per_s : the fitted model
    period_s, amplitude_k : of the relay's cycle
    fit          : share of the temperature's variance the model explains
    """

    gains: Gains | None
    reason: str
    gain_k_per_s_a: float = math.nan
    delay_s: float = math.nan
    loss_per_s: float = math.nan
    period_s: float = math.nan
    amplitude_k: float = math.nan
    fit: float = math.nan

    @classmethod
    def refused(cls, reason: str) -> "Tuning":
        """No gains, and why."""
        return cls(None, reason)


@dataclass(frozen=True, slots=True)
class _Fit:
    delay_s: float
    gain: float
    loss: float
    quality: float


class RelayTuner:
    """The experiment; `step` gives the current of each period until `result` is there.

    target_degc   : centre of the oscillation
    current_a     : what holds the target now; it is corrected on the way
    period_s      : of `step`
    low_a, high_a : the current never leaves these
    """

    def __init__(self, target_degc: float, current_a: float, period_s: float, *, low_a: float,
                 high_a: float) -> None:  # fmt: skip
        self._target, self._dt = target_degc, period_s
        self._low, self._high = low_a, high_a
        self._bias = min(high_a, max(low_a, current_a))
        self._size = RELAY_A
        self._hysteresis = HYSTERESIS_K
        self._is_high = True
        self._half_s = self._since_bias_s = 0.0
        self.result: Tuning | None = None
        self.degc: list[float] = []
        self.amps: list[float] = []
        self._switches: list[int] = []
        self._biases: list[float] = []
        self._fits: list[_Fit] = []
        self._window: tuple[int, int] | None = None
        self._fit_to_size()

    def _fit_to_size(self) -> None:
        room = min(self._bias - self._low, self._high - self._bias)
        if room < self._size:
            self._size = room
        if self._size < LEAST_RELAY_A:
            self._refuse(f"only {room:.3f} A of room around {self._bias:.2f} A")

    def step(self, measured_degc: float, applied_a: float) -> float:
        """Current for the next period; `applied_a` is what the last one really was."""
        self.degc.append(measured_degc)
        self.amps.append(applied_a)
        elapsed_s = len(self.degc) * self._dt
        if self.result is not None:
            return self._bias
        if self._window is not None:
            self._fit_one()
            return self._bias
        if elapsed_s > MOST_S:
            self._refuse(f"no steady oscillation within {MOST_S:.0f} s")
            return self._bias
        if elapsed_s < QUIET_S:
            return self._bias
        if elapsed_s - self._dt < QUIET_S:
            self._learn_noise()
        return self._relay(measured_degc - self._target)

    # --- the experiment ------------------------------------------------------------------------

    def _learn_noise(self) -> None:
        steps = [b - a for a, b in zip(self.degc, self.degc[1:], strict=False)]
        noise = math.sqrt(sum(s * s for s in steps) / max(1, 2 * len(steps)))
        self._hysteresis = max(HYSTERESIS_K, NOISE_FACTOR * noise)

    def _relay(self, away_k: float) -> float:
        self._half_s += self._dt
        if abs(away_k) > MOST_AWAY_K:
            self._refuse(f"the temperature left by {away_k:.1f} K")
        elif abs(away_k) > SHRINK_AWAY_K and self._size > 2 * LEAST_RELAY_A and self._switches:
            self._size /= 2
            self._start_over()
        if self._is_high and away_k < -self._hysteresis:
            self._switch(False)
        elif not self._is_high and away_k > self._hysteresis:
            self._switch(True)
        elif self._half_s > self._patience_s():
            self._shift_bias()
        return self._bias + (self._size if self._is_high else -self._size)

    def _patience_s(self) -> float:
        if len(self._switches) < 3:
            return 15.0
        last = (self._switches[-1] - self._switches[-3]) * self._dt
        return max(5.0, 2 * last)

    def _shift_bias(self) -> None:
        """The relay is too weak at this bias: move it towards where it must be."""
        self._half_s = 0.0
        change = 0.5 * self._size * (1 if self._is_high else -1)
        self._bias = min(self._high, max(self._low, self._bias + change))
        self._start_over()
        self._fit_to_size()

    def _start_over(self) -> None:
        self._switches.clear()
        self._biases.clear()

    def _switch(self, to_high: bool) -> None:
        self._is_high, self._half_s = to_high, 0.0
        self._switches.append(len(self.degc) - 1)
        self._biases.append(self._bias)
        if len(self._switches) >= 3 and to_high:
            self._balance()
        if len(self._switches) >= 2 * CYCLES + 1:
            self._judge_cycles()

    def _balance(self) -> None:
        """Equal halves: the bias is then what holds the target."""
        a, b, c = self._switches[-3:]
        high, low = b - a, c - b  # this switch is to high: the half before it was low
        share = (high - low) / (high + low)
        if len(self._switches) < 2 * (CYCLES - USED):
            self._bias = min(self._high, max(self._low, self._bias + 0.5 * share * self._size))
            self._fit_to_size()

    def _cycles(self) -> list[tuple[float, float]]:
        """(period, amplitude) of the last `USED` cycles."""
        found = []
        for start, stop in zip(self._switches[-2 * USED - 1 :: 2], self._switches[-2 * USED + 1 ::
                               2], strict=False):  # fmt: skip
            part = self.degc[start : stop + 1]
            found.append(((stop - start) * self._dt, (max(part) - min(part)) / 2))
        return found

    def _judge_cycles(self) -> None:
        cycles = self._cycles()
        for index, what in ((0, "period"), (1, "amplitude")):
            values = [cycle[index] for cycle in cycles]
            spread = (max(values) - min(values)) / (sum(values) / len(values))
            if spread > SPREAD + 2 * self._dt / values[0] * (index == 0):
                if len(self._switches) > 6 * CYCLES:
                    self._refuse(f"the {what} of the cycles differs by {100 * spread:.0f} %")
                return
        self._window = self._switches[-2 * USED - 1], self._switches[-1]

    # --- the model -----------------------------------------------------------------------------

    def _fit_one(self) -> None:
        """One delay a call: some milliseconds on the board."""
        if self._window is None:
            return
        start, stop = self._window
        period_s = (stop - start) * self._dt / USED
        most_s = min(MOST_DELAY_S, 0.6 * period_s)
        index = len(self._fits)
        if index < DELAYS:
            delay_s = most_s * (index + 0.5) / DELAYS
            self._fits.append(self._fit(start, stop, delay_s))
            return
        self._conclude(max(self._fits, key=lambda fit: fit.quality), most_s, period_s)

    def _fit(self, start: int, stop: int, delay_s: float) -> _Fit:
        """Least squares of T = T0 + b0 t - g int I(t - delay) - loss int (T - target)."""
        shift = delay_s / self._dt
        whole, part = int(shift), shift - int(shift)
        every = max(1, (stop - start) // POINTS)
        sum_a = sum_y = 0.0
        rows: list[tuple[float, float, float, float]] = []
        values: list[float] = []
        for k in range(start, stop):
            at = k - whole
            a0 = self.amps[max(0, at)]
            a1 = self.amps[max(0, at - 1)]
            sum_a += (a0 + (a1 - a0) * part - self._bias) * self._dt
            sum_y += (self.degc[k] - self._target) * self._dt
            if (k - start) % every == 0:
                rows.append((1.0, (k - start) * self._dt, -sum_a, -sum_y))
                values.append(self.degc[k] - self._target)
        solved = _least_squares(rows, values)
        if solved is None:
            return _Fit(delay_s, math.nan, math.nan, -math.inf)
        mean = sum(values) / len(values)
        total = sum((v - mean) ** 2 for v in values)
        left = sum((v - sum(c * x for c, x in zip(solved, row, strict=True))) ** 2
                   for row, v in zip(rows, values, strict=True))  # fmt: skip
        return _Fit(delay_s, solved[2], solved[3], 1 - left / total)

    def _conclude(self, fit: _Fit, most_s: float, period_s: float) -> None:
        cycles = self._cycles()
        amplitude = sum(cycle[1] for cycle in cycles) / len(cycles)
        ramp_s = self._size / SLEW_A_PER_S  # half the time the slew limit takes to reverse
        reach = fit.gain * self._size * (fit.delay_s + ramp_s)
        reason = ""
        if not fit.quality >= LEAST_FIT:
            reason = f"the model explains {100 * fit.quality:.1f} % of the cycle"
        elif not fit.gain > 0:
            reason = f"more current does not cool (gain {fit.gain:.3f} K/(s A))"
        elif fit.delay_s > most_s * (1 - 1 / DELAYS):
            reason = "the delay is longer than the cycle can show"
        elif abs(amplitude / (self._hysteresis + reach) - 1) > CYCLE_TOLERANCE:
            reason = (f"the cycle's amplitude {amplitude:.3f} K contradicts the model's"
                      f" {self._hysteresis + reach:.3f} K")  # fmt: skip
        kp, ki = _gains(fit)
        if not reason and not KP_RANGE[0] <= kp <= KP_RANGE[1]:
            reason = f"kp = {kp:.4f} A/K is no gain of a cooler"
        gains = None if reason else Gains(kp, ki, 0.0)
        basis = f"{USED} cycles of {period_s:.1f} s, fit {fit.quality:.4f}"
        self.result = Tuning(gains, reason or basis, fit.gain, fit.delay_s, fit.loss, period_s,
                             amplitude, fit.quality)  # fmt: skip

    def _refuse(self, reason: str) -> None:
        if self.result is None:
            self.result = Tuning.refused(reason)


def _gains(fit: _Fit) -> tuple[float, float]:
    """Skogestad's PI rule for gain, loss and delay."""
    if not fit.gain > 0:
        return math.nan, math.nan
    delay_s = max(LEAST_DELAY_S, fit.delay_s)
    slow_s = (1 + CLOSED_LOOP_DELAYS) * delay_s
    kp = 1 / (fit.gain * slow_s)
    reset_s = 4 * slow_s if fit.loss * 4 * slow_s < 1 else 1 / fit.loss
    return kp, kp / reset_s


def _least_squares(rows: list[tuple[float, float, float, float]],
                   values: list[float]) -> list[float] | None:  # fmt: skip
    """Normal equations of four unknowns by Gauss with pivots; None when singular."""
    size = 4
    table = [[sum(row[i] * row[j] for row in rows) for j in range(size)]
             + [sum(row[i] * v for row, v in zip(rows, values, strict=True))]
             for i in range(size)]  # fmt: skip
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(table[r][i]))
        if abs(table[pivot][i]) < 1e-12:
            return None
        table[i], table[pivot] = table[pivot], table[i]
        for r in range(size):
            if r != i:
                factor = table[r][i] / table[i][i]
                table[r] = [a - factor * b for a, b in zip(table[r], table[i], strict=True)]
    return [table[i][size] / table[i][i] for i in range(size)]
