# SPDX-License-Identifier: Apache-2.0
"""A serial port: one owner, and back after the cable was out."""

import pytest

from edgeleak.bus.serial_port import SerialPort
from edgeleak.console.pty_link import PtyLink
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
