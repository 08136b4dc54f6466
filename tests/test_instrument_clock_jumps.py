# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set or jumps while a recording runs: every frame is in the file, in order."""

from itertools import pairwise

import pytest
from instrument_rig import NS, Rig, small_config, violations
from mcap.reader import make_reader
from recorder_bench import until

from edgeleak.frame import UtcQuality
from edgeleak.instrument import Options
from edgeleak.services.health import State
from edgeleak.sim.sim_clock import SimClock
from edgeleak.sources import open_source

DAY_S = 86_400
IN_2026_S = 1_767_225_600
JUMPS = {
    "a day forward": (IN_2026_S, DAY_S),
    "a day back": (IN_2026_S, -DAY_S),
    "from 1970 until it is set": (0, IN_2026_S),
    "to 1970": (IN_2026_S, -IN_2026_S),
}


@pytest.fixture(scope="module", params=JUMPS)
def recorded(request, tmp_path_factory):
    """(rig, file, UTC of the start in s, jump in s): 3 s recorded before the jump and after it."""
    folder = tmp_path_factory.mktemp("jump")
    utc_s, jump_s = JUMPS[request.param]
    rig = Rig(folder, options=Options(), config=small_config(folder),
              clock=SimClock(utc_ns=utc_s * NS))  # fmt: skip
    rig.run_to(State.DETECTING).run_s(2)
    recorder = rig.instrument.recorder
    recorder.start("test")
    all_written(recorder)
    rig.run_s(3)
    all_written(recorder)
    rig.clock.jump_utc(jump_s * NS)
    rig.run_s(3)
    all_written(recorder)
    recorder.stop()
    found = folder / "recordings"
    until(recorder.said, lambda: list(found.glob("*.mcap")), "a finished file")
    rig.instrument.shutdown()
    return rig, next(found.glob("*.mcap")), utc_s, jump_s


def all_written(recorder):
    """Simulated time is faster than the disk: the ring must not overtake the recorder."""
    until(recorder.said, lambda: recorder.ring.progress().handled == recorder.ring.published - 1,
          "the newest frame in the file")  # fmt: skip


def read(path):
    """(facts of all frames, events)"""
    with open_source(path) as source:
        infos = [info for _, info in source]
        assert source.damage is None
        return infos, source.events


def test_every_frame_is_there_once_and_in_order(recorded):
    rig, path, _, _ = recorded
    infos, _ = read(path)
    last = rig.infos[-1].sequence
    assert [info.sequence for info in infos] == list(range(infos[0].sequence, last + 1))
    assert len(infos) >= 50 + 60, "five seconds before it was asked for, and six after"
    published = {info.sequence: info for info in rig.infos}
    assert all(info == published[info.sequence] for info in infos)
    assert infos[-1].drops == 0
    assert rig.instrument.recorded().lost == 0
    assert rig.plant.sensor.counters["overrun"] == 0
    assert not violations(rig)


def test_no_interval_is_negative(recorded):
    _, path, _, _ = recorded
    infos, _ = read(path)
    steps_ms = [(b.monotonic_ns - a.monotonic_ns) / 1e6 for a, b in pairwise(infos)]
    assert all(98 < step < 102 for step in steps_ms)
    corrected = [info for info in infos if info.nuc_id >= 0]
    ages_ms = [info.ms_since_nuc for info in corrected]
    assert all(98 <= b - a <= 102 for a, b in pairwise(ages_ms))
    assert ages_ms[0] >= 0
    assert len(corrected) > 80


def test_labels_are_what_the_clock_said_and_never_negative_times(recorded):
    _, path, utc_s, jump_s = recorded
    infos, events = read(path)
    assert all(info.utc_ns == -1 or info.utc_ns >= 1.7e18 for info in infos)
    assert all((info.utc_ns == -1) == (info.utc_quality is UtcQuality.UNKNOWN) for info in infos)
    offsets = [None if info.utc_ns < 0 else (info.utc_ns - info.monotonic_ns) / NS
               for info in infos]  # fmt: skip
    expected = [None if second < 1e9 else second for second in (utc_s, utc_s + jump_s)]
    assert list(dict.fromkeys(offsets)) == expected, "one jump, and labels as even as the frames"
    assert [event["s"] for event in events if event["event"] == "clock-jumped"] == [jump_s]


def test_other_programs_sort_the_file_as_it_was_taken(recorded):
    _, path, _, _ = recorded
    infos, _ = read(path)
    with path.open("rb") as file:
        reader = make_reader(file)
        found = [(channel.topic, message) for _, channel, message in reader.iter_messages()]
        whole = reader.get_summary().statistics
    frames = [message for topic, message in found if topic == "/frames"]
    assert [message.sequence for message in frames] == [info.sequence for info in infos]
    times = [message.log_time for message in frames]
    assert [time - times[0] for time in times] == [
        info.monotonic_ns - infos[0].monotonic_ns for info in infos]  # fmt: skip
    known = infos[0].utc_ns if infos[0].utc_ns >= 0 else infos[0].monotonic_ns
    assert (whole.message_start_time, whole.message_end_time) == (known, times[-1])
