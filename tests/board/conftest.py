# SPDX-License-Identifier: Apache-2.0
"""Each board in the repository, and the tools that write its pages."""

import sys
from pathlib import Path

import pytest

from edgeleak import board as boards

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.parent.name for path in ROOT.glob("board/*/board.toml"))


@pytest.fixture(scope="module")
def tools_path():
    sys.path.insert(0, str(ROOT / "tools"))
    yield
    sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def board(name):
    return boards.load(name)
