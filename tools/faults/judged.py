# SPDX-License-Identifier: Apache-2.0
"""A case in real time that fails while the machine stands still proves nothing: it runs again.

It keeps its problems where the machine had time, and after the last try.
"""

from collections.abc import Callable

from row import Outcome

from edgeleak.sim.pacer import Pacer

TRIES = 3


def judged(outcome: Outcome, case: Callable[[Outcome], None]) -> None:
    """What one case counted is added to `outcome`."""
    for left in reversed(range(TRIES)):
        mine, pacer = Outcome(), Pacer()
        with pacer:
            case(mine)
        if not left or not pacer.stops or not (mine.problems or mine.broken or mine.false_trips):
            break
        outcome.again += 1
    outcome.add(mine)
