# SPDX-License-Identifier: Apache-2.0
"""The knowledge base agrees with the profile and the code; a rule that is off says so."""

import json
from math import isnan

import pytest
from pipeline_scenes import Pipeline, Scene, ready, run

from edgeleak.pipeline.group import PLACE_RULES
from edgeleak.pipeline.profile import load
from edgeleak.pipeline.rules import event_settings, is_on, knowledge, off_in
from edgeleak.pipeline.verdict import RULE_OF_CODE

SENSITIVE = load("sensitive")
SWITCHED = [name for name, known in knowledge().items() if known.switch]


def test_every_limit_is_a_setting_with_unit_and_reason():
    for known in knowledge().values():
        assert known.question.endswith("?")
        assert known.reason
        if known.limit:
            setting = SENSITIVE.settings[known.limit]
            assert setting.reason
            assert setting.low <= setting.value <= setting.high


def test_every_switch_is_in_the_profile_and_on():
    there = {key.removeprefix("rule.") for key in SENSITIVE.settings if key.startswith("rule.")}
    assert there == set(SWITCHED)
    assert not off_in(SENSITIVE)


def test_the_code_asks_no_rule_that_is_not_known():
    alone = {"evidence", "persistence", "faint"}
    assert set(PLACE_RULES) | set(RULE_OF_CODE.values()) | alone == set(knowledge())


def test_numbers_of_events_are_in_range():
    for setting in event_settings().values():
        assert setting.low <= setting.value <= setting.high
        assert setting.unit
        assert setting.reason


@pytest.mark.parametrize("name", SWITCHED)
def test_a_rule_that_is_off_is_named_and_not_asked(name):
    profile = SENSITIVE.replace({f"rule.{name}": False})
    assert not is_on(profile, name)
    assert profile.name == "sensitive*"
    pipeline, scene = ready(profile, frames=40)
    verdict = run(pipeline, scene, 1)[0]
    assert verdict.as_dict()["rules_off"] == [name]
    assert f"off       {name}" in verdict.trace
    asked = {rule.name for rule in verdict.rules}
    assert name not in asked - {"persistence", "ghost"}


def test_the_trace_of_a_leak_names_what_was_measured():
    pipeline, scene = ready(frames=60)
    verdict = run(pipeline, scene, 60, plume=80.0, facts=lambda t: {"ms_since_nuc": 90_000})[-1]
    assert str(verdict) == "GAS"
    facts = verdict.facts
    assert facts["polarity"] == "colder"
    assert -80 < facts["contrast_counts"] < -10
    assert facts["contrast_sigma"] < -5
    assert facts["flicker"] >= SENSITIVE["object.change"]
    assert facts["persistence"] >= SENSITIVE["place.share"]
    assert facts["coherence"] <= SENSITIVE["object.share"]
    assert facts["nuc_age_s"] == 90.0
    rules = verdict.as_dict()["rules"]
    assert not any(rule["rejects"] for rule in rules if rule["measured"] is not None)
    assert "passed    place: a place of it stays" in verdict.trace
    json.dumps(verdict.as_dict(), allow_nan=False)


def test_the_trace_of_a_still_thing_names_the_rule_that_rejects_it():
    """The plume of the scene sways; frozen in place it is a parked thing."""
    pipeline, scene = ready(frames=60)
    for _ in range(60):
        count, scene.count = scene.count, 0
        pixels, scene.count = scene.frame(80.0), count
        verdict = pipeline.step(pixels, scene.info())
    rejecting = [rule.name for rule in verdict.rules if rule.rejects and not isnan(rule.measured)]
    assert "change" in rejecting
    assert "rejected  change: it stands still" in verdict.trace


def test_without_its_rule_the_still_thing_is_gas():
    """What the rule is for: the same frames are gas once it is off."""
    profile = SENSITIVE.replace({"rule.change": False})
    pipeline, scene = ready(profile, frames=60)
    words = set()
    for _ in range(80):
        count, scene.count = scene.count, 0
        pixels, scene.count = scene.frame(80.0), count
        words.add(str(pipeline.step(pixels, scene.info())))
    assert "GAS" in words


def test_motion_off_judges_a_moving_camera():
    import numpy as np

    def codes_of(profile):
        scene, found = Scene(), set()
        pipeline = Pipeline(scene.base.shape, profile)
        for t in range(90):
            if t >= 60:
                scene.base = np.roll(scene.base, 1, axis=1)
            found.add(pipeline.step(scene.frame(), scene.info()).code)
        return found

    assert 808 in codes_of(SENSITIVE)
    assert not {808, 812} & codes_of(SENSITIVE.replace({"rule.motion": False}))
