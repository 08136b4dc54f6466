# SPDX-License-Identifier: Apache-2.0
"""Gain margin of a cooler's loop from its equations, linearised at a working point."""

import cmath
import math

from edgeleak.board import KELVIN, TecModel
from edgeleak.control.pid import Gains

DT = 0.05
FILTER_S = 0.2


def working_point(model: TecModel, cold_degc: float,
                  ambient_degc: float) -> tuple[float, float] | None:  # fmt: skip
    """(current, hot side) that hold a temperature; None where nothing can."""
    s, r, k = model.seebeck_v_per_k, model.resistance_ohm, model.conductance_w_per_k
    cold, hot = cold_degc + KELVIN, ambient_degc + KELVIN
    outside = model.load_w + model.leak_w_per_k * (ambient_degc - cold_degc)
    current = 0.0
    for _ in range(500):
        inside = (s * cold) ** 2 - 2 * r * (outside + k * (hot - cold))
        if inside <= 0 or hot > 400:
            return None
        current = (s * cold - math.sqrt(inside)) / r
        power = s * (hot - cold) * current + current**2 * r
        shed = ambient_degc + KELVIN + model.sink_fan_k_per_w * (power + outside)
        hot += 0.2 * (shed - hot)
    return current, hot - KELVIN


def loop_gain(model: TecModel, point: tuple[float, float], cold_degc: float, dead_s: float,
              gains: Gains, w: float) -> complex:  # fmt: skip
    """Open loop at w rad/s: plant, bead, sampling, PID as coded, dead time."""
    current, hot_degc = point
    cold, hot = cold_degc + KELVIN, hot_degc + KELVIN
    s, r, k = model.seebeck_v_per_k, model.resistance_ohm, model.conductance_w_per_k
    p, c, h = 1j * w, model.cold_j_per_k, model.hot_j_per_k
    a11, a12 = -(model.leak_w_per_k + s * current + k) / c, k / c
    a21, a22 = k / h, (s * current - k - 1 / model.sink_fan_k_per_w) / h
    b1, b2 = -(s * cold - current * r) / c, (s * hot + current * r) / h
    plant = ((p - a22) * b1 + a12 * b2) / ((p - a11) * (p - a22) - a12 * a21)
    z, share = cmath.exp(p * DT), 1 - math.exp(-DT / FILTER_S)
    derivative = (z - 1) / (z * DT) * share * z / (z - 1 + share)
    pid = gains.kp + gains.ki * DT * z / (z - 1) + gains.kd * derivative
    hold = (1 - 1 / z) / (p * DT) * cmath.exp(-p * (dead_s + DT))
    return -plant * pid * hold / (1 + p * model.thermistor_tau_s)


def gain_margin(model: TecModel, around: tuple[float, float], dead_s: float,
                gains: Gains) -> float:  # fmt: skip
    """Smallest factor on the loop's gain that makes it unstable; NaN without a working point.

    around : (cold_degc, ambient_degc)
    """
    cold_degc, ambient_degc = around
    point = working_point(model, cold_degc, ambient_degc)
    if point is None:
        return math.nan
    margin, w = math.inf, 0.002
    last: complex | None = None
    while w < 60:
        now = loop_gain(model, point, cold_degc, dead_s, gains, w)
        if last is not None and last.imag < 0 <= now.imag and now.real < 0:
            margin = min(margin, 1 / abs(now.real))
        last, w = now, w * 1.004
    return margin
