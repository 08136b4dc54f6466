# SPDX-License-Identifier: Apache-2.0
"""The console on a whole instrument in lockstep; peers are bytes in memory."""

from instrument_rig import Rig

from edgeleak.console.open import InstrumentConsole
from edgeleak.console.session import Session
from edgeleak.console.tree import Level
from edgeleak.instrument import Options
from edgeleak.services.health import State
from edgeleak.sim import faults

TURN_NS = 20_000_000


class Memory:
    """A link whose far end is two byte arrays."""

    is_lasting = True

    def __init__(self, name="cable"):
        self.name, self.sent, self.got = name, bytearray(), bytearray()
        self.takes = 1 << 30

    def read(self, most):
        data = bytes(self.sent[:most])
        del self.sent[:most]
        return data

    def write(self, data):
        part = bytes(data[: self.takes])
        self.got += part
        return len(part)

    def close(self):
        self.is_closed = True


class Bench(Rig):
    """An instrument with its console.

    ask(line, level) is a connection of its own; `cable` is polled by the instrument
    """

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.cable = Memory()
        self.console = InstrumentConsole(self.instrument, [self.cable], None,
                                         lambda: list(self.lines), self.lines.append)  # fmt: skip
        self.instrument.on_poll = self.console.poll
        self.desk = self.console.desk

    def session(self, level=Level.SERVICE, **options):
        return Session(self.console._tree, self.desk, level, self.lines.append, **options)

    def ready(self):
        self.run_to(State.DETECTING)
        return self

    def ask(self, line, level=Level.SERVICE, session=None):
        """Answer and errors of one line, as (text, [numbers])."""
        session = session or self.session(level)
        raw = session.feed(line.encode() if isinstance(line, str) else line)
        raw += session.feed(b"\n")
        while session.is_busy:
            assert session._job.wait(20)
            raw += session.resume()
        errors = []
        while session.status.errors:
            errors.append(session.status.take_error()[0])
        return raw.removesuffix(b"\n") if raw[:1] == b"#" else raw.decode().rstrip("\n"), errors


class Console(Bench):
    """Not run: polled by hand, or run where a test says so."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.at_ns = self.clock.monotonic_ns()

    def poll(self, turns=1):
        for _ in range(turns):
            self.at_ns += TURN_NS
            self.console.server.poll(self.at_ns)

    def say(self, data):
        self.cable.sent += data
        for _ in range(200):
            self.poll()
            session = self.peer.session
            if session._job is not None:
                assert session._job.wait(20)
            elif not self.cable.sent and not self.peer._in and not session.is_busy:
                break
        found = bytes(self.cable.got)
        self.cable.got.clear()
        return found

    @property
    def peer(self):
        return self.console.server.peers[0]


ON_THE_WAY = {"selftest": State.SELFTEST, "cooling": State.COOLING, "nuc": State.NUC,
              "ready": State.READY}  # fmt: skip
BROUGHT = ("boot", *ON_THE_WAY, "detecting", "inhibit", "recording", "fault", "safe")
"""All states, and detecting with a recorder at work."""


def brought(folder, state):
    """A bench in one of these states, the last two with actuators at rest."""
    bench = Bench(folder, **({"options": Options()} if state == "recording" else {}))
    if state == "boot":
        return bench
    if state in ON_THE_WAY:
        return bench.run_to(ON_THE_WAY[state], step_s=0.005)
    bench.ready()
    if state == "inhibit":
        bench.plant.inject(faults.SaturatedScene(share=0.6))
        bench.run_to(State.INHIBIT).run_s(1)
    elif state == "recording":
        recording(bench)
    elif state == "safe":
        bench.ask("SYST:SAFE ON")
        bench.run_to(State.SAFE).run_s(8)
    elif state == "fault":
        bench.plant.inject(faults.ThermistorOpen())
        bench.run_to(State.FAULT).run_s(8)
    return bench


def recording(bench):
    """A recorder that is there records, whatever was said before."""
    recorder = bench.instrument.recorder
    if recorder is not None and not recorder.is_recording:
        assert bench.ask("REC:STAT ON") == ("", [])
        assert recorder.is_recording


def close(bench):
    """The recorder's process goes."""
    if bench.instrument.recorder is not None:
        bench.instrument.recorder.close()


def unpacked(raw):
    """Contents of a definite-length block."""
    head = 2 + int(raw[1:2])
    assert int(raw[2:head]) == len(raw) - head
    return raw[head:]
