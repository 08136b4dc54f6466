# SPDX-License-Identifier: Apache-2.0
"""How counted instructions are judged by the stated goals; nothing is counted here."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tools():
    """(count_instructions, loop_instructions)"""
    before = list(sys.path)
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/bench")]
    import count_instructions
    import loop_instructions

    yield count_instructions, loop_instructions
    sys.path[:] = before


def counted(row, core):
    parts = {kind: {"per_s": core * 1e9, "core": core} for kind in ("all", "control", "frames")}
    return {"row": row, "fps": 11.2, **parts}


@pytest.mark.parametrize(
    ("core", "words", "code"),
    [(0.224, ["met", "NOT MET"], 0), (0.124, ["met", "met"], 0), (0.25, ["NOT MET"] * 2, 1)],
)
def test_the_goal_of_the_loop_decides_at_one_instruction_a_cycle(tools, capsys, core, words, code):
    loop = tools[1]
    goals = loop.judged([counted("320x240", 0.9), counted("640x480", core)])
    loop.print_goals(goals)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == words
    assert "1 a cycle" in lines[0]
    assert loop.exit_code(goals) == code


def test_without_its_row_there_is_no_goal(tools):
    assert tools[1].judged([counted("320x240", 0.9)]) == {}
    assert tools[1].exit_code({}) == 0


def link(check, unpack, target="aarch64", size="640x480"):
    return {target: {"link_check": {size: check}, "link_unpack": {size: unpack}}}


@pytest.mark.parametrize(("check", "unpack", "kept"), [(1.9, 1.9, True), (28.0, 28.0, True),
                         (30.0, 28.0, False), (1.9, 60.0, False)])  # fmt: skip
def test_the_link_has_a_quarter_of_the_time_on_the_bus(tools, check, unpack, kept):
    [(line, is_kept)] = tools[0].judged(link(check, unpack))
    assert is_kept == kept
    assert line.endswith(": met" if kept else ": NOT MET")
    assert "at most 17.4 ms" in line


def test_its_numbers_are_those_of_the_link(tools):
    from edgeleak.drivers.el640_link import ceiling_fps, frame_bytes

    count = tools[0]
    assert frame_bytes((480, 640)) == count.LINES * count.LINE_BYTES
    assert ceiling_fps((480, 640), count.BUS_HZ) == pytest.approx(14.4, abs=0.05)


def test_what_was_not_counted_is_not_judged(tools):
    assert tools[0].judged(link(1.9, 1.9, target="armv7")) == []
    assert tools[0].judged(link(1.9, 1.9, size="160x120")) == []
    assert tools[0].judged({"aarch64": {"link_check": {"640x480": 1.9}}}) == []


@pytest.mark.parametrize(("seen", "kept"), [(21.2, True), (23.5, False)])
def test_the_chain_keeps_its_own_limit(tools, seen, kept):
    [(line, is_kept)] = tools[0].judged({"aarch64": {"chain": {"640x480": seen}}})
    assert is_kept == kept
    assert line.startswith("aarch64 chain at 640x480")
