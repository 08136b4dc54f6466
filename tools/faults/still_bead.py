# SPDX-License-Identifier: Apache-2.0
"""T5's clean twin for a day: a thermistor that really is still, and no rule calls it frozen."""

import random

from row import Outcome

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.control.motion_rules import Jump, Step
from edgeleak.control.observation import RATE_HZ, Observation
from edgeleak.control.sensor_rules import STUCK_SAMPLES, Stuck, StuckBit
from edgeleak.sim.plant import Plant
from edgeleak.sim.wiring import Divider

HOURS, DEGC = 24, (-45.0, 30.0)


def still_bead(outcome: Outcome, seed: int) -> None:
    """24 h of samples, another temperature each hour: the plant's divider with its noise and the
    converter's codes into the rules that look at one reading; no loop and no physics."""
    rng, longest = random.Random(seed), 0
    for hour in range(HOURS):
        longest = max(longest, _hour(outcome, rng.uniform(*DEGC), seed + hour))
        outcome.clean += 3600
    outcome.notes.append(f"{HOURS} h of a still bead by the rules alone (plant's noise at"
                         f" {RATE_HZ} Hz): at most {longest} equal of {STUCK_SAMPLES}")  # fmt: skip


def _hour(outcome: Outcome, degc: float, seed: int) -> int:
    """At one temperature; most equal codes in a row."""
    board = boards.load("el1-a")
    part, adc, longest = board.fpa_thermistor, board.adc, 0
    assert part is not None
    assert adc is not None
    lsb_v = adc.fpa_thermistor.full_scale_v / 0x8000
    volts = Divider(Plant(board, seed=seed), "fpa", part, lambda: degc)
    stuck = Stuck("fpa", codes.FPA_STUCK, STUCK_SAMPLES)
    rules = (stuck, StuckBit(), Jump(), Step())
    for _ in range(3600 * RATE_HZ):
        code = round(volts() / lsb_v)
        seen = Observation(fpa_degc=part.degc(code * lsb_v), hot_degc=degc, fpa_code=code)
        trips = [trip for rule in rules if (trip := rule.check(seen)) is not None]
        outcome.false_trips += bool(trips)
        outcome.expect(not trips, f"a still bead at {degc:.1f} degC: {trips[:1]}")
        longest = max(longest, stuck.count + 1)
    return longest
