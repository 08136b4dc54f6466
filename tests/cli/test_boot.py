# SPDX-License-Identifier: Apache-2.0
"""A start as the service unit orders it: self-test first, then the instrument, or nothing."""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak.services.watchdog import STORM_STARTS
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

UNIT = Path(__file__).parents[2] / "firmware/systemd/edgeleak.service"
SETTINGS = """
[sensor]
binning = true
[recorder]
folder = "{folder}"
[console]
serial_device = ""
socket = ""
"""


def commands(key):
    """Words after the program's name of each such line of the unit."""
    rows = (row.partition("=") for row in UNIT.read_text().splitlines())
    return [shlex.split(value)[1:] for name, _, value in rows if name == key]


class Service:
    """systemd's part, as far as it matters here: the second command only after the first."""

    def __init__(self, plant, folder):
        self.folder, self._plant = folder, plant
        self._place = ["--config", folder / "edgeleak.toml", "--state", folder, "--run", folder]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(folder / "notify"))
        (folder / "edgeleak.toml").write_text(SETTINGS.format(folder=folder))

    def start(self, *words):
        """[finished self-test, finished run]; the second only where the first said 0."""
        done = []
        for key in ("ExecStartPre", "ExecStart"):
            [command] = commands(key)
            more = words if key == "ExecStart" else ()
            done.append(self._carry_out([*command, *self._place, *more]))
            if done[-1].returncode:
                break
        return done

    def heard(self):
        """Everything that the manager was told."""
        lines = []
        try:
            while True:
                lines += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines

    def _carry_out(self, words):
        told = {"NOTIFY_SOCKET": str(self.folder / "notify"), "JOURNAL_STREAM": "1:1"}
        return subprocess.run(
            [sys.executable, "-m", "edgeleak", *map(str, words)], text=True, timeout=90,
            env=self._plant.environment() | told, capture_output=True,
        )  # fmt: skip


@pytest.fixture
def folder():
    """Short enough for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="el-") as name:
        yield Path(name)


def changed_board(folder, old, new):
    text = boards.find("el1-a").read_text()
    assert old in text
    path = folder / "board.toml"
    path.write_text(text.replace(old, new))
    return str(path)


def test_a_sound_board_is_tested_once_and_then_starts(folder):
    with RunningPlant() as plant:
        service = Service(plant, folder)
        tested, ran = service.start("--safe", "--seconds", "3")
        assert (tested.returncode, ran.returncode) == (0, 0), tested.stdout + ran.stderr
        assert "<6>PASSED: 3" in tested.stdout
        assert json.loads((folder / "selftest.json").read_text())["passed"]
        again, _ = service.start("--safe", "--seconds", "1")
        assert again.stdout.startswith("no self-test: it has passed")


def test_a_board_that_fails_is_told_and_never_ready_until_it_shows_its_fault(folder):
    with RunningPlant() as plant:
        plant.control.ask("inject", fault="spi-unplugged")
        service = Service(plant, folder)
        for _ in range(STORM_STARTS):
            [tested] = service.start()
            assert tested.returncode == 69
            assert "<3>FAILED: 1 of 1 checks (nodes)" in tested.stdout
        assert service.heard() == [], "no READY, nothing"
        status = [sys.executable, "-m", "edgeleak", "status", "--run", str(folder)]
        said = subprocess.run(status, capture_output=True, text=True).stderr
        assert "the self-test at boot failed: nodes" in said
        tested, ran = service.start("--seconds", "3")
        assert "906" in tested.stdout
        assert "FAILED self-test at boot: nodes" in ran.stderr
        assert "906" in ran.stderr
        assert "STATUS=fault" in service.heard()
        assert "tec_enable.edges" not in plant.control.ask("counters")["counters"]


def test_a_kernel_with_the_usual_limit_is_refused_with_both_ways_to_raise_it(folder):
    board = changed_board(folder, "bufsiz_bytes = 65536", "bufsiz_bytes = 4096")
    with RunningPlant(board) as plant:
        service = Service(plant, folder)
        [tested] = service.start()
        assert tested.returncode == 78
        for words in ("takes 4096 bytes a message", "-> put 'options spidev bufsiz=65536'",
                      "/etc/modprobe.d", "spidev.bufsiz=65536 to its command line"):  # fmt: skip
            assert words in tested.stdout
        assert service.heard() == []


def test_settings_that_cannot_be_read_are_no_endless_self_test(folder):
    with RunningPlant() as plant:
        service = Service(plant, folder)
        (folder / "edgeleak.toml").write_text("[sensor]\nfsp = 9\n")
        for _ in range(STORM_STARTS):
            [tested] = service.start()
            assert tested.returncode == 78
        tested, ran = service.start()
        assert (tested.returncode, ran.returncode) == (0, 78), "which the unit never restarts"
    assert os.path.exists(folder / "selftest.json")
