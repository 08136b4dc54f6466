# SPDX-License-Identifier: Apache-2.0
"""Peers: slow, dead, flooding, garbage; ptys and sockets; and what all that costs the frames."""

import os
import random
import socket
import stat
import threading

import pytest
from console_bench import Bench, Memory

from edgeleak.bus.serial_port import SerialPort
from edgeleak.console.pty_link import PtyLink
from edgeleak.console.server import (
    OUT_MOST,
    PEERS_MOST,
    READ_MOST,
    REST_NS,
    STALL_NS,
    UNITS_MOST,
    UnixListener,
)
from edgeleak.console.tree import Level
from edgeleak.errors import BusError, StorageError

TURN_NS = 20_000_000


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


@pytest.fixture
def console(tmp_path):
    return Console(tmp_path)


def test_one_answer_and_nothing_else(console):
    assert console.say(b"") == b""
    assert console.say(b"*IDN?\r\n") == b"EdgeLeak,el1-a,0000,0.1.0\n"
    assert console.say(b"NOPE\nSYST:ERR?\n") == b'-113,"Undefined header;NOPE"\n'


def test_people_and_programs_share_the_cable(console):
    shown = console.say(b"\x02")
    assert b"EdgeLeak 0.1.0" in shown
    assert shown.endswith(b"edgeleak> ")
    assert b"detector" in console.say(b"status\r")
    assert b"SYST:STAT? BOOT" not in console.say(b"\x01")
    assert console.say(b"SYST:STAT?\n") == b"BOOT\n"


def test_mode_keys_inside_a_block_are_data(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"CAL:DATA #14\x01\x02\x01\x02\n")
    assert console.say(b"SYST:ERR?\n").startswith(b'-230,"Data corrupt or stale;')
    assert console.say(b"\x01*OPC?\n\x01") == b"1\n"


def test_a_block_that_never_ends_is_given_up(console):
    assert console.say(b"CAL:DATA #9008000000abc\n*IDN?\n") == b""
    console.at_ns += 2 * 10**9
    console.poll(2)
    assert console.say(b"taken for its rest\n") == b""
    assert console.say(b"SYST:ERR?\n") == b'-161,"Invalid block data;the block ended early"\n'


def test_errors_of_a_program_are_shown_to_the_person_who_comes(console):
    console.say(b"NOPE\n")
    assert b"earlier error -113" in console.say(b"\x02")


def test_every_word_for_people_answers(console):
    console.run_s(1)
    console.say(b"\x02")
    for word in ("status", "selftest", "bringup", "agc", "nuc", "grab", "tec", "tec 20", "led",
                 "led off", "save", "fault last", "fault clear", "log", "bundle", "login",
                 "login operate 1234", "logout", "tec tune"):  # fmt: skip
        shown = console.say(word.encode() + b"\r").decode()
        assert shown.endswith("edgeleak> "), (word, shown)
        assert "-310" not in shown, shown
        assert len(shown) > len(word) + 12, shown


def test_a_setting_is_echoed_as_it_is(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    assert b"SENS 0.5" in console.say(b"SENS 0.5\r")
    assert b"COOL:SETP 22" in console.say(b"COOL:SETP 22\r")
    assert b"Data out of range" in console.say(b"SENS 50\r")


def test_a_setting_of_the_picture_is_echoed_with_the_histogram(console):
    console.run_s(2)
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    for typed, echoed in ((b"agc 7000 2000", "AGC:LEV 7000"), (b"agc lock", "AGC:LOCK 1"),
                          (b"agc auto", "AGC:LOCK 0"), (b"clahe 4 3", "CLAH:TILE 4"),
                          (b"background 2", "BACK:SLEW 2")):  # fmt: skip
        shown = console.say(typed + b"\r").decode()
        assert echoed in shown, shown
        assert shown.count("####") >= 1, shown
    assert console.desk.live.picture.clahe_clip == 3
    assert "####" not in console.say(b"agc 1e9\r").decode()


def test_bring_up_judges_each_proof_and_names_the_next(console):
    console.peer.session.level = Level.SERVICE
    console.say(b"\x02")
    shown = console.say(b"bringup\r").decode()
    assert "open  1  nodes" in shown
    assert "next: stop the instrument" in shown
    console.ready()
    shown = console.say(b"bringup\r").decode()
    for step in (1, 2, 4, 6):
        assert f"holds {step}  " in shown, shown
    assert "open  5  gains" in shown
    assert "next: tec tune" in shown
    assert "open  8  gas is seen" in shown


def test_a_long_command_keeps_its_own_connection_waiting_only(console):
    gate = threading.Event()
    console.peer.session.level = Level.SERVICE
    console.desk.live.saving = lambda: lambda: gate.wait(20) and None
    other = Memory("other")
    server = console.console.server
    server.peers.append(server._peer(other, Level.LOOK, 0))
    console.cable.sent += b"SYST:SAVE;*OPC?\n*IDN?\n"
    other.sent += b"*OPC?\n"
    console.poll(20)
    assert (console.cable.got, other.got) == (b"", b"1\n")
    gate.set()
    assert next(p for p in server.peers if p.link is console.cable).session._job.wait(20)
    console.poll(4)
    assert console.cable.got == b"1\nEdgeLeak,el1-a,0000,0.1.0\n"


def test_a_flood_is_read_in_bounded_bites(console):
    console.cable.sent += b"*IDN?\n" * 100_000
    before = len(console.cable.sent)
    console.poll()
    assert before - len(console.cable.sent) <= READ_MOST
    assert len(console.cable.got) < 33 * 32
    assert console.say(b"")[:8] == b"EdgeLeak"


def test_a_peer_that_takes_nothing_is_not_read_and_its_answers_go_stale(console):
    console.cable.takes = 0
    console.cable.sent += b"*IDN?\n" * 10_000
    console.poll(100)
    waiting = len(console.peer._out)
    assert 0 < waiting < 65536
    console.at_ns += STALL_NS
    console.poll(2)
    console.cable.takes = 1 << 30
    console.cable.sent.clear()
    assert b"-410" in console.say(b"\nSYST:ERR:ALL?\n")


def test_a_slow_peer_gets_everything_in_order(console):
    console.cable.takes = 7
    console.cable.sent += b"*IDN?;*OPC?\n" * 3
    console.poll(60)
    assert console.cable.got == b"EdgeLeak,el1-a,0000,0.1.0;1\n" * 3


def test_garbage_ends_in_errors_and_the_next_command_works(console):
    rng = random.Random(3)
    console.say(rng.randbytes(20_000).replace(b"\x02", b"").replace(b"#", b""))
    console.say(b"\n*CLS\n")
    assert console.say(b"*IDN?\n").startswith(b"EdgeLeak")
    assert console.peer.session.defects == 0


def test_idle_logs_out(console):
    console.peer.session.level = Level.SERVICE
    console.poll()
    console.at_ns += 601 * 10**9
    console.poll()
    assert console.peer.session.level == Level.LOOK
    assert any("logged out" in line for line in console.lines)


def test_a_pty_is_raw_and_gone_with_the_console(console, tmp_path):
    link = PtyLink(tmp_path / "port")
    console.console.server.peers.append(console.console.server._peer(link, Level.LOOK, 0))
    far = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    os.write(far, b"*IDN?\n")
    console.poll(2)
    assert os.read(far, 100) == b"EdgeLeak,el1-a,0000,0.1.0\n"
    os.close(far)
    console.poll(2)
    console.console.close()
    assert not (tmp_path / "port").is_symlink()
    (tmp_path / "port").write_text("taken")
    with pytest.raises(StorageError, match="not"):
        PtyLink(tmp_path / "port")


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


def test_sockets_have_the_level_of_their_user_and_a_limit(console, tmp_path):
    server = console.console.server
    server._listener = UnixListener(tmp_path / "scpi")
    assert stat.S_ISSOCK((tmp_path / "scpi").stat().st_mode)
    clients = []
    for _ in range(PEERS_MOST + 2):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(tmp_path / "scpi"))
        clients.append(client)
        console.poll()
    assert len(server.peers) == PEERS_MOST
    clients[0].send(b"SYST:LEV?\n")
    console.poll(20)
    assert clients[0].recv(100) == b"OPERATE\n"
    clients[0].close()
    console.poll(20)
    assert len(server.peers) == PEERS_MOST - 1
    console.console.close()
    assert not (tmp_path / "scpi").exists()


KINDS = ("none", "flood", "garbage", "dead", "slow", "frames")


def attack(bench, kind, rng):
    """What a peer of this kind has sent until now; called at each of the instrument's polls."""
    cable = bench.cable
    if kind == "flood":
        cable.sent += b"*IDN?;SYST:STAT?;:MEAS:TEMP?\n" * 200
    elif kind == "garbage":
        cable.sent += rng.randbytes(4000).replace(b"\x02", b"")
    elif kind in ("dead", "slow", "frames"):
        cable.takes = {"dead": 0, "slow": 3, "frames": 1 << 30}[kind]
        if len(cable.sent) < 5000:
            cable.sent += b"FRAM:DATA? CORR\nSYST:GLAN?\n" * 10
    del cable.sent[100_000:]
    cable.got.clear()


def run_paired(folder, kind):
    """Counters of two seconds with such a peer."""
    folder.mkdir()
    bench, rng = Bench(folder), random.Random(1)
    poll = bench.console.poll

    def with_attack(due_ns):
        attack(bench, kind, rng)
        poll(due_ns)

    bench.instrument.on_poll = with_attack
    bench.ready().run_s(2)
    status = bench.instrument.acquisition.status
    frame = bench.instrument.loops[2].records["frame"][1]
    return {
        "frames": bench.instrument.path.frames, "published": status.published,
        "drops": status.drops, "overruns": status.overruns, "skipped": frame.skipped,
        "answers": len(bench.answers), "violations": len(bench.plant.judge.violations),
        "refusals": bench.instrument.watchdog.refusals,
    }, bench  # fmt: skip


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    return run_paired(tmp_path_factory.mktemp("pair") / "none", "none")[0]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_bad_peer_costs_the_frame_loop_nothing(tmp_path, quiet, kind):
    found, bench = run_paired(tmp_path / kind, kind)
    assert found == quiet
    peer = bench.console.server.peers[0]
    assert len(peer._out) < OUT_MOST
    assert len(peer._in) <= READ_MOST
    assert peer.session.defects == 0


def test_a_block_that_is_announced_and_never_comes_does_not_deafen_who_keeps_asking(console):
    console.peer.session.level = Level.SERVICE
    console.cable.sent += b"CAL:DATA #6999999\n"
    asked = 0
    while not console.cable.got and asked < 10:
        console.cable.sent += b"*IDN?\n"
        console.poll(50)
        asked += 1
    assert asked <= 5
    assert console.say(b"SENS 1 #6999999\n*IDN?\n").startswith(b"EdgeLeak")


def test_an_upload_that_pauses_is_neither_carried_out_nor_opens_human_mode(console):
    rng = random.Random(5)
    data = rng.randbytes(4000).replace(b"\n", b"\x02") + b"\n\x02\xff\n"
    console.peer.session.level = Level.SERVICE
    console.cable.sent += b"CAL:DATA #45000" + data[:500]
    console.poll(110)
    answered = console.say(data[500:] + b"\x80\n\x02")
    assert (answered, console.peer.human.is_on) == (b"", False)
    console.say(b"*CLS\n")
    assert console.say(b"*OPC?\n") == b"1\n"


def test_an_upload_that_is_slow_is_not_given_up(console):
    console.peer.session.level = Level.SERVICE
    console.cable.sent += b"CAL:DATA #45000"
    for _ in range(50):
        console.cable.sent += b"x" * 100
        console.poll(9)
    console.say(b"\n")
    assert console.say(b"SYST:ERR?\n").startswith(b"-230")


def test_the_rest_of_a_block_is_not_waited_for_for_ever(console):
    console.peer.session.level = Level.SERVICE
    console.cable.sent += b"CAL:DATA #45000abc"
    console.poll(110)
    console.at_ns += REST_NS
    console.poll()
    assert b"EdgeLeak 0.1.0" in console.say(b"\x02")


@pytest.mark.parametrize("key", [b"\x01", b"\x03"])
def test_a_key_forgets_half_a_line(console, key):
    console.peer.session.level = Level.SERVICE
    before = console.say(b"SENS?\n")
    console.say(b"SENS 2" + key + b"\n")
    assert console.say(b"SENS?;:SYST:ERR:COUN?\n") == before[:-1] + b";0\n"


def test_a_later_connection_begins_with_what_is_so(console):
    console.ready()
    server = console.console.server
    peer = server._peer(Memory("late"), Level.LOOK, console.at_ns)
    status = peer.session.status
    assert (status.operation.condition, status.operation.event) == (console.desk.operation(), 0)
    assert status.operation.condition & 16
    assert status.esr == 0


def silent_clients(console, listener, count):
    """Sockets that say nothing, all taken."""
    found = []
    for _ in range(count):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(listener.path))
        found.append(client)
        console.poll()
    return found


def test_who_may_only_look_neither_takes_the_last_place_nor_keeps_one(tmp_path, monkeypatch):
    console = Console(tmp_path)
    listener = UnixListener(tmp_path / "scpi")
    server = console.console.server
    server._listener = listener
    accept, level = listener.accept, [Level.LOOK]
    monkeypatch.setattr(listener, "accept",
                        lambda: (found := accept()) and (found[0], level[0]))  # fmt: skip
    held = silent_clients(console, listener, PEERS_MOST + 2)
    assert len(server.peers) == PEERS_MOST - 1
    level[0] = Level.OPERATE
    held += silent_clients(console, listener, 1)
    assert len(server.peers) == PEERS_MOST
    console.at_ns += 601 * 10**9
    console.poll(PEERS_MOST)
    assert sorted(peer.link.is_lasting for peer in server.peers) == [False, True]
    for client in held:
        client.close()
    console.console.close()


def test_a_socket_in_use_is_left_to_whoever_listens(tmp_path):
    first = UnixListener(tmp_path / "scpi")
    with pytest.raises(StorageError, match="another instrument"):
        UnixListener(tmp_path / "scpi")
    first._socket.close()  # as a killed process leaves it
    UnixListener(tmp_path / "scpi").close()


@pytest.mark.parametrize("line", [b"A #10\n", b"\n", b"X\n", b"*IDN? #12ab\n"])
def test_lines_that_are_errors_are_bounded_in_a_turn_too(console, line):
    console.cable.sent += line * (READ_MOST // len(line))
    console.poll()
    assert 0 < console.peer.session.messages <= UNITS_MOST + 1
    console.poll(100)
    assert console.peer.session.messages == READ_MOST // len(line)


def test_half_a_head_of_a_block_does_not_hold_up_a_person(console):
    assert b"1999.0" in console.say(b"X #\x02SYST:VERS?\r")
