# SPDX-License-Identifier: Apache-2.0
"""The el640's packets, telemetry line and registers: what driver and sensor model share.

This project's own definition (docs/sensor-link.md); there is no datasheet behind it.
"""

import struct
from typing import NamedTuple

import numpy as np

from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.errors import UsageError

REG_ID, REG_CTRL, REG_INTEGRATION_US, REG_PERIOD_US, REG_LED_MODE = 0x00, 0x02, 0x04, 0x08, 0x0C
REGISTER_BYTES = {REG_ID: 2, REG_CTRL: 2, REG_INTEGRATION_US: 4, REG_PERIOD_US: 4, REG_LED_MODE: 2}
DEVICE_ID = 0x454C
TELEMETRY_LINE, IDLE_LINE = 0x7FFE, 0x7FFF
CTRL_STREAM, CTRL_BIN, CTRL_SHUTTER = 1, 2, 4
FLAG_LED, FLAG_SHUTTER, FLAG_SATURATED, CHANNEL_SHIFT = 1, 2, 4, 4
TELEMETRY = struct.Struct(">IIHHIHH")
HEADER_BYTES = 8
MEMORY_FRAMES, MEMORY_BINNED = 4, 16
"""Frames that the sensor keeps until somebody reads them."""
READOUT_NS = 6 * NS_PER_MS
"""From the end of an exposure to its first line on the bus."""
SLACK_NS = 3 * NS_PER_MS
"""An edge this much later than the sensor's own time says belongs to a frame that waited."""
DRIFT_NS_PER_S = 100_000
"""A sensor's clock that is slower still dates frames back, at most by what they can wait."""


class Telemetry(NamedTuple):
    """The telemetry line of one frame.

    uptime_ms : sensor's time at the start of the exposure
    frame     : 32-bit frame number
    fpa_degc  : detector temperature; fpa_raw is its ADC code
    led_ma    : measured during the exposure
    status    : reserved
    """

    uptime_ms: int
    frame: int
    fpa_degc: float
    fpa_raw: int
    integration_us: int
    led_ma: int
    status: int


def packet_bytes(width: int) -> int:
    """1130 for 640 pixels, 570 for 320."""
    return HEADER_BYTES + width // 4 * 7 + 2


def frame_bytes(shape: tuple[int, int]) -> int:
    """Bytes of one frame on the bus: its lines and the telemetry line."""
    return (shape[0] + 1) * packet_bytes(shape[1])


def ceiling_fps(shape: tuple[int, int], hz: float, clocks_per_byte: int = 8) -> float:
    """What the bus carries: 14.4 and 56.9 at 62.5 MHz, 11.5 and 45.5 at 50 MHz."""
    return hz / (clocks_per_byte * frame_bytes(shape))


def parse_telemetry(packet: np.ndarray) -> Telemetry:
    """The telemetry line, (P,) uint8, already checked."""
    fields = TELEMETRY.unpack_from(packet.data, HEADER_BYTES)
    uptime_ms, frame, fpa_ck, fpa_raw, integration_us, led_ma, status = fields
    return Telemetry(uptime_ms, frame, fpa_ck / 100 - 273.15, fpa_raw, integration_us, led_ma,
                     status)  # fmt: skip


class ExposureClock:
    """The sensor's own time on our clock.

    The edge says when a frame began, unless the frame waited inside the sensor; then the
    sensor's time does, moved by the least delay seen lately.  Where the sensor's time began anew
    (its reset, 49.7 days), or says more than a frame can have waited, the edge counts.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._offset_at_ns = self._uptime_ms = 0

    def restart(self) -> None:
        """The sensor's time begins anew."""
        self._offset_ns = None

    def began_ns(self, telemetry: Telemetry, arrival_ns: int, most_wait_ns: int) -> int:
        """Start of the exposure of the frame whose edge came at `arrival_ns`."""
        began_ns = arrival_ns - READOUT_NS - telemetry.integration_us * 1000
        offset_ns = began_ns - telemetry.uptime_ms * NS_PER_MS
        if telemetry.uptime_ms < self._uptime_ms:
            self.restart()
        waited_ns, least_ns = self._waited(offset_ns, arrival_ns)
        if SLACK_NS < waited_ns <= most_wait_ns:
            began_ns -= waited_ns
        if waited_ns <= most_wait_ns:
            offset_ns = min(offset_ns, least_ns)
        self._offset_ns, self._offset_at_ns = offset_ns, arrival_ns
        self._uptime_ms = telemetry.uptime_ms
        return began_ns

    def _waited(self, offset_ns: int, arrival_ns: int) -> tuple[int, int]:
        """How much later than the sensor's time the edge came; the least offset that may be."""
        if self._offset_ns is None:
            return 0, offset_ns
        passed_ns = max(0, arrival_ns - self._offset_at_ns)
        least_ns = self._offset_ns + passed_ns * DRIFT_NS_PER_S // NS_PER_S
        return offset_ns - least_ns, least_ns


def check_times(shape: tuple[int, int], hz: int, integration_us: int, period_us: int) -> None:
    """UsageError for an exposure or a period that sensor or bus cannot do."""
    if not 10 <= integration_us <= period_us:
        raise UsageError(f"integration of {integration_us} us: use 10 to the period, {period_us}")
    most_fps = ceiling_fps(shape, hz)
    if 1e6 / period_us > most_fps:
        raise UsageError(
            f"{1e6 / period_us:.1f} frames/s of {shape[1]}x{shape[0]}: the bus at {hz / 1e6:g} MHz"
            f" carries {most_fps:.1f}; lower the frame rate or use binning"
        )
