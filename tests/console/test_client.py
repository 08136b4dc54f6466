# SPDX-License-Identifier: Apache-2.0
"""The host's end: what it sends first, and ports that never answer."""

import argparse
import dataclasses
import json
import os

import pytest

from edgeleak.cli import console as cli
from edgeleak.console import client, commands
from edgeleak.console.client import Client
from edgeleak.console.scpi import block
from edgeleak.console.server import Peer, Turn
from edgeleak.console.session import Session
from edgeleak.console.tree import Level, Tree
from edgeleak.errors import BusError

READS_MOST = 10_000


class Ready:
    """A descriptor that can always be read."""

    def __init__(self):
        self._descriptor = os.open("/dev/zero", os.O_RDWR)

    def fileno(self):
        return self._descriptor

    def close(self):
        os.close(self._descriptor)


class Talker(Ready):
    """A receiver of satellites: says its place for ever, and hears nothing."""

    name, reads = "port", 0

    def write(self, data):
        return len(data)

    def read(self, most):
        self.reads += 1
        assert self.reads < READS_MOST
        return b"$GPGGA,123519,4807.038,N*47\r\n"


class Cable(Ready):
    """An instrument's console without an instrument; half a line stands in it."""

    name, is_lasting = "cable", True

    def __init__(self, level=Level.SERVICE):
        super().__init__()
        self.sent, self.got, self.lines = bytearray(b"SENS 2"), bytearray(), []
        self.session = Session(commands.tree(), None, level, self.lines.append, is_owner=True)
        self.session.floor = Level.LOOK
        self._peer = Peer(self.Far(self), self.session, Nobody(), 0)

    def write(self, data):
        self.sent += data
        return len(data)

    def read(self, most):
        while self.sent:
            self._peer.poll(0, Turn(lambda: 0, 0))
        found = bytes(self.got)
        self.got.clear()
        return found

    class Far:
        """The instrument's end."""

        def __init__(self, cable):
            self.read = lambda most: self._take(cable.sent)
            self.write = lambda data: cable.got.extend(data) or len(data)

        @staticmethod
        def _take(sent):
            found = bytes(sent)
            sent.clear()
            return found


class Nobody:
    """No person."""

    is_on = is_busy = False


class Steps:
    """A clock that goes on at each look."""

    now_ns = 0

    def monotonic_ns(self):
        self.now_ns += 10_000_000
        return self.now_ns


def test_a_port_that_talks_and_never_answers_is_given_up():
    asked = Client(Talker(), 5)
    asked._clock = Steps()
    with pytest.raises(BusError, match="does not answer"), asked:
        asked.start()


def test_half_a_line_of_somebody_else_is_not_carried_out():
    cable = Cable()
    with Client(cable) as asked:
        asked.start()
    assert cable.session.messages > 0
    assert cable.lines == []


def test_a_program_takes_its_level_with_it(monkeypatch, capsys):
    cable = Cable()
    cable.sent.clear()
    monkeypatch.setattr(client, "connect", lambda port, baud: cable)
    parser = argparse.ArgumentParser()
    cli.configure(parser)
    assert cli.run(parser.parse_args(["port", "--json", "--command", "SYST:LEV?"])) == 0
    assert json.loads(capsys.readouterr().out)["commands"][0]["answer"] == "SERV"
    cable._peer.poll(0, Turn(lambda: 0, 0))
    assert cable.session.level is Level.LOOK


@pytest.mark.parametrize(("line", "answer"), [
    ("FRAM:HOLD?;:SYST:ERR?", b'0;0,"No error"'),
    ("*OPC?;:SYST:ERR?", b'1;0,"No error"'),
    ("*OPC?;:SYST:ERR:ALL?", b'1;0,"No error"'),
    ("*OPC?;:SYST:CODE?", b'1;123,"a; b ""c"";#15"'),
    ("SYST:ECHO? '1;2'", b'"1;2"'),
    ("*IDN?", b"EdgeLeak,a board"),
    ("TEST:RES?", b'1;\n"2'),
    ("HIST:DATA?;:HIST:DATA? PICT", b"#15a;\n\"b;#13;#1"),
    ("*OPC?;:TEST:RES?", b'1;#151;\n"2'),
    ("*CLS", None),
])  # fmt: skip
def test_no_answer_is_taken_for_the_end_of_another(line, answer):
    cable = Cable()
    odd = {
        "SYSTem:CODE?": '123,"a; b ""c"";#15"',
        "*IDN?": "EdgeLeak,a board",
        "TEST:RESults?": block(b'1;\n"2'),
        "FRAMe:HOLD?": "0",
        "HISTogram:DATA?": lambda *source: block(b";#1") if source else block(b'a;\n"b'),
    }
    cable.session.tree = Tree([
        dataclasses.replace(one, run=lambda session, *values, header=one.header: (
            odd[header](*values) if callable(odd[header]) else odd[header]))
        if one.header in odd else one for one in commands.tree().commands
    ])  # fmt: skip
    with Client(cable) as asked:
        asked.start()
        for _ in range(2):
            assert asked.ask(line) == (answer, [])
            assert asked.ask("NOPE") == (None, [(-113, "Undefined header;NOPE")])


def test_every_block_of_an_answer_is_told():
    cable = Cable()
    with Client(cable) as asked:
        asked.start()
        parts, errors = asked.ask_all("*OPC?;:SYST:ECHO? 'a;b';VERS?")
        assert (parts, errors) == ([b"1", b'"a;b"', b"1999.0"], [])
