# SPDX-License-Identifier: Apache-2.0
"""Peers: slow, dead, flooding, garbage; sockets; and what all that costs the frames."""

import random
import threading

import numpy as np
import pytest
from console_bench import Bench, Memory

from edgeleak.console import planes
from edgeleak.console.server import BUDGET_NS, READ_MOST, REST_NS, STALL_NS, UNITS_MOST
from edgeleak.console.session import ANSWER_MOST, FRAME_BYTES
from edgeleak.console.tree import Level


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


def test_a_long_command_keeps_its_own_connection_waiting_only(console):
    gate = threading.Event()
    console.peer.session.level = Level.SERVICE
    console.desk.live.saving = lambda: lambda: ({}, None) if gate.wait(20) else None
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


OUT_MOST = FRAME_BYTES + 3 * ANSWER_MOST


def is_waiting(console):
    peer = console.peer
    return bool(console.cable.sent or peer._in or peer._is_busy)


@pytest.mark.parametrize("line", [b"FRAM:DATA? RAW" + b";DATA? RAW" * 340 + b"\n",
                                  b"FRAM:DATA? RAW\n" * 120,
                                  b"FRAM:DATA? RAW\n\x01" * 120])  # fmt: skip
def test_who_asks_for_many_frames_at_once_is_given_one_at_a_time(console, monkeypatch, line):
    monkeypatch.setattr(planes, "copy", lambda on, plane: np.zeros((480, 640), "<u2"))
    console.cable.sent += line
    console.cable.takes = 0
    while is_waiting(console):
        console.poll()
        assert len(console.peer._out) <= OUT_MOST
        console.peer._out.clear()
    console.cable.takes = 1 << 30
    wanted = b"-225" if b";" in line else b"0"
    assert console.say(b"\x01\nSYST:ERR?\n").strip().startswith(wanted)


def test_a_person_pastes_a_long_line_and_the_frames_do_not_wait(console):
    """Each look at the clock takes a third of the turn."""
    console.say(b"\x02")
    times = iter(range(0, 10**15, BUDGET_NS // 3))
    console.console.server._clock_ns = lambda: next(times)
    console.cable.sent += b"*OPC?;" * 80 + b"*WAI\r"
    shown = []
    while is_waiting(console):
        console.poll()
        shown.append(bytes(console.cable.got))
        console.cable.got.clear()
        assert len(shown[-1]) < 32 or not is_waiting(console)
    assert b"".join(shown).split(b"\r\n")[-2] == b";".join([b"1"] * 80)


def test_the_time_is_looked_at_after_each_key_of_a_person(console):
    console.say(b"\x02")
    times = iter(range(0, 10**15, BUDGET_NS // 3))
    console.console.server._clock_ns = lambda: next(times)
    console.cable.sent += b"a" * 40
    console.poll()
    assert 1 <= len(console.cable.got) <= 4


@pytest.mark.parametrize("key", [b"\x01", b"\x03", b"\x02\x01"])
def test_mode_keys_of_a_program_have_no_more_time_than_commands(console, key):
    times = iter(range(0, 10**15, BUDGET_NS // 10))
    console.console.server._clock_ns = lambda: next(times)
    console.cable.sent += key * 400
    console.poll()
    assert len(console.peer._in) > 300
    console.poll(400)
    assert not console.peer._in
    assert console.say(b"*OPC?\n").endswith(b"1\n")


def test_whoever_is_served_gets_something_done_though_the_time_is_over(console):
    server, times = console.console.server, iter(range(0, 10**15, 2 * BUDGET_NS))
    server._clock_ns = lambda: next(times)
    console.cable.sent += b"\x03\x02*OPC?\r"
    console.poll(9)
    assert console.cable.got.endswith(b"1\r\nedgeleak> ")


class Costly(Memory):
    """To read it takes more than half a turn's time of a clock."""

    def __init__(self, name, spent_ns):
        super().__init__(name)
        self._spent_ns = spent_ns

    def read(self, most):
        self._spent_ns.append((self.name, BUDGET_NS * 6 // 10))
        return super().read(most)


def test_a_turn_begins_with_who_had_none_in_the_last(console):
    server, spent_ns = console.console.server, []
    server._clock_ns = lambda: sum(ns for _, ns in spent_ns)
    server.peers = [server._peer(Costly(name, spent_ns), Level.LOOK, 0) for name in "abcde"]
    console.poll(5)
    assert "".join(name for name, _ in spent_ns) == "abcde" * 2


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
    assert len(peer._out) <= OUT_MOST
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


@pytest.mark.parametrize("line", [b"A #10\n", b"\n", b"X\n", b"*IDN? #12ab\n"])
def test_lines_that_are_errors_are_bounded_in_a_turn_too(console, line):
    console.cable.sent += line * (READ_MOST // len(line))
    console.poll()
    assert 0 < console.peer.session.messages <= UNITS_MOST + 1
    console.poll(100)
    assert console.peer.session.messages == READ_MOST // len(line)


def test_half_a_head_of_a_block_does_not_hold_up_a_person(console):
    assert b"1999.0" in console.say(b"X #\x02SYST:VERS?\r")
