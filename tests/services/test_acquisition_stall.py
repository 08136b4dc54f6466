# SPDX-License-Identifier: Apache-2.0
"""The frames loop stalls: the sensor's memory keeps what comes, as far as it reaches."""

import numpy as np
from link_rig import MS, el640_rig, lepton_rig

from edgeleak import codes
from edgeleak.drivers import el640_link
from edgeleak.sim import el640_model


def test_driver_and_plant_know_the_same_memory():
    ours = (el640_link.MEMORY_FRAMES, el640_link.MEMORY_BINNED)
    assert ours == (el640_model.KEPT_FRAMES, el640_model.KEPT_BINNED)


def stall(rig, seconds):
    """The bus goes on, nobody takes a frame; messages read meanwhile."""
    reads, end_ns = rig.camera.counters.frames, rig.now_ns + round(seconds * 1e9)
    while rig.now_ns < end_ns:
        rig.plant.advance_to(rig.now_ns + 2 * MS)
        rig.clock.advance_to(rig.now_ns + 2 * MS)
        rig.acquisition.step()
    return rig.camera.counters.frames - reads


def test_a_stall_of_the_frames_loop_costs_no_frame():
    """Three periods: one frame is ready, one is read, the sensor keeps what comes after."""
    rig = el640_rig().run(1.0)
    bus_frames = stall(rig, 0.03)
    assert bus_frames <= 2
    rig.run(1.0)
    assert (rig.acquisition.overruns, rig.acquisition.drops, rig.torn) == (0, 0, 0)
    assert np.diff([info.sequence for info in rig.frames]).tolist() == [1] * (len(rig.frames) - 1)


def test_a_long_stall_costs_frames_and_not_their_age():
    """When the store is empty the newest frame is what is taken, as if nobody had waited."""
    rig = el640_rig().run(1.0)
    stall(rig, 1.0)
    assert rig.acquisition.overruns > 50
    age_ns = rig.now_ns - rig.step().monotonic_ns
    assert age_ns < 5 * rig.period_us * 1000


def test_a_frames_loop_that_is_too_slow_gets_new_frames():
    """Every third frame is taken in time for ever: the sensor's memory must not stay full."""
    rig, ages_ms = el640_rig().run(1.0), []
    for _ in range(200):
        stall(rig, 0.028)
        info = rig.step()
        ages_ms.append((rig.now_ns - info.monotonic_ns) / MS)
    assert rig.acquisition.overruns > 100
    assert np.median(ages_ms[20:]) < 3 * rig.period_us / 1000


def test_a_sensor_without_memory_is_never_kept_waiting():
    rig = lepton_rig().run(0.5)
    stall(rig, 0.5)
    assert rig.acquisition.overruns > 0
    rig.run(1.0)
    assert rig.acquisition.status.code == codes.OK
