# SPDX-License-Identifier: Apache-2.0
"""Waiting time is spent, bounded, and slowly regained."""

import pytest
from link_rig import MS

from edgeleak.services.patience import Patience

SPARE = 0.16
"""Of which an eighth is regained."""


def waited_ms(patience, begin_ms, end_ms):
    return sum(patience.waits(at * MS, True) for at in range(begin_ms, end_ms))


def test_it_waits_as_long_as_its_store_and_no_longer():
    patience = Patience(100 * MS, SPARE)
    assert not patience.waits(0, False)
    assert waited_ms(patience, 1, 1000) == 100


def test_a_long_transfer_before_is_not_spent():
    patience = Patience(100 * MS, SPARE)
    assert not patience.waits(0, False)
    assert waited_ms(patience, 89, 1000) == 100


def test_what_was_spent_comes_back_slowly_and_never_above_the_store():
    patience = Patience(100 * MS, SPARE)
    waited_ms(patience, 0, 1000)
    assert not patience.waits(2000 * MS, False)
    assert waited_ms(patience, 2000, 3000) in (20, 21)
    assert not patience.waits(1_000_000 * MS, False)
    assert waited_ms(patience, 1_000_000, 1_001_000) == 100


@pytest.mark.parametrize(("spare", "most_ms"), [(0.5, 100), (0.02, 100), (0.01, 50), (0, 0)])
def test_a_bus_with_little_to_spare_waits_less(spare, most_ms):
    assert waited_ms(Patience(100 * MS, spare), 0, 1000) == most_ms


def test_an_empty_store_never_waits():
    patience = Patience(0, SPARE)
    assert waited_ms(patience, 0, 100) == 0
