# SPDX-License-Identifier: Apache-2.0
"""Acquisition over the plant: whole frames only, bounded recovery, and when to give up."""

import errno
import threading
from dataclasses import replace

import numpy as np
import pytest
from link_rig import MS, Rig, el640_rig, recovery_ms, reduced_board

from edgeleak import codes
from edgeleak.errors import BusError, LinkLost, WrongDeviceError
from edgeleak.frame import FrameFlag, FrameInfo
from edgeleak.services import acquisition
from edgeleak.sim import faults

LINE_FAULTS = [
    faults.CrcError, faults.DropLine, faults.DuplicateLine, faults.SwapLines, faults.WrongId,
    faults.LostSync, faults.ShortRead,
]  # fmt: skip
CLEAN_FRAMES = 600
"""A taste; the fault campaign runs 20,000."""
DAMAGED_FRAMES = 40
LOSSES = 60


def test_clean_frames_and_no_fault():
    rig = el640_rig()
    while len(rig.frames) < CLEAN_FRAMES:
        rig.step()
        assert rig.acquisition.status.code == codes.OK
    counters = rig.camera.counters
    assert (rig.torn, rig.acquisition.drops, rig.acquisition.overruns) == (0, 0, 0)
    assert (counters.lost, counters.crc, counters.sync, counters.order, counters.resyncs) == (
        0,
    ) * 5
    sequences = [info.sequence for info in rig.frames]
    assert sequences == list(range(len(sequences)))
    assert rig.frames[-1].drops == 0


def test_times_follow_the_exposures():
    rig = el640_rig().run(1.0)
    steps = np.diff([info.monotonic_ns for info in rig.frames])
    assert np.abs(steps - 10 * MS).max() <= 1 * MS  # the sensor's own time has 1 ms steps
    assert (steps > 0).all()


@pytest.mark.parametrize("kind", LINE_FAULTS, ids=lambda kind: kind.__name__)
def test_damage_costs_its_frame_and_tears_none(kind):
    rig = el640_rig(seed=3)
    for _ in range(DAMAGED_FRAMES):
        rig.plant.inject(kind(count=1))
        rig.run(0.05)
    hits = rig.plant.counters[f"hit.{faults.name_of(kind)}"]
    exposed = rig.model.frame_number
    assert hits == DAMAGED_FRAMES
    assert rig.torn == 0
    missing = exposed - len(rig.frames)
    assert hits - 2 <= rig.acquisition.drops <= 2 * hits
    assert missing <= 2 * hits + 2
    assert rig.acquisition.status.code == codes.OK


def test_idle_packets_inside_a_frame_cost_nothing():
    rig = el640_rig()
    rig.plant.inject(faults.Discard(count=20))
    rig.run(0.5)
    assert rig.plant.counters["hit.discard"] == 20
    assert (rig.torn, rig.acquisition.drops, rig.camera.counters.lost) == (0, 0, 0)
    assert rig.camera.counters.idle >= 20


def test_random_mixture_never_tears():
    rng = np.random.default_rng(5)
    rig = el640_rig(seed=5)
    kinds = [*LINE_FAULTS, faults.Discard]
    for _ in range(80):
        for kind in rng.choice(len(kinds), 2, replace=False):
            rig.plant.inject(kinds[kind](count=int(rng.integers(1, 4))))
        rig.run(0.03)
    for kind in kinds:
        rig.plant.clear(faults.name_of(kind))
    rig.run(0.1)
    assert rig.torn == 0
    assert len(rig.frames) > 60
    assert rig.acquisition.status.code == codes.OK


def test_lost_sync_is_over_within_two_frames():
    rng = np.random.default_rng(1)
    rig = el640_rig(seed=1)
    shifts = lambda: faults.LostSync(count=1, shift_bytes=int(rng.integers(1, 66)))  # noqa: E731
    times_ms = recovery_ms(rig, shifts, LOSSES, rng)
    assert max(times_ms) <= 2 * 10 + 12  # two frames, and one until the next is ready
    assert rig.torn == 0


def test_frame_numbers_wrap_on_the_wire():
    rig = el640_rig()
    rig.model.frame_number = 65_530
    rig.next_frame(), rig.next_frame()
    drops = rig.acquisition.drops
    rig.run(0.2)
    frames = [info.sequence for info in rig.frames[-15:]]
    assert rig.camera.telemetry.frame > 65_536
    assert np.diff(frames).tolist() == [1] * 14
    assert rig.acquisition.drops == drops


def test_three_bad_frames_inhibit_and_clear():
    rig = el640_rig()
    rig.plant.inject(faults.CrcError())
    rig.run(0.05)
    status = rig.acquisition.status
    assert (status.code, status.expected) == (codes.LINK_CRC, 3)
    assert status.measured >= 3
    rig.plant.clear("crc-error")
    rig.run(0.05)
    assert rig.acquisition.status.code == codes.OK


@pytest.mark.parametrize(("degc", "end_degc"), [(95.0, 90.0), (-65.0, -60.0)])
def test_a_detector_temperature_that_cannot_be_is_said(monkeypatch, degc, end_degc):
    rig = el640_rig()
    unpack = rig.acquisition._camera.unpack

    def odd(*given):
        found = unpack(*given)
        return found and replace(found, info=replace(found.info, fpa_temp_degc=degc))

    monkeypatch.setattr(rig.acquisition._camera, "unpack", odd)
    rig.next_frame()
    status = rig.acquisition.status
    assert (status.code, status.measured, status.expected) == (codes.FPA_BAND, degc, end_degc)


def unreadable(rig, monkeypatch):
    """From now on every whole frame contradicts its telemetry."""
    monkeypatch.setattr(rig.acquisition._camera, "unpack", lambda *_: None)


def test_one_unreadable_frame_costs_itself_only(monkeypatch):
    rig = el640_rig()
    with monkeypatch.context() as patch:
        unreadable(rig, patch)
        published = rig.acquisition.published
        while rig.acquisition.published == published:
            rig.step()
    rig.run(1.0)
    assert (rig.acquisition.drops, rig.camera.counters.resyncs) == (1, 0)
    assert rig.acquisition.status.code == codes.OK


def test_unreadable_frames_are_named_resynchronised_and_over(monkeypatch):
    rig = el640_rig()
    with monkeypatch.context() as patch:
        unreadable(rig, patch)
        rig.run(0.1)
        status = rig.acquisition.status
        assert (status.code, status.expected) == (codes.LINK_TELEMETRY, 3)
        assert status.measured >= 3
        rig.run(0.9)
        assert rig.camera.counters.resyncs >= 1
    rig.next_frame()
    rig.run(0.02)
    assert rig.acquisition.status.code == codes.OK
    resyncs = rig.camera.counters.resyncs
    rig.run(2.0)
    assert rig.camera.counters.resyncs == resyncs


def test_frames_that_stay_unreadable_end_in_link_lost(monkeypatch):
    rig = el640_rig()
    unreadable(rig, monkeypatch)
    with pytest.raises(LinkLost):
        rig.run(20.0)


def test_frames_that_nobody_takes_start_no_recovery():
    rig = el640_rig()
    end_ns = rig.now_ns + 1500 * MS
    while rig.now_ns < end_ns:
        rig.plant.advance_to(rig.now_ns + 2 * MS)
        rig.clock.advance_to(rig.now_ns + 2 * MS)
        rig.acquisition.step()
    assert rig.camera.counters.resyncs == 0
    assert rig.acquisition.status.code == codes.OK


def test_short_read_is_named():
    rig = el640_rig()
    rig.plant.inject(faults.ShortRead())
    rig.run(0.1)
    assert rig.acquisition.status.code == codes.LINK_SHORT


def test_a_dead_sensor_climbs_the_whole_ladder():
    rig = el640_rig()
    rig.plant.inject(faults.SensorDead())
    dead_ns = rig.now_ns
    seen = []

    def run_on():
        for _ in range(10_000):
            rig.step()
            code = rig.acquisition.status.code
            if not seen or seen[-1] != code:
                seen.append(code)

    with pytest.raises(LinkLost, match="power cycles"):
        run_on()
    assert seen[0] == codes.OK
    assert codes.LINK_DEAD in seen
    assert rig.acquisition.status.code == codes.LINK_GONE
    assert rig.camera.counters.power_cycles == 2
    assert (rig.now_ns - dead_ns) / 1e9 < 5.0
    powered = [entry.value for entry in rig.plant.log if entry.what == "sensor_power"]
    assert powered == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_a_sensor_that_comes_back_is_taken_back():
    rig = el640_rig()
    rig.plant.inject(faults.SensorDead())
    rig.run(1.0)
    rig.plant.clear("sensor-dead")
    before = len(rig.frames)
    rig.run(2.0)
    assert len(rig.frames) > before + 50
    assert rig.acquisition.status.code == codes.OK
    sequences = [info.sequence for info in rig.frames]
    assert (np.diff(sequences) > 0).all()  # the sensor counts from 0 again, we do not
    times = [info.monotonic_ns for info in rig.frames]
    assert (np.diff(times) > 0).all()
    assert rig.torn == 0


def test_a_lost_node_is_opened_again_with_back_off():
    rig = el640_rig()
    reopened = rig.buses.spi.reopened
    rig.plant.inject(faults.SpiUnplugged())
    rig.run(0.25)
    assert rig.acquisition.status.code == codes.LINK_BUS
    tries = rig.camera.counters.bus
    assert 3 <= tries <= 6  # 20, 40, 80, ... ms apart
    assert rig.buses.spi.reopened > reopened
    rig.plant.clear("spi-unplugged")
    rig.run(0.6)
    assert rig.acquisition.status.code == codes.OK
    assert rig.torn == 0


def test_without_data_ready_frames_still_come():
    rig = el640_rig()
    rig.plant.inject(faults.NoDataReady())
    rig.run(1.0)
    before = len(rig.frames)
    rig.run(1.0)
    assert len(rig.frames) - before > 40
    assert rig.camera.counters.blind > 0
    assert rig.torn == 0


@pytest.mark.parametrize(("loop", "code", "within"), [
    (1, codes.FRAME_REPEATED, 4), (2, codes.FRAME_LOOP, 10), (3, codes.FRAME_LOOP, 10),
])  # fmt: skip
def test_repeated_pictures_are_a_fault(loop, code, within):
    rig = el640_rig()
    rig.plant.inject(faults.FrozenFrame(loop=loop))
    for _ in range(within):
        rig.next_frame()
    assert rig.acquisition.status.code == code
    rig.plant.clear("frozen-frame")
    rig.next_frame(), rig.next_frame()
    assert rig.acquisition.status.code == codes.OK


def test_a_counter_that_stands_still_is_a_fault():
    rig = el640_rig()
    rig.model.keeps_truth = False
    rig.plant.inject(faults.CounterStuck())
    for _ in range(5):
        rig.next_frame()
    assert rig.acquisition.status.code == codes.COUNTER_STUCK


@pytest.mark.parametrize("counts", [0, 9000])
def test_blank_pictures_are_handed_over_and_called_repeated(counts):
    rig = el640_rig()
    rig.plant.inject(faults.PixelsStuck(counts=counts))
    for _ in range(5):
        rig.next_frame()
    assert (rig.counts == counts).all()
    assert rig.acquisition.status.code == codes.FRAME_REPEATED


def test_a_clipped_picture_repeats_and_is_not_frozen_until_it_is_no_more():
    rig = el640_rig()
    rig.plant.inject(faults.PixelsStuck(counts=0x3FFF))
    for _ in range(12):
        assert rig.next_frame().flags & FrameFlag.SATURATED
        assert rig.acquisition.status.code == codes.OK
    rig.plant.clear("pixels-stuck")
    rig.plant.inject(faults.FrozenFrame(loop=1))
    for _ in range(5):
        rig.next_frame()
    assert rig.acquisition.status.code == codes.FRAME_REPEATED


@pytest.mark.parametrize(("share", "flags", "is_clipped"), [
    (1.0, FrameFlag.SATURATED, True), (0.995, FrameFlag.SATURATED, True),
    (0.95, FrameFlag.SATURATED, False), (1.0, FrameFlag.NONE, False),
])  # fmt: skip
def test_clipped_is_what_the_sensor_says_and_nearly_all_pixels_show(share, flags, is_clipped):
    counts = np.full((100, 100), 0x3FFF, np.uint16)
    counts.reshape(-1)[round(share * counts.size) :] = 0
    assert acquisition._is_clipped(FrameInfo(flags=flags), counts) == is_clipped


def test_a_late_reader_gets_the_newest_frame():
    rig = el640_rig()
    first = rig.frames[-1].sequence
    for _ in range(30):  # capture goes on, nobody takes
        now_ns = rig.now_ns + 2 * MS
        rig.plant.advance_to(now_ns)
        rig.clock.advance_to(now_ns)
        rig.acquisition.step()
    info = rig.next_frame()
    assert info.sequence >= first + 5
    assert rig.acquisition.overruns >= 4
    assert info.drops == info.sequence - first - 1
    assert rig.torn == 0


def test_silence_is_named_and_measured():
    rig = el640_rig()
    rig.plant.inject(faults.SensorDead())
    rig.run(0.405)
    status = rig.acquisition.status
    assert status.code == codes.LINK_SILENT
    assert status.measured == pytest.approx(0.405, abs=0.02)


class Flaky:
    """Buses whose call number `at` (and with `for_ever` every later one) fails."""

    def __init__(self, buses, at, for_ever, number=errno.EIO):
        self.calls, self._at, self._for_ever, self._number = 0, at, for_ever, number
        self.buses = buses._replace(spi=Wrapped(buses.spi, self), i2c=Wrapped(buses.i2c, self),
                                    lines=Wrapped(buses.lines, self))  # fmt: skip

    def call(self, act, *given):
        self.calls += 1
        if self.calls == self._at or (self._for_ever and self.calls > self._at):
            raise BusError(self._number, "injected")
        return act(*given)


class Wrapped:
    """One bus; its methods may fail, its attributes not."""

    def __init__(self, bus, flaky):
        self._bus, self._flaky = bus, flaky

    def __getattr__(self, name):
        found = getattr(self._bus, name)
        return (lambda *given: self._flaky.call(found, *given)) if callable(found) else found


class FlakyRig(Rig):
    """A rig over flaky buses."""

    at, for_ever, number = 1, False, errno.EIO

    def make_camera(self):
        self.flaky = Flaky(self.buses, self.at, self.for_ever, self.number)
        self.buses = self.flaky.buses
        return super().make_camera()


def flaky_rig(at, for_ever, number=errno.EIO):
    kind = type("FlakyRigAt", (FlakyRig,), {"at": at, "for_ever": for_ever, "number": number})
    return kind(reduced_board())


@pytest.mark.parametrize("at", range(1, 51))
def test_any_one_failed_call_is_survived(at):
    rig = flaky_rig(at, for_ever=False)
    rig.run(1.0)
    assert rig.flaky.calls > at
    assert rig.camera.counters.bus == 1
    assert rig.acquisition.status.code == codes.OK
    assert rig.torn == 0
    assert len(rig.frames) > 30


@pytest.mark.parametrize("at", [1, 2, 5, 9, 17, 18, 19, 30, 50])
def test_buses_that_fail_for_ever_end_in_link_lost(at):
    rig = flaky_rig(at, for_ever=True)
    with pytest.raises(LinkLost):
        rig.run(10.0)
    assert rig.torn == 0
    assert rig.acquisition.status.code == codes.LINK_GONE


def test_an_interrupted_read_costs_at_most_its_frame():
    rig = flaky_rig(60, for_ever=False, number=errno.EINTR)
    rig.run(1.0)
    assert rig.camera.counters.bus == 1
    assert rig.acquisition.drops <= 1
    assert rig.torn == 0


def test_wrong_device_at_the_address_ends_the_start():
    rig = Rig(reduced_board())
    rig.step()
    rig.plant.inject(faults.ReadCorrupted(address=0x3A, mask=0x40))
    with pytest.raises(WrongDeviceError, match="expected el640"):
        rig.run(1.0)


def test_capture_and_frames_in_two_threads():
    """The slot between the threads: every frame taken is one that was sent, in order."""
    rig = el640_rig()
    stop, errors = threading.Event(), []

    def capture():
        try:
            for _ in range(4000):
                now_ns = rig.clock.monotonic_ns() + 2 * MS
                rig.plant.advance_to(now_ns)
                rig.clock.advance_to(now_ns)
                rig.acquisition.step()
        except Exception as error:
            errors.append(error)
        finally:
            stop.set()

    rig.model.truth = Truths()
    thread = threading.Thread(target=capture)
    thread.start()
    taken = []
    while not stop.is_set() or rig.acquisition._ready is not None:
        info = rig.acquisition.take(rig.counts)
        if info is not None:
            taken.append(info.sequence)
            number = rig.camera.telemetry.frame
            assert np.array_equal(rig.counts, rig.model.truth[number]), f"torn frame {number}"
    thread.join()
    assert not errors
    assert taken == sorted(set(taken))
    assert rig.acquisition.published >= len(taken) > 10


class Truths(dict):
    """Keeps every frame."""

    def __delitem__(self, key):
        pass

    def __len__(self):
        return 0
