# SPDX-License-Identifier: Apache-2.0
"""From readings to verdicts, events, places; tracks that are kept and found again."""

from dataclasses import replace

import numpy as np
import pytest

from edgeleak.evaluate.detection import store as stores
from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.evaluate.detection.method import Method, Reading
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.track import Source, Track, events, run_clip

SHAPE, N = (24, 32), 40
GAS_FROM, GAS_TO = 10, 30


class Marks:
    """Sees a square from frame 10 to 29, and speaks as it is told."""

    def __init__(self, word=""):
        self.n, self.word = -1, word

    def step(self, pixels, info):
        self.n += 1
        mask = np.zeros(SHAPE, np.uint8)
        if self.n < 2:
            return Reading(float("nan"), "INHIBIT", 801, mask)
        if GAS_FROM <= self.n < GAS_TO:
            mask[4:12, 8:16] = 255
        return Reading(float(mask.any() * 3), self.word, 0, mask)


def method(key="marks", word="", parameters="p"):
    return Method(key, key, parameters, lambda footing: Marks(word))


def clip(n=N):
    truth = np.zeros(SHAPE, bool)
    truth[6:14, 8:16] = True

    def shots():
        for _ in range(n):
            yield Shot(np.zeros(SHAPE, np.uint16), None, truth, (8.0, 6.0))

    return Clip("made here", SHAPE, 4.0, 14, n, shots)


@pytest.fixture
def track():
    return run_clip(clip(), [method()])["marks"]


def test_overlap_and_words_are_counted(track):
    assert track.time_s[-1] == pytest.approx((N - 1) / 4)
    assert list(np.flatnonzero(track.area_px)) == list(range(GAS_FROM, GAS_TO))
    assert (track.hit_px[GAS_FROM:GAS_TO] == 6 * 8).all()
    assert (track.truth_px == 64).all()
    assert list(np.flatnonzero(~track.is_answered)) == [0, 1]
    assert list(np.flatnonzero(track.is_word("INHIBIT"))) == [0, 1]
    assert set(track.code[:2]) == {801}


def test_a_mask_on_gas_of_a_moment_ago_is_on_the_plume():
    """Gas moves away at frame 15, 4 frames a second: its place counts for 1.5 s more."""
    whole = clip()

    def shots():
        for index, shot in enumerate(whole.shots()):
            yield shot._replace(truth=shot.truth if index < 15 else np.roll(shot.truth, 16, axis=1))

    track = run_clip(replace(whole, shots=shots), [method()])["marks"]
    assert list(np.flatnonzero(track.is_on_plume)) == list(range(GAS_FROM, 20))
    assert list(np.flatnonzero(track.hit_px)) == list(range(GAS_FROM, 15))


def test_an_empty_mask_is_judged_as_the_last_one():
    whole = clip()
    track = run_clip(whole, [method()])["marks"]
    assert track.is_on_plume[GAS_FROM:].all()
    assert not track.area_px[GAS_TO:].any()


def test_a_verdict_needs_half_of_five_seconds(track):
    called = np.flatnonzero(track.confirmed(1.0))
    assert called[0] == GAS_FROM + 7  # 8 of the 16 frames answered so far
    assert events(track.confirmed(1.0)) == 1
    assert not track.confirmed(3.0).any()


def test_events_count_beginnings():
    assert events(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == 3
    assert events(np.zeros(3, bool)) == 0


def test_a_track_survives_the_disk(track):
    again = Track.from_bytes(track.to_bytes())
    np.testing.assert_array_equal(again.score, track.score)
    np.testing.assert_array_equal(again.word, track.word)


def test_the_source_lies_at_the_constant_end():
    source = Source(SHAPE)
    for index in range(40):
        mask = np.zeros(SHAPE, np.uint8)
        mask[10:13, 5 : 9 + (index % 4) * 6] = 1  # always from column 5, flickering to the right
        source.add(mask, 0.25)
    column, row = source.place()
    assert column == pytest.approx(5, abs=1)
    assert row == pytest.approx(11, abs=2)


def test_what_was_run_is_not_run_again(tmp_path):
    store = Store(tmp_path, lambda *args: None)
    first = store.run("part", clip(), [method()])
    again = store.run("part", clip(), [method(), method("other")])
    assert (store.done, store.reused) == (2, 1)
    np.testing.assert_array_equal(first["marks"].score, again["marks"].score)


@pytest.mark.parametrize("change", ["parameters", "frames", "depends"])
def test_what_changed_is_run_again(tmp_path, change):
    store = Store(tmp_path, lambda *args: None)
    store.run("part", clip(), [method()])
    other = replace(clip(), depends=("sensor.py",)) if change == "depends" else clip()
    if change == "frames":
        other = clip().first(20)
    store.run("part", other, [method(parameters="q" if change == "parameters" else "p")])
    assert (store.done, store.reused) == (2, 0)


def test_a_changed_pipeline_is_another_fingerprint(tmp_path, monkeypatch):
    before = stores.fingerprint.__wrapped__(())
    monkeypatch.setattr(stores, "_ALWAYS", ("kernels",))
    assert stores.fingerprint.__wrapped__(()) != before


def test_a_cut_track_is_made_again(tmp_path):
    store = Store(tmp_path, lambda *args: None)
    store.run("part", clip(), [method()])
    (path,) = (tmp_path / "part").glob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    store.run("part", clip(), [method()])
    assert (store.done, store.reused) == (2, 0)
    assert len(Track.from_bytes(path.read_bytes()).score) == N
