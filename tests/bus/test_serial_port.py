# SPDX-License-Identifier: Apache-2.0
"""A serial port: one owner, and back after the cable was out."""

import os

import pytest
from console_bench import Bench

from edgeleak.bus.serial_port import SerialPort
from edgeleak.console.open import InstrumentConsole
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.tree import Level
from edgeleak.errors import BusError


def test_a_serial_port_is_held_exclusively_and_comes_back(tmp_path):
    far = PtyLink(tmp_path / "port")
    port = SerialPort(str(tmp_path / "port"), 115_200)
    with pytest.raises(BusError, match="another program"):
        SerialPort(str(tmp_path / "port"), 115_200)
    assert port.read(10) == b""
    far.write(memoryview(b"hello"))
    assert port.read(10) == b"hello"
    assert port.write(memoryview(b"back")) == 4
    assert far.read(10) == b"back"
    port.close()
    assert (port.read(10), port.write(memoryview(b"nobody"))) == (b"", 6)
    for _ in range(60):
        port.read(10)
    far.write(memoryview(b"again"))
    assert port.read(10) == b"again"
    with pytest.raises(BusError):
        SerialPort(str(tmp_path / "none"), 115_200)


def test_a_hang_up_is_told_once_and_a_new_port_of_that_name_is_opened(tmp_path):
    far = PtyLink(tmp_path / "port")
    port = SerialPort(str(tmp_path / "port"), 115_200)
    os.close(far._descriptor)  # the adapter was pulled: the terminal hangs up
    with pytest.raises(ConnectionError, match="port"):
        port.read(10)
    assert port.read(10) == b""
    os.close(far._far)
    again = PtyLink(tmp_path / "port")
    for _ in range(60):
        port.read(10)
    again.write(memoryview(b"again"))
    assert port.read(10) == b"again"


def test_the_console_at_a_port_that_hung_up_answers_at_the_new_one(tmp_path):
    far = PtyLink(tmp_path / "port")
    bench = Bench(tmp_path / "state")
    port = SerialPort(str(tmp_path / "port"), 115_200)
    server = InstrumentConsole(bench.instrument, [port], None, list, bench.lines.append).server
    server.peers[0].session.level = Level.OPERATE
    os.close(far._descriptor)
    os.close(far._far)
    server.poll(0)
    again = PtyLink(tmp_path / "port")
    for _ in range(60):
        server.poll(0)
    again.write(memoryview(b"SYST:LEV?\n"))
    server.poll(0)
    server.poll(0)
    assert again.read(100) == b"LOOK\n"
