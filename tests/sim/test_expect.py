# SPDX-License-Identifier: Apache-2.0
"""What a scenario expects: every rule can be broken, and a name nobody has is refused."""

import pytest

from edgeleak.errors import ConfigError
from edgeleak.sim import expect, scenario
from edgeleak.sim.expect import Expect

CABLE = Expect(comes=("link-crc", "link-dead"), may=("link-sync",), ends="detecting")
TOLD = [(45.3, "link-crc"), (45.6, "link-sync"), (60.5, "link-dead"), (61.0, "link-crc")]


def unlike(told=TOLD, last="detecting", *, answer_s=30.0, is_whole=True, besides=frozenset()):
    return CABLE.unlike(told, last, answer_s=answer_s, first_s=45.0, is_whole=is_whole,
                        besides=besides)  # fmt: skip


def test_as_expected_is_nothing_to_say():
    assert unlike() == []
    assert unlike([row for row in TOLD if row[1] != "link-sync"]) == []


@pytest.mark.parametrize(
    ("told", "last", "said"),
    [(TOLD[:2], "detecting", ["link-dead never came"]),
     ([*TOLD, (70, "control-late")], "detecting", ["control-late at 70 s is none of its codes"]),
     ([(44, "link-crc"), *TOLD], "detecting",
      ["link-crc at 44 s, before anything happens at 45 s"]),
     ([TOLD[2], TOLD[0]], "detecting", ["link-dead, link-crc came in this order"]),
     (TOLD, "fault", ["it ended in fault, not in detecting"]),
     (TOLD, "", ["it ended in no state, not in detecting"])],
)  # fmt: skip
def test_each_promise_counts(told, last, said):
    assert unlike(told, last) == said


def test_a_slow_start_reaches_into_the_scenario_and_is_no_code_of_it():
    slow = [(2, "selftest"), (40, "cooling"), TOLD[0], (46, "nuc-running"), *TOLD[2:]]
    assert unlike(slow, answer_s=50.0) == []
    assert unlike(slow) == ["cooling at 40 s is none of its codes",
                            "nuc-running at 46 s is none of its codes"]  # fmt: skip


def test_what_the_picture_shows_may_come_at_any_time():
    assert unlike([(3, "ghost"), *TOLD, (80, "scene-moving")]) == []


@pytest.mark.parametrize(("last", "told", "kept"), [
    ("inhibit", [*TOLD, (80, "scene-moving")], True), ("ready", [*TOLD, (80, "learning")], True),
    ("inhibit", TOLD, False), ("fault", [*TOLD, (80, "saturated-long")], False),
])  # fmt: skip
def test_a_picture_that_passes_at_the_end_is_still_detecting(last, told, kept):
    assert (unlike(told, last) == []) == kept


def test_a_busy_machine_is_excused_by_name_only():
    late = [(40, "frames-stale"), *TOLD, (70, "control-late")]
    assert unlike(late, besides=expect.BUSY) == ["control-late at 70 s is none of its codes"]
    assert len(unlike(late)) == 2


def test_half_a_run_is_asked_only_for_what_came_too_much():
    assert unlike(TOLD[:1], "inhibit", is_whole=False) == []
    assert unlike([(46, "fan-lost")], is_whole=False) == ["fan-lost at 46 s is none of its codes"]


@pytest.mark.parametrize(
    ("table", "words"),
    [({"come": []}, ["unknown setting 'come'", "nearest is 'comes'"]),
     ({"comes": "fan-lost"}, ["expected a list"]),
     ({"comes": ["fan-losst"]}, ["no code 'fan-losst'", "nearest is 'fan-lost'"]),
     ({"may": ["qqqq"]}, ["no code", "docs/codes.md"]),
     ({"ends": "well"}, ["ends = 'well'", "detecting, inhibit, fault"]),
     ([], ["write [expect]"])],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(table, words):
    with pytest.raises(ConfigError) as refused:
        scenario.parse({"expect": table}, "x.toml")
    for word in ("x.toml", *words):
        assert word in str(refused.value)


def test_every_scenario_that_comes_with_edgeleak_says_what_it_expects():
    assert [name for name in scenario.names() if scenario.load(name).expect is None] == []
    assert scenario.parse({}, "x.toml").expect is None
