# SPDX-License-Identifier: Apache-2.0
"""The memory card is torn out, fails, fills up or stalls under the real recorder process."""

import errno

import pytest
from recorder_bench import (
    PATIENCE_S,
    Camera,
    config_of,
    events_in,
    frames_in,
    made_recorder,
    until,
)
from torn_card import HARMS, Card, Harm

from edgeleak import codes
from edgeleak.services.health import FINE

S = 10**9
SLOTS = 83
"""Of the ring: 8 s and what a reader keeps away."""


@pytest.fixture
def card(tmp_path):
    made = Card(tmp_path / "card", tmp_path)
    yield made
    made.close()


@pytest.fixture
def made(card):
    """(recorder, camera) that write to the card."""
    with made_recorder(config_of(card.folder), card.command) as recorder:
        yield recorder, Camera(recorder)
        card.mend()  # or closing would wait for the card


def handled(recorder, number):
    until(
        recorder.said,
        lambda: recorder.ring.progress().handled >= number,
        f"frame {number} in the file",
    )


def refused(recorder, code=codes.STORAGE_FAILED):
    until(recorder.said, lambda: recorder.report().code == code, "the refusal is said")


def files(card):
    found = [*card.folder.glob("*.mcap"), *card.folder.glob("*.part")]
    return sorted(found, key=lambda path: path.name.removesuffix(".part"))


def sequences(path):
    return [info.sequence for _, info in frames_in(path)]


@pytest.mark.parametrize("name", HARMS)
def test_a_card_that_refuses_costs_no_frame_and_the_recording_goes_on_later(made, card, name):
    recorder, camera = made
    recorder.start("test")
    camera.take(20)
    handled(recorder, 19)
    assert recorder.report() == FINE
    card.suffer(HARMS[name])
    camera.take(30)
    wanted = codes.STORAGE_FULL if HARMS[name].number == errno.ENOSPC else codes.STORAGE_FAILED
    refused(recorder, wanted)
    recorder.supervise(1 * S)
    struck = card.struck
    recorder.supervise(7 * S)  # tried again, in vain
    until(card.said, lambda: card.struck > struck, "another refusal")
    assert recorder.report().code == wanted
    assert recorder._process.poll() is None, "the recorder itself goes on"
    assert sequences(files(card)[0]) == list(range(20))

    card.mend()
    recorder.supervise(13 * S)
    until(recorder.said, lambda: recorder.report() == FINE, "the recording goes on")
    camera.take(10)
    recorder.stop()
    until(recorder.said, lambda: files(card)[-1].suffix == ".mcap", "the second file")
    assert sequences(files(card)[-1]) == list(range(20, 60)), "the ring bridged the gap"
    assert recorder.ring.progress().lost == 0


def test_a_card_that_is_back_too_late_lost_frames_and_says_how_many(made, card):
    recorder, camera = made
    recorder.start("test")
    camera.take(5)
    handled(recorder, 4)
    card.suffer(HARMS["torn out"])
    camera.take(1)
    refused(recorder)
    camera.take(200)
    card.mend()
    recorder.supervise(1 * S)
    recorder.supervise(7 * S)
    until(recorder.said, lambda: recorder.report().code == codes.STORAGE_SLOW, "the loss is said")
    recorder.stop()
    until(recorder.said, lambda: files(card)[-1].suffix == ".mcap", "the second file")
    kept = sequences(files(card)[-1])
    lost = [event["frames"] for event in events_in(files(card)[-1]) if event["event"] == "lost"]
    assert kept[-1] == 205
    assert lost == [206 - 5 - len(kept)]


def test_a_snapshot_that_is_refused_is_said_and_the_next_one_works(made, card):
    recorder, camera = made
    camera.take(1)
    card.suffer(HARMS["torn out"])
    recorder.snapshot()
    refused(recorder)
    card.mend()
    camera.take(1)
    recorder.snapshot()
    until(recorder.said, lambda: any(card.folder.glob("*.mcap")), "the picture")
    assert [sequences(path) for path in files(card)] == [[1]]


def test_nobody_tries_again_when_the_recording_was_ended(made, card):
    recorder, camera = made
    recorder.start("test")
    camera.take(5)
    handled(recorder, 4)
    card.suffer(HARMS["torn out"])
    camera.take(1)
    refused(recorder)
    recorder.stop()
    card.mend()
    for now_s in range(1, 30):
        recorder.supervise(now_s * S)
    camera.take(5)
    recorder.start("again")
    handled(recorder, 10)
    assert len(files(card)) == 2


def test_writes_that_stall_for_two_seconds_lose_nothing_the_ring_holds(made, card):
    recorder, camera = made
    recorder.start("test")
    camera.take(5)
    handled(recorder, 4)
    card.suffer(Harm(stall_ms=2000))
    camera.take(1)
    until(card.said, lambda: card.struck, "a write that stalls")
    camera.take(20)  # two seconds of the camera
    assert camera.slowest_s < 1.0
    card.mend()
    handled(recorder, 25)
    assert recorder.report() == FINE
    recorder.stop()
    until(recorder.said, lambda: files(card)[0].suffix == ".mcap", "the file")
    assert sequences(files(card)[0]) == list(range(26))


def test_a_write_that_hangs_is_said_while_it_hangs(made, card):
    recorder, camera = made
    recorder.start("test")
    camera.take(5)
    handled(recorder, 4)
    card.suffer(Harm(stall_ms=1000 * PATIENCE_S))
    camera.take(1)
    until(card.said, lambda: card.struck, "a write that hangs")
    camera.take(SLOTS - 10)
    assert recorder.report() == FINE
    camera.take(100)
    assert recorder.report().code == codes.STORAGE_SLOW
    recorder._process.kill()


def test_a_good_card_is_never_complained_about(made, card):
    recorder, camera = made
    recorder.start("test")
    for now_s in range(30):
        camera.take(10)
        handled(recorder, 10 * now_s + 9)
        recorder.supervise(now_s * S)
        assert recorder.report() == FINE
    recorder.stop()
    until(recorder.said, lambda: files(card)[0].suffix == ".mcap", "the file")
    assert sequences(files(card)[0]) == list(range(300))
    assert (len(files(card)), card.struck) == (1, 0)
