# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the console's tests."""

import pytest

from edgeleak.console import pins


@pytest.fixture(scope="module")
def quick_hashes():
    """Few rounds of a PIN's hash; how many there are is no business of who asks for it."""
    rounds, pins.ROUNDS = pins.ROUNDS, 10
    yield
    pins.ROUNDS = rounds
