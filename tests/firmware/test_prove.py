# SPDX-License-Identifier: Apache-2.0
"""The proof of a payload refuses what it should: a wrong unit, a loose one, a broken program."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
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
unfetched = [name for name in prove_firmware.PACKAGES
             if not (DEBIAN / f".apt/done.{name}").exists()]  # fmt: skip
pytestmark = pytest.mark.skipif(
    bool(lacking or unfetched) or os.geteuid() != 0,
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
    # A short name: a socket's path inside the root has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="root-") as root:
        Path(root).chmod(0o755)  # our user enters it, too
        made = prove_firmware.Board(DEBIAN, payload, Path(root))
        made.make_root()
        made.install()
        yield made


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
    ("bin/edgeleak selftest", "bin/nothing selftest", "is not executable"),
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


def test_a_unit_that_tests_nothing_before_its_start_is_refused(board):
    assert board.words_before_start() == ["selftest", "--boot"]
    rewrite(board, "ExecStartPre=", "ExecStartPost=")
    with pytest.raises(Unproved, match="nothing of ours before its start"):
        board.before_start()


def test_an_overlay_that_is_not_there_or_turns_no_bus_on_is_refused(board):
    assert "edgeleak-el1-a.dtbo, edgeleak-lepton-pi-a.dtbo" in board.overlays()
    folder = board.root / prove_firmware.BOOT / "overlays"
    (folder / "edgeleak-el1-a.dtbo").write_bytes(no_overlay())
    with pytest.raises(Unproved, match="SPI and I2C are"):
        board.overlays()
    (folder / "edgeleak-el1-a.dtbo").unlink()
    with pytest.raises(Unproved, match="fdtoverlay"):
        board.overlays()


def no_overlay():
    source = '/dts-v1/; /plugin/; / { fragment@0 { target-path = "/"; __overlay__ { a; }; }; };'
    return subprocess.run(["dtc", "-O", "dtb"], input=source.encode(), capture_output=True,
                          check=True).stdout  # fmt: skip


def test_a_limit_that_modprobe_does_not_hear_of_is_refused(board):
    assert board.module_options() == "options spidev bufsiz=65536"
    options = board.root / "usr/lib/modprobe.d/edgeleak.conf"
    options.rename(options.with_suffix(".txt"))
    with pytest.raises(Unproved, match="does not say 'options spidev"):
        board.module_options()


def test_an_installer_that_names_no_line_is_refused(board):
    config = board.root / prove_firmware.BOOT / "config.txt"
    config.write_text("dtoverlay=edgeleak-el1-a\n")
    with pytest.raises(Unproved, match="does not say: dtoverlay=edgeleak-el1-a"):
        board.install()


def test_a_user_that_is_not_made_is_refused(board):
    (board.root / "usr/lib/sysusers.d/edgeleak.conf").unlink()
    with pytest.raises(Unproved, match="edgeleak"):
        board.make_users()


def test_a_program_that_does_not_start_is_refused(board):
    assert "/var/lib/edgeleak 0750 its own" in board.make_users()
    with pytest.raises(Unproved, match="ended with 3"):
        board.start()
