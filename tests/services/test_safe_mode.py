# SPDX-License-Identifier: Apache-2.0
"""Safe mode: the wish, the strap, and a strap that cannot be read."""

import errno

from edgeleak import codes
from edgeleak.errors import BusError
from edgeleak.services.safe_mode import SafeMode


class Jumper:
    def __init__(self):
        self.is_there, self.is_broken = False, False

    def is_set(self):
        if self.is_broken:
            raise BusError(errno.EIO, "no line")
        return self.is_there


def test_a_wish_is_told_and_taken_back():
    mode = SafeMode(None, True, print)
    assert mode.report().code == codes.SAFE_MODE
    mode.set(False)
    assert mode.report().code == codes.OK


def test_the_strap_cannot_be_overruled_and_holds_after_it_was_pulled():
    jumper = Jumper()
    mode = SafeMode(jumper, False, print)
    jumper.is_there = True
    mode.set(False)
    assert mode.is_on
    jumper.is_there = False
    mode.look()
    assert mode.is_on, "somebody has to leave it"
    mode.set(False)
    assert not mode.is_on


def test_a_strap_that_was_never_read_counts_as_set():
    jumper, said = Jumper(), []
    mode = SafeMode(jumper, False, said.append)
    jumper.is_broken = True
    mode.look()
    assert mode.is_on
    assert "safe strap cannot be read" in said[0]
    mode.set(False)
    assert mode.is_on, "still nothing says that it is open"
    jumper.is_broken = False
    mode.look()
    assert not mode.is_on, "one call that failed keeps no camera from work"


def test_a_strap_that_can_no_longer_be_read_changes_nothing_and_is_told():
    jumper, said = Jumper(), []
    mode = SafeMode(jumper, False, said.append)
    mode.look()
    jumper.is_broken = True
    mode.look()
    assert not mode.is_on
    assert "safe strap cannot be read" in said[0]
