# SPDX-License-Identifier: Apache-2.0
"""People at a terminal: banner, echo, history, completion, help, errors in words."""

import pytest

from edgeleak.console import commands, standard
from edgeleak.console.human import HumanMode, Shortcut
from edgeleak.console.session import Session
from edgeleak.console.tree import Level, Tree

SECOND = 1_000_000_000


@pytest.fixture
def human():
    shortcuts = {
        "status": Shortcut("all on one screen", lambda session, words: "fine"),
        "tec tune": Shortcut(
            "find gains", lambda session, words: f"tuning {words}", also=("fast",)
        ),
        "errors": Shortcut("what went wrong", lambda session, words: ":SYST:ERR:COUN?"),
    }
    session = Session(Tree(standard.COMMANDS), None, Level.LOOK)
    mode = HumanMode(session, lambda: "EdgeLeak 1.2.3, detecting", shortcuts, lambda: "21.3 degC")
    mode.enter()
    return mode


def typed(human, text):
    return human.feed(text.encode()).decode()


def test_entering_shows_banner_and_prompt(human):
    shown = human.enter().decode()
    assert "EdgeLeak 1.2.3" in shown
    assert shown.endswith("edgeleak> ")


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_line_is_echoed_and_answered_once(human, end):
    shown = typed(human, "status" + end)
    assert shown == "status\r\nfine\r\nedgeleak> "


def test_two_word_shortcuts_and_their_arguments(human):
    assert "tuning ['fast']" in typed(human, "tec tune fast\n")


def test_shortcuts_may_name_a_command(human):
    assert "\r\n0\r\n" in typed(human, "errors\n")


def test_scpi_works_too_and_silence_is_done(human):
    assert "1999.0" in typed(human, "SYST:VERS?\n")
    assert "done" in typed(human, "*CLS\n")


def test_errors_come_in_words_with_the_nearest(human):
    shown = typed(human, "SYST:VERSON?\n")
    assert "error -113: Undefined header" in shown
    assert "SYSTEM:VERSION?" in shown
    assert human._session.status.errors == 0


def test_editing_keys(human):
    assert "1999.0" in typed(human, "SYST:VXERS?\x08\x08\x08\x08\x08ERS?\n")
    assert "done" in typed(human, "nonsense\x15*CLS\n")
    assert "^C" in typed(human, "nonsense\x03")
    assert "done" in typed(human, "*CLS\n")
    assert typed(human, "\x08") == ""
    assert typed(human, "\x02") == "\x07"


KEYS = ("[3~", "[F", "OF", "[1;5D", "[200~", "[[A", "O5C", "x", "[C", f"[{'1' * 14}")
"""Delete, End, Ctrl-Left, a paste, F1 of a Linux console, Ctrl-Right, Alt-x, Right, no end."""


@pytest.mark.parametrize("key", KEYS)
def test_keys_that_mean_nothing_leave_no_trace(human, key):
    assert typed(human, f"*CL\x1b{key}S\n") == "*CLS\r\ndone\r\nedgeleak> "


def test_a_sequence_that_is_cut_keeps_no_later_key(human):
    assert typed(human, "*CLS\x1b[3\n") == "*CLS\r\ndone\r\nedgeleak> "
    assert "^C" in typed(human, "\x1b[\x03")
    assert typed(human, "\x1b[1\x1b[3~x") == "x"


def test_words_that_are_not_used_are_refused(human):
    shown = typed(human, "status leak.png\n")
    assert "nothing done: status takes nothing" in shown
    assert "fine" not in shown


def test_help_is_on_words_not_on_parts_of_them(human):
    assert "*ESE" in typed(human, "help enable\n")
    assert "*ESE" not in typed(human, "help able\n")
    assert "*ESE?" in typed(human, "help *ESE\n")
    assert "SYSTem:VERSion?" in typed(human, "help vers\n")


def test_history_by_arrows(human):
    typed(human, "status\n")
    typed(human, "errors\n")
    assert typed(human, "\x1b[A") == "errors"
    assert typed(human, "\x1b[A").endswith("status")
    assert typed(human, "\x1b[A") == ""
    assert "fine" in typed(human, "\n")
    assert typed(human, "\x1b[A") == "status"
    assert typed(human, "\x1b[B") == "\b \b" * 6


def test_tab_completes_or_shows_what_fits(human):
    assert typed(human, "sta\t") == "status"
    assert typed(human, "\x15SYST:VE\t").endswith("RS?")
    shown = typed(human, "\x15SYST:ERR\t")
    assert "SYST:ERR?" in shown
    assert "SYST:ERR:ALL?" in shown
    assert typed(human, "\x15zz\t").endswith("\x07")


def test_tab_goes_as_far_as_all_that_fits_and_says_what_stands_there(human):
    human._session.tree = commands.tree()
    assert typed(human, "SYST:BU\t").endswith("SYST:BUND")
    assert typed(human, "\x15LED:MODE A\t").endswith("LED:MODE ALT")
    shown = typed(human, "\x15SENS \t")
    assert "sensitivity: 0.25 to 2.5" in shown
    assert "MIN  MAX  DEF" in shown
    shown = typed(human, "\x15SYST:LEV OPER,'47\t")
    assert "pin: " in shown
    assert "47" not in shown
    assert shown.endswith("SYST:LEV OPER,***")


def test_help_lists_everything_and_finds_by_word(human):
    shown = typed(human, "help\n")
    assert "status" in shown
    assert "SYSTem" in shown
    assert "*SRE <bits>" in typed(human, "help service\n")
    assert "nothing is known" in typed(human, "help xyzzy\n")


def test_watch_repeats_until_a_key(human):
    assert "any key" in typed(human, "watch 2\n")
    assert b"21.3" in human.tick(SECOND)
    assert human.tick(2 * SECOND) == b""
    assert b"21.3" in human.tick(3 * SECOND)
    assert "edgeleak>" in typed(human, "x")
    assert human.tick(9 * SECOND) == b""
    assert "0.1 to 3600" in typed(human, "watch nan\n")


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_leaving(human, word):
    typed(human, f"{word}\nSYST:VERS?\n")
    assert not human.is_on


@pytest.mark.parametrize("line", [
    "login 4711", "logni operate 4711", "login OPERate,4711", "syst:pin 'oper','4711'",
    "lgoin oper 4711", "login opertae 4711", "SYST:PNI OPER,'4711'", "SYST:LEV 4711",
    "sytem:level service 4711", "login4711", "LOGIN operate my 4711", "pin 4711",
])  # fmt: skip
def test_what_is_nearly_a_pin_is_neither_shown_nor_kept(human, line):
    assert "47" not in typed(human, line + "\n")
    assert human._history == []


@pytest.mark.parametrize("line", ["LOG? 20", "agc 8000 4000", "STAT:OPER:ENAB 5", "AGC:LEV 8000",
                                  "COOL:SETP? MIN", "led on", "help login", "SYST:PIN? OPER",
                                  "logout", "help operate x"])  # fmt: skip
def test_what_holds_no_pin_is_shown_and_kept(human, line):
    assert line in typed(human, line)
    typed(human, "\n")
    assert human._history == [line]


def test_a_pin_is_neither_shown_nor_kept(human):
    for line in ("login operate 4711", "SYST:PIN OPER,'4711'", "*CLS;:SYST:LEV OPER,'4711'",
                 "system:level service , 4711"):  # fmt: skip
        shown = typed(human, line + "\x08\t1")
        typed(human, "\n")
        assert "4711" not in shown, shown
        assert "***" in shown
        assert human._history == []
    typed(human, "status\n")
    assert typed(human, "\x1b[A") == "status"


def test_leaving_takes_the_level_and_what_was_typed_with_it(human):
    human._session.level = Level.SERVICE
    typed(human, "status\nexit\n")
    assert human._session.level is Level.LOOK
    human.enter()
    assert typed(human, "\x1b[A") == ""


def test_a_lower_level_forgets_what_was_typed(human):
    human._session.level = Level.SERVICE
    human._shortcuts["down"] = Shortcut("", lambda session, words: session.log_out() or "")
    typed(human, "status\ndown\n")
    assert human._history == []


def test_commands_are_completed_and_found_as_people_write_them(human):
    assert typed(human, "syst:ve\t") == "syst:vers?"
    human._session.tree = commands.tree()
    assert "CALibration:RUN" in typed(human, "\x15help nuc\n")


def test_a_shortcut_says_what_came_of_it(human):
    human._shortcuts["wipe"] = Shortcut("", lambda session, words: ":STAT:PRES", lambda: "all gone")
    assert "all gone" in typed(human, "wipe\n")
    assert "all gone" not in typed(human, "*CLS\n")
