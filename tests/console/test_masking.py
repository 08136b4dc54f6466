# SPDX-License-Identifier: Apache-2.0
"""PINs are masked, and looking for them is cheap however long the line is."""

import difflib
import itertools
import string

import pytest

from edgeleak.console import masking
from edgeleak.console.human import LINE_MOST, HumanMode
from edgeleak.console.session import Session
from edgeleak.console.standard import COMMANDS
from edgeleak.console.tree import Tree

KEYS = 40
DIFFERENT = " ".join(map("".join, itertools.product("xyz", string.ascii_lowercase, "abo")))


@pytest.fixture
def compared(monkeypatch):
    """Words that were compared since the test began; none is known at first."""
    found = []
    matcher = difflib.SequenceMatcher

    def counted(junk, word, wanted):
        found.append(word)
        return matcher(junk, word, wanted)

    masking._is_pin_word.cache_clear()
    masking._is_level.cache_clear()
    monkeypatch.setattr(masking.difflib, "SequenceMatcher", counted)
    return found


@pytest.mark.parametrize("line", ["a " * LINE_MOST, DIFFERENT], ids=["same", "different"])
def test_a_key_at_the_end_of_a_long_line_costs_no_look_at_each_word(compared, line):
    human = HumanMode(Session(Tree(COMMANDS), None), str, {}, str)
    human.enter()
    human.feed(line[: LINE_MOST - 8].encode())
    compared.clear()
    human.feed(b"\x08a" * KEYS)
    assert len(compared) <= 12


@pytest.mark.parametrize("begin", ["login operate ", "SYST:PIN OPER,", "SYST:LEV SERV,", "pni "])
def test_a_pin_behind_many_words_is_masked(begin):
    line = "a " * 200 + begin
    assert masking.shown(line + "'4711'") == line + "*" * 6
    assert masking.is_secret(line + "4711")


def test_a_word_too_long_to_be_near_is_not_kept(compared):
    assert not masking.is_secret("x" * LINE_MOST)
    assert compared == []


def test_words_behind_a_pins_word_are_not_compared(compared):
    masking.shown("login operate geheim")
    assert "geheim" not in compared
