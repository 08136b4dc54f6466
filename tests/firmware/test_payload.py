# SPDX-License-Identifier: Apache-2.0
"""The payload: reproducible, checked before anything changes, and swapped in as a whole."""

import configparser
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("make_firmware", ROOT / "tools/make_firmware.py")
make_firmware = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_firmware)
pytestmark = pytest.mark.skipif(not shutil.which("dtc"), reason="needs device-tree-compiler")


@pytest.fixture
def wheel(tmp_path):
    """A wheel of two files: what is in it does not matter to the payload."""
    path = tmp_path / "edgeleak-1.2.3-cp311-cp311-linux_aarch64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edgeleak/__init__.py", "")
        archive.writestr("edgeleak/app.py", "def main():\n    print('hello from', __file__)\n")
    return path


def payload(wheel, out):
    files = make_firmware.collect(wheel)
    files["MANIFEST.sha256"] = make_firmware.manifest(files)
    version = files["VERSION"].decode().strip()
    archive = out / f"edgeleak-firmware-{version}.tar.gz"
    make_firmware.write(files, archive)
    return archive


@pytest.fixture
def unpacked(wheel, tmp_path):
    archive = payload(wheel, tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / archive.name.removesuffix(".tar.gz")


def install(unpacked, root):
    command = ["sh", str(unpacked / "install.sh"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_same_input_gives_the_same_bytes(wheel, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = payload(wheel, tmp_path / "a"), payload(wheel, tmp_path / "b")
    assert a.read_bytes() == b.read_bytes()


def test_installs_units_rules_and_settings(unpacked, tmp_path):
    root = tmp_path / "root"
    done = install(unpacked, root)
    assert done.returncode == 0, done.stderr
    current = root / "opt/edgeleak/current"
    assert os.readlink(current).startswith("1.2.3+")
    assert (root / "usr/lib/systemd/system/edgeleak.service").is_file()
    assert (root / "usr/lib/udev/rules.d/60-edgeleak.rules").is_file()
    assert (root / "etc/edgeleak/edgeleak.toml").is_file()
    assert os.access(current / "bin/edgeleak", os.X_OK)
    assert (root / "usr/lib/modules-load.d/edgeleak.conf").read_text().endswith("\ni2c-dev\n")


def test_byte_code_is_there_and_names_the_boards_path(unpacked, tmp_path):
    root = tmp_path / "root"
    assert install(unpacked, root).returncode == 0
    site = root / "opt/edgeleak/current/site"
    (compiled,) = site.glob("edgeleak/__pycache__/app.*.pyc")
    assert b"/opt/edgeleak/1.2.3+" in compiled.read_bytes()
    assert str(tmp_path).encode() not in compiled.read_bytes()
    program = [sys.executable, "-v", "-c", "import edgeleak.app"]
    said = subprocess.run(program, env={"PYTHONPATH": str(site)}, capture_output=True, text=True)
    assert f"code object from '{compiled}'" in said.stderr  # not made again from the source


OVERLAYS = ["edgeleak-el1-a.dtbo", "edgeleak-lepton-pi-a.dtbo"]


def boot_partition(root, config="", cmdline=""):
    """As a board's image has it."""
    folder = root / "boot/firmware"
    folder.mkdir(parents=True)
    (folder / "config.txt").write_text(f"arm_64bit=1\n{config}")
    (folder / "cmdline.txt").write_text(f"console=tty1 rootwait{cmdline}\n")
    return folder


def test_overlays_go_where_the_boot_loader_looks_and_their_line_is_named(unpacked, tmp_path):
    boot = boot_partition(tmp_path / "root")
    done = install(unpacked, tmp_path / "root")
    assert sorted(path.name for path in (boot / "overlays").iterdir()) == OVERLAYS
    for board in ("el1-a", "lepton-pi-a"):
        blob = make_firmware.compiled(ROOT / "board" / board / "overlay.dts")
        assert (boot / "overlays" / f"edgeleak-{board}.dtbo").read_bytes() == blob
        assert f"  dtoverlay=edgeleak-{board}\n" in done.stdout
    assert (boot / "config.txt").read_text() == "arm_64bit=1\n", "the owner's, never written"


def test_a_chosen_overlay_is_not_asked_for_again(unpacked, tmp_path):
    boot_partition(tmp_path / "root", config="dtoverlay=edgeleak-el1-a\n")
    assert "dtoverlay=" not in install(unpacked, tmp_path / "root").stdout


def test_without_the_boot_partition_nothing_is_written_beside_it(unpacked, tmp_path):
    done = install(unpacked, tmp_path / "root")
    assert "mount the boot partition" in done.stdout
    assert not (tmp_path / "root/boot").exists()
    kept = tmp_path / "root/opt/edgeleak/current/boot/overlays"
    assert sorted(path.name for path in kept.iterdir()) == OVERLAYS


def kernel(root, listed):
    folder = root / "usr/lib/modules/6.1"
    folder.mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (folder / listed).write_text("kernel/drivers/spi/spidev.ko.xz:\n")


@pytest.mark.parametrize(("listed", "cmdline", "asked"), [
    ("modules.dep", "", False), ("modules.builtin", "", True),
    ("modules.builtin", " spidev.bufsiz=65536", False),
])  # fmt: skip
def test_the_command_line_is_asked_for_where_modprobe_has_no_say(
    unpacked, tmp_path, listed, cmdline, asked
):
    root = tmp_path / "root"
    kernel(root, listed)
    boot_partition(root, cmdline=cmdline)
    assert ("spidev.bufsiz=65536" in install(unpacked, root).stdout) == asked
    options = (root / "usr/lib/modprobe.d/edgeleak.conf").read_text()
    assert "\noptions spidev bufsiz=65536\n" in options


def test_the_manifest_covers_every_file(unpacked):
    listed = {line.split("  ", 1)[1] for line in
              (unpacked / "MANIFEST.sha256").read_text().splitlines()}  # fmt: skip
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert there - listed == {"MANIFEST.sha256"}
    assert {f"boot/overlays/{name}" for name in OVERLAYS} <= listed
    assert {"modprobe.d/edgeleak.conf", "modules-load.d/edgeleak.conf"} <= listed


def test_an_overlay_with_a_warning_is_refused(tmp_path):
    path = tmp_path / "overlay.dts"
    path.write_text("/dts-v1/;\n/ { a@1 { }; };\n")
    with pytest.raises(ValueError, match="unit_address"):
        make_firmware.compiled(path)


def test_the_users_settings_survive_an_update(unpacked, tmp_path):
    root = tmp_path / "root"
    assert install(unpacked, root).returncode == 0
    mine = root / "etc/edgeleak/edgeleak.toml"
    mine.write_text("[sensor]\nfps = 9\n")
    assert install(unpacked, root).returncode == 0
    assert mine.read_text() == "[sensor]\nfps = 9\n"


@pytest.mark.parametrize("harm", ["bit", "missing", "truncated"])
def test_a_damaged_payload_changes_nothing(unpacked, tmp_path, harm):
    victim = unpacked / "site/edgeleak/app.py"
    data = victim.read_bytes()
    if harm == "bit":
        victim.write_bytes(data[:5] + bytes([data[5] ^ 1]) + data[6:])
    elif harm == "truncated":
        victim.write_bytes(data[:-1])
    else:
        victim.unlink()
    root = tmp_path / "root"
    done = install(unpacked, root)
    assert done.returncode == 65
    assert "nothing was changed" in done.stderr
    assert not root.exists()


def test_an_interrupted_installation_keeps_the_old_version(unpacked, tmp_path):
    root = tmp_path / "root"
    assert install(unpacked, root).returncode == 0
    before = os.readlink(root / "opt/edgeleak/current")
    left_over = root / "opt/edgeleak/.new-9.9"
    left_over.mkdir()
    (left_over / "half").write_text("")
    assert os.readlink(root / "opt/edgeleak/current") == before
    assert install(unpacked, root).returncode == 0
    assert (root / "opt/edgeleak/current/site/edgeleak/app.py").is_file()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_the_unit_is_valid_and_confined(unpacked, tmp_path):
    root = tmp_path / "root"
    assert install(unpacked, root).returncode == 0
    unit = root / "usr/lib/systemd/system/edgeleak.service"
    score = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert score.returncode == 0, score.stdout[-400:] + score.stderr
    loose = tmp_path / "edgeleak.service"
    loose.write_text("[Service]\nExecStart=/bin/true\n")
    worse = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(loose)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert worse.returncode != 0, "the threshold would pass anything"


def test_the_unit_opens_only_the_boards_devices():
    from edgeleak import board

    parts = board.load("el1-a")
    text = (ROOT / "firmware/systemd/edgeleak.service").read_text()
    allowed = {line.split("=")[1].split()[0] for line in text.splitlines()
               if line.startswith("DeviceAllow=/")}  # fmt: skip
    assert allowed - {"/dev/serial0"} == {parts.spi.device, parts.i2c.device, parts.gpio.chip}


def test_the_unit_has_no_key_twice_but_lists():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(ROOT / "firmware/systemd/edgeleak.service")
    assert parser["Service"]["Type"] == "notify"
    assert float(parser["Service"]["WatchdogSec"]) >= 2
