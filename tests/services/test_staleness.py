# SPDX-License-Identifier: Apache-2.0
"""What tells a live picture from one that was there before."""

import numpy as np

from edgeleak import codes
from edgeleak.services.staleness import Staleness


def test_live_pictures_are_never_stale():
    watch, rng = Staleness(), np.random.default_rng(0)
    digests = rng.integers(0, 1 << 62, 20_000).tolist()
    assert all(watch.note(1, digest)[0] == codes.OK for digest in digests)
