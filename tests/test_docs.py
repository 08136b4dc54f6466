# SPDX-License-Identifier: Apache-2.0
"""What the documents point at is there, and what they count is so."""

import importlib.util
import re
from pathlib import Path

import pytest

from edgeleak.evaluate.contrast.claims import STATEMENTS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [*PAGES, *sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "tools").rglob("*.py"))]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")
NAMED = re.compile(r"\b((?:docs|tools|board|tests)/[\w/-]+\.(?:md|py|toml|png|sh))\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = [match[1] for match in LINK.finditer(page.read_text())]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_named_files_are_there():
    named = {(page.name, match[1]) for page in TEXTS for match in NAMED.finditer(page.read_text())}
    assert len(named) > 10
    there = {pair for pair in named if "NAME" in pair[1] or (ROOT / pair[1]).exists()}
    assert named - there == set()


def claim_tables():
    page = (ROOT / "docs" / "paper-claims.md").read_text()
    spec = importlib.util.spec_from_file_location("write_claims", ROOT / "tools/write_claims.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool, page


def test_readme_counts_the_claims_of_the_page():
    tool, page = claim_tables()
    assert tool.COUNT.search((ROOT / "README.md").read_text())[0] == tool.counted(page)
    assert sum(map(int, re.findall(r"\d+", tool.counted(page)))) == 16


def test_page_holds_the_statements_that_are_judged():
    tool, page = claim_tables()
    rows = [match for match in map(tool.ROW.match, tool.block(page, "contrast")[1].splitlines())
            if match]  # fmt: skip
    assert [(row[1], row[3]) for row in rows] == [(claim, rule) for claim, rule, _ in STATEMENTS]


def test_tool_writes_what_the_commands_judged():
    tool, _ = claim_tables()
    claim = {"claim": "a", "verdict": "mixed", "rule": "b", "numbers": ["1", "2"]}
    assert tool.table([claim]).splitlines()[2] == "| a | **mixed** | b | 1; 2 |"
    assert tool.counted(tool.table([claim, claim])) == "0 confirmed, 0 denied, 2 mixed"
