# SPDX-License-Identifier: Apache-2.0
"""A person at a cable that outlives the instrument behind it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from console_running import Running, Typist, wait_for

from edgeleak.console.pty_link import PtyLink

RELAY = Path(__file__).resolve().parents[2] / "tools" / "hil" / "paced_relay.py"
pytestmark = pytest.mark.realtime


class Cable:
    """A port whose far end is in the test's hands, and a person at it."""

    def __init__(self, path):
        self.link, self.got = PtyLink(path), b""
        self.person = Typist(path)
        self.expect(b"\x01\x02")

    def expect(self, wanted):
        """Exactly this arrives."""

        def has_come():
            self.got += self.link.read(4096)
            return len(self.got) >= len(wanted)

        wait_for(has_come)
        assert self.got == wanted
        self.got = b""

    def say(self, data):
        self.link.write(memoryview(data))


@pytest.fixture
def cable(tmp_path):
    made = Cable(tmp_path / "port")
    yield made
    made.link.close()


def test_keys_without_an_echo_open_human_mode_again(cable):
    cable.person.type("st")
    cable.expect(b"st\x02")
    cable.say(b"\r\nEdgeLeak, new\r\nedgeleak> ")
    assert "[reset]" in cable.person.expect("EdgeLeak, new\r\nedgeleak> ")
    cable.person.type("x")
    cable.expect(b"x")
    cable.say(b"x")
    cable.person.expect("x")
    cable.person.leave()
    cable.expect(b"\x01")


def test_a_key_that_has_no_echo_in_human_mode_changes_nothing(cable):
    cable.person.type("\x7f")
    cable.expect(b"\x7f\x02")
    cable.say(b"\x07here")
    shown = cable.person.expect("here")
    assert "\x07" not in shown
    assert "[reset]" not in shown
    cable.person.leave()


def test_an_instrument_that_starts_is_asked_until_it_answers(cable):
    cable.person.type("s")
    cable.expect(b"s\x02\x02")
    cable.person.expect("no answer; waiting")
    cable.expect(b"\x02")
    cable.say(b"\r\nEdgeLeak\r\nedgeleak> \x07\x07")
    assert "[reset]" in cable.person.expect("edgeleak> ")
    cable.person.leave()


def test_a_port_that_takes_nothing_can_be_left(cable):
    for _ in range(40):
        cable.person.type("x" * 1000)
    assert cable.person.leave() == 0


def test_a_reset_behind_a_serial_cable(tmp_path):
    uart, end = tmp_path / "uart", tmp_path / "end"
    relay = subprocess.Popen([sys.executable, RELAY, uart, "--make", "--baud", "115200", "--link",
                              end], stdout=subprocess.PIPE, text=True)  # fmt: skip
    relay.stdout.readline()
    try:
        with Running(tmp_path, serial=uart) as running:
            person = Typist(end)
            person.expect("edgeleak> ")
            os.kill(running.process.pid, signal.SIGKILL)
            running.process.wait()
            running.socket.unlink()
            running.pty.unlink()
            running.start()
            person.type("status")
            shown = person.expect("EdgeLeak 0.1.0")
            assert "[reset]" in shown
            person.expect("edgeleak> ")
            person.type("status\r").expect("detector .* degC")
            person.leave()
            running.stop()
    finally:
        relay.terminate()
        relay.wait()
