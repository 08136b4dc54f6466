# SPDX-License-Identifier: Apache-2.0
"""The sink's fan with its tacho."""

import math

from edgeleak.board import FanPart


class Fan:
    """Speed follows the supply with a lag; each pulse has its exact time."""

    def __init__(self, part: FanPart) -> None:
        self._spin_up_s = part.spin_up_s
        self._full_hz = part.full_rpm / 60 * part.pulses_per_turn
        self.is_on = False
        self.speed = 0.0
        self.limit = 1.0
        self._phase = 0.0

    def step(self, from_ns: int, to_ns: int) -> list[int]:
        """Advance; times of the tacho's rising edges in this step."""
        dt_s = (to_ns - from_ns) / 1e9
        target = self.limit if self.is_on else 0.0
        self.speed += (target - self.speed) * -math.expm1(-dt_s / self._spin_up_s)
        if self.speed < 0.02:
            return []
        turned = self.speed * self._full_hz * dt_s
        self._phase += turned
        edges = []
        while self._phase >= 1:
            self._phase -= 1
            edges.append(to_ns - round(self._phase / turned * (to_ns - from_ns)))
        return edges
