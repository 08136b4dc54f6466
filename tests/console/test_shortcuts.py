# SPDX-License-Identifier: Apache-2.0
"""Words for people: each answers, and shows what it set."""

import numpy as np
import pytest

from edgeleak.console import shortcuts
from edgeleak.console.tree import Level


def test_the_histogram_for_people_leaves_out_a_few_dead_pixels():
    found = np.zeros(16384, np.uint32)
    found[[0, 16383]], found[7000:7100] = 3, 1000
    assert shortcuts.middle(found) == (7000, 7100)
    assert shortcuts.middle(np.zeros(16384, np.uint32)) == (0, 0)


def test_every_word_for_people_answers(console):
    console.run_s(1)
    console.say(b"\x02")
    for word in ("status", "selftest", "bringup", "agc", "nuc", "grab", "tec", "tec 20", "led",
                 "led off", "save", "fault last", "fault clear", "log", "bundle", "login",
                 "login operate 1234", "logout", "tec tune"):  # fmt: skip
        shown = console.say(word.encode() + b"\r").decode()
        assert shown.endswith("edgeleak> "), (word, shown)
        assert "-310" not in shown, shown
        assert len(shown) > len(word) + 12, shown


def test_a_setting_is_echoed_as_it_is(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    assert b"SENS 0.5" in console.say(b"SENS 0.5\r")
    assert b"COOL:SETP 22" in console.say(b"COOL:SETP 22\r")
    assert b"Data out of range" in console.say(b"SENS 50\r")


def test_a_setting_of_the_picture_is_echoed_with_the_histogram(console):
    console.run_s(2)
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    for typed, echoed in ((b"agc 7000 2000", "AGC:LEV 7000"), (b"agc lock", "AGC:LOCK 1"),
                          (b"agc auto", "AGC:LOCK 0"), (b"clahe 4 3", "CLAH:TILE 4"),
                          (b"background 2", "BACK:SLEW 2")):  # fmt: skip
        shown = console.say(typed + b"\r").decode()
        assert echoed in shown, shown
        assert shown.count("####") >= 1, shown
    assert console.desk.live.picture.clahe_clip == 3
    assert "####" not in console.say(b"agc 1e9\r").decode()


def test_bring_up_judges_each_proof_and_names_the_next(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    shown = console.say(b"bringup\r").decode()
    assert "open  1  nodes" in shown
    assert "next: stop the instrument" in shown
    console.ready()
    shown = console.say(b"bringup\r").decode()
    for step in (1, 2, 4, 6):
        assert f"holds {step}  " in shown, shown
    assert "open  5  gains" in shown
    assert "next: tec tune" in shown
    assert "open  8  gas is seen" in shown


@pytest.mark.parametrize("words", ["8000 99999", "99999 8000", "1 1", "16000 4"])
def test_a_wrong_level_or_span_changes_neither(console, words):
    console.peer.session.level = Level.OPERATE
    console.say(b"\x02")
    console.peer.session.level = Level.OPERATE
    before = console.desk.live.picture
    console.say(f"agc {words}\r".encode())
    assert console.desk.live.picture == before
