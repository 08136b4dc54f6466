# SPDX-License-Identifier: Apache-2.0
"""A cap in the place of a shutter: what the person is told, and what is refused in spite of it."""

from dataclasses import replace

import numpy as np
import pytest
from services.nuc_bench import CONFIG, SHAPE, Bench, Sensor, base_of

from edgeleak import codes
from edgeleak.frame import FrameFlag, NucState
from edgeleak.services.cap import PATIENCE_S
from edgeleak.services.nuc import SLICES
from edgeleak.services.nuc_status import Phase

CAPPED = replace(CONFIG, has_shutter=False)
KNOWN = base_of(nuc_id=7)
LATE = round(PATIENCE_S * 10) + 10


class Person(Bench):
    """Puts the cap on and takes it off; the picture between them, and noise, stay."""

    def __init__(self, base=KNOWN, *, scene_counts=300.0, seed=0):
        super().__init__(Sensor(seed, scene_counts=scene_counts), CAPPED, base)
        self.open = self.sensor.scene
        if base.nuc_id >= 0:
            self.sensor.pattern *= 0.0  # the factory's offsets fit
        self.run(15)

    def cap(self, is_on):
        rim = np.linspace(-2, 2, SHAPE[1])  # shading, as a real cover has
        self.sensor.scene = 5200.0 + rim * np.ones(SHAPE) if is_on else self.open
        return self

    @property
    def status(self):
        return self.nuc.status

    def run_to(self, phase, most=400):
        while self.status.phase is not phase:
            most -= 1
            assert most > 0, self.status
            self.run(1)
        return self


def test_the_way_of_a_correction_with_a_cap():
    person = Person()
    assert (person.status.phase, person.status.code) == (Phase.IDLE, codes.NUC_MISSING)
    person.nuc.request()
    person.run(10)
    assert (person.status.phase, person.status.code) == (Phase.CAP_ON, codes.PUT_CAP_ON)
    person.cap(True).run_to(Phase.COLLECTING)
    assert person.status.code == codes.HOLD_CAP
    person.run_to(Phase.CAP_OFF).run(20)
    assert (person.status.taken, person.status.code) == (1, codes.TAKE_CAP_OFF)
    person.cap(False).run(5)
    assert person.status.phase is Phase.SETTLING
    person.run(40)
    assert (person.status.code, person.status.refused) == (codes.OK, 0)
    assert not person.nuc.shutter_wanted
    assert person.residual() < 1.6  # the shading of the cap, and noise
    states = {phase: state for phase, state, _, _ in person.seen}
    near = (Phase.CAP_ON, Phase.COLLECTING, Phase.SOLVING, Phase.CAP_OFF)
    assert {states[phase] for phase in near} == {NucState.RUNNING}
    judged = [info for phase, _, code, info in person.seen if phase in near and not code]
    assert len(judged) <= 1, "but for the frame that begins it"


def test_a_cap_that_was_put_on_before_it_was_asked_for_is_known_by_the_change():
    person = Person().cap(True).run(30)
    person.nuc.request()
    person.run(60)
    assert (person.status.taken, person.status.phase) == (1, Phase.CAP_OFF)


def test_who_forgets_the_cap_is_refused_at_once_when_he_insists():
    person = Person()
    before = person.nuc.offset.copy()
    person.nuc.request()
    person.run(10)
    person.nuc.request()
    person.run(2)
    ((why, kept),) = person.told
    assert (person.status.taken, why.code) == (0, codes.OPEN_SCENE)
    assert why.measured > 20 * why.expected > 0
    assert "put the cap on, then ask again" in why.text
    assert kept == "reason request, there is none"
    np.testing.assert_array_equal(person.nuc.offset, before)


def test_who_forgets_the_cap_is_refused_in_the_end_and_the_old_correction_stays():
    person = taken()
    before, nuc_id = person.nuc.offset.copy(), person.status.nuc_id
    person.nuc.request()
    person.run(LATE + 20)
    assert [why.code for why, _ in person.told] == [codes.OPEN_SCENE]
    assert "a scene, not a cap" in person.status.why
    np.testing.assert_array_equal(person.nuc.offset, before)
    assert (person.status.nuc_id, person.status.code) == (nuc_id, codes.OK)


def taken(base=KNOWN, **options):
    """A correction in force, the cap off, all settled."""
    person = Person(base, **options)
    person.nuc.request()
    person.run(2)
    person.cap(True).run(8)
    if person.status.code == codes.CONFIRM_CAP:
        person.nuc.request()
    person.run_to(Phase.CAP_OFF).cap(False).run_to(Phase.IDLE)
    return person.run(15)


@pytest.mark.parametrize("scene_counts", [15.0, 300.0])
@pytest.mark.parametrize("frames_on", [2, 8, 15])
def test_a_cap_taken_off_too_early_is_refused(scene_counts, frames_on):
    person = taken(base_of(), scene_counts=scene_counts)
    before = person.nuc.offset.copy()
    person.nuc.request()
    person.cap(True).run_to(Phase.COLLECTING).run(frames_on).cap(False).run(40)
    ((why, _kept),) = person.told
    assert why.code in (codes.CAP_MOVED, codes.OPEN_SCENE)
    assert why.measured > why.expected
    assert person.status.taken == 1
    np.testing.assert_array_equal(person.nuc.offset, before)


def test_without_an_earlier_correction_the_person_has_to_say_so_twice():
    person = Person(base_of()).cap(True).run(20)
    person.nuc.request()
    person.run(30)
    assert (person.status.phase, person.status.code) == (Phase.CAP_ON, codes.CONFIRM_CAP)
    person.nuc.request()
    person.run_to(Phase.CAP_OFF)
    assert person.status.taken == 1
    person.cap(False).run(40)
    assert person.residual() < 1.6


def test_nobody_who_confirms_is_a_refusal_that_says_so():
    person = Person(base_of()).cap(True)
    person.nuc.request()
    person.run(LATE + 20)
    assert [why.code for why, _ in person.told] == [codes.CONFIRM_CAP]
    assert person.status.code == codes.CONFIRM_CAP
    assert person.status.taken == 0


def test_a_scene_that_moves_is_refused_even_where_the_word_counts():
    person = Person(base_of())
    person.nuc.request()
    person.run(5)
    person.nuc.request()
    person.run_to(Phase.COLLECTING)
    for _ in range(20):
        person.sensor.scene = np.roll(person.sensor.scene, 1, axis=1)
        person.run(1)
    assert [why.code for why, _ in person.told] == [codes.CAP_MOVED]
    assert person.status.taken == 0


def test_a_cap_that_was_on_from_the_start_has_to_be_confirmed():
    person = Person.__new__(Person)
    Bench.__init__(person, Sensor(), CAPPED, KNOWN)
    person.open, person.sensor.pattern = person.sensor.scene, person.sensor.pattern * 0.0
    person.cap(True).run(20)
    person.nuc.request()
    person.run(30)
    assert person.status.code == codes.CONFIRM_CAP
    person.nuc.request()
    person.run(40)
    assert person.status.taken == 1


def test_a_cap_that_stays_on_does_not_hold_it_up_for_ever():
    person = Person()
    person.nuc.request()
    person.cap(True).run_to(Phase.CAP_OFF).run(LATE + 20)
    assert (person.status.phase, person.status.taken) == (Phase.IDLE, 1)
    assert person.seen[-1][2], "the pipeline sees that nothing is to be seen"


def test_cancelled_while_it_waits_it_waits_no_more():
    person = Person()
    person.nuc.request()
    person.run(5)
    person.nuc.cancel()
    assert person.status.phase is Phase.SETTLING
    assert [why.code for why, _ in person.told] == [codes.NUC_CANCELLED]


def test_after_another_calibration_it_is_the_persons_word_again():
    person = taken(base_of())
    person.nuc.rebase(base_of(), person.seen[-1][3].monotonic_ns)
    person.run(20)
    person.nuc.request()
    person.run(20)
    assert person.status.code == codes.CONFIRM_CAP


def test_nothing_begins_by_itself():
    person = Person().run(100)
    person.sensor.fpa_degc += 2.0
    person.run(100)
    assert not any(info.flags & FrameFlag.SHUTTER for _, _, _, info in person.seen)
    assert {phase for phase, _, _, _ in person.seen} == {Phase.IDLE}
    assert SLICES > 1


def test_far_from_its_temperature_there_is_no_answer():
    person = taken()
    person.sensor.fpa_degc += 1.0
    person.run(5)
    assert person.status.code == codes.NUC_DRIFTED
