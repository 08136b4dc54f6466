# SPDX-License-Identifier: Apache-2.0
"""The table of codes is complete, and the document made from it is the current one."""

import ast
import importlib.util
import string
from pathlib import Path

import pytest

from edgeleak import codes

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("write_codes", ROOT / "tools/write_codes.py")
write_codes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write_codes)


def test_the_document_is_current():
    text = (ROOT / "docs/codes.md").read_text(encoding="utf-8")
    assert text == write_codes.document(), "run: python tools/write_codes.py"


def test_the_document_names_every_code_once():
    text = write_codes.document()
    for code in codes.TABLE.values():
        assert text.count(f"| **{code.number}** | `{code.name}` |") == 1
    assert "{" not in text


@pytest.mark.parametrize("code", codes.TABLE.values(), ids=lambda code: code.name)
def test_every_code_says_what_and_what_next(code):
    fields = {name for _, name, _, _ in string.Formatter().parse(code.what) if name is not None}
    assert fields <= {"measured", "expected"}
    assert code.what.format(measured=1.0, expected=2.0)
    assert code.next_step
    assert code.section
    assert code.number // 100 in codes.GROUPS
    assert not code.next_step.endswith(".")


def test_a_number_given_twice_is_an_error():
    text = codes.PATH.read_text(encoding="utf-8")
    again = text[text.index("[101]") : text.index("[102]")]
    with pytest.raises(ValueError, match="101"):
        codes.read_table(text + again)


def test_names_are_unique():
    names = [code.name for code in codes.TABLE.values()]
    assert len(set(names)) == len(names)


NAMES = {name: value for name, value in vars(codes).items()
         if name.isupper() and isinstance(value, int) and value in codes.TABLE}  # fmt: skip
ELSEWHERE = {
    "UNSTABLE",
    "UNKNOWN_SENSOR", "FRAMES_HUNG", "BRING_UP", "LED_PHASE",
    "LINK_ORDER", "LINK_FLAGS", "LINK_STARTING",
}  # fmt: skip
"""No test names these; what raises them is run without asking for the code."""


def named_in(*folders):
    """Codes that a file of these folders names, as `codes.NAME` or by their rule's name."""
    found = set()
    rules = {code.name: number for number, code in codes.TABLE.items()}
    for path in (p for folder in folders for p in (ROOT / folder).rglob("*.py")):
        if path.name in ("codes.py", "test_codes.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", None)))
            if isinstance(name, str) and name in NAMES:
                found.add(NAMES[name])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update({rules[node.value]} if node.value in rules else set())
    return found


def test_every_code_has_a_name_of_its_own():
    assert sorted(NAMES.values()) == sorted(codes.TABLE)


def test_every_code_is_raised_by_somebody():
    raised = named_in("src")
    silent = [name for name, number in NAMES.items() if number not in raised]
    assert not silent, f"nobody in src names {silent}: raise them where due, or remove them"


def test_every_code_is_provoked_by_a_test_or_a_fault_row():
    proved = named_in("tests", "tools/faults")
    unproved = {name for name, number in NAMES.items() if number not in proved}
    assert unproved <= ELSEWHERE, f"no test provokes {sorted(unproved - ELSEWHERE)}"
    assert not {name for name in ELSEWHERE if name not in unproved}, "take it off the list"
