# SPDX-License-Identifier: Apache-2.0
"""Small sequences: drawn scenery, so that these tests run without the recordings."""

import numpy as np
import pytest

from edgeleak.evaluate.sequences.built_in import built_in_sequences
from edgeleak.evaluate.sequences.sequence import Sequence

SHAPE = (24, 32)


@pytest.fixture(scope="session")
def drawn():
    return {s.name: s for s in built_in_sequences(SHAPE, None, seed=3)}


@pytest.fixture
def constant():
    """A sequence whose every frame is the same picture."""

    def make(bits, n_frames=50):
        top = (1 << bits) - 1
        picture = np.linspace(10, top - 10, 24 * 32).reshape(SHAPE)
        picture = picture.astype(np.uint8 if bits == 8 else np.uint16)

        def frames():
            return (picture.copy() for _ in range(n_frames))

        return picture, Sequence("constant", "made here", SHAPE, bits, n_frames, frames)

    return make
