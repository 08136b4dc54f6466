# SPDX-License-Identifier: Apache-2.0
"""Recording never costs the camera a frame: real processes, real files, real trouble."""

import errno
import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
from recorder_bench import (
    LIMITS,
    PATIENCE_S,
    SHAPE,
    STREAM,
    Camera,
    answer_of,
    config_of,
    events_in,
    frames_in,
    info_of,
    made_recorder,
    pixels_of,
    until,
    verdict_of,
)

from edgeleak import codes
from edgeleak.calibration.container import read as read_calibration
from edgeleak.services import ring
from edgeleak.services.health import FINE, Trouble
from edgeleak.services.recorder import Recorder


@pytest.fixture
def made(tmp_path):
    """(recorder, camera), closed afterwards."""
    with made_recorder(config_of(tmp_path / "rec")) as recorder:
        yield recorder, Camera(recorder)


def test_slots_keep_every_fact():
    made = ring.make(SHAPE, 5)
    target = np.empty(SHAPE, np.uint16)
    for number in range(12):
        made.begin(pixels_of(number))
        answer = answer_of(number)
        made.publish(info_of(number), answer.verdict, answer.kind, answer.trouble.code, 0.5, 0.4)
    assert made.published == 12
    assert made.oldest() == 9
    for number in (9, 10, 11):
        slot = made.read(number, target, LIMITS)
        assert slot.info == info_of(number)
        assert slot.verdict == verdict_of(number)
        assert (slot.kind, slot.code) == (answer_of(number).kind, answer_of(number).trouble.code)
        np.testing.assert_array_equal(target, pixels_of(number))
    assert made.read(8, target, LIMITS) is None
    made.close()


def test_a_recording_starts_before_it_was_asked_for(made, tmp_path):
    recorder, camera = made
    unity, offset = np.full(SHAPE, 1 << 14, np.int16), np.full(SHAPE, -3, np.int16)
    table = np.array([[3, 2, 4, 2, 4]], np.int32)
    recorder.ring.set_correction(5, unity, offset, table)
    camera.take(70)
    recorder.start("test")
    camera.take(20)
    recorder.stop()
    until(recorder.said, lambda: list((tmp_path / "rec").glob("*.mcap")), "a finished file")
    path = next((tmp_path / "rec").glob("*.mcap"))
    frames = frames_in(path)
    assert [info.sequence for _, info in frames] == list(range(20, 90))  # 5 s at 10 fps before
    for counts, info in frames:
        np.testing.assert_array_equal(counts, pixels_of(info.sequence))
        assert info == info_of(info.sequence)
    assert recorder.ring.progress().written == 70
    assert recorder.report() == FINE
    names = [event["event"] for event in events_in(path)]
    assert names[0] == "start"
    assert names[-1] == "end"
    assert {"event": "answer", "answer": "INHIBIT", "code": 903, "sequence": 29,
            "measured": "0.5", "expected": "0.4"} in events_in(path)  # fmt: skip
    correction = read_calibration(path.with_suffix(".elcal"))
    assert (correction.nuc_id, correction.offset[0, 0]) == (5, -3)
    np.testing.assert_array_equal(correction.bad_pixels, table)


def test_an_alarm_records_what_follows_it_and_ends(made, tmp_path):
    recorder, camera = made
    camera.take(60)
    recorder.note_gas()
    until(recorder.said, lambda: recorder.ring.progress().handled == 59, "the pre-roll")
    camera.take(10)
    recorder.note_gas()  # seen again: the end moves
    camera.take(49)
    assert recorder.is_recording
    camera.take(2)
    assert not recorder.is_recording
    until(recorder.said, lambda: list((tmp_path / "rec").glob("*.mcap")), "a finished file")
    found = [info.sequence for _, info in frames_in(next((tmp_path / "rec").glob("*.mcap")))]
    assert found[:110] == list(range(10, 120))
    assert len(found) <= 111  # what was published before the command was read


def test_a_snapshot_is_one_frame_also_while_recording(made, tmp_path):
    recorder, camera = made
    camera.take(10)
    recorder.start("test")
    camera.take(10)
    recorder.snapshot()
    camera.take(10)
    recorder.stop()
    until(recorder.said, lambda: len(list((tmp_path / "rec").glob("*.mcap"))) == 2, "two files")
    sizes = sorted([info.sequence for _, info in frames_in(path)]
                   for path in (tmp_path / "rec").glob("*.mcap"))  # fmt: skip
    assert sizes == [list(range(30)), [19]]


def test_a_stopped_recorder_loses_frames_of_the_file_and_says_so(made, tmp_path):
    recorder, camera = made
    camera.take(5)
    recorder.start("test")
    until(recorder.said, lambda: recorder.ring.progress().written == 5, "the first frames")
    os.kill(recorder._process.pid, signal.SIGSTOP)
    camera.take(500)
    os.kill(recorder._process.pid, signal.SIGCONT)
    recorder.stop()
    until(recorder.said, lambda: list((tmp_path / "rec").glob("*.mcap")), "a finished file")
    path = next((tmp_path / "rec").glob("*.mcap"))
    kept = [info.sequence for _, info in frames_in(path)]
    lost = sum(event["frames"] for event in events_in(path) if event["event"] == "lost")
    assert lost > 400
    assert len(kept) + lost == 505
    assert kept[:5] == list(range(5))
    assert kept[-1] == 504
    assert kept == sorted(kept)


def killed(recorder, camera):
    """Both, after five written frames and the end of the process, a second ago."""
    camera.take(5)
    recorder.start("test")
    until(recorder.said, lambda: recorder.ring.progress().written == 5, "the first frames")
    recorder._process.kill()
    recorder._process.wait()
    recorder.supervise(10**9)
    return recorder, camera


def test_a_killed_recorder_is_started_again_and_goes_on(made, tmp_path):
    recorder, camera = killed(*made)
    camera.take(5)
    assert recorder.report().code == codes.RECORDER_GONE
    recorder.supervise(3 * 10**9)
    assert recorder.report() == FINE
    until(recorder.said, lambda: recorder.ring.progress().written == 5, "the frames after it")
    recorder.stop()
    until(recorder.said, lambda: list((tmp_path / "rec").glob("*.mcap")), "a finished file")
    second = next((tmp_path / "rec").glob("*.mcap"))
    first = next((tmp_path / "rec").glob("*.part"))
    assert [info.sequence for _, info in frames_in(first)] == list(range(5))
    assert [info.sequence for _, info in frames_in(second)] == list(range(5, 10))


def test_a_recorder_that_always_dies_is_left_alone(tmp_path):
    recorder = Recorder(STREAM, config_of(tmp_path), lambda ns: ns,
                        (sys.executable, "-c", "raise SystemExit(69)"))  # fmt: skip
    camera, now_ns, spawned = Camera(recorder), 0, set()
    for _ in range(40):
        if recorder._process is not None:
            spawned.add(recorder._process.pid)
            recorder._process.wait()
        recorder.supervise(now_ns)
        recorder.start("test")
        camera.take(1)
        now_ns += 10 * 10**9
    assert len(spawned) == 6
    assert recorder.report() == Trouble(codes.RECORDER_GONE, 6, 5)
    recorder.close()


def exhausted(*_arguments, **_options):
    """In place of Popen, where the machine has no process to give."""
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_a_machine_without_processes_costs_the_recording_only(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", exhausted)
        recorder = Recorder(STREAM, config_of(tmp_path / "rec"), lambda ns: 10**18 + ns)
        camera = Camera(recorder)
        recorder.start("test")
        camera.take(5)
        recorder.supervise(0)
        assert recorder.report() == Trouble(codes.RECORDER_GONE, 2, 5)
        recorder.supervise(10**9)
        assert recorder._deaths == 2, "not before its time"
    recorder.supervise(2 * 10**9)
    assert recorder.report() == FINE
    until(recorder.said, lambda: recorder.ring.progress().written == 5, "the frames before it")
    recorder.close()


def test_a_respawn_that_fails_forgets_nothing(monkeypatch, made, tmp_path):
    recorder, camera = killed(*made)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", exhausted)
        recorder.supervise(3 * 10**9)
    camera.take(5)
    recorder.supervise(6 * 10**9)
    until(recorder.said, lambda: recorder.ring.progress().written == 5, "the frames after it")
    recorder.stop()
    until(recorder.said, lambda: list((tmp_path / "rec").glob("*.mcap")), "a finished file")
    second = next((tmp_path / "rec").glob("*.mcap"))
    assert [info.sequence for _, info in frames_in(second)] == list(range(5, 10))


def limited(limit_bytes):
    """Command that starts the recorder under a limit of file size: EFBIG stands for a full disk."""
    code = (
        "import resource, runpy, sys;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}));"
        "sys.argv[0] = 'recorder';"
        "runpy.run_module('edgeleak.services.recorder_process', run_name='__main__')"
    )
    return (sys.executable, "-c", code)


def test_full_storage_ends_the_file_not_the_camera(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    recorder = Recorder(STREAM, config_of(tmp_path), lambda ns: ns, limited(100_000))
    camera = Camera(recorder)
    recorder.start("test")
    camera.take(60)
    until(recorder.said, lambda: recorder.report().code == codes.STORAGE_FULL, "the full disk")
    camera.take(60)
    written = recorder.ring.progress().written
    recorder.close()  # only then has the file its last name
    kept = [*tmp_path.glob("*.mcap"), *tmp_path.glob("*.part")]
    assert len(kept) == 1
    found = [info.sequence for _, info in frames_in(kept[0])]
    assert 5 < len(found) == written < 20


def test_a_reserve_is_kept_free(tmp_path):
    recorder = Recorder(STREAM, config_of(tmp_path, keep_free_mib=100_000), lambda ns: ns)
    recorder.start("test")
    Camera(recorder).take(3)
    until(recorder.said, lambda: recorder.report().code == codes.STORAGE_FULL, "the reserve")
    assert recorder.report().measured < recorder.report().expected == 100_000
    assert not list(tmp_path.glob("*.mcap*"))
    recorder.close()


def test_a_folder_that_cannot_be_is_a_note(tmp_path):
    (tmp_path / "file").write_text("no folder")
    recorder = Recorder(STREAM, config_of(tmp_path / "file" / "rec"), lambda ns: ns)
    recorder.start("test")
    Camera(recorder).take(3)
    until(recorder.said, lambda: recorder.report().code == codes.STORAGE_FAILED, "the refusal")
    # The card is put back: the next start works.
    (tmp_path / "file").unlink()
    recorder.stop()
    recorder.start("again")
    until(recorder.said, lambda: recorder.ring.progress().written == 3, "frames")
    assert recorder.report() == FINE
    recorder.close()


def test_a_camera_that_dies_leaves_a_finished_file(made, tmp_path):
    recorder, camera = made
    camera.take(5)
    recorder.start("test")
    camera.take(5)
    process = recorder._process
    process.stdin.close()  # what the kernel does when the camera is killed
    assert process.wait(PATIENCE_S) == 0
    path = next((tmp_path / "rec").glob("*.mcap"))
    assert [info.sequence for _, info in frames_in(path)] == list(range(10))


def test_commands_to_a_stopped_recorder_never_wait(made):
    recorder, camera = made
    os.kill(recorder._process.pid, signal.SIGSTOP)
    recorder.start("test")
    camera.take(1)
    for _ in range(5000):
        recorder.event({"note": "x" * 100})
    assert recorder.commands_lost > 0
    assert camera.slowest_s < 1
    os.kill(recorder._process.pid, signal.SIGCONT)
