# SPDX-License-Identifier: Apache-2.0
"""The self-test: the board proves itself step by step, and nothing is driven meanwhile.

A generator of waits like bring-up, so that it runs on the board, on an emulated one and in
lockstep.  The first thing that is not as the board file says ends it with one error.
"""

from collections.abc import Callable, Iterator
from math import isnan

from edgeleak.board import AdcChannel, Board, Thermistor
from edgeleak.bus.protocols import Buses
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.config import Config
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import UnavailableError
from edgeleak.pipeline import Pipeline
from edgeleak.services import bringup, parts
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.bringup import Proof

FRAMES = 10
PATIENCE_S = 8.0
POLL_NS = NS_PER_MS
CONVERSION_NS = 20 * NS_PER_MS
SAMPLE_NS = 1200 * NS_PER_MS
PLAUSIBLE_DEGC = (-45.0, 90.0)

Note = Callable[[Proof], None]


def steps(board: Board, config: Config, buses: Buses, clock: Clock, note: Note) -> Iterator[int]:
    """Chips, temperatures, frames; raises what is wrong.

    note : gets each proof
    """
    yield from bringup.steps(board, buses, note)
    yield from _climate(board, buses, note)
    yield from _temperatures(board, buses, clock, note)
    yield from _frames(board, config, buses, clock, note)
    bringup.outputs_off(board, buses)
    note(Proof("enables", "still off, read back"))


def _climate(board: Board, buses: Buses, note: Note) -> Iterator[int]:
    if (at := board.address) is None:
        return
    housing, humidity = Tmp117(buses.i2c, at.tmp117), Sht4x(buses.i2c, at.sht4x)
    housing.start()
    humidity.start()
    yield SAMPLE_NS
    note(Proof("housing", f"{_plausible('housing', housing.read_degc()):.2f} degC"))
    air_degc, percent = humidity.read()
    note(Proof("air inside", f"{_plausible('air', air_degc):.1f} degC, {percent:.0f} % humidity"))


def _temperatures(board: Board, buses: Buses, clock: Clock, note: Note) -> Iterator[int]:
    if board.adc is None:
        return
    wanted: list[tuple[str, AdcChannel, Thermistor | None]] = [
        ("detector", board.adc.fpa_thermistor, board.fpa_thermistor),
        ("hot side", board.adc.hot_thermistor, board.hot_thermistor),
        ("LED", board.adc.led_thermistor, board.led_thermistor),
    ]
    for name, channel, part in wanted:
        if part is None:
            continue
        adc = Ads1115(buses.i2c, channel.address, clock)
        adc.start(channel.channel, channel.full_scale_v)
        yield CONVERSION_NS
        degc = part.degc(adc.result_volts())
        note(Proof(name, f"{_plausible(name, degc):.2f} degC"))


def _plausible(name: str, degc: float) -> float:
    low, high = PLAUSIBLE_DEGC
    if isnan(degc) or not low <= degc <= high:
        raise UnavailableError(
            f"{name}: {degc:.1f} degC, expected {low:g} to {high:g}; look for an open or short"
            " thermistor"
        )
    return degc


def _frames(board: Board, config: Config, buses: Buses, clock: Clock,
            note: Note) -> Iterator[int]:  # fmt: skip
    """Whole frames through the compiled unpacker and the pipeline."""
    sensor = parts.sensor(board, config.sensor, buses, clock)
    acquisition = Acquisition(sensor, clock, config.sensor.stale_ms)
    pipeline = Pipeline(sensor.shape, config.detection.profile, sensor=sensor.info)
    acquisition.start()
    begin_ns = first_ns = clock.monotonic_ns()
    taken = 0
    try:
        while taken < FRAMES:
            acquisition.step()
            info = acquisition.take(pipeline.arena["counts"])
            if info is not None:
                pipeline.step(pipeline.arena["counts"], info)
                first_ns = first_ns if taken else clock.monotonic_ns()
                taken += 1
            elif clock.monotonic_ns() - begin_ns > PATIENCE_S * NS_PER_S:
                raise UnavailableError(
                    f"sensor {sensor.info.name}: {taken} whole frames in {PATIENCE_S:g} s, expected"
                    f" {FRAMES}; check its cable and supply (last loss: {sensor.loss})"
                )
            yield POLL_NS
    finally:
        acquisition.stop()
    passed_s = (clock.monotonic_ns() - first_ns) / NS_PER_S
    counters = acquisition.status.counters
    note(Proof(f"sensor {sensor.info.name}",
               f"{sensor.shape[1]}x{sensor.shape[0]}, {(FRAMES - 1) / passed_s:.1f} frames/s,"
               f" {counters.crc} bad CRCs, {counters.lost} frames lost"))  # fmt: skip
    note(Proof("pipeline", f"{pipeline.profile.name}: {pipeline.frames} frames, kernels load"))
