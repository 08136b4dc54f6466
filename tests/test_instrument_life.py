# SPDX-License-Identifier: Apache-2.0
"""Life counters of the whole instrument: on the card while it runs, no matter how it ends."""

import errno
import json

import pytest
from instrument_rig import FRAMES, NS, Rig, small_config

from edgeleak import codes
from edgeleak.services import life
from edgeleak.services.life import LifeCounters
from edgeleak.services.setup import LIFE_NAME

LOOK_S, SAVE_EVERY_S = 5.0, 60.0
LIT = {"sensor": {"fps": 5.0}, "led": {"mode": "alternate", "current_ma": 100.0}}
CYCLES = "thermal_cycles"


def make(folder):
    return Rig(folder, config=small_config(folder, **LIT))


def kept(rig):
    return LifeCounters(rig.folder / LIFE_NAME).values()


def overruns_of(rig):
    return sum(record.overruns for loop in rig.instrument.loops[:FRAMES + 1]
               for _, record in loop.records.values())  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run until the counters were saved, here after a minute, and a look; then no orderly end."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(life, "SAVE_EVERY_S", SAVE_EVERY_S)
        yield make(tmp_path_factory.mktemp("life")).run_s(SAVE_EVERY_S + LOOK_S + 1)


def test_counters_are_on_the_card_while_it_runs(ran):
    on_card, counted = kept(ran), ran.instrument.life.values()
    assert on_card.keys() == counted.keys() >= {"tec_hours", "led_hours", "led_pulses"}
    for name in ("tec_hours", "led_hours"):
        assert 0 <= counted[name] - on_card[name] <= (LOOK_S + 2) / 3600
    assert on_card["led_pulses"] > 0.9 * counted["led_pulses"]


def test_the_led_is_counted_as_the_plant_lights_it(ran):
    counted, plant = ran.instrument.life.values(), ran.plant.counters
    assert plant["led.pulses"] > 100
    assert counted["led_pulses"] == pytest.approx(plant["led.pulses"], abs=2)
    assert counted["led_hours"] == pytest.approx(plant["led.lit_ns"] / NS / 3600, rel=0.01)


def test_the_status_shows_them(ran):
    assert ran.instrument.status()["life"] == ran.instrument.life.values()


def test_what_is_urgent_is_saved_within_a_look(tmp_path):
    rig = make(tmp_path).run_s(1)
    rig.instrument.life.add(CYCLES, 1, is_urgent=True)
    rig.run_s(LOOK_S + 0.1)
    assert kept(rig)[CYCLES] == 1


def test_an_orderly_end_loses_nothing(tmp_path):
    rig = make(tmp_path).run_s(20)
    rig.instrument.shutdown(is_stuck=True)
    assert kept(rig) == rig.instrument.life.values()
    assert json.loads((tmp_path / LIFE_NAME).read_text())["counters"]["tec_hours"] > 0


def refused_by_folder(rig):
    (rig.folder / f".{LIFE_NAME}.part").mkdir()
    return errno.EISDIR, (rig.folder / f".{LIFE_NAME}.part").rmdir


def refused_by_card(rig):
    """The folder itself answers no more: not even an error of ours."""
    life, write = rig.instrument.life, rig.instrument.life.write

    def torn(path, text):
        raise OSError(errno.EIO, "Input/output error")

    life.write = torn
    return errno.EIO, lambda: setattr(life, "write", write)


@pytest.mark.parametrize("refuse", [refused_by_folder, refused_by_card])
def test_a_refusal_is_a_note_and_stops_nothing(tmp_path, refuse):
    rig = make(tmp_path).run_to("detecting")
    number, mend = refuse(rig)
    frames, answer, overruns = len(rig.infos), str(rig.answer), overruns_of(rig)
    rig.instrument.life.add(CYCLES, 1, is_urgent=True)
    rig.run_s(LOOK_S + 1)
    assert rig.instrument.health.note[:2] == (codes.LIFE_UNSAVED, number)
    assert (rig.state, str(rig.answer)) == ("detecting", answer)
    assert len(rig.infos) - frames >= 5 * LOOK_S
    assert overruns_of(rig) == overruns
    mend()
    rig.instrument.life.add(CYCLES, 1, is_urgent=True)
    rig.run_s(LOOK_S + 1)
    assert not rig.instrument.health.is_degraded
    assert kept(rig)[CYCLES] == 2


def test_a_save_that_hangs_is_left_alone_at_the_end(tmp_path):
    life = LifeCounters(tmp_path / LIFE_NAME)
    life.add(CYCLES, 1)
    again = []
    life.write = lambda path, text: again.append(life.save())
    assert life.save()
    assert again == [False]
