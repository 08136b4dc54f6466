# SPDX-License-Identifier: Apache-2.0
"""Prove a payload before it is flashed: install it, check its unit, run its self-test.

    prove_firmware.py dist/edgeleak-firmware-VERSION.tar.gz

A clean arm64 root of Debian packages; install.sh into it; the overlays where the boot loader
reads them, applied to Debian's device tree; what modprobe makes of our options; users and folders
as systemd makes them; `systemd-analyze verify` and `security`; then the installed program in that
root under qemu-aarch64, its real spidev and smbus2 on an emulated EL-1: the self-test must pass,
and must fail with exit code 69 where another chip sits at an address.  What the unit runs before
each start must do the same, keep its result, and refuse a kernel with the usual limit of 4096
bytes (78).  One row a step.
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
BOARDS = [boards.load(path.parent.name) for path in sorted(ROOT.glob("board/*/board.toml"))]
LIMIT_S = 120
UNIT = "edgeleak.service"
ENTRY = "/opt/edgeleak/current/bin/edgeleak"
EXPOSURE_LIMIT = 15
"""Tenths: `systemd-analyze security` of an unconfined service is 96."""
TOOLS = {
    "apt-get": "apt", "dpkg": "dpkg",
    "systemd-analyze": "systemd", "systemd-sysusers": "systemd", "systemd-tmpfiles": "systemd",
    "qemu-aarch64-static": "qemu-user-static", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "unshare": "util-linux", "fdtoverlay": "device-tree-compiler",
}  # fmt: skip
PACKAGES = (
    "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libbz2-1.0", "liblzma5",
    "libffi8", "libuuid1", "libssl3", "libcrypt1", "libblas3", "liblapack3", "libgfortran5",
    "python3-minimal", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
    "python3-numpy", "python3-spidev", "python3-smbus2", "python3-serial", "systemd", "udev",
    "kmod", "libzstd1",
)  # fmt: skip
"""What an image of the board holds besides the payload, as far as it is run here."""
BOOT = "boot/firmware"
SPI, I2C = "/soc/spi@7e204000", "/soc/i2c@7e804000"
STOCK_BUFSIZ = 4096
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
        for name in ("run", "tmp", "dev", "proc", BOOT):
            (self.root / name).mkdir(parents=True)
        (self.root / BOOT / "config.txt").write_text("arm_64bit=1\n")
        (self.root / BOOT / "cmdline.txt").write_text("console=tty1 root=/dev/mmcblk0p2\n")
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
            said = run(["sh", str(unpacked / "install.sh"), str(self.root)]).stdout
        if missing := [line for line in self.boot_lines() if line not in said]:
            raise Unproved(f"install.sh does not say: {', '.join(missing)}")
        version = os.readlink(self.root / "opt/edgeleak/current")
        return f"version {version}, {rows} files as in the manifest"

    def boot_lines(self) -> list[str]:
        """What config.txt and cmdline.txt of this root lack."""
        names = (board.name for board in BOARDS)
        return [*(f"dtoverlay=edgeleak-{name}" for name in names), "spidev.bufsiz="]

    def overlays(self) -> str:
        """Each is where `dtoverlay=` looks and turns both buses of Debian's tree on."""
        fetched = ROOT / "build/cross/devicetree"
        run([str(ROOT / "tools/cross/fetch_dtb.sh"), str(fetched)])
        tree = str(self.root / "tmp/board.dtb")
        names = [f"edgeleak-{board.name}.dtbo" for board in BOARDS]
        for name in names:
            overlay = self.root / BOOT / "overlays" / name
            run(["fdtoverlay", "-i", str(fetched / "bcm2837-rpi-zero-2-w.dtb"), "-o", tree,
                 str(overlay)])  # fmt: skip
            found = [run(["fdtget", tree, bus, "status"]).stdout.strip() for bus in (SPI, I2C)]
            if found != ["okay", "okay"]:
                raise Unproved(f"{name}: SPI and I2C are {found}")
        return f"{', '.join(names)} in /{BOOT}/overlays"

    def module_options(self) -> str:
        """The target's modprobe gives spidev the limit of every board."""
        least = max(board.spi.bufsiz_bytes for board in BOARDS)
        said = self.inside({}, "/usr/sbin/modprobe", "--showconfig").stdout
        wanted = f"options spidev bufsiz={least}"
        if wanted not in said.splitlines():
            raise Unproved(f"modprobe --showconfig does not say '{wanted}'")
        return wanted

    def make_users(self) -> str:
        """What systemd does at the next boot with sysusers.d, tmpfiles.d, RuntimeDirectory."""
        (self.root / "run/edgeleak").mkdir()
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
        os.chown(self.root / "run/edgeleak", *self.owner)
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
        with self.plant(self.swapped()) as (plant, names):
            facts = json.loads(self.edgeleak(names, "selftest", "--json", expect=69).stdout)
            self._never_driven(plant)
        failed = [check["what"] for check in facts["checks"] if check["verdict"] == "FAIL"]
        if failed != ["I2C 0x49", "I2C 0x4a"]:
            raise Unproved(f"it calls these wrong: {failed}")
        return f"exit 69: {', '.join(failed)}"

    def before_start(self) -> str:
        """What the unit runs before `edgeleak run` passes once, and is not repeated then."""
        with self.plant("el1-a") as (plant, names):
            self.edgeleak(names, *self.words_before_start())
            kept = json.loads((self.root / "run/edgeleak/selftest.json").read_text())
            again = self.edgeleak(names, *self.words_before_start()).stdout
            self._never_driven(plant)
        if not kept["passed"] or "no self-test: it has passed" not in again:
            raise Unproved(f"kept {kept['passed']}, then: {again}")
        (self.root / "run/edgeleak/selftest.json").unlink()
        return f"{' '.join(self.words_before_start())}: exit 0, kept; not repeated"

    def no_start(self) -> str:
        """On a wrong board it fails, so nothing starts; `edgeleak status` names the rows."""
        with self.plant(self.swapped()) as (_, names):
            self.edgeleak(names, *self.words_before_start(), expect=69)
        told = self.edgeleak({}, "status", expect=69).stderr
        if "the self-test at boot failed: I2C 0x49, I2C 0x4a" not in told:
            raise Unproved(f"edgeleak status says: {told}")
        return "exit 69, so no start; edgeleak status names I2C 0x49, I2C 0x4a"

    def small_messages(self) -> str:
        """A kernel that nobody told of our messages: exit 78 with both ways to tell it."""
        wiring = boards.load("el1-a").spi
        board = self.changed(f"bufsiz_bytes = {wiring.bufsiz_bytes}",
                             f"bufsiz_bytes = {STOCK_BUFSIZ}")  # fmt: skip
        with self.plant(board) as (_, names):
            said = self.edgeleak(names, *self.words_before_start(), expect=78).stdout
            ran = self.edgeleak(names, "run", expect=78).stderr
        for words in (f"takes {STOCK_BUFSIZ} bytes", "/etc/modprobe.d", "spidev.bufsiz="):
            if words not in said or words not in ran:
                raise Unproved(f"'{words}' is not in: {said}\n{ran}")
        return f"limit {STOCK_BUFSIZ}: selftest and run exit 78, naming modprobe.d and command line"

    # --- means ---------------------------------------------------------------------------------

    def words_before_start(self) -> list[str]:
        """Arguments of the unit's ExecStartPre, which must be our program."""
        unit = (self.root / "usr/lib/systemd/system" / UNIT).read_text()
        found = re.search(rf"^ExecStartPre={ENTRY} (.+)$", unit, re.MULTILINE)
        if found is None:
            raise Unproved("the unit runs nothing of ours before its start")
        return found[1].split()

    def changed(self, old: str, new: str) -> str:
        """A board file for the plant with one change."""
        text = boards.find("el1-a").read_text()
        file = self.root / "tmp/changed.toml"
        file.write_text(text.replace(old, new))
        if old not in text:
            raise Unproved(f"no '{old}' in the board file")
        return str(file)

    def swapped(self) -> str:
        """A board on which thermometer and converter have changed places."""
        file = Path(self.changed("0x4A", "0x4?"))
        file.write_text(file.read_text().replace("0x49", "0x4A").replace("0x4?", "0x49"))
        return str(file)

    def edgeleak(self, names: dict[str, str], *words: str, expect: int = 0) -> Any:
        """The installed entry point by its own first line, as its own user, in the root."""
        first = (self.root / ENTRY[1:]).read_text().splitlines()[0].removeprefix("#!").split()
        return self.inside(names, *first, ENTRY, *words, expect=expect)

    def inside(self, names: dict[str, str], *command: str, expect: int = 0) -> Any:
        """A program of the root under qemu, as our user once there is one."""
        given = [part for key, value in names.items() for part in ("-E", f"{key}={value}")]
        inside = ["/usr/bin/qemu-aarch64", *given, *command]
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
        ("device tree overlays", board.overlays),
        ("modprobe --showconfig", board.module_options),
        ("users, folders", board.make_users),
        ("systemd-analyze verify", board.verify_unit),
        ("systemd-analyze security", board.judge_unit),
        ("edgeleak version", board.start),
        ("edgeleak config check", board.settings),
        ("edgeleak selftest", board.selftest),
        ("selftest, wrong chip", board.wrong_chip),
        ("before start", board.before_start),
        ("before start, wrong chip", board.no_start),
        ("kernel's message limit", board.small_messages),
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
