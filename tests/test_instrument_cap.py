# SPDX-License-Identifier: Apache-2.0
"""A board without a shutter, in front of the plant: the person, the cap, and what is refused."""

import numpy as np
import pytest
from instrument_rig import Rig, small_config, violations

from edgeleak import codes
from edgeleak.drivers.lines import PATTERNS
from edgeleak.services.health import State
from edgeleak.services.nuc_status import Phase
from edgeleak.sim.faults import LensCovered


class Person(Rig):
    """Has the cap and the button."""

    def put_on(self, **cap):
        self.plant.inject(LensCovered(**cap))
        return self

    def take_off(self):
        self.plant.clear("lens-covered")
        return self

    def press(self):
        """3 s: a correction."""
        self.plant.set_input("button", True)
        self.run_s(3.3)
        self.plant.set_input("button", False)
        return self.run_s(0.3)

    def run_to_phase(self, phase, most_s=20.0):
        end_s = self.now_s + most_s
        while self.nuc.phase is not phase:
            assert self.now_s < end_s, (self.nuc, self.lines[-3:])
            self.run_s(0.05)
        return self

    @property
    def nuc(self):
        return self.instrument.nuc.status

    @property
    def code(self):
        return self.answer.trouble.code

    def green_flashes(self):
        """Of the status LED in four rounds of a cap's pattern, and whether red was lit."""
        rises, was, red = 0, True, False
        for _ in range(320):
            self.run_s(0.02)
            level = self.plant.gpio_get
            is_on, red = level("status_green"), red or level("status_red")
            rises, was = rises + (is_on and not was), is_on
        return rises / 4, red

    def refusals(self):
        return [line for line in self.lines if line.startswith("NUC refused")]


@pytest.fixture
def person(tmp_path):
    """Cooled, without any correction, cap off."""
    rig = Person(tmp_path, config=small_config(tmp_path, nuc={"has_shutter": False}))
    return rig.run_to(State.NUC, most_s=40)


@pytest.fixture
def corrected(person):
    """A correction in force, made with a cap at the word of the person; NO GAS is said."""
    assert person.code == codes.NUC_MISSING
    person.put_on().press()
    assert (person.state, person.code) == (State.NUC, codes.CONFIRM_CAP)
    person.press().run_to_phase(Phase.CAP_OFF)
    person.take_off().run_to(State.DETECTING)
    return person.run_s(2)


def test_the_first_correction_needs_the_persons_word_and_leaves_a_clean_picture(corrected):
    assert (corrected.nuc.taken, corrected.nuc.refused) == (1, 0)
    assert corrected.answers[-1] == "NO GAS"
    told = [code for _, _, code in corrected.states()]
    wanted = [codes.NUC_MISSING, codes.CONFIRM_CAP, codes.HOLD_CAP, codes.TAKE_CAP_OFF,
              codes.NUC_SETTLING]  # fmt: skip
    assert [code for code in told if code in wanted][-5:] == wanted
    text = "\n".join(corrected.lines)
    assert "put the cap on, then ask again: it is taken at your word" in text
    assert "leave the cap on and hold still" in text
    assert "take the cap off" in text
    assert not violations(corrected)


@pytest.mark.parametrize(
    "cap", [{}, {"degc": 33.0}, {"degc": 5.0}], ids=["housing", "warm", "cold"]
)
def test_a_cap_that_comes_on_is_seen_and_taken_without_another_word(corrected, cap):
    nuc_id = corrected.nuc.nuc_id
    corrected.press()
    assert (corrected.nuc.phase, corrected.code) == (Phase.CAP_ON, codes.PUT_CAP_ON)
    corrected.put_on(**cap).run_to_phase(Phase.CAP_OFF)
    assert corrected.nuc.taken == 2
    assert corrected.nuc.nuc_id > nuc_id
    corrected.take_off().run_to(State.DETECTING).run_s(3)
    assert corrected.answers[-1] == "NO GAS"
    assert not corrected.refusals()
    assert not violations(corrected)


def test_who_forgets_the_cap_keeps_the_old_correction_and_is_told_what_to_do(corrected):
    before, nuc_id = corrected.instrument.nuc.offset.copy(), corrected.nuc.nuc_id
    corrected.press().run_to_phase(Phase.IDLE, most_s=40)
    (line,) = corrected.refusals()
    assert line.startswith(f"NUC refused {codes.OPEN_SCENE} t=")
    assert "nuc-open-scene: the view shows" in line
    assert "put the cap on, then ask again" in line
    assert line.endswith(f"reason button, {nuc_id} stays in force")
    np.testing.assert_array_equal(corrected.instrument.nuc.offset, before)
    corrected.run_to(State.DETECTING)
    assert corrected.nuc.nuc_id == nuc_id
    assert not violations(corrected)


def test_a_cap_that_comes_off_too_early_is_refused(corrected):
    before = corrected.instrument.nuc.offset.copy()
    corrected.press().put_on().run_to_phase(Phase.COLLECTING).run_s(0.55)
    corrected.take_off().run_to_phase(Phase.IDLE)
    (line,) = corrected.refusals()
    assert line.startswith((f"NUC refused {codes.CAP_MOVED} ", f"NUC refused {codes.OPEN_SCENE} "))
    assert "ask again" in line
    np.testing.assert_array_equal(corrected.instrument.nuc.offset, before)
    assert corrected.nuc.taken == 1


def test_the_status_led_tells_the_person_what_to_do(corrected):
    corrected.press()
    assert corrected.green_flashes() == (2, False)
    corrected.put_on().run_to_phase(Phase.CAP_OFF)
    assert corrected.green_flashes() == (3, False)
    assert {pattern.period_ms for name, pattern in PATTERNS.items() if "cap" in name} == {1600}
