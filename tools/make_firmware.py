# SPDX-License-Identifier: Apache-2.0
"""Make the payload that is flashed: one versioned, reproducible archive for a board.

    make_firmware.py WHEEL --out dist

Puts together the aarch64 wheel's content, the entry point, units, rules, default settings and
documents, and the boards' overlays compiled by dtc, with a SHA-256 manifest over every file.  Same
input, same bytes.
"""

import argparse
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from edgeleak import config

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "board"
FOLDERS = ("systemd", "udev", "sysusers.d", "tmpfiles.d", "modprobe.d", "modules-load.d", "boot")
DOCUMENTS = ("instrument.md", "bringup.md", "safety.md", "codes.md", "calibration.md", "formats.md")
EXECUTABLE = {"bin/edgeleak", "install.sh"}
EPOCH_S = 1_577_836_800
"""Time stamp of every file in the archive (2020-01-01): the clock is no input."""


def collect(wheel: Path) -> dict[str, bytes]:
    """Every file of the payload by its name, without the manifest."""
    files = {f"{folder}/{path.name}": path.read_bytes()
             for folder in FOLDERS for path in sorted((FIRMWARE / folder).iterdir())}  # fmt: skip
    with zipfile.ZipFile(wheel) as archive:
        files |= {f"site/{name}": archive.read(name)
                  for name in archive.namelist() if not name.endswith("/")}  # fmt: skip
    for name in DOCUMENTS:
        files[f"docs/{name}"] = (ROOT / "docs" / name).read_bytes()
    files |= {f"boot/overlays/edgeleak-{path.parent.name}.dtbo": compiled(path)
              for path in sorted(BOARDS.glob("*/overlay.dts"))}  # fmt: skip
    files["bin/edgeleak"] = (FIRMWARE / "edgeleak").read_bytes()
    files["install.sh"] = (FIRMWARE / "install.sh").read_bytes()
    files["edgeleak.toml"] = config.as_toml(config.load([])).encode()
    files["VERSION"] = (version_of(wheel) + "\n").encode()
    return files


def compiled(overlay: Path) -> bytes:
    """The blob that the board's boot loader applies; a warning of dtc is an error."""
    command = ["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", "-", str(overlay)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or done.stderr:
        raise ValueError(f"{overlay}: {done.stderr.decode().strip()}")
    return done.stdout


def version_of(wheel: Path) -> str:
    """Version of the wheel and a digest of its content: two builds never share a folder."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()[:8]
    return f"{wheel.name.split('-')[1]}+{digest}"


def manifest(files: dict[str, bytes]) -> bytes:
    """`sha256sum --check` reads this."""
    rows = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    return "".join(rows).encode()


def write(files: dict[str, bytes], archive: Path) -> None:
    """A .tar.gz whose bytes depend on the files alone."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{archive.name.removesuffix('.tar.gz')}/{name}")
            entry.size, entry.mtime = len(data), EPOCH_S
            entry.mode = 0o755 if name in EXECUTABLE else 0o644
            tar.addfile(entry, io.BytesIO(data))
    part = archive.with_suffix(".part")
    with part.open("wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=EPOCH_S) as packed:
        packed.write(raw.getbuffer())
    shutil.move(part, archive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    args = parser.parse_args()
    if not args.wheel.is_file():
        print(f"make_firmware: {args.wheel} is not there; run: make wheels", file=sys.stderr)
        return 66
    if not shutil.which("dtc"):
        print("make_firmware: no dtc; run: sudo apt install device-tree-compiler", file=sys.stderr)
        return 69
    files = collect(args.wheel)
    files["MANIFEST.sha256"] = manifest(files)
    version = files["VERSION"].decode().strip()
    archive = args.out / f"edgeleak-firmware-{version}.tar.gz"
    args.out.mkdir(parents=True, exist_ok=True)
    write(files, archive)
    size_kib = archive.stat().st_size // 1024
    print(f"{archive}: {len(files)} files, {size_kib} KiB, version {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
