# SPDX-License-Identifier: Apache-2.0
"""What the documents point at is there, and what they count is so."""

import re
from pathlib import Path

import pytest

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
