# SPDX-License-Identifier: Apache-2.0
"""Limits judged by the plant's truth, not by the firmware under test.

The numbers are the board's own (`TecPart`, `LedPart`).  A limit that is broken makes one
`Violation` when it begins and none until it was kept again.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from edgeleak.board import Board, LedPart

NS_PER_S = 1_000_000_000
OFF_A = 0.02
"""Less is off: two codes of the DAC and the amplifier's offset."""
DRIVE_TOLERANCE = 1e-3
"""Share by which a DAC code may round above a limit."""
SLEW_STEP_S = 0.1
"""A ramp is a staircase: no more than this much of it in one step (two control periods)."""
RAMP_WINDOW_NS = NS_PER_S
RAMP_TOLERANCE_K = 0.02
HOT_DEADLINE_NS = 200_000_000
HOT_BEYOND_K = 10.0
"""Nothing may heat the sink this far above its limit, whoever is driving."""


class Violation(NamedTuple):
    """One limit broken."""

    time_ns: int
    limit: str
    measured: float
    allowed: float


@dataclass(slots=True)
class Demand:
    """An output that must be off from `by_ns` on."""

    what: str
    by_ns: int
    reason: str


class Slew:
    """Keeps the command within a rate over any interval, one staircase step allowed."""

    def __init__(self, per_s: float, now_ns: int) -> None:
        self._per_s = per_s
        self.restart(now_ns, 0.0)

    def restart(self, now_ns: int, value: float) -> None:
        """An allowed step (enable-off) to `value`."""
        self._since_ns, self._value = now_ns, value
        self._lowest = self._highest = value

    def to(self, now_ns: int, value: float) -> float:
        """Move to `value`; returns by how much it is faster than allowed, <= 0 is kept."""
        room = self._per_s * (now_ns - self._since_ns) / NS_PER_S
        self._lowest = min(self._lowest + room, self._value)
        self._highest = max(self._highest - room, self._value)
        step = self._per_s * SLEW_STEP_S
        beyond = max(value - self._lowest, self._highest - value) - step
        self._since_ns, self._value = now_ns, value
        self._lowest, self._highest = min(self._lowest, value), max(self._highest, value)
        return beyond


class LedLimits:
    """Peak, pulse, duty and energy of the light that was really there."""

    def __init__(self, part: LedPart) -> None:
        self._part = part
        self._window_ns = round(part.duty_window_s * NS_PER_S)
        self._spans: deque[tuple[int, int, float]] = deque()  # from, to, mA
        self._pulse_from_ns = self._pulse_to_ns = -1
        self._on_ns = 0
        self._energy_j = 0.0

    def lit(self, from_ns: int, to_ns: int, current_ma: float) -> None:
        """Account one span of light."""
        if from_ns != self._pulse_to_ns:
            self._pulse_from_ns = from_ns
        self._pulse_to_ns = to_ns
        self._spans.append((from_ns, to_ns, current_ma))
        self._on_ns += to_ns - from_ns
        self._energy_j += self._joule(to_ns - from_ns, current_ma)

    def _joule(self, span_ns: int, current_ma: float) -> float:
        return span_ns / NS_PER_S * current_ma / 1000 * self._part.forward_v

    def forget(self, now_ns: int) -> None:
        """Drop what left the window; a span on its edge is cut."""
        edge_ns = now_ns - self._window_ns
        while self._spans and self._spans[0][0] < edge_ns:
            start, stop, current_ma = self._spans.popleft()
            cut = min(stop, edge_ns)
            self._on_ns -= cut - start
            self._energy_j -= self._joule(cut - start, current_ma)
            if stop > edge_ns:
                self._spans.appendleft((edge_ns, stop, current_ma))
        if not self._spans:
            self._on_ns, self._energy_j = 0, 0.0

    def pulse_ms(self) -> float:
        return (self._pulse_to_ns - self._pulse_from_ns) / 1e6

    def duty(self) -> float:
        return self._on_ns / self._window_ns

    def energy_j(self) -> float:
        return self._energy_j

    def allowed_j(self, led_degc: float) -> float:
        part = self._part
        share = (part.max_degc - led_degc) / (part.max_degc - part.derate_from_degc)
        return part.max_energy_j * min(1.0, max(0.0, share))


class Judge:
    """Sees every actuator change and every physics step.

    violations : what was broken, in order
    extremes   : largest (smallest) value seen of each quantity
    """

    def __init__(self, board: Board, now_ns: int = 0) -> None:
        self.violations: list[Violation] = []
        self.extremes: dict[str, float] = {}
        self._tec = board.tec
        self._led_part = board.led
        self._led = LedLimits(board.led) if board.led else None
        self._refresh_ns = board.gpio.refresh_ms * 1_000_000
        self._slew = Slew(board.tec.max_slew_a_per_s if board.tec else 1.0, now_ns)
        self._broken: set[str] = set()
        self._colds: deque[tuple[int, float]] = deque()
        self._hot_since_ns: int | None = None
        self._demands: list[Demand] = []
        self._edge_ns: dict[str, int] = {}

    # --- told by the plant -------------------------------------------------------------------

    def tec_current(self, now_ns: int, current_a: float) -> None:
        """The driver's output current changed to a commanded value."""
        if self._tec is None:
            return
        self._extreme("max_tec_a", current_a)
        self._extreme("max_tec_heat_a", -current_a)
        self.check(now_ns, "tec-cool-current", current_a,
                    self._tec.max_cool_a * (1 + DRIVE_TOLERANCE))  # fmt: skip
        self.check(now_ns, "tec-heat-current", -current_a,
                    self._tec.max_heat_a * (1 + DRIVE_TOLERANCE))  # fmt: skip
        beyond_a = self._slew.to(now_ns, current_a)
        step_a = self._tec.max_slew_a_per_s * SLEW_STEP_S
        self.check(now_ns, "tec-slew", step_a + beyond_a, step_a * (1 + DRIVE_TOLERANCE))

    def tec_enable_off(self, now_ns: int) -> None:
        """Enable-off is a step that is always allowed."""
        self._slew.restart(now_ns, 0.0)
        self._broken -= {"tec-cool-current", "tec-heat-current", "tec-slew"}

    def enable_edge(self, name: str, now_ns: int) -> None:
        """A rising edge of an enable line as the firmware gave it."""
        self._edge_ns[name] = now_ns

    def lit(self, from_ns: int, to_ns: int, current_ma: float, led_degc: float) -> None:
        """The LED shone from `from_ns` to `to_ns`."""
        if self._led is None or self._led_part is None:
            return
        part, led = self._led_part, self._led
        led.lit(from_ns, to_ns, current_ma)
        led.forget(to_ns)
        self._extreme("max_led_ma", current_ma)
        self._extreme("max_led_duty", led.duty())
        self.check(to_ns, "led-peak", current_ma, part.max_ma * (1 + DRIVE_TOLERANCE))
        self.check(to_ns, "led-pulse", led.pulse_ms(), part.max_pulse_ms * (1 + DRIVE_TOLERANCE))
        self.check(to_ns, "led-duty", led.duty(), part.max_duty + 1e-6)
        self.check(to_ns, "led-energy", led.energy_j(), led.allowed_j(led_degc) + 1e-6)

    def require_off(self, what: str, by_ns: int, reason: str) -> None:
        """From `by_ns` on `what` (tec or led) must be off; called by whoever injects."""
        self._demands.append(Demand(what, by_ns, reason))

    def release(self, what: str) -> None:
        """The demand on `what` ends."""
        self._demands = [demand for demand in self._demands if demand.what != what]
        self._broken = {name for name in self._broken if not name.startswith(f"{what}-not-off")}

    def step(self, now_ns: int, truth: "object") -> None:
        """One physics step; `truth` is the plant's `Truth`."""
        cold, hot = truth.cold_degc, truth.hot_degc  # type: ignore[attr-defined]
        current_a, led_ma = truth.tec_a, truth.led_ma  # type: ignore[attr-defined]
        if self._tec is not None:
            self._ramp(now_ns, cold)
            self._hot(now_ns, hot, abs(current_a) > OFF_A)
        if self._led is not None:
            self._led.forget(now_ns)
        self._silence(now_ns, "tec_enable", truth.tec_enabled)  # type: ignore[attr-defined]
        self._silence(now_ns, "led_enable", truth.led_enabled)  # type: ignore[attr-defined]
        for demand in self._demands:
            if now_ns >= demand.by_ns:
                flowing = abs(current_a) if demand.what == "tec" else led_ma / 1000
                self.check(now_ns, f"{demand.what}-not-off: {demand.reason}", flowing, OFF_A)

    # --- limits --------------------------------------------------------------------------------

    def _ramp(self, now_ns: int, cold_degc: float) -> None:
        colds = self._colds
        colds.append((now_ns, cold_degc))
        while colds[0][0] < now_ns - RAMP_WINDOW_NS:
            colds.popleft()
        ramp = abs(cold_degc - colds[0][1])
        self._extreme("max_ramp_k_per_s", ramp)
        self._extreme("max_cold_degc", cold_degc)
        self._extreme("min_cold_degc", cold_degc, largest=False)
        limit = self._tec.max_ramp_k_per_s if self._tec else 0.0
        self.check(now_ns, "cold-ramp", ramp, limit + RAMP_TOLERANCE_K)

    def _hot(self, now_ns: int, hot_degc: float, is_driven: bool) -> None:
        limit = self._tec.max_hot_degc if self._tec else 0.0
        self._extreme("max_hot_degc", hot_degc)
        if hot_degc <= limit or not is_driven:
            self._hot_since_ns = None
            self._broken.discard("hot-side")
        elif self._hot_since_ns is None:
            self._hot_since_ns = now_ns
        elif now_ns - self._hot_since_ns > HOT_DEADLINE_NS:
            self.check(now_ns, "hot-side", hot_degc, limit)
        self.check(now_ns, "hot-side-ceiling", hot_degc, limit + HOT_BEYOND_K)

    def _silence(self, now_ns: int, name: str, is_on: bool) -> None:
        edge_ns = self._edge_ns.get(name)
        silent_ns = now_ns - edge_ns if edge_ns is not None else self._refresh_ns + 1
        self.check(now_ns, f"{name}-silent", silent_ns / 1e6 if is_on else 0.0,
                    self._refresh_ns / 1e6)  # fmt: skip

    def check(self, now_ns: int, limit: str, measured: float, allowed: float) -> None:
        """One violation when a limit begins to be broken, none until it was kept again."""
        if measured <= allowed:
            self._broken.discard(limit)
        elif limit not in self._broken:
            self._broken.add(limit)
            self.violations.append(Violation(now_ns, limit, measured, allowed))

    def _extreme(self, name: str, value: float, *, largest: bool = True) -> None:
        best = self.extremes.get(name)
        if best is None or (value > best if largest else value < best):
            self.extremes[name] = value
