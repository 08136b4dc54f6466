# SPDX-License-Identifier: Apache-2.0
"""Words for people: each answers, and shows what it set."""

from math import nan

import numpy as np
import pytest
from console_bench import Console

from edgeleak.console import shortcuts
from edgeleak.console.checks import Check
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


def test_help_on_a_part_of_the_board_lists_only_it(console):
    console.say(b"\x02")
    assert b"*ESE" not in console.say(b"help led\r")
    shown = console.say(b"help tec\r")
    assert b"COOLer:TUNE" in shown
    assert b"SENSitivity" not in shown


def test_a_name_behind_grab_is_refused_not_dropped(console):
    console.say(b"\x02")
    assert b"edgeleak console --grab" in console.say(b"grab leak.png\r")


def test_the_selftest_counts_notes_apart(console, monkeypatch):
    rows = [Check("a", 1.0, ""), Check("b", nan, "MiB", low=64, is_needed=False)]
    monkeypatch.setattr(shortcuts.checks, "run", lambda instrument: rows)
    assert shortcuts.selftest(console.desk).endswith("1 of 2 good, 1 note")
    rows[0] = rows[0]._replace(high=0)
    assert shortcuts.selftest(console.desk).endswith("0 of 2 good, 1 note, 1 FAIL")


def test_a_setting_is_echoed_as_it_is(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    assert b"SENS 0.5" in console.say(b"SENS 0.5\r")
    assert b"COOL:SETP 22" in console.say(b"COOL:SETP 22\r")
    assert b"Data out of range" in console.say(b"SENS 50\r")


@pytest.mark.parametrize(("typed", "echoed"), [
    ("agc 7000 2000", ["AGC:LEV 7000", "AGC:SPAN 2000", "AGC:MODE LOCK"]),
    ("agc lock", ["AGC:LOCK 1"]), ("agc AUTO", ["AGC:LOCK 0"]),
    ("clahe 4 3", ["CLAH:TILE 4", "CLAH:CLIP 3"]), ("background 2", ["BACK:SLEW 2"]),
    ("SENSITIVITY 0.5", ["SENSITIVITY 0.5"]), ("PAL IRON", ["PAL IRON"]),
    ("led alternate", ["LED:MODE ALT"]), ("LED:CURR 100 mA", ["LED:CURR 0.1"]),
    ("tec 21", ["COOL:SETP 21"]), ("COOLer:SETPoint 22", ["COOLER:SETPOINT 22"]),
    ("SENS 1;:PAL GREY;:LED:MODE OFF", ["SENS 1", "PAL GREY", "LED:MODE OFF"]),
])  # fmt: skip
def test_every_live_setting_is_echoed_with_the_histogram(working, typed, echoed):
    shown = working.say(typed.encode() + b"\r").decode()
    lines = shown.splitlines()
    for line in echoed:
        assert line in lines, shown
    assert shown.count("####") >= 1, shown
    assert shown.count("gain ") == 1, shown


def test_what_is_out_of_range_is_not_echoed(working):
    assert "####" not in working.say(b"agc 1e9\r").decode()
    assert "####" not in working.say(b"LED:CURR 9\r").decode()


@pytest.fixture(scope="module")
def working(tmp_path_factory):
    """In human mode at level service, detecting."""
    console = Console(tmp_path_factory.mktemp("working")).ready()
    console.say(b"\x02")
    console.peer.session.level = Level.SERVICE
    return console


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


def test_a_login_of_too_many_words_is_no_wrong_pin(console, quick_hashes):
    console.desk.pins.choose("operate", "4711")
    console.say(b"\x02")
    for _ in range(5):
        assert b"which has no blank" in console.say(b"login operate 47 11\r")
    console.say(b"login operate 4711\r")
    assert console.peer.session.level is Level.OPERATE
