# SPDX-License-Identifier: Apache-2.0
"""The emulated nodes refuse what a kernel refuses, with its errno; `uapi.py` has the table."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sim.uapi import ROWS

from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

PROGRAM = Path(__file__).with_name("uapi.py")


@pytest.fixture(scope="module")
def found():
    """Every call on one plant, whose kernel has a driver at 0x48."""
    with RunningPlant() as plant:
        plant.control.ask("inject", fault="address-bound", address=0x48)
        done = subprocess.run([sys.executable, str(PROGRAM)], env=plant.environment(),
                              capture_output=True, text=True, timeout=120)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert plant.process.poll() is None
        return json.loads(done.stdout)


def test_every_call_has_a_name_of_its_own():
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_refused_as_by_a_kernel(found, row):
    got = found[row.name]
    word = errno.errorcode.get(got, "taken")
    assert got == row.expected, f"{word}, expected by {row.source}"
