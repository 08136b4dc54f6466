# SPDX-License-Identifier: Apache-2.0
"""Pictures drawn in a thread are the pictures drawn when they are fetched."""

import dataclasses

import pytest

from edgeleak import board as boards
from edgeleak.drivers.el640_link import CTRL_BIN, CTRL_STREAM
from edgeleak.sim.el640_model import El640Model
from edgeleak.sim.plant import Plant
from edgeleak.sim.render_ahead import RenderedAhead
from edgeleak.sim.scenario import Gas, Scenario

MS = 1_000_000
SMALL = dataclasses.replace(boards.load("el1-a").sensor, width=80, height=60)
EL1 = dataclasses.replace(boards.load("el1-a"), sensor=SMALL)
FRAME_BYTES = 61 * (80 * 14 // 8 + 10)
BINNED_BYTES = 31 * (40 * 14 // 8 + 10)


def streaming(is_live):
    plant = Plant(EL1, seed=5, scenario=Scenario(gas=Gas(start_s=0.0)), is_live=is_live)
    plant.gpio_set("sensor_power", True)
    plant.advance_to(200 * MS)
    plant.i2c(SMALL.i2c_address, b"\x0c\x00\x02", 0)  # LED alternates
    plant.i2c(SMALL.i2c_address, b"\x02\x00\x01", 0)
    return plant


def fetched(plant, frames, every=1):
    """Bytes of frames, one read each time `every` periods have passed."""
    data = []
    for _ in range(frames):
        for _ in range(every * 20):
            plant.gpio_set("led_enable", False)
            plant.gpio_set("led_enable", True)
            plant.advance_to(plant.now_ns + 5 * MS)
        buffer = bytearray(FRAME_BYTES)
        plant.spi_read(memoryview(buffer))
        data.append(bytes(buffer))
    return data


@pytest.mark.parametrize("every", [1, 3])
def test_same_bytes_whether_drawn_ahead_or_when_fetched(every):
    lazy, ahead = streaming(False), streaming(True)
    assert type(lazy.sensor) is El640Model
    assert type(ahead.sensor) is RenderedAhead
    frames = fetched(lazy, 8, every)
    assert len(set(frames)) == 8
    assert fetched(ahead, 8, every) == frames


def test_frames_that_a_reset_threw_away_do_not_pile_up():
    plant = streaming(True)
    for _ in range(12):
        plant.advance_to(plant.now_ns + 250 * MS)
        plant.i2c(SMALL.i2c_address, b"\x02\x00\x00", 0)
        plant.i2c(SMALL.i2c_address, b"\x02\x00\x01", 0)
    assert len(plant.sensor._jobs) <= plant.sensor._kept


def test_each_frame_of_a_full_memory_is_drawn_once(monkeypatch):
    plant, drawn = streaming(True), []
    draw = RenderedAhead._draw
    monkeypatch.setattr(RenderedAhead, "_draw", lambda *a: drawn.append(a[1].time_s) or draw(*a))
    plant.i2c(SMALL.i2c_address, b"\x02\x00\x00", 0)
    plant.i2c(SMALL.i2c_address, bytes((2, 0, CTRL_STREAM | CTRL_BIN)), 0)  # sixteen fit
    plant.advance_to(plant.now_ns + 3000 * MS)
    kept = len(plant.sensor._waiting)
    assert kept > 10
    for _ in range(kept):
        plant.spi_read(memoryview(bytearray(BINNED_BYTES)))
    assert sorted(drawn) == sorted(set(drawn))
