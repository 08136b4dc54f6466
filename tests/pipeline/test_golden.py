# SPDX-License-Identifier: Apache-2.0
"""Compiled pipeline = pipeline of NumPy twins = committed golden frames, bit for bit."""

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeleak.pipeline import PROFILES

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import make_golden  # noqa: E402


def golden(profile):
    return np.load(ROOT / "tests" / "golden" / f"pipeline-{profile}.npz")


@pytest.mark.parametrize("profile", PROFILES)
def test_compiled_pipeline_gives_the_golden_bytes(profile):
    want, got = golden(profile), make_golden.run(profile)
    assert set(want.files) == set(got)
    for name in want.files:
        np.testing.assert_array_equal(got[name], want[name], err_msg=name)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_twins_still_give_the_golden_bytes(profile):
    with make_golden.reference_kernels():
        got = make_golden.run(profile)
    want = golden(profile)
    for name in want.files:
        np.testing.assert_array_equal(got[name], want[name], err_msg=name)


def test_the_golden_scene_is_worth_comparing():
    words = golden("sensitive")["words"]
    assert {0, 1000} <= set(words)  # NO GAS and GAS both occur
    assert golden("sensitive")["mask"].any()
    assert golden("sensitive")["boxes"].shape[1] >= 1
