# SPDX-License-Identifier: Apache-2.0
"""Prove a payload before it is flashed: install it, check its unit, run its self-test.

    prove_firmware.py dist/edgeleak-firmware-VERSION.tar.gz

A clean arm64 root of Debian packages; install.sh into it; users and folders as systemd makes
them; `systemd-analyze verify` and `security`; then the installed program in that root under
qemu-aarch64, its real spidev and smbus2 on an emulated EL-1: the self-test must pass, and must
fail with exit code 69 where another chip sits at an address.  One row a step.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeleak import board as boards
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.native import library

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 120
UNIT = "edgeleak.service"
EXPOSURE_LIMIT = 15
"""Tenths: `systemd-analyze security` of an unconfined service is 96."""
TOOLS = {
    "apt-get": "apt", "dpkg": "dpkg",
    "systemd-analyze": "systemd", "systemd-sysusers": "systemd", "systemd-tmpfiles": "systemd",
    "qemu-aarch64-static": "qemu-user-static", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "unshare": "util-linux",
}  # fmt: skip
PACKAGES = (
    "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libbz2-1.0", "liblzma5",
    "libffi8", "libuuid1", "libssl3", "libcrypt1", "libblas3", "liblapack3", "libgfortran5",
    "python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
    "python3-numpy", "python3-spidev", "python3-smbus2", "python3-serial", "systemd", "udev",
)  # fmt: skip
"""What an image of the board holds besides the payload, as far as it is run here."""
MERGED = ("bin", "sbin", "lib")
ALTERNATIVES = {"blas/libblas.so.3": "libblas.so.3", "lapack/liblapack.so.3": "liblapack.so.3"}
"""Links that Debian's own packages make when they are configured."""


class Unproved(Exception):
    """The payload is not what it should be."""


def run(command: list[str], *, expect: int | None = 0, **options: Any) -> Any:
    """A command with a limit; Unproved with the end of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False,
                          **options)  # fmt: skip
    if expect is not None and done.returncode != expect:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise Unproved(f"{command[0]} ended with {done.returncode}, expected {expect}:\n{said}")
    return done


class Board:
    """The clean root of a board, and what is shown with it.

    debian  : unpacked Debian packages of arm64
    payload : .tar.gz
    root    : empty folder with a short path: sockets lie in it
    """

    def __init__(self, debian: Path, payload: Path, root: Path) -> None:
        self.debian, self.payload, self.root = debian, payload, root
        self.owner = (0, 0)

    # --- steps; each returns what was shown ------------------------------------------------------

    def fetch(self) -> str:
        """Debian's packages, kept for the next time."""
        run([str(ROOT / "tools/cross/fetch_debian.sh"), "arm64", str(self.debian), *PACKAGES])
        return f"{len(PACKAGES)} packages of Debian 12 arm64"

    def make_root(self) -> str:
        """Debian's files with /usr merged; nothing of this machine."""
        for part in ("usr", "etc", "var"):
            link_tree(self.debian / part, self.root / part)
        for part in MERGED:
            merged = self.root / "usr" / part
            merged.mkdir(exist_ok=True)
            if (self.debian / part).is_dir():
                link_tree(self.debian / part, merged)
            (self.root / part).symlink_to(f"usr/{part}")
        for name in ("run", "tmp", "dev", "proc"):
            (self.root / name).mkdir()
        # A socket remembers the path it was bound to, so it must be the same inside.
        itself = self.root / str(self.root)[1:]
        itself.parent.mkdir(parents=True, exist_ok=True)
        itself.symlink_to("/")
        folder = self.root / "usr/lib/aarch64-linux-gnu"
        for target, name in ALTERNATIVES.items():
            (folder / name).symlink_to(target)
        shutil.copy(shutil.which("qemu-aarch64-static") or "", self.root / "usr/bin/qemu-aarch64")
        made = library.build("aarch64-linux-gnu-gcc", self.debian.parent)
        shutil.copy(made, self.root / "usr/lib/preload.so")
        return "Debian's files, preload library, nothing else"

    def install(self) -> str:
        """install.sh, which checks the manifest first."""
        with tempfile.TemporaryDirectory(dir=self.root / "tmp") as folder:
            with tarfile.open(self.payload) as archive:
                archive.extractall(folder, filter="data")
            unpacked = next(Path(folder).iterdir())
            rows = len((unpacked / "MANIFEST.sha256").read_text().splitlines())
            run(["sh", str(unpacked / "install.sh"), str(self.root)])
        version = os.readlink(self.root / "opt/edgeleak/current")
        return f"version {version}, {rows} files as in the manifest"

    def make_users(self) -> str:
        """What systemd does at the next boot with sysusers.d and tmpfiles.d."""
        if os.geteuid():
            (self.root / "var/lib/edgeleak/recordings").mkdir(parents=True)
            return "not root here: made by hand"
        run(["systemd-sysusers", f"--root={self.root}"])
        run(["systemd-tmpfiles", f"--root={self.root}", "--create", "edgeleak.conf"])
        rows = (line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines())
        users = {row[0]: row for row in rows}
        if "edgeleak" not in users:
            raise Unproved("sysusers.d made no user edgeleak")
        self.owner = int(users["edgeleak"][2]), int(users["edgeleak"][3])
        state = (self.root / "var/lib/edgeleak").stat()
        if (state.st_uid, state.st_mode & 0o777) != (self.owner[0], 0o750):
            raise Unproved(f"/var/lib/edgeleak belongs to {state.st_uid}, mode {state.st_mode:o}")
        return f"user edgeleak ({self.owner[0]}), /var/lib/edgeleak 0750 its own"

    def verify_unit(self) -> str:
        """Every word of the unit is known, every unit it names is there, its program runs."""
        done = run(["systemd-analyze", "verify", "--man=no", f"--root={self.root}", UNIT])
        ours = [line for line in done.stderr.splitlines() if "edgeleak" in line]
        if ours:
            raise Unproved("\n".join(ours))
        return "no complaint"

    def judge_unit(self) -> str:
        """Confinement of the unit, below the limit."""
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager",
                   f"--root={self.root}", f"--threshold={EXPOSURE_LIMIT}", UNIT]  # fmt: skip
        done = run(command)
        level = re.search(r"exposure level for \S+: ([\d.]+) (\w+)", done.stdout)
        if level is None:
            raise Unproved("systemd-analyze security says no exposure level")
        return f"exposure {level[1]} ({level[2]}), at most {EXPOSURE_LIMIT / 10:g}"

    def start(self) -> str:
        """The program starts on the target's Python, with the kernels of the wheel."""
        facts = json.loads(self.edgeleak({}, "version", "--json").stdout)
        if facts["machine"] != "aarch64":
            raise Unproved(f"its kernels are made for {facts['machine']}")
        return (f"{facts['machine']}, {facts['isa']}, Python {facts['python']},"
                f" NumPy {facts['numpy']}")  # fmt: skip

    def settings(self) -> str:
        """The settings it brings are accepted by itself."""
        self.edgeleak({}, "config", "check")
        return "/etc/edgeleak/edgeleak.toml accepted"

    def selftest(self) -> str:
        """Passes on a sound board, and the plant saw no output move."""
        with self.plant("el1-a") as (plant, names):
            facts = json.loads(self.edgeleak(names, "selftest", "--json").stdout)
            self._never_driven(plant)
        return f"{len(facts['checks'])} checks, exit 0; no edge of an enable, no limit broken"

    def wrong_chip(self) -> str:
        """Where thermometer and converter have changed places, exit code 69 and both named."""
        text = boards.find("el1-a").read_text()
        swapped = text.replace("0x4A", "0x4?").replace("0x49", "0x4A").replace("0x4?", "0x49")
        file = self.root / "tmp/swapped.toml"
        file.write_text(swapped)
        with self.plant(str(file)) as (plant, names):
            facts = json.loads(self.edgeleak(names, "selftest", "--json", expect=69).stdout)
            self._never_driven(plant)
        failed = [check["what"] for check in facts["checks"] if check["verdict"] == "FAIL"]
        if failed != ["I2C 0x49", "I2C 0x4a"]:
            raise Unproved(f"it calls these wrong: {failed}")
        return f"exit 69: {', '.join(failed)}"

    # --- means ---------------------------------------------------------------------------------

    def edgeleak(self, names: dict[str, str], *words: str, expect: int = 0) -> Any:
        """The installed entry point by its own first line, as its own user, in the root."""
        entry = "/opt/edgeleak/current/bin/edgeleak"
        first = (self.root / entry[1:]).read_text().splitlines()[0].removeprefix("#!").split()
        given = [part for key, value in names.items() for part in ("-E", f"{key}={value}")]
        inside = ["/usr/bin/qemu-aarch64", *given, *first, entry, *words]
        if os.geteuid():
            outside = ["unshare", "--user", "--map-root-user", f"--root={self.root}"]
        else:
            outside = ["chroot", f"--userspec={self.owner[0]}:{self.owner[1]}", str(self.root)]
        return run([*outside, *inside], expect=expect, env={"PATH": os.environ["PATH"]})

    @contextmanager
    def plant(self, board: str) -> Iterator[tuple[RunningPlant, dict[str, str]]]:
        """A plant on this machine whose socket lies inside the root."""
        before, tempfile.tempdir = tempfile.tempdir, str(self.root / "run")
        try:
            plant = RunningPlant(board)
        finally:
            tempfile.tempdir = before
        with plant:
            plant.socket.parent.chmod(0o755)
            plant.socket.chmod(0o777)
            yield plant, {"LD_PRELOAD": "/usr/lib/preload.so",
                          "EDGELEAK_SIM_SOCKET": str(plant.socket)}  # fmt: skip

    @staticmethod
    def _never_driven(plant: RunningPlant) -> None:
        counters = plant.control.ask("counters")["counters"]
        if edges := [name for name in counters if name.endswith("enable.edges")]:
            raise Unproved(f"the self-test drove an output: {edges}")
        if broken := plant.control.ask("violations")["violations"]:
            raise Unproved(f"limits broken: {broken}")


def link_tree(source: Path, target: Path) -> None:
    """Copy by hard links where the file system can; install.sh only adds files."""
    target.mkdir(exist_ok=True)
    linked = subprocess.run(["cp", "-al", f"{source}/.", str(target)], capture_output=True)
    if linked.returncode:
        run(["cp", "-a", f"{source}/.", str(target)])


def prove(board: Board) -> bool:
    """Every step in its order; one row each, the first that fails ends it."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("packages", board.fetch),
        ("clean root", board.make_root),
        ("install.sh", board.install),
        ("users, folders", board.make_users),
        ("systemd-analyze verify", board.verify_unit),
        ("systemd-analyze security", board.judge_unit),
        ("edgeleak version", board.start),
        ("edgeleak config check", board.settings),
        ("edgeleak selftest", board.selftest),
        ("selftest, wrong chip", board.wrong_chip),
    ]
    print(f"{'step':<26}{'s':>6}  result")
    for name, step in steps:
        start = time.monotonic()
        try:
            shown, is_good = step(), True
        except (Unproved, ValueError, subprocess.TimeoutExpired) as error:
            shown, is_good = f"FAILED: {error}", False
        print(f"{name:<26}{time.monotonic() - start:6.1f}  {shown}", flush=True)
        if not is_good:
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("payload", type=Path)
    parser.add_argument("--debian", type=Path, default=ROOT / "build/cross/firmware/debian",
                        metavar="DIR", help="unpacked arm64 packages")  # fmt: skip
    args = parser.parse_args()
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        print(f"prove_firmware: missing; run: sudo apt install {' '.join(missing)}",
              file=sys.stderr)  # fmt: skip
        return 69
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="el-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        is_proved = prove(Board(args.debian.resolve(), args.payload, root))
    print(f"{args.payload.name}: {'proved' if is_proved else 'NOT proved'},"
          f" {time.monotonic() - start:.0f} s")  # fmt: skip
    return 0 if is_proved else 1


if __name__ == "__main__":
    sys.exit(main())
