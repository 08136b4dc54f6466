# SPDX-License-Identifier: Apache-2.0
"""Tells frames that are old from frames of a live sensor."""

from collections import deque
from collections.abc import Callable
from math import nan

from edgeleak import codes

REPEATS = 3
LOOP_REPEATS, LOOP_LONGEST = 6, 8
STANDS_STILL = 3

Trouble = tuple[int, float, float]
"""Code, measured, expected."""
FINE: Trouble = (codes.OK, nan, nan)


class Staleness:
    """Tells a live sensor from one that repeats itself: a live picture has noise.

    Not one that is clipped throughout: that repeats however live it is, so it counts as none.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._recent: deque[int] = deque(maxlen=LOOP_LONGEST)
        self._same = self._seen = self._still = 0

    def note(self, moved: int, digest: int,
             is_clipped: Callable[[], bool] = lambda: False) -> Trouble:  # fmt: skip
        """(code, measured, expected) after a frame whose number moved by `moved`.

        is_clipped : asked of pictures that were there before; True tells nothing of them
        """
        is_old = digest in self._recent and not is_clipped()
        self._same = self._same + 1 if is_old and digest == self._last else 0
        self._seen = self._seen + 1 if is_old else 0
        self._still = self._still + 1 if moved == 0 else 0
        self._last = digest
        self._recent.append(digest)
        if self._same >= REPEATS:
            return codes.FRAME_REPEATED, self._same, REPEATS
        if self._seen >= LOOP_REPEATS:
            return codes.FRAME_LOOP, self._seen, LOOP_REPEATS
        if self._still >= STANDS_STILL:
            return codes.COUNTER_STUCK, self._still, STANDS_STILL
        return FINE
