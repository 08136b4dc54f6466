# SPDX-License-Identifier: Apache-2.0
"""`edgeleak run` as a process on the real spidev, smbus2 and GPIO code; the plant is the judge."""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from edgeleak import codes
from edgeleak.cli.run import (
    ENDS,
    KEPT_CLIENTS,
    Lines,
    keep_report,
    line_of,
    make_instrument,
    priority_of,
)
from edgeleak.errors import BusError
from edgeleak.services.watchdog import STORM_STARTS
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

NS = 10**9
OFF_NS = 200_000_000
PATIENCE_S = 60
SETTINGS = """
[sensor]
binning = true
fps = 12.0
[cooler]
set_point_degc = 24.0
[nuc]
frames = 4
settle_s = 0.2
[console]
serial_device = ""
socket = ""
"""


class Running:
    """One `edgeleak run` on a plant of its own; ends with the block."""

    def __init__(self, folder, *arguments, settings=SETTINGS, environment=None):
        self.folder = folder
        (folder / "edgeleak.toml").write_text(settings)
        self.plant = RunningPlant()
        command = [sys.executable, "-m", "edgeleak", "run", "--config", folder / "edgeleak.toml",
                   "--state", folder, "--run", folder, "--seconds", 90, *arguments]  # fmt: skip
        self.process = subprocess.Popen(
            list(map(str, command)), env=self.plant.environment() | (environment or {}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.communicate()
        self.plant.close()

    def wait_for(self, pattern):
        """The first line of the log that matches."""
        for line in self.process.stderr:
            self.lines.append(line)
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no {pattern!r} in {self.lines}")

    def finish(self):
        """Exit code and stdout."""
        out, rest = self.process.communicate(timeout=PATIENCE_S)
        self.lines += rest.splitlines()
        return self.process.returncode, out

    def off_after_ns(self, begin_ns):
        """Until the plant saw the TEC's enable off for good, from a time on its own clock."""
        end_s = time.monotonic() + 10
        while self.plant.control.ask("truth")["truth"]["tec_enabled"]:
            assert time.monotonic() < end_s
        entries = self.plant.control.ask("log", what="tec_enable")["log"]
        last = entries[-1]
        assert last[-1] == 0.0
        return last[0] - begin_ns


@pytest.fixture
def driving(tmp_path):
    """A camera that cools."""
    with Running(tmp_path) as running:
        running.wait_for("STATE .* cooling 241")
        while not running.plant.control.ask("truth")["truth"]["tec_enabled"]:
            assert running.process.poll() is None
        yield running


@pytest.mark.parametrize("number", [*ENDS, signal.SIGKILL, signal.SIGSTOP])
def test_any_end_leaves_the_outputs_off(driving, number):
    begin_ns = time.monotonic_ns()
    driving.process.send_signal(number)
    took_ns = driving.off_after_ns(begin_ns)
    assert took_ns < OFF_NS + 30_000_000, "a grid of 5 ms, and the server's own turn"
    truth = driving.plant.control.ask("truth")["truth"]
    assert not truth["led_enabled"]
    if number in ENDS:
        code, _ = driving.finish()
        assert code == 0
        assert json.loads((driving.folder / "starts.json").read_text()) == []
    elif number == signal.SIGKILL:
        driving.process.wait(PATIENCE_S)
        assert len(json.loads((driving.folder / "starts.json").read_text())) == 1
    assert driving.plant.control.ask("violations")["violations"] == []


class Manager(threading.Thread):
    """The other end of NOTIFY_SOCKET; reads at once, as systemd does."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.heard = []

    def run(self):
        while True:
            self.heard += self._socket.recv(4096).decode().split("\n")


def test_from_cold_to_no_gas_with_a_service_manager(tmp_path):
    manager = Manager(tmp_path / "notify")
    manager.start()
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}
    out = tmp_path / "out"
    with Running(tmp_path, "--json", "--out", out, environment=environment) as running:
        running.wait_for("STATE .* cooling")
        assert "READY=1" not in manager.heard
        running.wait_for("VERDICT INHIBIT > NO GAS")
        assert manager.heard.count("READY=1") == 1
        assert manager.heard.count("WATCHDOG=1") > 5
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in manager.heard)
        running.process.terminate()
        code, text = running.finish()
    assert code == 0
    report = json.loads(text)
    assert (report["state"], report["verdict"]) == ("detecting", "NO GAS")
    assert report["nuc"]["taken"] == 1
    assert {row["task"] for row in report["tasks"]} >= {"frame", "capture", "cooler", "beat"}
    assert json.loads((out / "report.json").read_text()) == report
    assert "STATE ready detecting 0" in (out / "run.log").read_text()
    assert manager.heard[-1] == "STOPPING=1"


def never_on(plant):
    """By the plant's count and its truth: neither output was enabled, not even for a moment."""
    counters, truth = (plant.control.ask(what)[what] for what in ("counters", "truth"))
    for name in ("tec", "led"):
        assert counters.get(f"{name}_enable.edges", 0) == 0, name
        assert not truth[f"{name}_enabled"], name


def ended(folder, *arguments, settings=SETTINGS, plant=True):
    """(exit code, stderr) of a run that cannot start."""
    if plant:
        with Running(folder, *arguments, settings=settings) as running:
            code, _ = running.finish()
            never_on(running.plant)
            return code, "\n".join(running.lines)
    (folder / "edgeleak.toml").write_text(settings)
    command = [sys.executable, "-m", "edgeleak", "run", "--config", folder / "edgeleak.toml",
               "--state", folder, "--run", folder, *arguments]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def board_file(folder, old, new):
    """A copy of EL-1's table with one change."""
    from edgeleak import board

    text = board.find("el1-a").read_text()
    assert old in text
    path = folder / "changed.toml"
    path.write_text(text.replace(old, new))
    return str(path)


def test_no_nodes_is_one_sentence(tmp_path):
    code, said = ended(tmp_path, plant=False)
    assert code == 69
    assert said.strip().count("\n") == 0
    assert "/dev/" in said
    assert "No such file" in said


@pytest.mark.parametrize(
    ("node", "missing"),
    [
        ("/dev/spidev0.0", "/dev/spidev7.0"),
        ("/dev/i2c-1", "/dev/i2c-7"),
        ("/dev/gpiochip0", "/dev/gpiochip7"),
    ],
)
def test_one_node_that_is_missing_is_named_and_nothing_is_on(tmp_path, node, missing):
    code, said = ended(tmp_path, "--board", board_file(tmp_path, f'"{node}"', f'"{missing}"'))
    assert code == 69
    assert missing in said
    assert "No such file" in said


def test_starts_without_nodes_are_counted_and_end_in_a_fault_that_stays_up(tmp_path):
    settings = tmp_path / "edgeleak.toml"
    settings.write_text(SETTINGS)
    args = argparse.Namespace(board="el1-a", config=settings, state=tmp_path, out=None,
                              run_folder=tmp_path, safe=False)  # fmt: skip
    for _ in range(STORM_STARTS):
        with pytest.raises(BusError):
            make_instrument(args, Lines(None))
    instrument = make_instrument(args, Lines(None))
    assert instrument.health.latched.code == codes.RESTART_STORM
    instrument.shutdown()


def test_a_misspelt_setting_is_one_sentence(tmp_path):
    code, said = ended(tmp_path, settings="[cooler]\nset_point_degC = -20\n")
    assert code == 78
    assert "line 2" in said
    assert "set_point_degc" in said


def test_a_rate_the_bus_cannot_carry_is_refused(tmp_path):
    code, said = ended(tmp_path, settings="[sensor]\nfps = 50\n", plant=True)
    assert code == 78
    assert "carries 11.5" in said


def test_a_board_that_contradicts_itself_is_refused(tmp_path):
    path = board_file(tmp_path, "led_enable = { line = 27", "led_enable = { line = 17")
    code, said = ended(tmp_path, "--board", path)
    assert code == 78
    assert "both use 17" in said


def test_a_chip_that_is_not_there_is_named(tmp_path):
    path = board_file(tmp_path, "tmp117 = 0x49", "tmp117 = 0x4B")
    code, said = ended(tmp_path, "--board", path)
    assert code == 69
    assert "0x4b: expected TMP117" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
@pytest.mark.parametrize("name", ["/dev/gpiochip0", "/dev/i2c-1"])
def test_no_permission_is_one_sentence_and_nothing_is_on(name):
    with tempfile.TemporaryDirectory() as folder, RunningPlant() as plant:
        tmp_path = Path(folder)
        for path, mode in ((tmp_path, 0o777), (plant.socket.parent, 0o755), (plant.socket, 0o777)):
            os.chmod(path, mode)  # that nobody may look into
        check_no_permission(tmp_path, plant, name)
        never_on(plant)


def check_no_permission(tmp_path, plant, name):
    """One node is closed to us; the others lead to the plant."""
    node = tmp_path / Path(name).name
    node.touch(0o600)
    path = board_file(tmp_path, f'"{name}"', f'"{node}"')
    (tmp_path / "edgeleak.toml").write_text(SETTINGS)
    command = ["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-m", "edgeleak",
               "run", "--config", tmp_path / "edgeleak.toml", "--board", path, "--state", tmp_path,
               "--run", tmp_path]  # fmt: skip
    environment = plant.environment()
    readable = shutil.copy(environment["LD_PRELOAD"], tmp_path)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60,
                          env=environment | {"LD_PRELOAD": readable})  # fmt: skip
    assert done.returncode == 77, done.stderr
    assert "Permission denied" in done.stderr
    assert "groups spi, i2c and gpio" in done.stderr


def test_priorities_of_lines():
    assert priority_of("STATE detecting fault 904 t=1 frame=2 control-stalled") == 3
    assert priority_of("STATE cooling nuc 109 t=1 frame=2 nuc-missing") == 5
    assert priority_of("VERDICT NO GAS > GAS 0 t=1 frame=2 evidence") == 4
    assert priority_of("BUTTON nuc") == 6


def test_the_status_line_is_one_calm_line():
    status = {"state": "detecting", "cooler": {"cold_degc": -19.998, "set_point_degc": -20.0},
              "fps": 11.02, "verdict": "NO GAS", "code": 0, "reason": "", "recording": True,
              "degraded": False, "link": {"drops": 3}}  # fmt: skip
    assert line_of(status) == ("detecting  -20.00 (-20.00) degC  11.0 fps  NO GAS  drops 3"
                               "  recording")  # fmt: skip
    status |= {"cooler": None, "code": 903, "reason": "frames-stale: no whole frame",
               "verdict": "INHIBIT", "state": "inhibit", "recording": False}  # fmt: skip
    assert line_of(status) == ("inhibit    uncooled  11.0 fps  INHIBIT 903 frames-stale  drops 3")


class Gone:
    """A terminal that was closed."""

    def write(self, text):
        raise OSError(5, "Input/output error")

    flush = write


def test_a_log_on_a_full_disk_ends_and_says_so(tmp_path, capsys):
    (tmp_path / "run.log").symlink_to("/dev/full")
    lines = Lines(tmp_path)
    lines.add("VERDICT one")
    lines.drain()
    lines.add("VERDICT two")
    lines.close()
    said = capsys.readouterr().err.splitlines()
    assert [said[0], said[-1]] == ["VERDICT one", "VERDICT two"]
    assert sum("run.log ends here: No space left on device" in line for line in said) == 1


def test_a_closed_terminal_does_not_end_the_log(tmp_path, monkeypatch):
    lines = Lines(tmp_path)
    monkeypatch.setattr(sys, "stderr", Gone())
    for line in ("VERDICT one", "VERDICT two"):
        lines.add(line)
        lines.drain()
    lines.show("status")
    lines.close()
    assert (tmp_path / "run.log").read_text() == "VERDICT one\nVERDICT two\n"


def test_a_report_whose_folder_is_gone_is_an_io_error(tmp_path, capsys):
    assert keep_report(tmp_path / "report.json", {"frames": 3}) == 0
    assert json.loads((tmp_path / "report.json").read_text()) == {"frames": 3}
    assert keep_report(tmp_path / "gone" / "report.json", {}) == os.EX_IOERR
    assert "was not written" in capsys.readouterr().err


def test_lines_of_clients_do_not_push_out_the_instruments_own():
    lines = Lines(None)
    lines.add("STATE one")
    for number in range(3000):
        lines.add(f"CONSOLE user 1000: refused {number}")
    lines.add("STATE two")
    found = lines.newest()
    assert (found[0], found[-1], len(found)) == ("STATE one", "STATE two", 2 + KEPT_CLIENTS)
    assert found[-2].endswith("refused 2999")
