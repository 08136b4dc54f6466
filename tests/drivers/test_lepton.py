# SPDX-License-Identifier: Apache-2.0
"""Lepton driver: commands by their numbers, frames of both sizes, resync, mistrust."""

import numpy as np
import pytest
from link_rig import MS, Rig, lepton_rig, recovery_ms

from edgeleak import codes
from edgeleak.drivers import lepton
from edgeleak.drivers.lepton import Lepton
from edgeleak.drivers.lepton_telemetry import FFC_DONE
from edgeleak.drivers.link import Steps
from edgeleak.errors import BusError, ConfigError, LinkLost
from edgeleak.frame import FrameFlag, NucState
from edgeleak.sim import faults

SHAPES = [(60, 80), (120, 160)]
LOSSES = 25
"""A taste; the fault campaign runs 1,000."""
LINE_FAULTS = [
    faults.CrcError, faults.DropLine, faults.DuplicateLine, faults.SwapLines, faults.WrongId,
    faults.ShortRead,
]  # fmt: skip


@pytest.fixture(params=SHAPES, ids=["lepton2", "lepton3"])
def rig(request):
    return lepton_rig(request.param)


def settle(rig, steps):
    """Run steps of the control port to their result."""
    results = []

    def keep():
        results.append((yield from steps))

    errand = Steps(rig.clock)
    errand.begin(keep())
    while not errand.advance():
        rig.plant.advance_to(rig.now_ns + MS)
        rig.clock.advance_to(rig.now_ns + MS)
    return results[0]


def test_command_numbers_of_the_interface_description():
    assert lepton.SYS_PING | lepton.RUN == 0x0202
    assert lepton.SYS_RUN_FFC | lepton.RUN == 0x0242
    assert lepton.SYS_TELEMETRY | lepton.SET == 0x0219
    assert lepton.OEM_VIDEO_FORMAT | lepton.SET == 0x4829
    assert lepton.AGC_ENABLE | lepton.SET == 0x0101


def test_bring_up_leaves_the_camera_as_wished(rig):
    wanted = {lepton.AGC_ENABLE: 0, lepton.OEM_VIDEO_FORMAT: 7, lepton.SYS_TELEMETRY: 1,
              lepton.SYS_TELEMETRY_LOCATION: 1}  # fmt: skip
    assert rig.model._attributes == wanted
    assert rig.camera.part_number.startswith("500-07")
    assert not rig.camera.info.sees_methane


def test_clean_frames_once_each(rig):
    rig.run(3.0)
    counters = rig.camera.counters
    assert rig.torn == 0
    assert 25 <= len(rig.frames) <= 30  # nine a second, the repetitions left out
    assert [info.sequence for info in rig.frames] == list(range(len(rig.frames)))
    assert (rig.acquisition.drops, counters.lost, counters.crc, counters.resyncs) == (0,) * 4
    assert counters.repeats > 50
    assert rig.acquisition.status.code == codes.OK
    assert np.diff([i.monotonic_ns for i in rig.frames]).min() > 90 * MS


@pytest.mark.parametrize("step", [1, 3])
def test_both_ways_to_count_frames_mean_the_same(step):
    rig = lepton_rig((60, 80))
    rig.model.frame_step = step
    rig.model.scene = rig.model.scene
    rig.run(0.5)
    drops, frames = rig.acquisition.drops, len(rig.frames)
    rig.run(2.0)
    assert rig.acquisition.drops == drops
    assert len(rig.frames) - frames > 15


def test_lost_sync_is_silence_and_then_frames(rig):
    rng = np.random.default_rng(2)
    times_ms = recovery_ms(
        rig, lambda: faults.LostSync(count=1, shift_bytes=int(rng.integers(1, 164))), LOSSES, rng,
        (20, 250),
    )  # fmt: skip
    assert np.median(times_ms) < 320
    assert max(times_ms) < 600
    assert rig.torn == 0
    assert rig.camera.counters.resyncs <= LOSSES + 3


@pytest.mark.parametrize("kind", LINE_FAULTS, ids=lambda kind: kind.__name__)
def test_damage_never_tears(kind):
    rig = lepton_rig(seed=1)
    for _ in range(12):
        rig.plant.inject(kind(count=1))
        rig.run(0.25)
    assert rig.plant.counters[f"hit.{faults.name_of(kind)}"] == 12
    assert rig.torn == 0
    assert len(rig.frames) >= 12
    rig.run(0.5)
    assert rig.acquisition.status.code == codes.OK


def test_a_reader_that_is_late_resyncs_by_itself(rig):
    rig.plant.advance_to(rig.now_ns + 100 * MS)
    rig.clock.advance_to(rig.now_ns + 100 * MS)
    before = len(rig.frames)
    rig.run(0.6)
    assert rig.model.counters["missed"] >= 1
    assert len(rig.frames) >= before + 1
    assert rig.torn == 0


def test_numbers_asked_of_the_camera(rig):
    uptime_ms = settle(rig, rig.camera.read_uptime_ms())
    assert uptime_ms == pytest.approx((rig.now_ns - rig.model._alive_ns) / MS, abs=10)
    fpa_degc = settle(rig, rig.camera.read_fpa_degc())
    assert fpa_degc == pytest.approx(rig.plant.truth.housing_degc + 2, abs=0.01)


def test_correction_marks_its_frames(rig):
    rig.camera.request_ffc()
    rig.run(0.45)
    assert FrameFlag.SHUTTER in rig.frames[-1].flags
    rig.run(1.0)
    assert FrameFlag.SHUTTER not in rig.frames[-1].flags
    assert rig.acquisition.telemetry.ffc_state == FFC_DONE


def facts_of(frames):
    return [(info.nuc_id, info.ms_since_nuc, info.nuc_state) for info in frames]


def corrected(rig):
    """One correction by the camera, seen to its end; the frames after it."""
    rig.camera.request_ffc()
    rig.run(1.0)
    assert NucState.RUNNING in {info.nuc_state for info in rig.frames[-9:]}
    seen = len(rig.frames)
    rig.run(1.0)
    return rig.frames[seen:]


def test_before_its_first_correction_there_is_none(rig):
    rig.run(1.0)
    assert set(facts_of(rig.frames)) == {(-1, -1, NucState.NONE)}


WRAP_MS = 1 << 32


@pytest.mark.parametrize("ahead_ms", [0, WRAP_MS - 4_000, WRAP_MS - 2_000], ids=str)
def test_frames_carry_number_age_and_state_of_the_correction(rig, ahead_ms):
    """Also while the camera's time wraps between the correction and the frame."""
    rig.model.uptime_ahead_ms = ahead_ms
    rig.run(0.5)
    for number in range(3):
        after = corrected(rig)
        assert {info.nuc_id for info in after} == {number}
        assert {info.nuc_state for info in after} == {NucState.VALID}
        ages = [info.ms_since_nuc for info in after]
        assert 500 <= ages[0] <= 1300
        times_ms = [info.monotonic_ns / MS for info in after]
        assert np.diff(ages) == pytest.approx(np.diff(times_ms), abs=40)


def test_while_it_runs_frames_say_so_under_the_old_number(rig):
    corrected(rig)
    rig.camera.request_ffc()
    rig.run(0.45)
    assert rig.frames[-1].nuc_state is NucState.RUNNING
    assert rig.frames[-1].nuc_id == 0


def test_a_camera_that_was_switched_off_has_no_correction_any_more(rig):
    corrected(rig)
    rig.camera.power_cycle()
    rig.run(4.0)
    assert facts_of(rig.frames)[-1] == (-1, -1, NucState.NONE)
    assert {info.nuc_id for info in corrected(rig)} == {1}, "a number comes once"


def test_an_unknown_command_is_an_error_with_its_number(rig):
    with pytest.raises(BusError, match=r"0x02fc .*failed with -4"):
        settle(rig, rig.camera._command(0x02FC, "nonsense"))


def test_values_above_14_bits_are_limited_and_flagged(rig):
    rig.model.keeps_truth = False
    rig.model.scene = lambda exposure: np.full(exposure.shape, 0x8123, np.uint16)
    rig.run(0.3)
    assert (rig.counts == 16383).all()
    assert FrameFlag.CLIPPED_TO_14_BIT in rig.frames[-1].flags


@pytest.mark.parametrize("shape", SHAPES)
def test_stuck_counter_and_frozen_picture_are_faults_though_repetitions_are_not(shape):
    rig = lepton_rig(shape)
    rig.plant.inject(faults.FrozenFrame())
    for _ in range(5):
        rig.next_frame()
    assert rig.acquisition.status.code == codes.FRAME_REPEATED
    rig = lepton_rig(shape)
    rig.model.keeps_truth = False
    rig.plant.inject(faults.CounterStuck())
    rig.run(2.0)
    assert rig.acquisition.status.code == codes.COUNTER_STUCK


def test_a_dead_camera_ends_in_link_lost(rig):
    rig.plant.inject(faults.SensorDead())
    with pytest.raises(LinkLost):
        rig.run(30.0)
    assert rig.camera.counters.power_cycles == 2


def test_other_sizes_are_refused():
    rig = lepton_rig((60, 80))
    import dataclasses

    board = rig.board
    wrong = dataclasses.replace(board, sensor=dataclasses.replace(board.sensor, width=81))
    with pytest.raises(ConfigError, match="80x60 or 160x120"):
        Lepton(rig.buses, wrong, rig.clock)


def test_small_messages_work_too():
    """bufsiz of 4096, as kernels have it without a boot argument: 24 packets a message."""
    rig = lepton_rig(bufsiz=4096)
    rig.run(1.0)
    assert rig.torn == 0
    assert 7 <= len(rig.frames) <= 11
    assert rig.acquisition.drops == 0


def test_a_camera_that_does_not_answer_is_named_in_the_error():
    rig = lepton_rig((60, 80))
    rig.plant.inject(faults.I2cUnplugged())
    with pytest.raises(BusError):
        settle(rig, rig.camera.read_uptime_ms())
    assert isinstance(rig, Rig)
