# SPDX-License-Identifier: Apache-2.0
"""Prove a cross-built wheel: right files, and the same bytes as this machine's kernels.

    prove_wheel.py WHEEL --root FOLDER --triplet TRIPLET --emulator QEMU

The wheel is unpacked, its extensions are checked (machine, suffix, stripped), and the kernels'
checksums (tests/c/kernel_digests.py) are computed by the target's own Python and NumPy under
qemu-user and compared with those of the C harness, built and run here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ELF_MACHINE = {"aarch64-linux-gnu": 183, "arm-linux-gnueabihf": 40}
LIMIT_S = 240


class Unproved(Exception):
    """The wheel is not what it should be."""


def unpack(wheel: Path, triplet: str) -> Path:
    site = ROOT / "build" / "cross" / triplet / "site"
    shutil.rmtree(site, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def check_extensions(site: Path, triplet: str) -> int:
    """Every extension is an ELF file of the target, named for it, and stripped."""
    found = sorted(site.rglob("*.so"))
    if not found:
        raise Unproved("the wheel holds no compiled kernel")
    for path in found:
        head = path.read_bytes()
        machine = int.from_bytes(head[18:20], "little")
        if head[:4] != b"\x7fELF" or machine != ELF_MACHINE[triplet]:
            raise Unproved(f"{path.name} is made for ELF machine {machine}, not for {triplet}")
        if not path.name.endswith(f".cpython-311-{triplet}.so"):
            raise Unproved(f"{path.name} would not be imported on {triplet}")
        if b".debug_info" in head or b".symtab" in head:
            raise Unproved(f"{path.name} is not stripped")
    return len(found)


def expected_digests() -> list[str]:
    """This machine's checksums, from the C headers themselves."""
    harness = ROOT / "build" / "cross" / "kernel_digests"
    command = ["gcc", "-std=gnu11", "-O2", "-ffp-contract=off"]
    command += [f"-I{ROOT / 'cext/include'}", f"-I{ROOT / 'tests/c'}"]
    command += [str(ROOT / "tests/c/kernel_digests.c"), "-o", str(harness), "-lm"]
    subprocess.run(command, check=True)
    return subprocess.run([harness], check=True, capture_output=True, text=True).stdout.split("\n")


def target_command(root: Path, triplet: str, emulator: str, site: Path) -> list[str]:
    """The target's Python under qemu-user; BLAS lies where Debian's alternatives would link to."""
    library = root / "usr" / "lib" / triplet
    paths = [library / "blas", library / "lapack", library, root / "lib" / triplet]
    settings = {
        "LD_LIBRARY_PATH": ":".join(map(str, paths)),
        "PYTHONPATH": str(site),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    given = [part for key, value in settings.items() for part in ("-E", f"{key}={value}")]
    return [emulator, "-L", str(root), *given, str(root / "usr/bin/python3.11")]


def run_target(command: list[str], *arguments: str) -> str:
    clean = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=clean, timeout=LIMIT_S
    )
    if done.returncode:
        raise Unproved(f"the target's Python failed:\n{done.stderr[-1500:]}")
    return done.stdout


def differences(expected: list[str], got: list[str]) -> list[str]:
    return [f"{a} here, {b} there" for a, b in zip(expected, got, strict=False) if a != b]


def prove(wheel: Path, root: Path, triplet: str, emulator: str) -> str:
    start = time.monotonic()
    site = unpack(wheel, triplet)
    count = check_extensions(site, triplet)
    command = target_command(root, triplet, emulator, site)
    versions = run_target(
        command,
        "-c",
        "import platform, numpy, edgeleak.kernels as k;"
        "print(platform.machine(), platform.python_version(), numpy.__version__,"
        " k.build_info()['flags'], sep='|')",
    )
    machine, python, numpy, flags = versions.strip().split("|")
    got = run_target(command, str(ROOT / "tests/c/kernel_digests.py")).split("\n")
    expected = expected_digests()
    if got != expected:
        wrong = differences(expected, got) or [f"{len(got)} lines, expected {len(expected)}"]
        raise Unproved("other bytes than this machine's: " + "; ".join(wrong[:5]))
    return (
        f"{wheel.name}: {count} extensions, {wheel.stat().st_size // 1024} KiB; on {machine} with"
        f" Python {python} and NumPy {numpy} ({flags}): {len(got) - 1} checksums equal,"
        f" {time.monotonic() - start:.0f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--root", type=Path, required=True, help="unpacked Debian of the target")
    parser.add_argument("--triplet", choices=ELF_MACHINE, required=True)
    parser.add_argument("--emulator", required=True, help="qemu-user program")
    args = parser.parse_args()
    try:
        print(prove(args.wheel, args.root.resolve(), args.triplet, args.emulator))
    except Unproved as error:
        print(f"prove_wheel: {args.wheel.name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
