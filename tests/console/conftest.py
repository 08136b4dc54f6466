# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the console's tests."""

import pytest
from console_bench import Bench, Console

from edgeleak.console import pins


@pytest.fixture(scope="module")
def quick_hashes():
    """Few rounds of a PIN's hash; how many there are is no business of who asks for it."""
    rounds, pins.ROUNDS = pins.ROUNDS, 10
    yield
    pins.ROUNDS = rounds


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Shared by tests that only look, or put back what they change."""
    return Bench(tmp_path_factory.mktemp("bench")).ready()


@pytest.fixture
def fresh(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def console(tmp_path):
    return Console(tmp_path)
