# SPDX-License-Identifier: Apache-2.0
"""The LED: orders of every kind, kills and broken parts; the plant's judge holds the limits."""

import math
import random
import signal
import tempfile
import time
from pathlib import Path

from judged import judged
from row import Outcome, Row
from rows_kill import SILENCE_MS, STAYS_S, Camera, no_limit_broken, plant_of

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.config import SensorConfig
from edgeleak.errors import UsageError
from edgeleak.rigs import Light, light_loop
from edgeleak.sim import faults
from edgeleak.sim.cooler_rig import Rig
from edgeleak.sim.launch import RunningPlant

BOARD = boards.load("el1-a")
SEQUENCES_A_RIG, SEQUENCES_A_KILL = 250, 200
ORDERS, BREAKS_S = (3, 7), (0.0, 0.05, 0.05, 0.1, 0.4)
"""Of one sequence: how many, and what may be between two of them."""
TAILS_S = (*7 * (0.05,), 2.5)
"""After it; the long one is more than the window in which duty and energy are judged."""
START_S, LIT_S = 30.0, 0.7
FPS = 11.0
PULSES, FLAG_S, HEATED_S, TOLD_S = 2, 0.45, 3.0, 0.25
"""From the fault itself to the dark LED: two pulses, so two frames of steady light.  A gate that
contradicts needs three frames in a row, which are read a frame later; around a hot one the air
needs seconds to heat it, and the plant's judge holds the energy limit meanwhile, which falls to
nothing at its 75 degC."""


def _rig(config: SensorConfig, seed: int, *, reads_frames: bool) -> tuple[Rig, Light]:
    keep: list[Light] = []
    rig = Rig(BOARD, light_loop(BOARD, config, keep, reads_frames=reads_frames), seed=seed)
    rig.run(0.5)
    return rig, keep[0]


ODD = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e9, 400.0, 400.1)
HEAVY_MA, HEAVY_DUTY = (300, 400), (0.3, 0.6)
"""Near peak and duty limit at once: only there is the energy limit the one that holds."""


def _order(light: Light, rng: random.Random, period_us: float) -> None:
    """Something anybody might ask for, sane or not."""
    kind = rng.random()
    try:
        if kind < 0.6:
            mode = rng.choice(("off", "on", "alternate", "alternate", "on", "bogus"))
            heavy_ma, any_ma = rng.uniform(*HEAVY_MA), rng.uniform(-50, 500)
            light.light.request(mode, rng.choice((rng.choice(ODD), heavy_ma, heavy_ma, any_ma)))
        elif kind < 0.96:
            heavy_us, any_us = period_us * rng.uniform(*HEAVY_DUTY), 10 ** rng.uniform(0, 5.3)
            light.light.request_exposure(rng.choice((rng.choice(ODD), heavy_us, any_us, any_us)))
        else:
            light.light.clear()
    except UsageError:
        return


def orders(count: int, seed: int) -> Outcome:
    """T13: random sequences of orders break no limit; and a program that is killed while it
    drives the LED leaves it dark."""
    outcome, rng = Outcome(clean_unit="twins"), random.Random(seed)
    for begin in range(0, count, SEQUENCES_A_RIG):
        config = SensorConfig(binning=True, fps=rng.choice((5.0, 11.0, 20.0, 40.0)),
                              integration_us=rng.choice((500, 4000, 20_000)))  # fmt: skip
        rig, light = _rig(config, rng.randrange(1 << 30), reads_frames=False)
        for _ in range(min(SEQUENCES_A_RIG, count - begin)):
            _sequence(rig, light, rng, outcome, 1e6 / config.fps)
        _still_works(rig, light, outcome)
    _kill_all(outcome, -(-count // SEQUENCES_A_KILL), seed)
    return outcome


def _sequence(rig: Rig, light: Light, rng: random.Random, outcome: Outcome,
              period_us: float) -> None:  # fmt: skip
    """Several orders; limits are judged up to its end, the light goes on into the next one."""
    known = len(rig.plant.judge.violations)
    for _ in range(rng.randint(*ORDERS)):
        _order(light, rng, period_us)
        rig.run(rng.choice(BREAKS_S))
    rig.run(rng.choice(TAILS_S))
    broken = rig.plant.judge.violations[known:]
    outcome.executed += 1
    outcome.trips += outcome.expect(not broken, f"limit broken: {broken[:1]}")


def _kill_all(outcome: Outcome, count: int, seed: int) -> None:
    """SIGKILL to `edgeleak run` at a random moment of its light, `count` times."""
    rng, kills = random.Random(seed), Outcome()
    with plant_of(seed) as plant:
        for _ in range(count):
            mode, wait_s = rng.choice(("on", "alternate")), rng.uniform(0, 1)
            judged(kills, lambda mine: _kill_one(plant, mine, mode, wait_s))  # noqa: B023 - run at once
    outcome.add(kills)
    outcome.notes.append(f"{count} of these are SIGKILLs of edgeleak run while it drove the LED;"
                         f" dark after {kills.worst_ms:.0f} ms at most")  # fmt: skip


def _kill_one(plant: RunningPlant, outcome: Outcome, mode: str, wait_s: float) -> None:
    with no_limit_broken(plant, outcome, f"SIGKILL in mode {mode}"), \
         tempfile.TemporaryDirectory() as name, \
         Camera(plant, Path(name), f'[led]\nmode = "{mode}"\n') as camera:  # fmt: skip
        _kill(camera, outcome, wait_s)


def _kill(camera: Camera, outcome: Outcome, wait_s: float) -> None:
    """Once; by the plant's log the LED is dark in time and for good."""
    if not outcome.need(_is_lit(camera), f"never lit, {camera.end}; {camera.said[-300:]!r}"):
        return
    begin_ns = camera.ask("truth")["now_ns"]
    camera.listen(LIT_S + wait_s)
    outcome.clean += 1
    outcome.false_trips += any(not is_on for _, is_on in camera.edges("led_enable", begin_ns))
    begin_ns = time.monotonic_ns()
    camera.process.send_signal(signal.SIGKILL)
    camera.ask("require-off", what="led", within_ms=SILENCE_MS, reason="SIGKILL")
    camera.listen(SILENCE_MS / 1000 + STAYS_S)
    offs = [at_ns for at_ns, is_on in camera.edges("led_enable", begin_ns) if not is_on]
    dark_ms = (max(offs, default=begin_ns) - begin_ns) / 1e6
    is_dark = bool(offs) and not camera.is_on("led_enable")
    camera.ask("release", what="led")
    outcome.executed += 1
    outcome.safe_after(dark_ms, SILENCE_MS, "SIGKILL")
    outcome.trips += outcome.expect(
        is_dark and dark_ms <= SILENCE_MS, f"SIGKILL: dark {is_dark}, off after {dark_ms:.0f} ms"
    )


def _is_lit(camera: Camera) -> bool:
    """This program has lit the plant's LED."""
    end_s, before = time.monotonic() + START_S, _pulses(camera)
    while time.monotonic() < end_s and camera.process.poll() is None:
        camera.listen(0.05)
        if camera.is_on("led_enable") and _pulses(camera) > before:
            return True
    return False


def _pulses(camera: Camera) -> int:
    return camera.ask("counters")["counters"].get("led.pulses", 0)


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
KINDS = {codes.LED_HOT: "warm air", codes.LED_FLAG: "flag"}


def broken_parts(count: int, seed: int) -> Outcome:
    """T14: each part of the light breaks; its own code, dark, and no limit broken."""
    outcome, rng = Outcome(clean_unit="s"), random.Random(seed)
    worst_ms: dict[str, float] = {}
    for n in range(count):
        make, code = BROKEN[n % len(BROKEN)]
        rig, light = _rig(SensorConfig(binning=True, fps=FPS), n, reads_frames=True)
        # In alternate light inverted flags alternate too: only steady light can show them.
        modes = ("on",) if code == codes.LED_FLAG else ("on", "alternate")
        mode = rng.choice(modes)
        light.light.request(mode, rng.uniform(20, 350))
        seconds = rng.uniform(2.0, 4.0)
        rig.run(seconds)
        outcome.clean += round(seconds)
        is_lit = rig.plant.truth.led_enabled and light.light.status.code == codes.OK
        outcome.false_trips += not is_lit
        dark_ms = _break(rig, light, outcome, make(rng), code, _most_s(code, mode))
        kind = KINDS.get(code, mode)
        worst_ms[kind] = max(worst_ms.get(kind, 0.0), dark_ms)
    longest = ", ".join(f"{kind} {worst_ms[kind]:.0f}" for kind in sorted(worst_ms))
    outcome.notes.append(f"ms from the fault itself to dark, at most: {longest};"
                         f" two frames are {2000 / FPS:.0f}")  # fmt: skip
    return outcome


def _most_s(code: int, mode: str) -> float:
    """A pulse shows its current; thermistors show at any time."""
    if code in KINDS:
        return HEATED_S if code == codes.LED_HOT else FLAG_S
    every = 2 if mode == "alternate" and code != codes.LED_THERMISTOR else 1
    return PULSES * every / FPS


def _break(rig: Rig, light: Light, outcome: Outcome, fault: faults.Fault, code: int,
           most_s: float) -> float:  # fmt: skip
    """Inject; ms from there until nothing drives the plant's LED: no enable, or no current."""
    plant = rig.plant
    begin_ns = plant.now_ns
    plant.inject(fault)
    outcome.executed += 1
    is_dark = rig.run(most_s + 1, lambda: not (plant.truth.led_enabled and plant.led_command_v))
    dark_ms = (rig.plant.now_ns - begin_ns) / 1e6
    outcome.safe_after(dark_ms, most_s * 1e3, fault.name)
    rig.run(TOLD_S)
    found = light.light.status.code
    outcome.trips += outcome.expect(
        is_dark and found == code and not rig.plant.truth.led_enabled,
        f"{fault.name}: dark {is_dark}, code {found}, expected {code}",
    )
    outcome.expect(not _over(rig, fault), f"{fault.name}: {_over(rig, fault)[:1]}")
    return dark_ms


def _over(rig: Rig, fault: faults.Fault) -> list:
    """Limits broken; the current of a short is the fault itself, its end is what counts."""
    if isinstance(fault, faults.LedShort):
        return []
    return rig.plant.judge.violations


ROWS = (
    Row("T13", "LED: sequences of any orders, four limits hold; killed with it: dark", "both",
        10_000, 100_000, orders, "T13.patch", 400, more=(
            "T13-peak.patch", "T13-pulse.patch", "T13-energy.patch", "T13-killed.patch",),
        control=10),
    Row("T14", "LED or its thermistor breaks: own code, dark in 2 frames; its gate: 0.45 s",
        "lockstep", 30, 500, broken_parts, "T14.patch", 6),
)  # fmt: skip
