# SPDX-License-Identifier: Apache-2.0
"""What the memory row counts: objects that are kept, not the interpreter's method cache."""

import sys
from pathlib import Path

import pytest

COUNT = 2000


@pytest.fixture
def blocks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    from rows_liveness import _blocks

    _blocks()
    return _blocks


def test_names_that_were_looked_up_do_not_count(blocks):
    before = blocks()
    names = [f"name {n}" for n in range(COUNT)]
    assert not any(hasattr(3, name) for name in names)
    del names
    assert sys.getallocatedblocks() - before > COUNT // 10, "the cache kept none"
    assert blocks() - before < COUNT // 100


def test_what_is_kept_counts(blocks):
    before = blocks()
    kept = [bytearray(16) for _ in range(COUNT)]
    assert blocks() - before >= len(kept)
