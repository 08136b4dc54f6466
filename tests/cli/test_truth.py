# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.cli.truth import Judge
from edgeleak.cli.watching import Seen

REGION = np.dtype([(n, "i4") for n in "xywh"])
SHAPE = (100, 100)


def blob(x, y, w, h):
    mask = np.zeros(SHAPE, np.uint8)
    mask[y : y + h, x : x + w] = 255
    return mask, np.array([(x, y, w, h)], REGION)


def seen(time_s, word):
    return Seen(0, 0, time_s, word, 0, 1.0, 1, 1, None, 1.0)


GAS, ON_GAS = blob(40, 40, 20, 20)
ELSEWHERE, AWAY = blob(0, 0, 10, 10)
NOTHING = np.zeros(SHAPE, np.uint8)


def test_hit_miss_false_alarm_and_quiet():
    judge = Judge(leak_start_s=5.0)
    assert judge.take(seen(1.0, "NO GAS"), ON_GAS[:0], NOTHING, NOTHING) == "quiet"
    assert judge.take(seen(2.0, "GAS"), AWAY, ELSEWHERE, NOTHING) == "false"
    assert judge.take(seen(6.0, "NO GAS"), ON_GAS[:0], NOTHING, GAS) == "missed"
    assert judge.take(seen(7.0, "GAS"), AWAY, ELSEWHERE, GAS) == "false"
    assert judge.take(seen(8.5, "GAS"), ON_GAS, GAS, GAS) == "hit"
    assert judge.take(seen(9.5, "GAS"), ON_GAS, GAS, GAS) == "hit"
    facts = judge.as_dict()
    assert (facts["seconds_to_detection"], facts["false_alarm_frames"]) == (3.5, 2)
    assert facts["false_alarms_at_s"] == [2.0, 7.0]
    assert (facts["visible_frames"], facts["hit_frames"]) == (4, 2)
    assert "FOUND 3.5 s" in judge.sentence()
    assert (facts["boxes"], facts["boxes_off_the_plume"]) == (4, 2)
    assert "2 of 4 red boxes off the plume" in judge.sentence()


def test_gas_that_is_held_between_two_puffs_is_no_false_alarm():
    judge = Judge(leak_start_s=5.0)
    judge.take(seen(6.0, "GAS"), ON_GAS, GAS, GAS)
    assert judge.take(seen(7.0, "GAS"), ON_GAS[:0], NOTHING, NOTHING) == "held"
    facts = judge.as_dict()
    assert (facts["false_alarm_frames"], facts["held_frames"]) == (0, 1)
    assert "no false alarm, GAS held for 1 frame without" in judge.sentence()


def test_a_person_that_covers_a_little_gas_is_no_hit():
    person, region = blob(10, 0, 40, 100)
    judge = Judge(leak_start_s=0.0)
    assert judge.take(seen(1.0, "GAS"), region, person, GAS) == "false"


def test_an_alarm_that_was_on_already_is_said():
    judge = Judge(leak_start_s=5.0)
    judge.take(seen(4.9, "GAS"), AWAY, ELSEWHERE, NOTHING)
    judge.take(seen(5.0, "GAS"), ON_GAS, GAS, GAS)
    assert judge.as_dict()["alarmed_before"]
    assert "already" in judge.sentence()


@pytest.mark.parametrize(("leak", "says"), [(None, "No leak was simulated"), (3.0, "MISSED")])
def test_nothing_found_is_said(leak, says):
    assert says in Judge(leak).sentence()
