# SPDX-License-Identifier: Apache-2.0
"""The mutation fuzzer finds planted defects and nothing in a short honest run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "fuzz" / "mutate_sources.py"


def run(*words):
    done = subprocess.run(
        [sys.executable, str(TOOL), "--workers", "1", "--json", *words],
        capture_output=True,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("plant", "says"), [("crash", "died"), ("exception", "planted")])
def test_planted_defect_is_found(plant, says):
    code, facts = run("--count", "60", "--seed", "1000", "--plant", plant)
    assert code == 1
    assert {defect["number"] for defect in facts["defects"]} == {1000, 1050}
    assert all(says in defect["detail"] for defect in facts["defects"])
    assert sum(facts["counts"].values()) == 60  # a dead worker loses no other case


def test_short_honest_run_is_clean():
    code, facts = run("--count", "400", "--seed", "77")
    assert (code, facts["defects"]) == (0, [])
    assert sum(facts["counts"].values()) == 400
