# SPDX-License-Identifier: Apache-2.0
"""The observer whose only verb is off.

Its evidence is what was measured; the loop's own word (`Observation`) only says which rule asks
what.  It knows nothing of gains or states.
The first rule that objects is latched until `reset`; only a graver one replaces it.
"""

from edgeleak import codes
from edgeleak.control.electric_rules import (
    Blind,
    BrownOut,
    Electric,
    FanLost,
    Flipped,
    HotSide,
    Wet,
)
from edgeleak.control.motion_rules import Direction, Jump, NoProgress, RampExceeded, Runaway, Step
from edgeleak.control.observation import Limits, Observation, Rule, Trip
from edgeleak.control.relay_rules import Answer, Witness
from edgeleak.control.sensor_rules import (
    DRIVEN_A,
    HOT_STUCK_SAMPLES,
    PROBE_SAMPLES,
    STUCK_SAMPLES,
    Divider,
    Stuck,
    StuckBit,
)


class Interlock:
    """All rules, the most certain first: a broken wire explains every odd temperature.

    limits : what they compare with
    """

    def __init__(self, limits: Limits) -> None:
        self._stuck = Stuck("fpa", codes.FPA_STUCK, STUCK_SAMPLES)
        self._rules: tuple[Rule, ...] = (
            Divider("fpa", (codes.FPA_OPEN, codes.FPA_SHORT, codes.FPA_RANGE)),
            Divider("hot", (codes.HOT_OPEN, codes.HOT_SHORT, codes.HOT_RANGE)),
            Electric(limits),
            HotSide(limits),
            BrownOut(limits),
            Blind(limits),
            Direction(limits),
            Jump(),
            Step(),
            Runaway(),
            RampExceeded(limits),
            Flipped(limits),
            Answer(limits),
            Witness(limits),
            NoProgress(limits),
            FanLost(limits),
            Wet(limits),
            self._stuck,
            Stuck("hot", codes.HOT_STUCK, HOT_STUCK_SAMPLES, DRIVEN_A),
            StuckBit(),
        )
        self.trip: Trip | None = None

    @property
    def wants_probe(self) -> bool:
        """The reading has been the same for long: move the current a little and look."""
        return self._stuck.count >= PROBE_SAMPLES

    def observe(self, o: Observation) -> Trip | None:
        """One control period; the latched trip, or None."""
        for rule in self._rules:
            trip = rule.check(o)
            if trip is not None and (self.trip is None or _weight(trip) > _weight(self.trip)):
                self.trip = trip
        return self.trip

    def reset(self) -> None:
        """Forget trip and past: a new drive begins."""
        self.trip = None
        for rule in self._rules:
            rule.reset()


def _weight(trip: Trip) -> tuple[int, bool]:
    """A fault outweighs a pause, and what cannot wait outweighs what can."""
    return codes.TABLE[trip.code].kind, trip.is_urgent
