# SPDX-License-Identifier: Apache-2.0
"""NO GAS only while everything is proven; every change is one line."""

import itertools
import re

import pytest
from services.hand_clock import HandClock

from edgeleak import codes
from edgeleak.codes import TABLE, Kind
from edgeleak.frame import FrameFlag
from edgeleak.pipeline.verdict import Limits, Verdict
from edgeleak.services.health import FINE, STATE_OF, Freshness, Health, State, Trouble

LINE = re.compile(r"STATE (\w+) (\w+) (\d+) t=(\d+) frame=(\d+) (.+)")


def verdict_of(code=0, kind=Kind.NO_GAS):
    kind = TABLE[code].kind if code else kind
    return Verdict(kind, code, 0.1, 1.0, 2.0, 0, 3, 0, 0.0, 1.0, FrameFlag.NONE, Limits(1, 1))


class Rig:
    """A health with reports that the test sets."""

    def __init__(self, names=("link", "cooler", "nuc"), notes=("storage",)):
        self.now_ns = 0
        self.reports = dict.fromkeys([*names, *notes], FINE)
        self.lines = []
        self.health = Health(
            [lambda n=n: self.reports[n] for n in names],
            [lambda n=n: self.reports[n] for n in notes],
            clear_s=1.0, start_ns=0, log=self.lines.append, states={codes.COOLING: State.COOLING},
        )  # fmt: skip

    def tick(self, passed_s=0.1, **reports):
        self.reports |= {name: Trouble(code, 3.0, 4.0) for name, code in reports.items()}
        self.now_ns += round(passed_s * 1e9)
        return self.health.tick(self.now_ns)

    def frame(self, code=0, kind=Kind.NO_GAS, passed_s=0.1, **reports):
        self.reports |= {name: Trouble(code_, 3.0, 4.0) for name, code_ in reports.items()}
        self.now_ns += round(passed_s * 1e9)
        return self.health.take(self.now_ns, verdict_of(code, kind), self.health.frame + 1)


def test_the_way_up_is_told_line_by_line_and_never_no_gas():
    rig = Rig()
    answers = [
        rig.tick(link=codes.STARTING),
        rig.tick(link=codes.SELFTEST),
        rig.frame(link=0, cooler=codes.COOLING, nuc=codes.NUC_MISSING),
        rig.frame(cooler=0),
        rig.frame(nuc=codes.NUC_RUNNING),
        rig.frame(nuc=codes.NUC_SETTLING),
        rig.frame(codes.LEARNING, nuc=0),
    ]
    assert {str(answer) for answer in answers} == {"INHIBIT"}
    assert str(rig.frame(passed_s=2)) == "NO GAS"
    assert rig.health.state is State.DETECTING
    found = [LINE.fullmatch(line).groups()[:3] for line in rig.lines if line.startswith("STATE")]
    assert found == [
        ("boot", "selftest", "902"), ("selftest", "cooling", "241"), ("cooling", "nuc", "109"),
        ("nuc", "nuc", "107"), ("nuc", "nuc", "108"), ("nuc", "ready", "801"),
        ("ready", "detecting", "0"),
    ]  # fmt: skip
    assert rig.lines[1] == (
        "STATE selftest cooling 241 t=300 frame=1 cooling: the FPA is at 3.0 degC on its way to"
        " 4.0 [cooler.set_point_degc]; wait"
    )


INHIBITS = [code for code, row in TABLE.items() if row.kind == Kind.INHIBIT and not row.is_note]
FAULTS = [code for code, row in TABLE.items() if row.kind == Kind.FAULT and not row.is_passing]
PASSING = [code for code, row in TABLE.items() if row.is_passing]


@pytest.mark.parametrize("code", INHIBITS)
@pytest.mark.parametrize("kind", [Kind.GAS, Kind.NO_GAS])
def test_every_inhibit_of_a_service_stands_against_every_answer(code, kind):
    rig = Rig()
    assert rig.frame(kind=kind).kind == kind
    answer = rig.frame(kind=kind, cooler=code)
    assert (str(answer), answer.trouble.code) == ("INHIBIT", code)
    assert rig.health.state is not State.DETECTING
    rig.reports["cooler"] = FINE
    assert str(rig.frame(kind=kind, passed_s=0.5)) == "INHIBIT", "a cause that flickers"
    assert rig.frame(kind=kind, passed_s=0.6).kind == kind


@pytest.mark.parametrize("code", PASSING)
def test_a_passing_fault_ends_with_its_cause(code):
    rig = Rig()
    rig.frame()
    assert str(rig.tick(cooler=code)) == "FAULT"
    rig.reports["cooler"] = FINE
    assert rig.health.latched is None
    assert str(rig.frame(passed_s=3600)) == "NO GAS"


@pytest.mark.parametrize("code", FAULTS)
def test_every_fault_of_a_service_latches_until_it_is_cleared(code):
    rig = Rig()
    rig.frame()
    assert str(rig.tick(cooler=code)) == "FAULT"
    rig.reports["cooler"] = FINE
    answer = rig.frame(passed_s=3600)
    assert (str(answer), answer.trouble) == ("FAULT", Trouble(code, 3.0, 4.0))
    assert rig.health.state is State.FAULT
    rig.health.clear()
    assert str(rig.frame(passed_s=2)) == "NO GAS"
    rig.reports["cooler"] = Trouble(code, 3.0, 4.0)
    rig.health.clear()
    assert str(rig.frame()) == "FAULT", "a cause that is still there trips again"


@pytest.mark.parametrize(("code", "shown"), [(codes.BLANK, codes.BLOCKED),
                                             (codes.LONG_SATURATED, codes.GLARE),
                                             (codes.LONG_DARK, codes.DARKNESS)])  # fmt: skip
def test_a_covered_lens_is_no_fault_and_ends_by_itself(code, shown):
    rig = Rig()
    rig.frame()
    answer = rig.frame(code)
    assert (str(answer), answer.trouble.code) == ("INHIBIT", shown)
    assert rig.health.state is State.INHIBIT
    assert str(rig.frame()) == "NO GAS"


def test_a_stuck_sensor_latches():
    rig = Rig()
    assert str(rig.frame(codes.STUCK)) == "FAULT"
    assert str(rig.frame(passed_s=10)) == "FAULT"


def test_faults_go_before_inhibits_and_the_order_decides_the_rest():
    rig = Rig()
    answer = rig.frame(link=codes.FRAMES_STALE, nuc=codes.NUC_MISSING)
    assert answer.trouble.code == codes.FRAMES_STALE
    assert rig.frame(nuc=codes.CONTROL_STALLED).trouble.code == codes.CONTROL_STALLED


def test_notes_degrade_and_leave_the_answer():
    rig = Rig()
    rig.frame()
    answer = rig.frame(storage=codes.STORAGE_FULL)
    assert str(answer) == "NO GAS"
    assert rig.health.is_degraded
    rig.reports["storage"] = FINE
    rig.frame()
    assert not rig.health.is_degraded
    notes = [line.split(" t=")[0] for line in rig.lines if line.startswith("NOTE")]
    assert notes == ["NOTE degraded 401", "NOTE no longer degraded 0"]


def test_a_task_that_failed_is_a_fault_and_the_first_cause_stays():
    rig = Rig()
    rig.frame()
    rig.health.trip(Trouble(codes.TASK_FAILED))
    rig.health.trip(Trouble(codes.RESTART_STORM, 6, 5))
    assert rig.tick().trouble.code == codes.TASK_FAILED


def test_nothing_changes_without_a_line_and_no_line_without_a_change():
    rig = Rig()
    rig.frame()
    count = len(rig.lines)
    for _ in range(100):
        rig.frame()
    assert len(rig.lines) == count
    rig.frame(kind=Kind.GAS)
    assert [line.split(" t=")[0] for line in rig.lines[count:]] == ["VERDICT NO GAS > GAS 0"]
    assert "evidence" in rig.lines[-1]


def test_no_gas_needs_every_report_whatever_the_order(rng):
    """Random reports, thousands of steps: NO GAS is never said with a cause known."""
    rig = Rig()
    choices = [0] * 2 * len(INHIBITS) + INHIBITS
    said = 0
    for _ in range(5000):
        name = ("link", "cooler", "nuc")[rng.integers(3)]
        answer = rig.frame(**{name: int(rng.choice(choices))}, passed_s=float(rng.uniform(0, 2)))
        has_cause = any(report.code for report in rig.reports.values())
        assert (str(answer) == "NO GAS") <= (not has_cause)
        said += str(answer) == "NO GAS"
    assert said > 20


def test_every_state_on_the_way_up_is_an_inhibit():
    for code in STATE_OF:
        assert TABLE[code].kind == Kind.INHIBIT


def test_what_changes_no_state_has_its_line_too():
    rig = Rig()
    rig.tick(passed_s=2.0)
    rig.lines.clear()
    rig.health.tell("NUC refused", Trouble(codes.NUC_NOT_FLAT, 9.1, 8.0), "5 stays in force")
    assert rig.lines == list(rig.health.lines)[-1:] == [
        "NUC refused 129 t=2000 frame=0 nuc-not-flat: the closed shutter shows 9.1 counts of a"
        " picture, at most 8.0 are flat [nuc]; look whether the shutter closes all the way;"
        " 5 stays in force"
    ]  # fmt: skip
    rig.tick()
    assert len(rig.lines) == 1


def test_freshness_objects_after_its_limit_only():
    clock = HandClock()
    fresh = Freshness(codes.FRAMES_STALE, 0.4, clock.monotonic_ns)
    clock.pass_s(0.4)
    assert fresh.report() == FINE
    clock.pass_s(0.001)
    assert fresh.report() == Trouble(codes.FRAMES_STALE, 0.401, 0.4)
    fresh.note(clock.now_ns)
    assert fresh.report() == FINE


def test_texts_are_whole_for_every_code():
    for code, row in itertools.islice(TABLE.items(), None):
        text = Trouble(code, 1.0, 2.0).text
        assert text.startswith(row.name)
        assert "{" not in text
