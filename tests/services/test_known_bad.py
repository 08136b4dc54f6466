# SPDX-License-Identifier: Apache-2.0
"""The table grows with what a correction finds, and odd offsets count once, without a factory."""

import numpy as np
import pytest
from services.nuc_bench import SHAPE, base_of

from edgeleak.services.known_bad import KnownBad

NONE = np.zeros(SHAPE, bool)


def flickering(*at):
    found = NONE.copy()
    found.flat[list(at)] = True
    return found


def test_the_table_grows_and_is_made_anew_only_then():
    known, flat = KnownBad(base_of(nuc_id=7)), np.zeros(SHAPE, np.int16)
    assert known.add(NONE, flat) is None
    assert known.add(flickering(900), flat)[:, 0].tolist() == [900]
    assert known.add(flickering(900), flat) is None
    assert known.add(flickering(400), flat)[:, 0].tolist() == [400, 900]


@pytest.mark.parametrize(("nuc_id", "found"), [(-1, [805]), (7, None)])
def test_odd_offsets_are_bad_pixels_where_no_factory_looked(nuc_id, found):
    offset = np.random.default_rng(0).normal(0, 100, SHAPE).astype(np.int16)
    offset.flat[805] = 4000
    table = KnownBad(base_of(nuc_id=nuc_id)).add(NONE, offset)
    assert table is None if found is None else table[:, 0].tolist() == found
