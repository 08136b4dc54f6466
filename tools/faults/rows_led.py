# SPDX-License-Identifier: Apache-2.0
"""The LED: orders of every kind and broken parts; the plant's judge holds the four limits."""

import math
import random

from row import Outcome, Row

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.config import SensorConfig
from edgeleak.errors import UsageError
from edgeleak.rigs import Light, light_loop
from edgeleak.sim import faults
from edgeleak.sim.cooler_rig import Rig

BOARD = boards.load("el1-a")
ORDERS_A_RIG = 500
OFF_LIMIT_MS = 250.0
"""The driver's step, the bridge time and one physics step are far below; then the monostable."""


def _rig(config: SensorConfig, seed: int, *, reads_frames: bool) -> tuple[Rig, Light]:
    keep: list[Light] = []
    rig = Rig(BOARD, light_loop(BOARD, config, keep, reads_frames=reads_frames), seed=seed)
    rig.run(0.5)
    return rig, keep[0]


def _order(light: Light, rng: random.Random) -> None:
    """Something anybody might ask for, sane or not."""
    odd = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e9, 400.0, 400.1)
    try:
        if rng.random() < 0.6:
            mode = rng.choice(("off", "on", "alternate", "alternate", "on", "bogus"))
            current_ma = rng.choice(odd) if rng.random() < 0.2 else rng.uniform(-50, 500)
            light.light.request(mode, current_ma)
        elif rng.random() < 0.9:
            us = rng.choice(odd) if rng.random() < 0.2 else 10 ** rng.uniform(0, 5.3)
            light.light.request_exposure(us)
        else:
            light.light.clear()
    except UsageError:
        return


def orders(count: int, seed: int) -> Outcome:
    """T13: random orders in random order with breaks in between; no limit is ever broken."""
    outcome, rng = Outcome(clean_unit="orders"), random.Random(seed)
    while outcome.executed < count:
        config = SensorConfig(binning=True, fps=rng.choice((5.0, 11.0, 20.0, 40.0)),
                              integration_us=rng.choice((500, 4000, 20_000)))  # fmt: skip
        rig, light = _rig(config, rng.randrange(1 << 30), reads_frames=False)
        for _ in range(min(ORDERS_A_RIG, count - outcome.executed)):
            _order(light, rng)
            rig.run(rng.choice((0.05, 0.05, 0.1, 0.3, 1.0)))
            outcome.executed += 1
        broken = rig.plant.judge.violations
        outcome.expect(not broken, f"limit broken: {broken[:1]}")
        outcome.trips += ORDERS_A_RIG if not broken else 0
        _still_works(rig, light, outcome)
    outcome.trips = min(outcome.trips, outcome.executed)
    return outcome


def _still_works(rig: Rig, light: Light, outcome: Outcome) -> None:
    """Clean twin: a sane order after all that is carried out."""
    light.light.clear()
    light.light.request("off", 0.0)
    light.light.request_exposure(1000)
    rig.run(3.0)
    light.light.request("on", 100.0)
    lit = rig.plant.counters["led.pulses"]
    rig.run(12.0)
    outcome.clean += 1
    outcome.false_trips += rig.plant.counters["led.pulses"] == lit


BROKEN = (
    (lambda rng: faults.LedOpen(), codes.LED_OPEN),
    (lambda rng: faults.LedShort(), codes.LED_SHORT),
    (lambda rng: faults.ThermistorOpen(which="led"), codes.LED_THERMISTOR),
    (lambda rng: faults.ThermistorShort(which="led"), codes.LED_THERMISTOR),
    (lambda rng: faults.LedHot(kelvin=rng.uniform(70, 90)), codes.LED_HOT),
    (lambda rng: faults.LedFlagWrong(), codes.LED_FLAG),
)


def broken_parts(count: int, seed: int) -> Outcome:
    """T14: each part of the light breaks; its own code, dark, and no limit broken."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    for n in range(count):
        make, code = BROKEN[n % len(BROKEN)]
        rig, light = _rig(SensorConfig(binning=True, fps=11.0), n, reads_frames=True)
        # In alternate light inverted flags alternate too: only steady light can show them.
        modes = ("on",) if code == codes.LED_FLAG else ("on", "alternate")
        light.light.request(rng.choice(modes), rng.uniform(20, 350))
        seconds = rng.uniform(2.0, 4.0)
        rig.run(seconds)
        outcome.clean += round(seconds)
        outcome.false_trips += light.light.status.code != codes.OK
        fault = make(rng)
        begin_ns = rig.plant.now_ns
        rig.plant.inject(fault)
        outcome.executed += 1
        has_code = rig.run(30.0, lambda: light.light.status.code == code)  # noqa: B023 - run at once
        told_ns = rig.plant.now_ns
        is_dark = rig.run(1.0, lambda: not rig.plant.truth.led_enabled)  # noqa: B023 - run at once
        found = light.light.status.code
        outcome.trips += outcome.expect(
            has_code and is_dark, f"{fault.name}: code {found}, expected {code}; dark {is_dark}"
        )
        outcome.safe_after((rig.plant.now_ns - told_ns) / 1e6, OFF_LIMIT_MS, fault.name)
        if code != codes.LED_HOT:
            outcome.safe_after((rig.plant.now_ns - begin_ns) / 1e6, 1500.0, fault.name)
        outcome.expect(not _over(rig, fault), f"{fault.name}: {_over(rig, fault)[:1]}")
    return outcome


def _over(rig: Rig, fault: faults.Fault) -> list:
    """Limits broken; the current of a short is the fault itself, its end is what counts."""
    if isinstance(fault, faults.LedShort):
        return []
    return rig.plant.judge.violations


ROWS = (
    Row("T13", "LED: any orders in any order; four limits hold", "lockstep",
        10_000, 100_000, orders, "T13.patch", 1_000),
    Row("T14", "LED, its thermistor or its gate breaks: own code, dark", "lockstep",
        30, 500, broken_parts, "T14.patch", 6),
)  # fmt: skip
