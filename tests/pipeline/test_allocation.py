# SPDX-License-Identifier: Apache-2.0
"""After warm-up a step allocates nothing: C calls interposed, Python blocks counted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BLOCKS_OF_THE_TEST = 200
"""The interpreter keeps up to 100 freed floats and some tuples; what leaks at every look of the
gain control, twice a second, would be 660 blocks, at every step 10,000."""


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc and glibc to interpose malloc")
    library = tmp_path_factory.mktemp("count") / "count.so"
    source = ROOT / "tests" / "c" / "count_allocations.c"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", source]
    subprocess.run([*command, "-o", library], check=True)
    return library


def run_probe(counter, profile, kind):
    env = dict(os.environ, LD_PRELOAD=str(counter), PYTHONPATH=str(ROOT / "src"))
    command = [sys.executable, HERE / "allocation_probe.py", profile, kind, counter]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    calls, grown, verdict = done.stdout.split(maxsplit=2)
    return int(calls), int(grown), verdict.strip()


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ("paper", "clean"),
        ("paper-log-after-he", "clean"),
        ("sensitive", "clean"),
        ("sensitive", "eight-bit"),
    ],
)
def test_ten_thousand_steps_allocate_nothing(counter, profile, kind):
    calls, grown, verdict = run_probe(counter, profile, kind)
    assert calls == 0
    assert grown <= BLOCKS_OF_THE_TEST
    assert verdict in {"NO GAS", "GAS"}


def test_the_seeded_defect_shows(counter):
    calls, _, _ = run_probe(counter, "paper", "leaky")
    assert calls >= 10_000


@pytest.mark.parametrize("kind", ["saturated", "dark"])
def test_nor_do_steps_of_a_clipped_scene(counter, kind):
    calls, grown, verdict = run_probe(counter, "sensitive", kind)
    assert calls == 0
    assert grown <= BLOCKS_OF_THE_TEST
    assert verdict == "FAULT"
