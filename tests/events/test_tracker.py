# SPDX-License-Identifier: Apache-2.0
"""Candidate, confirmed, ended: on frames through the real detector."""

import base64
import io
import json

import numpy as np
import pytest
from events_scene import Run

from edgeleak.events.event import SCHEMA

LEFT, RIGHT = (40, 60, 60, -10, -60), (100, 95, 50, 8, 60)


@pytest.fixture(scope="module")
def one():
    """A leak that begins and ends."""
    run = Run().go(40).go(150, [LEFT])
    run.during = [event.as_dict() for event in run.tracker.open]
    return run.go(12, tenths=10)


def test_one_leak_is_one_event_with_a_beginning_and_an_end(one):
    states = [state for _, state, _ in one.changes]
    assert states[0] == "confirmed"
    assert states[-1] == "ended"
    (event,) = one.tracker.events
    assert event.end_reason == "cleared"
    assert 4.0 < event.first.time_s < event.confirmed.time_s < 11.0
    assert 18.5 < event.last.time_s < 21.5  # looks a second apart by then; means of 1.5 s fade
    assert event.ended.time_s - event.last.time_s > 4.9  # hysteresis: 5 s of answered time
    assert one.tracker.open == []


def test_the_record_holds_what_was_asked_for(one):
    (record,) = one.during
    assert record["schema"] == SCHEMA
    assert record["state"] == "confirmed"
    assert record["ended"] is None
    assert record["polarity"] == "colder"
    assert record["evidence"]["peak"] >= record["evidence"]["mean"] >= 1
    x, y = record["origin_xy"]
    assert abs(x - 40) + abs(y - 60) < 8
    assert record["direction_deg"] < 30 or record["direction_deg"] > 330  # to the right, a bit up
    left, top, width, height = record["box_xywh"]
    assert left < 45 < 90 < left + width
    assert top < 55 < top + height
    assert -60 < record["contrast_counts"]["mean"] < -5
    assert record["facts"]["polarity"] == "colder"
    assert {rule["name"] for rule in record["rules"]} >= {"place", "change", "one-sign"}
    json.dumps(record, allow_nan=False)


def test_thumbnails_are_pictures(one):
    from PIL import Image

    for data in one.tracker.events[0].thumbnails.values():
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert max(image.size) <= 96
            red, green, _ = (np.asarray(plane) for plane in image.convert("RGB").split())
            assert (red > green).any()


def test_two_leaks_at_once_have_their_own_ids_sources_and_signs():
    run = Run(seed=1).go(40).go(150, [LEFT, RIGHT])
    first, second = sorted(run.tracker.open, key=lambda event: event.origin[0])
    assert first.key != second.key
    assert (first.polarity, second.polarity) == ("colder", "warmer")
    assert abs(first.origin[0] - 40) + abs(first.origin[1] - 60) < 8
    assert abs(second.origin[0] - 100) + abs(second.origin[1] - 95) < 8


def test_a_second_leak_does_not_end_with_the_first():
    run = Run(seed=2).go(40).go(120, [LEFT, RIGHT]).go(10, [RIGHT], tenths=10)
    (left,) = run.tracker.open
    assert left.polarity == "warmer"
    assert [state for key, state, _ in run.changes if key != left.key][-1] == "ended"


def test_what_shows_beside_a_leak_for_some_seconds_is_no_second_one():
    run = Run(seed=1).go(40).go(80, [LEFT]).go(60, [LEFT, RIGHT]).go(40, [LEFT])
    (event,) = run.tracker.events
    assert event.polarity == "colder"
    assert run.tracker.candidates >= 2


def test_an_inhibit_pauses_and_a_long_one_ends_with_its_code():
    run = Run(seed=3).go(40).go(120, [LEFT])
    (event,) = run.tracker.open
    run.go(10, [LEFT], tenths=10, flags=8)  # shutter closed for 10 s
    assert run.tracker.open == [event]
    assert event.last.time_s < 16.5
    run.go(23, [LEFT], tenths=10, flags=8)
    assert event.state == "ended"
    assert event.end_reason == "no answer (102)"


def test_a_leak_that_pauses_is_known_again():
    run = Run(seed=4).go(40).go(80, [LEFT]).go(12, tenths=10).go(80, [LEFT])
    first, second = run.tracker.events
    assert second.same_place_as == first.key
    assert first.same_place_as == ""


def test_nothing_comes_of_noise():
    run = Run(seed=5).go(120)
    assert not run.tracker.events
    assert run.changes == []


def test_ids_come_from_the_frames_so_a_replay_gives_the_same():
    facts = {"utc_ns": 1_780_000_000_000_000_000}
    keys = [Run(seed=6, **facts).go(30).go(60, [LEFT]).changes[0][0] for _ in range(2)]
    assert keys[0] == keys[1] == "20260528T202640Z-01"


def test_frames_that_end_end_the_event():
    run = Run(seed=7).go(40).go(70, [LEFT])
    (event,) = run.tracker.finish(run.moment)
    assert (event.state, event.end_reason) == ("ended", "end of frames")


def test_the_paper_profile_has_events_of_its_regions():
    run = Run("paper", seed=8).go(40).go(100, [(40, 60, 60, -10, -400)])
    assert run.tracker.open
    assert run.tracker.open[0].polarity == "unknown"  # it has no counts
