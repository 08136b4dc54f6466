# SPDX-License-Identifier: Apache-2.0
"""`edgeleak run --pty` on the emulated board, asked by clients that nobody here wrote, by
`edgeleak console`, and by peers that mean no good."""

import argparse
import json
import os
import random
import select
import socket
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
import pyvisa
from console_running import PATIENCE_S, Running, Typist, wait_for

import edgeleak
from edgeleak.cli import console
from edgeleak.cli.console import drawn, spark
from edgeleak.console.client import Client, connect
from edgeleak.errors import BusError, DataError, MissingInputError

pytestmark = pytest.mark.realtime


def command(*arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "edgeleak", "console", *map(str, arguments)],
                          capture_output=True, text=True, timeout=PATIENCE_S)  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Running(tmp_path_factory.mktemp("console")) as found:
        wait_for(lambda: int(found.ask("MEAS:FRAM?")[0]) > 5)
        yield found


@pytest.fixture
def visa(running):
    """An unmodified pyvisa on the pty."""
    manager = pyvisa.ResourceManager("@py")
    found = manager.open_resource(f"ASRL{running.pty}::INSTR", read_termination="\n",
                                  write_termination="\n", timeout=20_000)  # fmt: skip
    found.write("*CLS")
    yield found
    found.close()
    manager.close()


def test_pyvisa_identifies_and_reads_errors_and_status(visa):
    assert visa.query("*IDN?") == "EdgeLeak,el1-a,0000,0.1.0"
    visa.write("NOPE")
    assert visa.query("SYST:ERR?").startswith("-113,")
    assert visa.query("SYST:ERR?") == '0,"No error"'
    assert int(visa.query("*ESR?")) & 0x20
    visa.write("*SRE 4")
    visa.write("NOPE")
    assert int(visa.query("*STB?")) & 0x44 == 0x44
    assert 20 < float(visa.query("MEAS:TEMP?")) < 30
    assert int(visa.query("*OPC?")) == 1


def test_pyvisa_reads_a_whole_frame_equal_to_the_one_recorded(running, visa):
    running.ask("REC:STAT ON")
    visa.write("FRAM:HOLD ON")
    raw = visa.query_binary_values("FRAM:DATA? RAW", datatype="H", container=np.array)
    sequence = int(visa.query("FRAM:INFO?").split(",")[0])
    shape = tuple(map(int, visa.query("FRAM:SHAP?").split(",")))
    visa.write("FRAM:HOLD OFF")
    running.ask("REC:STAT OFF", "*OPC?")
    assert shape == (480, 640)
    files = running.folder / "out"
    wait_for(lambda: list(files.glob("*.mcap")))
    kept = {
        info.sequence: frame.copy() for frame, info in edgeleak.open(next(files.glob("*.mcap")))
    }
    assert np.array_equal(raw.reshape(shape), kept[sequence])


def test_the_host_program_sends_lines_and_says_what_was_refused(running):
    done = command(running.socket, "--command", "*IDN?", "--command", "SENS 1.5",
                   "--command", "SENS?", "--command", "TEST:RES?")  # fmt: skip
    assert done.stdout.splitlines()[:2] == ["EdgeLeak,el1-a,0000,0.1.0", "1.5"]
    assert "newest frame" in done.stdout
    done = command(running.pty, "--command", "SENS 1", code=1)
    assert done.stderr.startswith("-203 ")
    command(running.socket, "--command", "SENS 1")
    done = command(running.socket, "--command", "SENS 99", "--json", code=1)
    (told,) = json.loads(done.stdout)["commands"]
    assert (told["answer"], told["errors"][0][0]) == (None, -222)
    assert isinstance(json.loads(command("--list", "--json").stdout), list)
    done = command(running.pty, "--command", "*TST?")
    assert done.stdout.strip().isdigit()


@pytest.mark.parametrize(("name", "plane", "dtype"), [
    ("a.png", "PICT", "uint8"), ("b.png", "RAW", "uint16"), ("c.tif", "CORR", "uint16"),
])  # fmt: skip
def test_the_host_program_saves_frames_with_every_bit(running, tmp_path, name, plane, dtype):
    from PIL import Image

    done = command(running.socket, "--grab", tmp_path / name, "--plane", plane)
    assert f"{plane}, 640x480, {dtype}" in done.stdout
    found = np.asarray(Image.open(tmp_path / name))
    assert found.shape == (480, 640)
    assert found.max() > (255 if dtype == "uint16" else 100)


def test_the_host_program_saves_a_bundle_and_draws(running, tmp_path):
    command(running.socket, "--bundle", tmp_path / "bug.zip")
    assert zipfile.is_zipfile(tmp_path / "bug.zip")
    shown = command(running.socket, "--plot", "--seconds", "1.5").stdout
    assert "detector" in shown
    assert "█" in shown


@pytest.mark.parametrize("end", [DataError("no bundle"), KeyboardInterrupt()])
def test_whatever_ends_the_host_program_the_cable_is_at_look_again(running, monkeypatch, end):
    def ended(asked, plane, path):
        asked._send(b"half a line")
        raise end

    parser = argparse.ArgumentParser()
    console.configure(parser)
    set_pin = "" if command(running.pty, "--command", "SYST:PIN? OPER").stdout[0] == "1" else (
        'SYST:PIN OPER,"4711";')  # fmt: skip
    log_in = f'{set_pin}:SYST:LEV OPER,"4711";LEV?'
    monkeypatch.setattr(console, "_grab", ended)
    with pytest.raises(type(end)):
        console.run(parser.parse_args([str(running.pty), "--command", log_in, "--grab", "a.png"]))
    assert command(running.pty, "--command", "SYST:LEV?").stdout == "LOOK\n"


def test_a_frame_that_was_not_read_is_not_held_on(running):
    with Client(connect(str(running.pty), 9600)) as client:
        client.start()
        with pytest.raises(DataError):
            console._grab(client, "PICT;:NOPE", None)
        assert client.query("FRAM:HOLD?") == "0"


def test_a_port_that_is_not_there_or_is_held(running, tmp_path):
    assert "not there" in command(tmp_path / "none", "--command", "*IDN?", code=66).stderr
    held = connect(str(running.pty), 115_200)
    assert "another program" in command(running.pty, "--command", "*IDN?", code=69).stderr
    held.close()
    with pytest.raises(MissingInputError):
        connect("/dev/not-there", 9600)


def test_a_silent_port_is_an_error_with_its_time(tmp_path):
    from edgeleak.console.pty_link import PtyLink

    link = PtyLink(tmp_path / "dumb")
    with (
        Client(connect(str(tmp_path / "dumb"), 9600), 0.1) as client,
        pytest.raises(BusError, match=r"no answer for 0\.1 s"),
    ):
        client.query("*IDN?")
    link.close()


def test_a_person_at_the_cable_and_a_reset_under_way(tmp_path):
    with Running(tmp_path) as running:
        person = Typist(running.pty)
        person.expect("EdgeLeak 0.1.0  el1-a")
        person.expect("edgeleak> ")
        person.type("status\r").expect("detector .* degC")
        person.type("sel\t\r").expect("of \\d+ good")
        person.type("SENSITIVTY 2\r").expect("nearest: SENSITIVITY")
        person.type("watch 0.2\r").expect("cold")
        person.type("x").expect("edgeleak> ")
        running.stop()
        person.expect("is gone; waiting")
        running.start()
        person.expect("EdgeLeak 0.1.0  el1-a")
        person.type("led\r").expect("OFF")
        person.leave()
        running.stop()


def bad_peers(running, stop):
    """Everything at once: floods on the socket, garbage on the pty, somebody who never reads."""
    rng = random.Random(1)
    lines = (b"*IDN?;:SYST:GLAN?\n" * 50, b"FRAM:DATA? RAW\n" * 100, b"\x02watch 0.1\r", None)
    clients = [connected(running) for _ in lines]
    cable = os.open(running.pty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    turns = 0
    while not stop.is_set():
        for place, line in enumerate(lines):
            part = line or rng.randbytes(2000)
            try:
                clients[place].send(part)
                if turns % 2 and line != lines[1]:
                    clients[place].recv(1 << 20)
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):  # thrown out: it is back at once
                clients[place].close()
                clients[place] = connected(running)
        try:
            os.write(cable, rng.randbytes(500))
            os.read(cable, 65536)
        except BlockingIOError:
            pass
        turns += 1
        select.select([], [], [], 0.005)
    for client in clients:
        client.close()
    os.close(cable)
    return turns


def connected(running):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(running.socket))
    client.setblocking(False)
    return client


def measured(folder, has_bad_peers):
    folder.mkdir()
    with Running(folder) as running:
        wait_for(lambda: int(running.ask("MEAS:FRAM?")[0]) > 10)
        stop = threading.Event()
        peers = threading.Thread(target=bad_peers, args=(running, stop))
        if has_bad_peers:
            peers.start()
        select.select([], [], [], 8.0)
        stop.set()
        if has_bad_peers:
            peers.join(PATIENCE_S)
        return running.stop()


def test_bad_peers_cost_the_frames_nothing_in_real_time(tmp_path):
    quiet, loud = (measured(tmp_path / name, name == "loud") for name in ("quiet", "loud"))
    for report in (quiet, loud):
        tasks = {row["task"]: row for row in report["tasks"]}
        rate = report["frames"] / report["uptime_s"]
        print(f"{rate:.2f} frames/s, overruns {report['link']['overruns']}, drops"
              f" {report['link']['drops']}, frame p99 late {tasks['frame']['late_p99_ms']} ms,"
              f" console mean {tasks['console']['mean_ms']} ms, worst"
              f" {tasks['console']['worst_ms']} ms")  # fmt: skip
    assert loud["link"]["overruns"] <= quiet["link"]["overruns"]
    assert loud["link"]["drops"] <= quiet["link"]["drops"]
    assert loud["code"] == quiet["code"]


def test_drawing():
    assert spark([1.0, 2.0, 9.91e37, 3.0]) == "▁▅ █"
    shown = drawn(["READY", "INHIBIT", "11", "20.5", "25", "0.5"], ([20.0], [24.0]),
                  np.arange(256))  # fmt: skip
    assert "READY" in shown
    assert len(shown.splitlines()) == 19
