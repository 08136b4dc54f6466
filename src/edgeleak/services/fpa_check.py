# SPDX-License-Identifier: Apache-2.0
"""Two thermometers of one detector: the cooler's thermistor and the sensor's own telemetry.

The cooler knows the plate by its thermistor only; one that lies plausibly (frozen, drifting, off
its plate) is found by nothing but a second opinion.  It comes with every frame.
"""

from collections.abc import Callable
from math import isnan

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.frame import FrameInfo
from edgeleak.services.health import FINE, Trouble

MOST_K = 2.0
"""Lag on the steepest ramp is below 1 K; the rest is for the error of the sensor's diode."""
INHIBIT_S, FAULT_S = 1.0, 10.0


class FpaCheck:
    """Compares; belongs to the frames thread.

    thermistor_degc : what the cooler reads; NaN where it has no reading
    """

    def __init__(self, thermistor_degc: Callable[[], float]) -> None:
        self._thermistor_degc = thermistor_degc
        self._since_ns: int | None = None
        self._frame_ns = 0
        self._differs_k = 0.0

    def note(self, info: FrameInfo) -> None:
        """The newest frame; one that was seen already, or tells no temperature, says nothing."""
        differs_k = info.fpa_temp_degc - self._thermistor_degc()
        if info.monotonic_ns == self._frame_ns or isnan(differs_k):
            return
        self._frame_ns, self._differs_k = info.monotonic_ns, abs(differs_k)
        if self._differs_k <= MOST_K:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = info.monotonic_ns

    def report(self) -> Trouble:
        """FINE while both agree; frames that stay away are another's trouble."""
        if self._since_ns is None:
            return FINE
        lasted_s = (self._frame_ns - self._since_ns) / NS_PER_S
        if lasted_s >= FAULT_S:
            return Trouble(codes.FPA_DIFFERS_LONG, self._differs_k, MOST_K)
        if lasted_s >= INHIBIT_S:
            return Trouble(codes.FPA_DIFFERS, self._differs_k, MOST_K)
        return FINE
