# SPDX-License-Identifier: Apache-2.0
"""What lasts must stay seen, what is parked must not: a minute of each, with its facts."""

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak.frame import FrameInfo
from edgeleak.pipeline import load_profile

SHAPE, FPS, SECONDS = (48, 64), 10, 60


def watch(contrast_at, shape=SHAPE, seconds=SECONDS, profile="sensitive"):
    """Answers of a minute; contrast_at(seconds, y, x) is added after 5 quiet seconds."""
    rng = np.random.default_rng(3)
    y, x = np.indices(shape)
    scene = 5000 + 30.0 * x + 10.0 * y + 60 * np.sin(x / 5) * np.sin(y / 4)
    pipeline = Pipeline(shape, profile)
    words = []
    for i in range((5 + seconds) * FPS):
        time_s = i / FPS
        extra = contrast_at(time_s - 5, y, x) if time_s >= 5 else 0
        frame = np.rint(scene + rng.normal(0, 2, shape) + extra).astype(np.uint16)
        words.append(str(pipeline.step(frame, FrameInfo(i, 1 + i * 1_000_000_000 // FPS))))
    return words, pipeline.verdict


def blob(y, x, cx=30.0, size=6.0):
    return np.exp(-((y - 24) ** 2 + (x - cx) ** 2) / (2 * size**2))


def fired(verdict):
    return {rule.name: rule.fired for rule in verdict.rules}


def test_a_steady_plume_stays_gas_for_a_minute():
    words, verdict = watch(
        lambda s, y, x: -60 * (0.7 + 0.3 * np.sin(2.9 * s)) * blob(y, x, 30 + 2 * np.sin(1.7 * s))
    )
    start = words.index("GAS")
    assert start < (5 + 10) * FPS  # 9 s: the place rule, then persistence
    assert set(words[start:]) == {"GAS"}
    # One frame may show less than the least area: the plume flickers, persistence bridges it.
    names = ("persistence", "place", "change", "one-sign", "no-outline", "spread")
    assert all(fired(verdict)[name] for name in names)


def test_a_parked_thing_is_no_gas_in_the_end():
    words, verdict = watch(lambda s, y, x: 60 * blob(y, x))
    assert words[-1] == "NO GAS"
    assert not fired(verdict)["change"]
    assert "change" in verdict.reason


@pytest.mark.parametrize("soft_px", [0.2, 4.0])
def test_what_has_an_outline_is_no_gas(soft_px):
    """The same body with the same flicker: what differs is how fast it fades at its edge."""

    def body(s, y, x):
        away = np.hypot(y - 60, x - 70)
        return (
            -60 * (0.7 + 0.3 * np.sin(2.9 * s)) / (1 + np.exp(np.minimum((away - 9) / soft_px, 50)))
        )

    words, verdict = watch(body, (120, 160), 20)
    assert ("GAS" in words) == fired(verdict)["no-outline"] == (soft_px > 1)


class Flickering:
    """One pixel that jumps by 180 counts, or a soft spot as bright that jumps with it."""

    def __init__(self, size=0.0):
        self.size, self.rng = size, np.random.default_rng(5)

    def __call__(self, s, y, x):
        away2 = (y - 60.0) ** 2 + (x - 70.0) ** 2
        spot = np.exp(-away2 / (2 * self.size**2)) if self.size else away2 == 0
        return -180.0 * (self.rng.random() < 0.7) * spot


@pytest.mark.parametrize("has_rule", [True, False])
def test_a_pixel_that_flickers_is_no_gas(has_rule):
    """Half of the usual area is evidence here, so that the rule alone keeps the spot out."""
    small = {"evidence.area_permille": 0.25, "rule.spread": has_rule}
    words, verdict = watch(Flickering(), (240, 320), 20, load_profile("sensitive").replace(small))
    assert ("GAS" in words) is not has_rule
    assert fired(verdict).get("spread", False) is False


def test_a_spot_that_an_optic_can_make_passes_the_rule():
    words, verdict = watch(Flickering(4.0), (240, 320), 20)
    assert "GAS" in words
    assert fired(verdict)["spread"]


def test_something_that_passes_is_never_gas():
    words, _ = watch(lambda s, y, x: 200 * blob(y, x, (16 * s) % 400, 4))
    assert "GAS" not in words


def test_a_fan_that_goes_to_both_sides_is_no_gas():
    words, _ = watch(lambda s, y, x: 60 * np.sin(11 * s + x) * blob(y, x))
    assert words[-1] == "NO GAS"


@pytest.mark.parametrize("shape", [(120, 160), (480, 640)])
def test_places_scale_with_the_picture(shape):
    arena = Pipeline(shape).arena
    assert arena["kept"].shape == (30, 40)
