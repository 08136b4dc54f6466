# SPDX-License-Identifier: Apache-2.0
"""Every seeded defect of the fault table still applies to the sources as they are."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATCHES = sorted((ROOT / "tools" / "faults" / "defects").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_the_defect_applies(patch):
    command = ["patch", "-p1", "--dry-run", "--forward", "--fuzz=0", "-i", str(patch)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{patch.name}: make it again\n{done.stdout}"


def test_each_defect_belongs_to_a_row(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests")
    monkeypatch.syspath_prepend(ROOT / "tools" / "faults")
    from rows import ROWS

    named = [name for row in ROWS for name in row.patches]
    assert set(named) == {path.name for path in PATCHES}
