# SPDX-License-Identifier: Apache-2.0
"""Tab finishes whatever the registry knows: words, headers in both forms, arguments."""

import pytest

from edgeleak.console import commands, shortcuts
from edgeleak.console.completion import fitting
from edgeleak.console.tree import Choice, NumberOf, Switch, forms

TREE, PEOPLE = commands.tree(), shortcuts.table(None)
EVERY = TREE.commands


def finished(line):
    """Lines that a Tab may lead to."""
    found = fitting(line, TREE, PEOPLE)
    return [line[: found.begin] + word for word in found.words]


def plain(command):
    return command.header.replace("[", "").replace("]", "")


def short(header):
    nodes = header.rstrip("?").split(":")
    return ":".join(min(forms(node), key=len) for node in nodes) + "?" * header.endswith("?")


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.header)
def test_each_header_is_finished_in_both_forms(command):
    for header in (plain(command).upper(), short(plain(command))):
        if TREE.has(tuple(header[:-1].split(":")), False):
            continue  # all but the last letter is the short form, whole
        for lead in ("", ":") if header[0] != "*" else ("",):
            assert lead + header in finished(lead + header[:-1]), header


@pytest.mark.parametrize("command", [one for one in EVERY if one.parameters],
                         ids=lambda command: command.header)  # fmt: skip
def test_each_argument_is_finished_or_at_least_said(command):
    line = f"{short(plain(command))} "
    for parameter in command.parameters:
        found = fitting(line, TREE, PEOPLE)
        assert found.hint == f"{parameter.name}: {parameter.spoken()}"
        wanted = set()
        if isinstance(parameter, Choice):
            wanted = {min(forms(word), key=len) for word in parameter.words}
        elif isinstance(parameter, Switch):
            wanted = {"ON", "OFF"}
        elif isinstance(parameter, NumberOf):
            wanted = {"MIN", "MAX"} | ({"DEF"} if parameter.default is not None else set())
        assert {*found.words} == wanted
        for word in wanted:
            assert line + word in finished(line + word[:-1]), (line, word)
        line += f"{next(iter(wanted), '1')},"
    assert fitting(line, TREE, PEOPLE) == (len(line), [], "")


@pytest.mark.parametrize(("typed", "wanted"), [
    ("SENSITIV", ["SENSITIVITY", "SENSITIVITY?"]),
    ("SYST:LEV ope", ["SYST:LEV OPER"]),
    ("SYST:LEV opera", ["SYST:LEV OPERATE"]),
    ("LED:MODE AL", ["LED:MODE ALT"]),
    ("PAL I", ["PAL IRON"]),
    ("COOL:SETP? MA", ["COOL:SETP? MAX"]),
    ("SENS 1;PAL IR", ["SENS 1;PAL IRON"]),
    ("COOL:SETP 5;ST", ["COOL:SETP 5;STAT", "COOL:SETP 5;STAB?", "COOL:SETP 5;STAT?"]),
    ("COOL:SETP 5;:LED:M", ["COOL:SETP 5;:LED:MODE", "COOL:SETP 5;:LED:MODE?"]),
    ("COOL:SETP 5; :LED:MODE AL", ["COOL:SETP 5; :LED:MODE ALT"]),
    ("SYST:ECHO? 'a;b';PAL I", []),
    ("NOPE ", []),
    ("led al", ["led alternate"]),
    ("login ser", ["login service"]),
    ("agc lo", ["agc lock"]),
    ("tec t", ["tec tune"]),
    ("tec ma", ["tec max"]),
    ("fault ", ["fault clear", "fault last"]),
    ("help ledx", []),
    ("help led:m", ["help LED:MODE", "help LED:MODE?"]),
    ("qu", ["quit"]),
    ("syst:lev ope", ["syst:lev OPER"]),
])  # fmt: skip
def test_what_a_line_may_become(typed, wanted):
    assert sorted(finished(typed)) == sorted(wanted)


def test_each_word_for_people_and_what_may_follow_it():
    for name, word in PEOPLE.items():
        assert name in finished(name[:-1])
        for header in word.takes[:1]:
            (command,) = (one for one in EVERY if one.header == header)
            for choice in getattr(command.parameters[0], "words", ()):
                assert f"{name} {choice.lower()}" in finished(f"{name} {choice[:2].lower()}")
        for more in word.also:
            assert f"{name} {more}" in finished(f"{name} ")


def test_a_pin_is_nothing_to_finish():
    for typed in ("login operate 47", "SYST:LEV OPER,47", "SYST:PIN SERV,'47"):
        assert finished(typed) == []


def test_what_fits_agrees_as_far_as_it_does():
    assert fitting("SYST:BU", TREE, PEOPLE).agreed == "syst:bund"
    assert fitting("zz", TREE, PEOPLE).agreed == ""
