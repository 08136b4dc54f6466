# SPDX-License-Identifier: Apache-2.0
"""Every full-frame array of the running instrument has its line and reason in architecture.md."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgeleak.services.flicker_search import FlickerSearch

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("write_memory", ROOT / "tools/write_memory.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
PIXELS = tool.SHAPE[0] * tool.SHAPE[1]


@pytest.fixture(scope="module")
def counted():
    """A running instrument, what it holds, and what it holds with two arrays that nobody named."""
    with tool.watched() as found, tool.instrument(tool.SHAPE) as (on, lockstep):
        tool.run(on, lockstep)
        held = found(PIXELS)
        extra = FlickerSearch(tool.SHAPE)
        more = found(PIXELS)
        del extra
        yield SimpleNamespace(on=on, held=held, more=more, named=tool.named(on))


def test_every_full_frame_array_is_named(counted):
    assert tool.differences(counted.held, counted.named) == []


def test_one_more_array_is_noticed(counted):
    file = "services/flicker_search.py"
    assert counted.more - counted.named == Counter({(file, PIXELS): 1, (file, 2 * PIXELS): 1})
    assert tool.differences(counted.more, counted.named) == [
        f"{file}: 2 blocks of {PIXELS:,} bytes, NAMED says 1",
        f"{file}: 2 blocks of {2 * PIXELS:,} bytes, NAMED says 1",
    ]


def test_the_page_is_current(counted):
    text = tool.FILE.read_text(encoding="utf-8")
    assert tool.filled(text, counted.on) == text, "run: python tools/write_memory.py"


def test_every_array_has_a_reason(counted):
    members = tool.full_frames(counted.on)
    assert sum(map(tool.planes, members)) == 14
    assert all(row.why and row.what for row in tool.NAMED)
    assert all(member.why for member in members)
