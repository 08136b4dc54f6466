# SPDX-License-Identifier: Apache-2.0
"""Both enables at rest, whatever one of the lines does."""

import errno
from types import SimpleNamespace

import pytest

from edgeleak import board
from edgeleak.drivers.enables import Enable
from edgeleak.errors import BusError
from edgeleak.services.outputs import Outputs

NAMES = ("tec_enable", "led_enable")


class Lines:
    """Both enables are on; one line may answer nothing."""

    def __init__(self, broken=""):
        self.levels, self.broken = dict.fromkeys(NAMES, True), broken

    def set(self, name, is_active):
        self._ask(name)
        self.levels[name] = is_active

    def get(self, name):
        self._ask(name)
        return self.levels[name]

    def _ask(self, name):
        if name == self.broken:
            raise BusError(errno.ENODEV, name)


def outputs(lines):
    enables = [Enable(lines, name) for name in NAMES]
    return Outputs(board.load("el1-a"), SimpleNamespace(lines=lines), enables)


def test_off_is_low_and_read_back():
    both = outputs(Lines())
    assert not both.are_off()
    both.off()
    assert both.are_off()


@pytest.mark.parametrize("broken", NAMES)
def test_a_line_that_fails_keeps_the_other_from_nothing(broken):
    lines = Lines(broken)
    both = outputs(lines)
    both.off()
    assert [lines.levels[name] for name in NAMES if name != broken] == [False]
    assert not both.are_off(), "nobody can say"
