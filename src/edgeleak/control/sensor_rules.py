# SPDX-License-Identifier: Apache-2.0
"""Thermistors that cannot be believed: open, short, out of range, stuck, a bit that never moves."""

from edgeleak import codes
from edgeleak.control.observation import InARow, Observation, Trip

OPEN_SHARE, SHORT_SHARE = 0.985, 0.012
"""Of the divider's supply: beyond -70 and +100 degC with 10 kohm and 47 kohm pull-ups."""
RANGE_DEGC = (-60.0, 100.0)
BAD_SAMPLES = 3
STUCK_SAMPLES, HOT_STUCK_SAMPLES = 200, 1200
"""A noisy reading repeats at most 52 times in an hour; the hot side is smoother."""
PROBE_SAMPLES = 80
"""From here on the loop moves the current a little, so that a live sensor must move too."""
DRIVEN_A = 0.05


class Divider:
    """Open, short and out of range of one thermistor; `which` is "fpa" or "hot"."""

    def __init__(self, which: str, codes_of: tuple[int, int, int]) -> None:
        self._share, self._degc = f"{which}_share", f"{which}_degc"
        self._open, self._short, self._range = codes_of
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._bad = [InARow(BAD_SAMPLES) for _ in range(3)]

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        share, degc = getattr(o, self._share), getattr(o, self._degc)
        low, high = RANGE_DEGC
        is_open, is_short = share > OPEN_SHARE, share < SHORT_SHARE
        is_outside = not (is_open or is_short or low <= degc <= high)  # NaN is outside
        if self._bad[0].note(is_open):
            return Trip(self._open, share, OPEN_SHARE)
        if self._bad[1].note(is_short):
            return Trip(self._short, share, SHORT_SHARE)
        if self._bad[2].note(is_outside):
            return Trip(self._range, degc, low if degc < low else high)
        return None


class Stuck:
    """The same number again and again while the cooler is on.

    least_a : only counted above this current; near ambient the plate holds with almost none
    """

    def __init__(self, which: str, code: int, least: int, least_a: float = 0.0) -> None:
        self._field, self._code, self._least = f"{which}_code", code, least
        self._least_a = least_a
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._last, self.count = -1, 0

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        value = getattr(o, self._field)
        is_counted = o.is_driven and abs(o.current_a) >= self._least_a
        is_same = value >= 0 and value == self._last and is_counted
        self.count = self.count + 1 if is_same else 0
        self._last = value
        if self.count + 1 < self._least:
            return None
        return Trip(self._code, self.count + 1, self._least)


class StuckBit:
    """A bit of the FPA reading that stays while its neighbours count through it."""

    WINDOW = 64
    WINDOWS = 2
    SLACK_CODES = 16

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: a new drive begins."""
        self._suspect = self._seen = 0
        self._begin(-1)

    def _begin(self, code: int) -> None:
        self._samples, self._jump, self._last = 0, 0, code
        self._ones, self._zeros, self._low, self._high = 0, 0, 1 << 30, -1

    def check(self, o: Observation) -> Trip | None:
        """One control period; a trip when this rule objects."""
        code = o.fpa_code
        if code < 0:
            return None
        if self._last >= 0:
            self._jump = max(self._jump, abs(code - self._last))
        self._last = code
        self._ones, self._zeros = self._ones | code, self._zeros | ~code
        self._low, self._high = min(self._low, code), max(self._high, code)
        self._samples += 1
        if self._samples < self.WINDOW:
            return None
        span, stuck = self._high - self._low, self._still_bits()
        self._seen = self._seen + 1 if stuck and stuck & self._suspect else 1 if stuck else 0
        self._suspect = stuck
        self._begin(code)
        if self._seen < self.WINDOWS:
            return None
        return Trip(codes.FPA_BIT_STUCK, stuck.bit_length() - 1, span)

    def _still_bits(self) -> int:
        """Bits that must have moved over this window's span but did not."""
        span, still = self._high - self._low, 0
        for bit in range(14):
            is_crossed = span >= 2 << bit and self._jump <= (1 << bit) + self.SLACK_CODES
            has_moved = self._ones & self._zeros & 1 << bit
            if is_crossed and not has_moved:
                still |= 1 << bit
        return still
