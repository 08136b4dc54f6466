# SPDX-License-Identifier: Apache-2.0
"""Self-test of a running instrument: what it measures all the time against its limits.

Nothing is moved and no frame is lost, so it may run at any time.  `edgeleak selftest` goes
deeper, and needs the instrument stopped.
"""

from collections.abc import Iterator
from math import inf, nan
from typing import Any, NamedTuple

from edgeleak.clock import NS_PER_S
from edgeleak.config import RecorderConfig
from edgeleak.services.health import State

RATE_SHARE = 0.8
SETTLING_S = 5.0


class Check(NamedTuple):
    """One thing against its limits; `low <= value <= high`, and a value that is not known fails.

    is_needed : False only informs: it does not fail the test
    """

    name: str
    value: float
    unit: str
    low: float = -inf
    high: float = inf
    is_needed: bool = True

    @property
    def has_passed(self) -> bool:
        return self.low <= self.value <= self.high

    @property
    def verdict(self) -> str:
        if self.has_passed:
            return "pass"
        return "FAIL" if self.is_needed else "note"

    def __str__(self) -> str:
        limit = f"{self.low:g} .. {self.high:g}".replace("-inf .. ", "<= ")
        limit = f">= {self.low:g}" if self.high == inf else limit
        value = "unknown" if self.value != self.value else f"{self.value:.4g}"
        return f"{self.verdict:<5} {self.name:<22} {value + ' ' + self.unit:<16} {limit}"


def run(instrument: Any) -> list[Check]:
    """Every check that this board has parts for."""
    on = instrument
    return [*_software(on), *_link(on), *_cooler(on), *_light(on), *_storage(on)]


def _software(on: Any) -> Iterator[Check]:
    yield Check("board proofs", float(len(on.control.proofs)), "proofs", low=1)
    yield Check("bring-up", float(on.control.phase.code), "code", high=0)
    latched = on.health.latched
    yield Check("latched fault", 0.0 if latched is None else float(latched.code), "code", high=0)
    now_ns = on.clock.monotonic_ns()
    yield Check("control step", (now_ns - on.control_age.last_ns) / NS_PER_S, "s", high=0.25)
    yield Check("clock steps", float(on.utc.jumps), "", high=0, is_needed=False)
    wants_off = on.health.state in (State.FAULT, State.SAFE)
    if wants_off:
        yield Check("enables read back", float(not on.outputs_are_off()), "on", high=0)


def _link(on: Any) -> Iterator[Check]:
    now_ns, status = on.clock.monotonic_ns(), on.acquisition.status
    age_s = (now_ns - on.frame_age.last_ns) / NS_PER_S
    yield Check("newest frame", age_s, "s", high=on.config.sensor.stale_ms / 1000)
    if (now_ns - on.start_ns) / NS_PER_S > SETTLING_S:
        yield Check("frame rate", on.path.fps, "1/s", low=RATE_SHARE * on.fps)
    taken = max(1, on.path.frames)
    yield Check("frames dropped", 100 * status.drops / taken, "%", high=1)
    yield Check("bad CRCs", 100 * status.counters.crc / taken, "%", high=1)


def _cooler(on: Any) -> Iterator[Check]:
    if on.cooler is None:
        return
    status, around, part = on.cooler.status, on.cooler.surroundings, on.board.tec
    yield Check("detector", status.cold_degc, "degC", -45, 60)
    yield Check("hot side", status.hot_degc, "degC", -45, part.max_hot_degc)
    yield Check("TEC current", abs(status.current_a), "A", high=part.max_cool_a)
    yield Check("housing", around.housing_degc, "degC", -40, 85)
    yield Check("humidity", around.humidity_percent, "%", 0, 100)
    yield Check("cooler bus errors", float(status.bus_errors), "", high=0, is_needed=False)


def _light(on: Any) -> Iterator[Check]:
    if on.light is None:
        return
    status = on.light.status
    yield Check("supply", status.supply_v, "V", on.config.cooler.min_supply_v)
    yield Check("LED", status.led_degc, "degC", -45, on.board.led.max_degc)


def _storage(on: Any) -> Iterator[Check]:
    if on.recorder is None:
        return
    found, config = on.recorder.ring.progress(), on.config.recorder
    yield Check("recorder", float(found.error), "errno", high=0)
    free = nan if found.free_mib < 0 else float(found.free_mib)
    yield Check("storage free", free, "MiB", low=_least_free(config), is_needed=False)


def _least_free(config: RecorderConfig) -> float:
    return float(config.keep_free_mib)
