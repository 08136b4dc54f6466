# SPDX-License-Identifier: Apache-2.0
"""A conversation by the standard: silence, one answer a query, errors by number, levels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeleak.console import standard
from edgeleak.console.room import Room
from edgeleak.console.scpi import units
from edgeleak.console.session import ANSWER_MOST, FRAME_BYTES, Session
from edgeleak.console.tree import (
    Block,
    Choice,
    Command,
    Level,
    NumberOf,
    Switch,
    Text,
    Tree,
    spellings,
)
from edgeleak.errors import BusError, UsageError


def fail(session, kind):
    raise {"bus": BusError(5, "broken"), "usage": UsageError("no")}[kind]


EXTRA = (
    Command("SET:LEVel", lambda s, v: s.seen.append(v), "", Level.OPERATE,
            (NumberOf("level", "A", -1, 2, 0.5),)),
    Command("SET:COUNt", lambda s, v: s.seen.append(v), "",
            parameters=(NumberOf("count", "", 0, 10, is_whole=True),)),
    Command("SET:MODE", lambda s, v: s.seen.append(v), "",
            parameters=(Choice("mode", ("OFF", "ON", "ALTernate")),)),
    Command("SET:LOCK", lambda s, v: s.seen.append(v), "", parameters=(Switch("lock"),)),
    Command("SET:NAME", lambda s, v="none": s.seen.append(v), "", needed=0,
            parameters=(Text("name", 8),)),
    Command("SET:DATA", lambda s, v: s.seen.append(v), "", parameters=(Block("data", 4),)),
    Command("FAIL?", fail, "", parameters=(Choice("kind", ("BUS", "USAGE")),)),
    Command("STORE", lambda s, v: s.seen.append(v), "", Level.SERVICE, (Block("data", 1 << 20),)),
    Command("TELL", lambda s, *v: None, "", Level.OPERATE,
            (Text("why", 20), NumberOf("level", "A", -1, 2), Choice("mode", ("ON", "ALTernate")))),
    Command("BIG?", lambda s, count: b"x" * count, "",
            parameters=(NumberOf("count", "", 0, 1 << 23, is_whole=True),)),
    Command("GO", lambda s: s.seen.append("go"), "", Level.SERVICE),
)  # fmt: skip


@pytest.fixture
def session():
    session = Session(Tree(standard.COMMANDS + EXTRA), None, Level.OPERATE, log=None)
    lines = []
    session._log = lines.append
    object.__setattr__(session, "lines", lines)
    object.__setattr__(session, "seen", [])
    return session


def test_it_starts_silent_and_powered_on(session):
    assert session.feed(b"") == b""
    assert session.feed(b"*ESR?\n*ESR?\n") == b"128\n0\n"


def test_one_answer_a_query_and_none_a_command(session):
    assert session.feed(b"*CLS;*OPC\n") == b""
    assert session.feed(b"*OPC?;SYST:VERS?;:SYSTEM:ERROR?\n") == b'1;1999.0;0,"No error"\n'
    assert session.feed(b"\n \n;\n") == b""


@pytest.mark.parametrize(
    ("line", "number", "bit"),
    [
        ("NOPE", -113, 0x20), ("SET:LEV?", -113, 0x20), ("*IDN", -113, 0x20),
        ("SET:LEV 3", -222, 0x10), ("SET:LEV 1 V", -131, 0x20), ("SET:LEV ON", -224, 0x10),
        ("SET:LEV 'a'", -104, 0x20), ("SET:LEV", -109, 0x20), ("SET:LEV 1,2", -108, 0x20),
        ("SET:COUN 10.6", -222, 0x10), ("SET:MODE X", -224, 0x10), ("SET:LOCK 1 V", -138, 0x20),
        ("SET:LOCK MAYBE", -224, 0x10), ("SET:COUN 5 V", -138, 0x20), ("*ESE 5 V", -138, 0x20),
        ("SET:NAME 'far too long'", -223, 0x10), ("SET:DATA #15hello", -223, 0x10),
        ("SET:DATA 1", -104, 0x20), ("GO", -203, 0x10), ("FAIL? BUS", -240, 0x10),
        ("FAIL? USAGE", -222, 0x10), ("*ESE 256", -222, 0x10),
    ],
)  # fmt: skip
def test_errors_have_the_standards_numbers_and_event_bits(session, line, number, bit):
    session.feed(b"*CLS\n")
    assert session.feed(line.encode() + b"\n") == b""
    answer = session.feed(b"SYST:ERR:COUN?;NEXT?\n").decode()
    assert answer.startswith(f'1;{number},"')
    assert session.feed(b"*ESR?\n") == f"{bit}\n".encode()
    assert session.seen == []


def test_what_came_before_an_error_in_a_line_is_done(session):
    assert session.feed(b"*OPC?;SET:COUN 3;NOPE;SET:COUN 4\n") == b"1\n"
    assert session.seen == [3]


def test_a_message_answers_one_frame_and_a_little_more(session):
    most = f"{FRAME_BYTES};BIG? {ANSWER_MOST}"
    assert len(session.feed(f"*CLS;BIG? {most}\n".encode())) == FRAME_BYTES + ANSWER_MOST + 2
    assert session.feed(b"BIG? 8000000;*OPC?\n")[-3:] == b";1\n"
    assert session.status.errors == 0
    assert len(session.feed(f"BIG? {most};*OPC?;SET:COUN 1\n".encode())) == (
        FRAME_BYTES + ANSWER_MOST + 2)  # fmt: skip
    assert session.status.take_error()[0] == -225
    assert session.seen == []
    assert session.feed(b"*OPC?\n") == b"1\n"


def test_of_a_typed_line_a_few_commands_are_done_at_once(session):
    assert session.execute(b"SET:COUN 1" + b";COUN 1" * 29) == b""
    steps = 1
    while session.is_busy:
        assert len(session.seen) <= 8 * steps
        session.resume()
        steps += 1
    assert steps > 3
    assert len(session.seen) == 30


def test_values_arrive_checked_and_scaled(session):
    session.feed(
        b"SET:LEV 500 MA;LEV MAX;LEV def;COUN 10;MODE alt;LOCK ON;NAME 'x';NAME;DATA #12ab\n"
    )
    assert session.feed(b"SYST:ERR?\n") == b'0,"No error"\n'
    assert session.seen == [0.5, 2, 0.5, 10, "alternate", True, "x", "none", b"ab"]


def test_a_switch_is_rounded_and_any_but_zero_is_on(session):
    session.feed(b"SET:LOCK 2;LOCK -1;LOCK 0.6;LOCK 0.4;LOCK 0;LOCK OFF\n")
    assert session.seen == [True, True, True, False, False, False]
    assert session.feed(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_spaces_may_stand_around_the_e_of_a_number(session):
    session.feed(b"SET:LEV 1.5 E0;LEV 5e -1;LEV 100 E -2 A;LEV 500 mA\n")
    assert session.seen == [1.5, 0.5, 1, 0.5]


def test_refusals_and_orders_are_logged_and_queries_are_not(session):
    session.feed(b"GO;*IDN?\n*OPC?\nSET:LEV 1\n")
    assert session.lines == ["refused GO at level operate", "SET:LEVel 1 at level operate"]


def test_whole_numbers_are_rounded_and_limits_can_be_asked_for(session):
    session.tree = Tree((*standard.COMMANDS, *EXTRA,
                         Command("SET:LEVel?", lambda s: "0", "", answer="A"),
                         Command("SET:MODE?", lambda s: "OFF", "", answer="word")))  # fmt: skip
    session.feed(b"*CLS;SET:COUN 1.4;COUN 1.6\n")
    assert session.seen == [1, 2]
    assert session.feed(b"SET:LEV? MAX;LEV? MIN;LEV? DEF\n") == b"2;-1;0.5\n"
    for line, number in (("SET:LEV? NOPE", -224), ("SET:LEV? 1", -108), ("SET:MODE? MAX", -108)):
        assert session.feed(line.encode() + b"\n") == b""
        assert session.status.take_error()[0] == number, line


@pytest.mark.parametrize("unit", ["", " degC", " CEL", "C"])
def test_degrees_as_scpi_spells_them(unit):
    parameter = NumberOf("set-point", "degC", -40, 30)
    (found,) = units(f"X 12.5{unit}".encode())
    assert parameter.value(found.arguments[0]) == 12.5


def test_the_queue_says_that_it_overflowed(session):
    for _ in range(40):
        session.feed(b"NOPE\n")
    errors = session.feed(b"SYST:ERR:ALL?\n").decode()
    assert errors.count("-113") == 31
    assert errors.rstrip().endswith('-350,"Queue overflow"')
    assert session.feed(b"*ESR?\n") == b"168\n"  # power on, command error, device error


def test_status_byte_follows_its_registers(session):
    session.feed(b"*CLS;*ESE 32;*SRE 4\n")
    assert session.feed(b"*STB?\n") == b"0\n"
    session.feed(b"NOPE\n")
    assert session.feed(b"*STB?\n") == b"100\n"  # error 4, event 32, service 64
    session.feed(b"*CLS;STAT:QUES:ENAB 2\n")
    session.status.questionable.update(2)
    session.status.questionable.update(0)
    assert session.feed(b"*STB?;STAT:QUES:COND?;:STAT:QUES?;:STAT:QUES?;*STB?\n") == b"8;0;2;0;0\n"
    session.feed(b"STAT:PRES\n")
    assert session.feed(b"STAT:QUES:ENAB?\n") == b"0\n"


def test_spellings_cover_short_long_and_optional_nodes():
    assert set(spellings("SYSTem:ERRor[:NEXT]?")) == {
        ((a, b, *c), True) for a in ("SYST", "SYSTEM") for b in ("ERR", "ERROR")
        for c in ((), ("NEXT",))
    }  # fmt: skip


def test_two_commands_of_one_spelling_are_a_defect():
    twice = (Command("A:B", print, ""), Command("A[:C]:B", print, ""))
    with pytest.raises(ValueError, match="clash"):
        Tree(twice)


@given(st.lists(st.sampled_from([*"*:;,?#'\" \n01A", "SET:LEV", "ALT", "SYST:ERR?"]), max_size=40))
def test_no_input_of_the_languages_own_characters_raises(parts):
    session = Session(Tree(standard.COMMANDS), None)
    answers = session.feed("".join(parts).encode() + b"\n*CLS\n")
    assert session.feed(b"*OPC?\n") == b"1\n", answers


def test_a_block_is_taken_only_where_its_command_has_one(session):
    session.feed(b"*CLS\n")
    for line in (b"SET:COUN #15hello", b"*ESE? #15hello", b"#15hello", b"SET:DATA#12ab"):
        assert session.feed(line + b"\n*OPC?\n") == b"1\n", line
        assert session.status.take_error()[0] == -168, line
    assert session.feed(b"NOPE #12ab\n*OPC?\n") == b"1\n"
    assert session.status.take_error()[0] == -113
    assert session.seen == []


def test_a_block_above_the_level_is_passed_over_and_not_kept(session):
    session.level = Level.LOOK
    assert session.feed(b"*CLS\nSTORE #6900000" + b"*OPC?\n" * 1000) == b""
    assert session.is_in_block
    assert len(session._reader._kept) < 100
    session.feed(b"x" * (900_000 - 6000) + b"\n")
    assert session.status.take_error()[0] == -203
    assert session.lines == ["refused STORE at level look"]


def test_blocks_of_all_connections_share_one_room(session):
    room = Room(1000)
    first, second = (Session(session.tree, None, Level.SERVICE, room=room) for _ in range(2))
    first.feed(b"STORE #3900" + b"a" * 100)
    second.feed(b"STORE #3900" + b"a" * 900 + b"\n")
    assert second.status.take_error()[0] == -225
    first.feed(b"a" * 800 + b"\n")
    assert room.free == 1000
    second.feed(b"STORE #3900" + b"a" * 10)
    assert room.free == 100
    second.give_up_block()
    assert room.free == 1000
    first.feed(b"STORE #3900")
    first.close()
    assert room.free == 1000


def test_messages_of_one_burst_see_what_those_before_them_did(session):
    """A block is judged when its line is reached, not when its bytes came."""
    session.level = Level.LOOK
    session.tree = Tree(standard.COMMANDS + EXTRA + (
        Command("UP", lambda s: setattr(s, "level", Level.SERVICE), ""),))  # fmt: skip
    session.feed(b"*CLS\nUP\nSTORE #12ab\n")
    assert session.status.errors == 0
    assert session.seen == [b"ab"]


def test_arguments_are_logged_in_a_form_that_cannot_break_a_line(session):
    session.level = Level.SERVICE
    session.feed(b"TELL 'a\x1b[2J\x00',500 mA,ALT\nSTORE #12ab\n")
    assert session.lines == [r"TELL 'a\x1b[2J\x00',500 MA,ALT at level service",
                             "STORE 2 bytes at level service"]  # fmt: skip


@pytest.mark.parametrize("register", ["OPER", "QUES", "OPERation", "QUEStionable"])
@pytest.mark.parametrize("absent", ["PTR 1", "PTR?", "NTR 1", "NTR?", "PTRansition 0",
                                    "NTRansition?"])  # fmt: skip
def test_transition_filters_are_undefined_headers(register, absent):
    session = Session(Tree(standard.COMMANDS), None)
    assert session.feed(f"STAT:{register}:{absent}\n".encode()) == b""
    assert session.feed(b"SYST:ERR?\n").startswith(b"-113,")


def test_events_latch_what_rises_and_nothing_that_falls():
    session = Session(Tree(standard.COMMANDS), None)
    register = session.status.operation
    for condition in (4, 4, 0):
        register.update(condition)
    assert session.feed(b"STAT:OPER?\n") == b"4\n"
    register.update(4)
    assert session.feed(b"STAT:OPER?;:STAT:OPER?\n") == b"4;0\n"
    register.update(0)
    assert session.feed(b"STAT:OPER?\n") == b"0\n"


@pytest.mark.parametrize("name", ["OPER", "QUES"])
def test_an_enable_register_takes_sixteen_bits_and_keeps_fifteen(session, name):
    for bits, kept in ((65535, 32767), (32768, 0), (32770, 2)):
        assert session.feed(f"STAT:{name}:ENAB {bits};ENAB?\n".encode()) == b"%d\n" % kept
    session.feed(f"*CLS;:STAT:{name}:ENAB 65536\n".encode())
    assert session.status.take_error()[0] == -222
