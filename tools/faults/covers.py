# SPDX-License-Identifier: Apache-2.0
"""Caps in front of the lens, warmer at one corner, put on slowly; and a yard on a dull day."""

import random
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from machine import Machine

from edgeleak.sim.detector import ideal_counts
from edgeleak.sim.live_scene import LED_COUNTS_PER_MA, Exposure, LiveScene

REFLECTS = 0.5
"""Of the LED's light: a white cap."""


@dataclass(frozen=True)
class Cap:
    """A matt surface out of focus.

    degc    : in its middle; NaN: the shutter's
    grade_k : from one corner to the other
    slide_s : it takes to put on, from the top
    """

    degc: float = nan
    grade_k: float = 0.0
    slide_s: float = 0.0

    def put_on(self, rig: Machine) -> None:
        """From now on, until it is taken off."""
        scene: LiveScene = rig.plant.sensor.scene
        height, width = scene.shape
        degc = rig.plant.truth.housing_degc if isnan(self.degc) else self.degc
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        level = np.asarray(ideal_counts(degc + self.grade_k * (x + y) / 4))
        light = REFLECTS * LED_COUNTS_PER_MA * np.exp(-1.2 * (x * x + y * y))
        look, since_s = scene._look, (rig.plant.now_ns - rig.plant.start_ns) / 1e9

        def covered(exposure: Exposure, seen: np.ndarray) -> None:
            passed_s = exposure.time_s - since_s
            rows = (
                height
                if not 0 <= passed_s < self.slide_s
                else round(height * passed_s / self.slide_s)
            )
            if rows < height:
                look(exposure, seen)
            seen[:rows] = level[:rows] + exposure.led_light_ma * light[:rows]

        scene._look = covered  # type: ignore[method-assign, assignment]

    @staticmethod
    def take_off(rig: Machine) -> None:
        del rig.plant.sensor.scene._look


def random_cap(rng: random.Random) -> Cap:
    return Cap(rng.uniform(-10, 45), rng.choice((0.0, rng.uniform(0, 4))),
               rng.choice((0.0, rng.uniform(0.1, 10))))  # fmt: skip


def fade(rig: Machine, contrast: float) -> None:
    """The yard keeps its mean and loses contrast."""
    temp_degc = rig.plant.sensor.scene._scene.temp_degc
    mean = temp_degc.mean()
    temp_degc -= mean
    temp_degc *= contrast
    temp_degc += mean
