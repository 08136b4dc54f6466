# SPDX-License-Identifier: Apache-2.0
"""Every method on frames whose answer is known; the registry; what the network has to offer."""

import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.evaluate.detection import classic, method, profiles
from edgeleak.evaluate.detection.method import Footing, Reading
from edgeleak.frame import FrameInfo

SHAPE, FPS = (60, 80), 4.0
METHODS = {m.key: m for m in (*profiles.methods(), *classic.methods())}
LEVELLED = ("difference", "ema", "median", "sigma-delta")


def scene(rng, n, *, gas_from=None, steps=0.0):
    """Textured counts with noise; a patch that flickers from a frame on; level steps."""
    rows, columns = np.indices(SHAPE)
    base = 3000 + 60 * np.sin(columns / 5) * np.cos(rows / 4)  # a cover's pattern is a sum
    for index in range(n):
        frame = base + rng.normal(0, 2, SHAPE) + steps * (index % 7)
        if gas_from is not None and index >= gas_from:
            frame[20:40, 30:60] += 60 * (1 + 0.4 * np.sin(index / 2 + np.arange(30) / 4))
        info = FrameInfo(sequence=index, monotonic_ns=round(index / FPS * 1e9))
        yield np.rint(frame).astype(np.uint16), info


def scores(key, frames):
    runner = METHODS[key].make(Footing(SHAPE, FPS, 14))
    return [runner.step(*frame) for frame in frames]


@pytest.mark.parametrize("key", LEVELLED)
def test_noise_and_level_steps_raise_nothing(rng, key):
    readings = scores(key, scene(rng, 40, steps=25.0))
    assert max(r.score for r in readings[12:]) < 1


@pytest.mark.parametrize("key", [*LEVELLED, "mog2", "sensitive"])
def test_a_patch_that_comes_is_marked_where_it_is(rng, key):
    if key == "mog2":
        pytest.importorskip("cv2")
    runner = METHODS[key].make(Footing(SHAPE, FPS, 14))
    inside = np.zeros(SHAPE)
    best = 0.0
    for index, frame in enumerate(scene(rng, 60, gas_from=24)):
        reading = runner.step(*frame)
        if index >= 24:
            inside += reading.mask > 0
            best = max(best, np.nan_to_num(reading.score))
    assert best > 1
    on_patch = inside[18:42, 28:62].sum()
    assert on_patch > 0.9 * inside.sum() > 0


@pytest.mark.parametrize("key", LEVELLED)
def test_the_first_seconds_are_no_answer(rng, key):
    readings = scores(key, scene(rng, 10))
    held = [r.word == "INHIBIT" and np.isnan(r.score) for r in readings]
    assert held[:7] == [True] * 7
    assert not held[8]


def test_profiles_answer_with_their_own_words(rng):
    readings = scores("sensitive", scene(rng, 60, gas_from=24))
    words = [r.word for r in readings]
    assert words[0] == "INHIBIT"
    assert readings[0].code
    assert "NO GAS" in words[9:24]
    assert METHODS["sensitive"].decides
    assert not METHODS["ema"].decides


def test_an_unknown_method_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match="'emma' is not known; known are paper"):
        method.chosen_methods(["emma"])


def test_a_provider_that_is_not_there_adds_no_rows(monkeypatch):
    monkeypatch.setattr(
        method, "PROVIDERS", ("edgeleak.evaluate.detection.classic", "edgeleak.x.y")
    )
    assert [m.key for m in method.all_methods()] == [m.key for m in classic.methods()]


def test_a_new_provider_joins(monkeypatch):
    made = method.Method("own", "own", "", lambda footing: Fixed())
    monkeypatch.setattr(classic, "methods", lambda: [made])
    monkeypatch.setattr(method, "PROVIDERS", ("edgeleak.evaluate.detection.classic",))
    assert method.chosen_methods(["own"]) == [made]


class Fixed:
    def step(self, pixels, info):
        return Reading(1.0, "", 0, np.zeros(SHAPE, np.uint8))
