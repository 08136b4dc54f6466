# SPDX-License-Identifier: Apache-2.0
"""Roles of the GPIO lines: levels and times in, meaning out."""

import itertools
from collections import deque
from typing import NamedTuple

import pytest

from edgeleak import board as boards
from edgeleak.codes import GROUPS
from edgeleak.drivers import lines as roles
from edgeleak.drivers.lines import PATTERNS, Button, Fan, Output, Press, StatusLeds, press_of
from edgeleak.errors import BusError, UsageError

MS = 1_000_000


class Lines:
    """GpioLines with levels and edges that the test moves."""

    def __init__(self):
        self.levels = {}
        self.writes = []
        self.edges = deque()
        self.broken = set()

    def set(self, name, is_active):
        if name in self.broken:
            raise BusError("gpio is gone")
        self.writes.append((name, is_active))
        self.levels[name] = is_active

    def get(self, name):
        return self.levels.get(name, False)

    def wait_edge(self, name, timeout_s):
        assert (name, timeout_s) == ("fan_tacho", 0)
        return self.edges.popleft() if self.edges else None

    def close(self):
        pass


@pytest.fixture
def lines():
    return Lines()


def test_output_writes_changes_only_and_forgets_after_an_error(lines):
    alarm = Output(lines, "alarm")
    for level in (False, False, True, True, False):
        alarm.set(level)
    assert lines.writes == [("alarm", False), ("alarm", True), ("alarm", False)]
    lines.broken = {"alarm"}
    with pytest.raises(BusError):
        alarm.set(True)
    lines.broken = set()
    alarm.set(False)  # nobody knows what the failed write did
    assert lines.writes[-1] == ("alarm", False)
    assert len(lines.writes) == 4


@pytest.mark.parametrize("hz", [2.5, 20, 100, 250])
def test_fan_speed_from_pulse_times(lines, hz):
    fan = Fan(lines, pulses=2)
    period_ns = round(1e9 / hz)
    lines.edges.extend(range(0, 12 * period_ns, period_ns))
    fan.poll()
    assert fan.rpm(11 * period_ns) == pytest.approx(hz * 30, rel=1e-6)
    assert fan.rpm(11 * period_ns + 501 * MS) == 0


def test_lost_pulses_do_not_slow_the_fan(lines):
    """The kernel keeps 16 edges; a late poll finds a hole before them."""
    fan = Fan(lines, pulses=2)
    lines.edges.extend(t * 10 * MS for t in (*range(5), *range(40, 44)))
    fan.poll()
    assert fan.rpm(440 * MS) == pytest.approx(3000)


def test_fan_failure_needs_time_to_spin_up_and_a_tacho(lines):
    fan = Fan(lines, pulses=2)
    assert not fan.is_failing(9_000 * MS, 600)
    fan.set(True, 0)
    fan.set(True, 2_900 * MS)  # repeating it does not restart the clock
    assert not fan.is_failing(2_900 * MS, 600)
    assert fan.is_failing(3_100 * MS, 600)
    lines.edges.extend(range(3_000 * MS, 3_200 * MS, 10 * MS))
    fan.poll()
    assert not fan.is_failing(3_200 * MS, 600)
    assert fan.is_failing(3_200 * MS, 4_000)
    fan.set(False, 3_300 * MS)
    assert not fan.is_failing(9_000 * MS, 600)
    blind = Fan(lines, pulses=2, has_tacho=False)
    blind.set(True, 0)
    assert not blind.is_failing(9_000 * MS, 600)


def press(lines, button, held_ms, *, step_ms=50, start_ms=1000):
    """Poll from before the press until after it; everything that was asked for."""
    asked = []
    for ms in range(0, start_ms + held_ms + 500, step_ms):
        lines.levels["button"] = start_ms <= ms < start_ms + held_ms
        asked.append(button.poll(ms * MS))
    return [what for what in asked if what]


@pytest.mark.parametrize(
    ("held_ms", "asked"),
    [(20, []), (50, []), (150, [Press.SNAPSHOT]), (900, [Press.SNAPSHOT]),
     (1100, [Press.RECORD]), (2900, [Press.RECORD]), (3100, [Press.NUC]), (9800, [Press.NUC]),
     (10_200, [])],
)  # fmt: skip
def test_length_of_a_press_decides(lines, held_ms, asked):
    assert press(lines, Button(lines), held_ms) == asked


def test_limits_are_exact():
    assert press_of(999 * MS) is Press.SNAPSHOT
    assert press_of(1000 * MS) is Press.RECORD
    assert press_of(2999 * MS) is Press.RECORD
    assert press_of(3000 * MS) is Press.NUC
    assert press_of(10_000 * MS) is Press.NUC
    assert press_of(10_001 * MS) is None


def test_button_held_at_start_asks_for_nothing(lines):
    button = Button(lines)
    assert press(lines, button, 2000, start_ms=0) == []
    assert press(lines, button, 200) == [Press.SNAPSHOT]


def test_bouncing_contact_is_one_press(lines):
    button = Button(lines)
    levels = [0, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0]
    asked = []
    for i, level in enumerate(levels):
        lines.levels["button"] = bool(level)
        asked.append(button.poll(i * 10 * MS))
    assert [what for what in asked if what] == [Press.SNAPSHOT]


def timeline(pattern, length_ms):
    return [pattern.levels(ms) for ms in range(length_ms)]


class Look(NamedTuple):
    """What a person sees of a pattern; no flashes is a steady light."""

    colours: tuple[bool, bool]
    flashes: int
    round_ms: int
    longest_ms: int


def look(pattern):
    seen = timeline(pattern, pattern.period_ms)
    assert len(seen) > 0
    lit = [green or red for green, red in seen]
    greens, reds = (any(column) for column in zip(*seen, strict=True))
    if pattern.green and pattern.red and pattern.green != pattern.red:
        lit = [green for green, _ in seen]  # in turn: one colour tells of both
    starts = [ms for ms, is_lit in enumerate(lit) if is_lit and not lit[ms - 1]]
    lengths = [next(n for n in itertools.count() if not lit[(ms + n) % len(lit)]) for ms in starts]
    return Look((greens, reds), len(starts), len(seen), max(lengths, default=0))


def can_be_told_apart(one, other):
    """By colour or number of flashes, by a round twice or a flash three times as long."""
    if (one.colours, one.flashes) != (other.colours, other.flashes):
        return True
    rounds, longest = (sorted(pair) for pair in zip(one[2:], other[2:], strict=True))
    return rounds[1] >= 2 * rounds[0] or (longest[0] > 0 and longest[1] >= 3 * longest[0])


def test_every_state_looks_different():
    looks = {name: look(pattern) for name, pattern in PATTERNS.items()}
    looks |= {f"fault {group}": look(roles.fault(group * 100)) for group in GROUPS}
    alike = [(a, b) for a, b in itertools.combinations(looks, 2)
             if not can_be_told_apart(looks[a], looks[b])]  # fmt: skip
    assert alike == []


@pytest.mark.parametrize(("on_ms", "round_ms", "is_told"), [
    (200, 2000, False), (100, 2000, False), (599, 2000, False), (600, 2000, True),
    (200, 3999, False), (200, 4000, True), (66, 2000, True),
])  # fmt: skip
def test_what_a_person_cannot_tell_from_one_flash(on_ms, round_ms, is_told):
    other = roles.Pattern(round_ms, (), ((0, on_ms),), "")
    assert can_be_told_apart(look(roles.fault(100)), look(other)) is is_told


def test_red_means_not_clear_and_green_alone_means_well():
    for name in ("cooling", "nuc", "cap-on", "cap-off", "ready", "detecting"):
        assert not any(red for _, red in timeline(PATTERNS[name], 4000)), name
    for name in ("gas", "inhibit", "safe"):
        assert not any(green for green, _ in timeline(PATTERNS[name], 4000)), name


@pytest.mark.parametrize("group", GROUPS)
def test_fault_flashes_its_group(group):
    pattern = roles.fault(group * 100 + 7)
    reds = [red for _, red in timeline(pattern, 2 * pattern.period_ms)]
    rises = sum(b and not a for a, b in zip([False, *reds], reds, strict=False))
    assert rises == 2 * group
    assert not any(green for green, _ in timeline(pattern, pattern.period_ms))


def test_leds_follow_and_restart_with_a_new_pattern(lines):
    leds = StatusLeds(lines)
    leds.show("cooling", 10_300 * MS)
    assert (lines.levels["status_green"], lines.levels["status_red"]) == (True, False)
    leds.show("cooling", 11_350 * MS)
    assert not lines.levels["status_green"]
    before = len(lines.writes)
    leds.show("cooling", 11_400 * MS)
    assert len(lines.writes) == before
    leds.show("detecting", 11_450 * MS, is_gas=True)
    assert (lines.levels["status_green"], lines.levels["status_red"]) == (False, True)
    leds.show("fault", 11_500 * MS, code=204)
    assert lines.levels["status_red"]
    leds.off()
    assert (lines.levels["status_green"], lines.levels["status_red"]) == (False, False)
    with pytest.raises(UsageError, match="no LED pattern for state 'sleepy'"):
        leds.show("sleepy", 0)


@pytest.mark.parametrize("broken", ["status_green", "status_red"])
def test_one_led_that_fails_leaves_the_other(lines, broken):
    lines.broken = {broken}
    other = ({"status_green", "status_red"} - lines.broken).pop()
    leds = StatusLeds(lines)
    with pytest.raises(BusError):
        leds.show("boot", 0)
    assert lines.levels == {other: True}
    with pytest.raises(BusError):
        leds.off()
    assert lines.levels == {other: False}


def test_every_state_of_the_instrument_has_a_pattern():
    health = pytest.importorskip("edgeleak.services.health")
    assert {str(state) for state in health.State} <= set(PATTERNS) | {"fault"}


def test_roles_of_a_full_board(lines):
    found = roles.roles(lines, boards.load("el1-a").gpio)
    assert all(getattr(found, name) is not None for name in found.__dataclass_fields__)
    lines.levels["safe_strap"] = True
    assert found.strap.is_set()


def test_roles_of_a_board_without_lines(lines):
    gpio = boards.GpioWiring(chip="/dev/gpiochip0", refresh_ms=200, bridge_ms=20)
    found = roles.roles(lines, gpio)
    assert not any(getattr(found, name) for name in found.__dataclass_fields__)
