# SPDX-License-Identifier: Apache-2.0
"""The proof of a payload refuses what it should: a wrong unit, a loose one, a broken program."""

import importlib.util
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "build/cross/firmware/debian"


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


make_firmware, prove_firmware = tool("make_firmware"), tool("prove_firmware")
Unproved = prove_firmware.Unproved
lacking = [name for name in prove_firmware.TOOLS if not shutil.which(name)]
pytestmark = pytest.mark.skipif(
    bool(lacking) or not (DEBIAN / "usr/bin/python3").exists() or os.geteuid() != 0,
    reason=f"needs root, Debian's arm64 packages (make firmware) and {lacking or 'tools'}",
)


@pytest.fixture
def board(tmp_path):
    """A clean root with a payload whose program is two lines."""
    wheel = tmp_path / "edgeleak-1.2.3-cp311-cp311-linux_aarch64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("edgeleak/__init__.py", "")
        archive.writestr("edgeleak/app.py", "def main():\n    return 3\n")
    files = make_firmware.collect(wheel)
    files["MANIFEST.sha256"] = make_firmware.manifest(files)
    payload = tmp_path / "edgeleak-firmware-1.tar.gz"
    make_firmware.write(files, payload)
    root = tmp_path / "root"
    root.mkdir()
    made = prove_firmware.Board(DEBIAN, payload, root)
    made.make_root()
    made.install()
    return made


def rewrite(board, old, new):
    unit = board.root / "usr/lib/systemd/system/edgeleak.service"
    text = unit.read_text()
    assert old in text
    unit.unlink()
    unit.write_text(text.replace(old, new))


def test_the_unit_as_it_is_has_no_complaint(board):
    assert board.verify_unit() == "no complaint"
    assert "at most 1.5" in board.judge_unit()


@pytest.mark.parametrize(("old", "new", "said"), [
    ("WatchdogSec=5", "WatchdogSecs=5", "Unknown key 'WatchdogSecs'"),
    ("bin/edgeleak run", "bin/nothing run", "is not executable"),
    ("After=local-fs.target", "Requires=nothere.service\nAfter=local-fs.target", "not found"),
    ("Nice=-10", "Nice=lots", "Failed to parse nice"),
])  # fmt: skip
def test_a_wrong_unit_is_refused(board, old, new, said):
    rewrite(board, old, new)
    with pytest.raises(Unproved, match=said):
        board.verify_unit()


def test_a_loose_unit_is_refused(board):
    rewrite(board, "ProtectSystem=strict\n", "")
    rewrite(board, "CapabilityBoundingSet=\n", "")
    with pytest.raises(Unproved, match="exposure level"):
        board.judge_unit()


def test_a_user_that_is_not_made_is_refused(board):
    (board.root / "usr/lib/sysusers.d/edgeleak.conf").unlink()
    with pytest.raises(Unproved, match="edgeleak"):
        board.make_users()


def test_a_program_that_does_not_start_is_refused(board):
    assert "/var/lib/edgeleak 0750 its own" in board.make_users()
    with pytest.raises(Unproved, match="ended with 3"):
        board.start()
