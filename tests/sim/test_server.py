# SPDX-License-Identifier: Apache-2.0
"""The plant in its own process: bus time, faults at ioctl level, and clients that die."""

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak.errors import BusError, UnavailableError, UsageError
from edgeleak.sim.calls import Peer
from edgeleak.sim.control_channel import Control
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.plant import Plant
from edgeleak.sim.server import Server
from edgeleak.sim.spi_timing import SpiTiming
from edgeleak.sim.wire import READ_FOLLOWS, Op, Request

pytestmark = pytest.mark.realtime

PROGRAMS = Path(__file__).with_name("clients.py")
REFRESH_NS = 200_000_000


@pytest.fixture(scope="module")
def plant():
    with RunningPlant() as running:
        yield running


@pytest.fixture
def control(plant):
    """Control channel; every fault is mended afterwards."""
    yield plant.control
    for name in plant.control.ask("faults")["faults"]:
        plant.control.ask("clear", fault=name)


class Program:
    """One of `clients.py` on the plant."""

    def __init__(self, plant, *words):
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAMS), *words], env=plant.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def line(self):
        """Next line; what it complained about when it ended."""
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line.strip()

    def result(self, timeout_s=30):
        out, complaints = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, complaints
        return json.loads(out.splitlines()[-1])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()


def reach(control, wanted, within_s=20.0):
    """Ask until `wanted()` gives something; each question waits for its answer."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        if found := wanted():
            return found
        control.ask("truth")
    raise AssertionError("not reached in time")


def last(control, what, since_ns=0):
    entries = control.ask("log", since_ns=since_ns, what=what)["log"]
    return entries[-1] if entries else None


def off_after(control, name, since_ns):
    """Time of the enable's drop after `since_ns`, by the plant."""

    def dropped():
        entry = last(control, name)
        return entry if entry and entry[2] == 0.0 else None

    return reach(control, dropped)[0]


# --- death of a client -----------------------------------------------------------------------


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_enables_are_off_within_200_ms_of_the_clients_end(plant, control, end):
    for _ in range(3):
        with Program(plant, "hold_enable") as program:
            for _ in range(8):  # 400 ms: the enables live on refreshing alone
                program.line()
            truth = control.ask("truth")["truth"]
            assert truth["tec_enabled"]
            assert truth["led_enabled"]
            assert truth["tec_a"] == pytest.approx(0.0117, abs=1e-3)
            program.process.send_signal(end)
            if end != signal.SIGSTOP:
                program.process.wait()
            ended_ns = time.monotonic_ns()
            for name in ("tec_enable", "led_enable"):
                assert off_after(control, name, ended_ns) <= ended_ns + REFRESH_NS
            assert control.ask("truth")["truth"]["tec_a"] == 0.0
    assert control.ask("violations")["violations"] == []


def test_a_client_killed_while_the_bus_hangs_frees_it(plant, control):
    control.ask("inject", fault="bus-stuck", block_ms=float("inf"))
    with Program(plant, "one_call") as program:
        program.line()
        reach(control, lambda: control.ask("faults")["faults"]["bus-stuck"]["hits"])
        program.process.kill()
        program.process.wait()
        control.ask("clear", fault="bus-stuck")
    with Program(plant, "one_call") as program:
        assert program.result()["data"] == "0117"


def test_line_descriptors_of_a_dead_client_are_free_again(plant):
    for _ in range(2):
        with Program(plant, "hold_enable") as program:
            assert program.line() == "refreshed"


# --- death of the server -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bus", "end"),
    [("i2c", signal.SIGKILL), ("spi", signal.SIGKILL), ("set", signal.SIGKILL),
     ("edge", signal.SIGKILL), ("button", signal.SIGTERM)],
)  # fmt: skip
def test_a_server_that_goes_away_is_an_error_and_no_hang(bus, end):
    with RunningPlant() as own, Program(own, "until_error", bus) as program:
        assert program.line() == "running"
        own.process.send_signal(end)
        found = program.result(10)
    assert found == {"errno": errno.ENODEV, "again": errno.ENODEV, "reopen": errno.ENOENT}


def test_control_channel_says_that_the_plant_is_gone(tmp_path):
    with RunningPlant() as own:
        own.process.kill()
        own.process.wait()
        with pytest.raises(BusError):
            own.control.ask("truth")
    with pytest.raises(BusError, match="is the plant running"):
        Control(tmp_path / "nowhere")


def test_a_plant_that_cannot_start_says_so(capfd):
    with pytest.raises(UnavailableError, match="exit code 66"):
        RunningPlant(scenario="leek")
    assert "nearest is 'leak'" in capfd.readouterr().err


def test_a_folder_too_deep_for_a_socket_is_named_and_left_clean(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(UnavailableError, match="point TMPDIR"):
        RunningPlant()
    assert not list(deep.iterdir())


# --- faults as errno ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words", "number"),
    [
        ("bus-nack", {"count": 1}, errno.EREMOTEIO),
        ("nack-after-data", {"count": 1}, errno.EREMOTEIO),
        ("bus-stuck", {"count": 1, "block_ms": 35}, errno.ETIMEDOUT),
    ],
)
def test_i2c_faults_are_those_errnos_and_are_counted(plant, control, fault, words, number):
    control.ask("inject", fault=fault, **words)
    with Program(plant, "one_call") as program:
        found = program.result()
    assert found["errno"] == number
    assert found["took_ms"] >= words.get("block_ms", 0)
    assert control.ask("clear", fault=fault)["hits"] == 1


def test_corrupted_read_arrives_corrupted(plant, control):
    control.ask("inject", fault="read-corrupted", mask=0x80, count=1)
    with Program(plant, "one_call") as program:
        assert program.result()["data"] == "8117"


def test_bus_stuck_for_ever_ends_when_it_is_mended(plant, control):
    control.ask("inject", fault="bus-stuck", block_ms=float("inf"))
    with Program(plant, "one_call") as program:
        program.line()
        reach(control, lambda: control.ask("faults")["faults"]["bus-stuck"]["hits"])
        ready, _, _ = select.select([program.process.stdout], [], [], 0.3)
        assert not ready  # hangs
        control.ask("clear", fault="bus-stuck")
        assert program.result()["errno"] == errno.ETIMEDOUT


@pytest.mark.parametrize(
    ("fault", "bus"),
    [("i2c-unplugged", "i2c"), ("spi-unplugged", "spi"), ("gpio-unplugged", "set"),
     ("gpio-unplugged", "edge")],
)  # fmt: skip
def test_unplugging_while_in_use(plant, control, fault, bus):
    with Program(plant, "until_error", bus) as program:
        program.line()
        control.ask("inject", fault=fault)
        found = program.result()
    assert found["errno"] == found["again"] == errno.ENODEV
    assert found["reopen"] == (errno.ENOENT if bus == "i2c" else 0)


# --- time --------------------------------------------------------------------------------------


def test_spi_bytes_take_the_time_of_an_even_divider(plant):
    """50 MHz, though the Zero 2 W was asked for what the board file allows."""
    with Program(plant, "speed") as program:
        rate = program.result()["bytes_per_s"]
    assert 0 < rate <= 6.25e6 * 1.001  # how near it comes is the load of this machine


def test_messages_of_one_call_follow_each_other_as_in_the_kernel():
    """By the plant's count, so on a loaded machine too: nothing but the kernel's pauses is lost."""
    with RunningPlant() as own:
        with Program(own, "long_call") as program:
            assert program.result()["bytes"] == 5 * 40 * 1130
        seen = own.control.ask("counters")["counters"]
    assert seen["spi.pauses"] == 5
    assert seen["spi.busy-ns"] == 5 * 40 * 1130 * 160
    first_ns = seen["spi.pause-ns"] - 4 * SpiTiming().pause_ns
    assert 0 <= first_ns < 10e9  # how long the frame waited for its reader


def test_a_late_answer_delays_no_later_call():
    one, ask = Peer(None, 1), Request(Op.READ, 1, 0, 1, b"", 5_000_000, 20_000)
    assert one.asked_ns(ask) == 5_000_000  # nothing answered yet
    one.due_ns = 3_000_000
    assert one.asked_ns(ask) == 3_020_000
    follows = dataclasses.replace(ask, code=READ_FOLLOWS)
    assert one.asked_ns(follows) == 3_000_000
    waited = dataclasses.replace(ask, after_ns=4_000_000)
    assert one.asked_ns(waited) == 5_000_000
    long_ago = dataclasses.replace(ask, sent_ns=900_000_000)
    assert one.asked_ns(long_ago) == 800_000_000


class SetClock:
    """A clock that stands where it was put."""

    def __init__(self, now_ns):
        self.now_ns = now_ns

    def monotonic_ns(self):
        return self.now_ns


def test_a_sensor_is_read_when_a_board_would_have_begun(tmp_path):
    """What is there for 9 ms only must not depend on how late this process is."""
    plant = Plant(boards.load("lepton-pi-a"))
    plant.advance_to(50_000_000)
    server = Server(plant, SetClock(50_000_000), tmp_path / "bus")
    near, far = socket.socketpair()
    with contextlib.closing(server), near, far:
        peer = Peer(near, 1)
        peer.due_ns, server._kinds[1] = 30_000_000, "spi"
        server._take(peer, Request(Op.READ, 1, 0, 164, b"", 50_000_000, 20_000))
        assert plant.spi_begin_ns == 30_020_000
        bits_ns = 164 * 160 * 50_000_000 // 20_000_000
        assert peer.due_ns == 30_020_000 + bits_ns + SpiTiming().pause_ns
        peer.due_ns = 0  # a program that has just begun
        server._take(peer, Request(Op.READ, 1, 0, 164, b"", 50_000_000, 20_000))
        assert plant.spi_begin_ns == 50_000_000


def test_slower_core_and_ninth_clock():
    options = ("--core-hz", "250e6", "--gap-clocks", "1")
    with RunningPlant(options=options) as own, Program(own, "speed") as program:
        rate = program.result()["bytes_per_s"]
    assert rate <= 250e6 / 6 / 9 * 1.001


def test_edges_carry_the_plants_time_and_come_without_polling(plant, control):
    with Program(plant, "edges") as program:
        program.line()
        now_ns = control.ask("press", line="button", for_s=20.0)["now_ns"]
        found = program.result()
    assert found["press_ns"] == now_ns
    assert found["is_down"] is True
    assert found["nothing"] is None
    assert found["output"] == [True, False]
    steps = [b - a for a, b in itertools.pairwise(found["tacho"])]
    assert all(step > 0 for step in steps)
    assert steps[0] > 2 * steps[-1] > 2 * 9.9e6  # spins up to 100 Hz


# --- control channel -----------------------------------------------------------------------------


def test_scenario_runs_and_can_be_moved_on():
    with RunningPlant(scenario="dying-fan") as own:
        assert own.control.ask("scenario")["name"] == "dying-fan"
        assert own.control.ask("faults")["faults"] == {}
        own.control.ask("skip", seconds=46)
        reach(own.control, lambda: "fan-slow" in own.control.ask("faults")["faults"])
        own.control.ask("skip", seconds=20)
        reach(own.control, lambda: "fan-dead" in own.control.ask("faults")["faults"])
        assert own.control.ask("scenario")["elapsed_s"] > 65


def test_demands_reach_the_judge(plant, control):
    with Program(plant, "hold_enable") as program:
        for _ in range(4):
            program.line()
        before = len(control.ask("violations")["violations"])
        control.ask("require-off", what="tec", within_ms=1, reason="test")
        program.line()
        program.line()
        control.ask("release", what="tec")
        assert len(control.ask("violations")["violations"]) == before  # 12 mA is off
        assert control.ask("counters")["counters"]["tec_enable.edges"] > 0


@pytest.mark.parametrize(
    ("do", "words", "message"),
    [
        ("injekt", {}, "nearest is 'inject'"),
        ("inject", {"fault": "fan-ded"}, "nearest is 'fan-dead'"),
        ("inject", {"fault": "fan-slow", "share": 2}, "0 to 1"),
        ("inject", {}, "fault"),
        ("clear", {"fault": "fan-ded"}, "nearest is 'fan-dead'"),
        ("skip", {"seconds": -1}, "only moves on"),
        ("press", {"line": "fan", "for_s": 1}, "fan"),
    ],
)
def test_refused_commands_say_why_and_the_plant_goes_on(plant, control, do, words, message):
    with pytest.raises(UsageError, match=message):
        control.ask(do, **words)
    assert control.ask("truth")["truth"]["ambient_degc"] == 25.0


def test_rubbish_on_either_socket_harms_nobody(plant, control):
    for path in (plant.socket, plant.control_path):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(10)
            stranger.connect(str(path))
            answer = b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # hung up on early
                rubbish = b"\xff" * 100_000 + b"\n" if path == plant.socket else b"no json\n"
                stranger.sendall(rubbish)
                answer = stranger.recv(100)
        assert answer == b"" if path == plant.socket else b'"ok": false' in answer
    with Program(plant, "one_call") as program:
        assert program.result()["data"] == "0117"


def test_two_controllers_at_once(plant):
    with Control(plant.control_path) as one, Control(plant.control_path) as two:
        assert one.ask("truth")["now_ns"] <= two.ask("truth")["now_ns"]


def test_quit_ends_the_server_cleanly_and_its_sockets_are_gone():
    own = RunningPlant()
    try:
        own.control.ask("quit")
        assert own.process.wait(10) == 0
        assert not own.socket.exists()
        assert not own.control_path.exists()
    finally:
        own.close()


def test_terminate_is_enough_even_while_a_controller_leaves():
    for _ in range(3):
        own = RunningPlant()
        own.control.ask("truth")
        own.close()
        assert own.process.returncode == 0  # not killed after a wait


def test_clients_see_the_same_monotonic_time(plant, control):
    before = time.monotonic_ns()
    now_ns = control.ask("truth")["now_ns"]
    assert before - 5_000_000 <= now_ns <= time.monotonic_ns()
    assert os.environ.get("EDGELEAK_SIM_SOCKET") is None
