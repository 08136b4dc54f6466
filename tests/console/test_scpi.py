# SPDX-License-Identifier: Apache-2.0
"""The language: every cut of a stream gives the same messages, and nothing crashes it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeleak.console.scpi import (
    ARGUMENTS_MOST,
    BLOCK_MOST,
    LINE_MOST,
    Number,
    Reader,
    ScpiError,
    Unit,
    Word,
    block,
    number,
    quoted,
    units,
)


def parse(text):
    return list(units(text))


def test_common_and_tree_headers():
    assert parse(b"*IDN?") == [Unit(("*IDN",), True, ())]
    assert parse(b"syst:err:next?") == [Unit(("SYST", "ERR", "NEXT"), True, ())]
    assert parse(b"OUTP ON") == [Unit(("OUTP",), False, (Word("ON"),))]


def test_a_header_without_colon_continues_at_the_path_before():
    found = parse(b"AGC:LEV 20;SPAN 3;*CLS;MODE LOG;:AGC:LOCK ON")
    assert [unit.path for unit in found] == [
        ("AGC", "LEV"), ("AGC", "SPAN"), ("*CLS",), ("AGC", "MODE"), ("AGC", "LOCK"),
    ]  # fmt: skip


def test_arguments_of_every_kind():
    text = b"""X:Y -1.5e-3 mA , .5,7%, DEF, "a ""b"";,", 'c', #H1F, #Q17, #B101,#14;\n,'"""
    (unit,) = parse(text)
    assert unit.arguments == (
        Number(-0.0015, "MA"),
        Number(0.5),
        Number(7, "%"),
        Word("DEF"),
        'a "b";,',
        "c",
        Number(31),
        Number(15),
        Number(5),
        b";\n,'",
    )


def test_block_argument_holds_any_byte():
    data = bytes(range(256))
    (unit,) = parse(b"CAL:DATA " + block(data))
    assert unit.arguments == (data,)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"1ABC", -110), (b"\xff", -101), (b":", -110), (b"A::B", -111), (b"A!", -111),
        (b"A 1,", -109), (b"A ,1", -101), (b"A 1 2", -103), (b"A 'x", -151), (b'A "\xe9"', -151),
        (b"A 1e999", -123), (b"A #", -161), (b"A #0abc", -161), (b"A #15abc", -161),
        (b"A #HXY", -121), (b"A:B:C:D:E:F:G:H:I 1", -111), (b"ABCDEFGHIJKLMNOPQR", -111),
        (b"A (1)", -101),
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_has_the_standards_number(text, error):
    with pytest.raises(ScpiError) as raised:
        parse(text)
    assert raised.value.number == error


def collect(stream, cuts):
    reader, found, start = Reader(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        found += list(reader.feed(stream[start:cut]))
        start = cut
    return [item if isinstance(item, bytes) else item.number for item in found]


HOLDS_LINES = b"CAL " + block(b"1\n2'\"#\n")
STREAM = b"*IDN?\r\nA 'x;\"\n" + HOLDS_LINES + b"\n\nS:E?;*CLS\n" + b"Z" * 5000 + b"\nOK\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_every_cut_of_the_stream_gives_the_same_messages(cuts):
    assert collect(STREAM, cuts) == collect(STREAM, [])


def test_messages_of_the_stream():
    assert collect(STREAM, []) == [
        b"*IDN?", b"A 'x;\"", b"CAL " + block(b"1\n2'\"#\n"), b"", b"S:E?;*CLS", -363, b"OK",
    ]  # fmt: skip


def test_an_endless_line_costs_no_memory():
    reader = Reader()
    for _ in range(1000):
        assert list(reader.feed(b"x" * 1000)) == []
    assert len(reader._kept) <= 2 * LINE_MOST
    assert [item.number for item in reader.feed(b"\n")] == [-363]
    assert list(reader.feed(b"*IDN?\n")) == [b"*IDN?"]


def test_a_block_that_announces_too_much_is_refused():
    reader = Reader()
    head = b"CAL #9" + str(BLOCK_MOST + 1).zfill(9).encode()
    assert [getattr(i, "number", i) for i in reader.feed(head + b"abc\nOK\n")] == [-363, b"OK"]


def outcome(message):
    """Error number of a message, or 0 when every unit could be parsed."""
    try:
        found = parse(message)
    except ScpiError as error:
        return error.number
    return 0 if all(unit.path for unit in found) else 1


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_a_numbered_error(data):
    for item in Reader().feed(data + b"\n"):
        number_of = item.number if isinstance(item, ScpiError) else outcome(item)
        assert number_of == 0 or number_of == -363 or -199 <= number_of <= -100


@given(st.binary(max_size=2000))
def test_blocks_come_back(data):
    (unit,) = parse(b"D " + block(data))
    assert unit.arguments == (data,)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_strings_come_back(text):
    (unit,) = parse(b"S " + quoted(text).encode())
    assert unit.arguments == (text,)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (-20.125, "-20.125"), (1.5e-7, "1.5E-07"), (math.nan, "9.91E37"),
     (math.inf, "9.9E37"), (-math.inf, "-9.9E37"), (0, "0")],
)  # fmt: skip
def test_numbers_as_clients_read_them(value, text):
    assert number(value) == text


@pytest.mark.parametrize("stride", [1, 3, 7, 100])
def test_a_lost_line_after_a_block_ends_at_its_line_end(stride):
    """Found by fuzzing: the block's end was kept, and the line end taken for data."""
    stream = b"X #12ab,#9999999999 rest of it\n*IDN?\n"
    reader, found = Reader(), []
    for at in range(0, len(stream), stride):
        found += reader.feed(stream[at : at + stride])
    assert [one if isinstance(one, bytes) else one.number for one in found] == [-168, b"*IDN?"]


class Counted(bytes):
    """Counts the bytes that are copied out of it."""

    copied = 0

    def __getitem__(self, key):
        found = super().__getitem__(key)
        Counted.copied += len(found) if isinstance(found, bytes) else 1
        return found


@pytest.mark.parametrize("count", [ARGUMENTS_MOST - 1, 2000])
def test_parsing_copies_nothing_but_the_block(count):
    data = b"a" * 1_000_000
    message = Counted(b"X " + b"1," * count + block(data))
    Counted.copied = 0
    if count < ARGUMENTS_MOST:
        (unit,) = units(message)
        assert unit.arguments[-1] == data
    else:
        with pytest.raises(ScpiError, match="-108"):
            list(units(message))
    assert Counted.copied <= len(data) * (count < ARGUMENTS_MOST) + 2000


def test_one_block_a_message():
    reader = Reader()
    found = list(reader.feed(b"X " + block(b"ab") * 3 + b"\nOK\n"))
    assert [getattr(one, "number", one) for one in found] == [-168, b"OK"]


def test_blocks_without_a_line_end_are_not_kept():
    reader, one = Reader(), block(b"a" * 1_000_000)
    list(reader.feed(b"X "))
    for _ in range(5):
        assert list(reader.feed(one)) == []
        assert len(reader._kept) <= len(one) + LINE_MOST
    assert [found.number for found in reader.feed(b"\n")] == [-168]


@pytest.mark.parametrize("ends", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_ends_a_line(ends):
    stream = ends.join((b"*IDN?", b"CAL " + block(b"\r\n"), b"*CLS", b""))
    for stride in (1, 2, 100):
        reader, found = Reader(), []
        for at in range(0, len(stream), stride):
            found += reader.feed(stream[at : at + stride])
        assert found == [b"*IDN?", b"CAL " + block(b"\r\n"), b"*CLS"]


def test_the_rest_of_a_block_that_was_given_up_is_no_message():
    reader = Reader()
    list(reader.feed(b"CAL #6999999abc"))
    reader.give_up()
    assert list(reader.feed(b"\xff\x02\n\n*I\x00\nab\n")) == []
    assert reader.is_given_up
    assert list(reader.feed(b"*IDN?\n*CLS\n")) == [b"*CLS"]
    assert not reader.is_given_up
