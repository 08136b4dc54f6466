# SPDX-License-Identifier: Apache-2.0
"""The table of codes is complete, and the document made from it is the current one."""

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


def test_names_are_unique():
    names = [code.name for code in codes.TABLE.values()]
    assert len(set(names)) == len(names)
