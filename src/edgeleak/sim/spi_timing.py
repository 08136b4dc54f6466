# SPDX-License-Identifier: Apache-2.0
"""How fast the Pi's SPI controller really is."""

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SpiTiming:
    """The controller's clock.

    core_hz    : divided by an even number; 400 MHz on a Zero 2 W
    gap_clocks : pause after each byte: 0 with DMA, 1 with a ninth clock
    pause_ns   : from message to message at least: interrupt, wake-up and set-up in the kernel;
                 assumed for a Zero 2 W, not measured on one
    """

    core_hz: float = 400e6
    gap_clocks: int = 0
    pause_ns: int = 40_000

    def actual_hz(self, wanted_hz: int) -> float:
        """The clock that a wish becomes."""
        divider = max(2, -(-int(self.core_hz) // max(1, wanted_hz)))
        return self.core_hz / (divider + divider % 2)

    def ns_per_byte(self, wanted_hz: int) -> float:
        """From byte to byte while chip select is low."""
        return NS_PER_S * (8 + self.gap_clocks) / self.actual_hz(wanted_hz)
