# SPDX-License-Identifier: Apache-2.0
"""The wheel carries every board's table; the sources of a board stay in the repository."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIND = """
import sys
sys.path.insert(0, {lib!r})
from edgeleak import board
for name in {names!r}:
    path = board.find(name)
    assert str(path).startswith({lib!r}), path
    assert board.load(name).name == name
print("found", len({names!r}))
"""


def test_built_package_finds_every_board(tmp_path):
    lib = tmp_path / "lib"
    build = [sys.executable, "-W", "ignore", "setup.py", "-q", "build_py", "--build-lib", str(lib)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    names = sorted(path.parent.name for path in ROOT.glob("board/*/board.toml"))
    assert {"el1-a", "lepton-pi-a"} <= set(names)
    code = FIND.format(lib=str(lib), names=names)
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout.strip() == f"found {len(names)}", run.stderr
    assert not list(lib.rglob("*.dts"))
