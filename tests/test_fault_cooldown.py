# SPDX-License-Identifier: Apache-2.0
"""The cool-down row: how many of the coolers drawn have to arrive."""

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("there", "count", "is_enough"),
    [(67, 100, True), (58, 100, True), (57, 100, False), (35, 100, False), (1, 4, True),
     (0, 4, False), (314, 500, True), (313, 500, False)],
)  # fmt: skip
def test_an_instrument_that_gives_up_on_good_coolers_is_red(monkeypatch, there, count, is_enough):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    from rows_cooldown import least_there

    assert (there >= least_there(count)) is is_enough
