# SPDX-License-Identifier: Apache-2.0
"""From bytes to program messages and back, by IEEE 488.2 and SCPI-1999; no I/O, no state kept
but what is not yet a whole message.

A message is one line: units separated by `;`, each a header (`SYST:ERR?`, `*IDN?`) and
parameters separated by `,`.  A header without leading colon continues at the path of the unit
before it.  Definite-length blocks (`#3512...`) may hold any byte, line ends too.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite

LINE_MOST = 4096
"""Bytes of one message without its blocks."""
BLOCK_MOST = 8 << 20
"""Bytes of one block: a 640x480 calibration with eight planes is below it."""
ARGUMENTS_MOST = 16
LINE_FEED, RETURN, HASH, SEMICOLON = 0x0A, 0x0D, 0x23, 0x3B
ENDS, QUOTES = (LINE_FEED, RETURN), (0x22, 0x27)
LINE_END = re.compile(rb"[\r\n]")
SPACE, GAP = re.compile(rb"[ \t]*"), re.compile(rb"[ \t;]*")
TEXT = re.compile(rb"[\x01-\x03\t -~]*")
TEXT_LEAST = 4
"""A line of so many plain characters: hardly the rest of a block."""
HEADER = re.compile(
    rb"\*[A-Za-z]{1,12}\??|:?[A-Za-z][A-Za-z0-9_]{0,15}(:[A-Za-z][A-Za-z0-9_]{0,15}){0,7}\??"
)
PLAIN = re.compile(rb"[^\r\n#'\"]+")
NUMBER = re.compile(
    rb"([+-]?(?:\d+\.?\d*|\.\d+)(?:[ \t]*[eE][ \t]*[+-]?\d{1,3})?)[ \t]*([A-Za-z%]{0,8})"
)
WORD = re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,31}")
RADIX = {b"H": 16, b"Q": 8, b"B": 2}
RADIX_DIGITS = re.compile(rb"[0-9A-Fa-f]{1,16}")


class ScpiError(Exception):
    """A command that cannot be carried out: SCPI error number and what was wrong."""

    def __init__(self, number: int, detail: str = "") -> None:
        super().__init__(number, detail)
        self.number, self.detail = number, detail


class BlockSkipped(ScpiError):
    """A block that may not be kept: its bytes come all the same and are thrown away."""


Admit = Callable[[bytes, int], None]
"""Told the text before a block and its length; raises ScpiError where none may stand."""


def admit_any(_text: bytes, length: int) -> None:
    """Every block of a possible size."""
    if length > BLOCK_MOST:
        raise ScpiError(-363, f"a block of more than {BLOCK_MOST} bytes")


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric parameter; `unit` is empty or upper case."""

    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A word such as ON or ALTernate, upper case."""

    text: str


Argument = Number | Word | str | bytes
"""str is quoted text, bytes a block."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One command or query.

    path      : header nodes in upper case, absolute; a common command keeps its `*`
    is_query  : it ends in `?`
    arguments : as parsed
    """

    path: tuple[str, ...]
    is_query: bool
    arguments: tuple[Argument, ...]


class Reader:
    """Cuts a stream of bytes into messages; keeps one block at most, and only an admitted one.

    CR, LF and CRLF end a line.  Messages come without their line end; one that was too long, or
    had a block where none may stand, is thrown away up to its line end and is a ScpiError.

    admit : judges each block by the text before it
    """

    def __init__(self, admit: Admit = admit_any) -> None:
        self._admit = admit
        self._kept = bytearray()
        self._at = 0  # next byte to look at
        self._is_after_return = False
        self._begin()

    def _begin(self) -> None:
        self._plain = self._quote = 0  # bytes outside blocks
        self._left = 0  # bytes of a block to come
        self._has_block = self.is_given_up = False
        self._text = 0  # plain characters since a line end, below 0 where others were among them
        self._error: ScpiError | None = None

    def feed(self, data: bytes) -> Iterator[bytes | ScpiError]:
        """Messages that are whole by now, each cut when it is asked for."""
        self._kept += data
        return self._messages()

    def _messages(self) -> Iterator[bytes | ScpiError]:
        while self._at < len(self._kept):
            byte = self._kept[self._at]
            was_return, self._is_after_return = self._is_after_return, False
            if self._left:
                self._pass_block()
            elif byte == LINE_FEED and was_return:
                del self._kept[0]
            elif byte in ENDS:
                self._is_after_return = byte == RETURN
                yield from self._end()
            elif self._error is not None or self.is_given_up:
                self._throw()
            elif not self._take(byte):
                return

    @property
    def is_in_block(self) -> bool:
        """A block has begun and is not whole yet."""
        return self._left > 0

    @property
    def has_more(self) -> bool:
        """Bytes that were not looked at yet."""
        return self._at < len(self._kept)

    def reset(self) -> None:
        """Forget what is not yet a whole message."""
        self._kept.clear()
        self._at = 0
        self._begin()

    def give_up(self) -> None:
        """A block does not come: its rest is whatever comes before the next line of plain text,
        and that line."""
        self.reset()
        self.is_given_up = True

    def _pass_block(self) -> None:
        count = min(self._left, len(self._kept) - self._at)
        self._left -= count
        self._at += count
        if self._error is not None:
            self._forget()

    def _throw(self) -> None:
        """Away with what comes before the next line end."""
        found = LINE_END.search(self._kept, self._at)
        end = len(self._kept) if found is None else found.start()
        is_text = self._text >= 0 and TEXT.fullmatch(self._kept, self._at, end)
        self._text = self._text + end - self._at if is_text else -1
        self._at = end
        self._forget()

    def _take(self, byte: int) -> bool:
        """Step over one byte of a message, or all plain ones that follow; False when a block's
        head is still to come."""
        if self._quote:
            self._quote = 0 if byte == self._quote else self._quote
        elif run := PLAIN.match(self._kept, self._at):
            # One look for many bytes: a peer that floods must stay cheap.
            count = min(run.end() - self._at, LINE_MOST - self._plain)
            self._at += count
            self._plain += count
            if count:
                return True
        elif byte in QUOTES:
            self._quote = byte
        else:  # a hash: nothing else is left
            is_block = self._begin_block()
            if is_block is None or is_block:
                return bool(is_block)
        self._at += 1
        self._plain += 1
        if self._plain > LINE_MOST:
            self._lose(ScpiError(-363, f"more than {LINE_MOST} bytes"))
        return True

    def _begin_block(self) -> bool | None:
        """Step over the head of a definite block; False is none, None is not yet known."""
        rest = self._kept[self._at + 1 : self._at + 11]
        if not rest:
            return None
        digits = rest[0] - 0x30
        if not 1 <= digits <= 9:
            return False
        count = rest[1 : 1 + digits]
        if not count.isdigit() and count:
            return False
        if len(count) < digits:
            return None
        text = bytes(self._kept[: self._at]) if not self._has_block else b""
        self._at += 2 + digits
        self._plain += 2 + digits
        try:
            self._admitted(text, int(count))
        except BlockSkipped as error:
            self._lose(error)
            self._left = int(count)
        except ScpiError as error:
            self._lose(error)
        return True

    def _admitted(self, text: bytes, length: int) -> None:
        if self._has_block:
            raise ScpiError(-168, "one block a message")
        self._admit(text, length)
        self._has_block, self._left = True, length

    def _lose(self, error: ScpiError) -> None:
        self._error = error
        self._forget()

    def _forget(self) -> None:
        del self._kept[: self._at]
        self._at = 0

    def _end(self) -> Iterator[bytes | ScpiError]:
        """At a line end: the message, or why there is none; nothing in the rest of a block."""
        message = b"" if self._error else bytes(memoryview(self._kept)[: self._at])
        self._at += 1
        self._forget()
        if self.is_given_up:
            is_over, self._text = self._text >= TEXT_LEAST, 0
            self.is_given_up = not is_over
            return
        error = self._error
        self._begin()
        yield error or message


def units(message: bytes) -> Iterator[Unit]:
    """The units of one message in order; raises ScpiError at the first that cannot be parsed.

    Nothing of the message is copied but what the units hold.
    """
    parent: tuple[str, ...] = ()
    at = _past(GAP, message, 0)
    while at < len(message):
        found = _header(message, at)
        arguments, at = _arguments(message, found.end())
        name = found[0].rstrip(b"?").decode("ascii").upper()
        if name.startswith("*"):
            path: tuple[str, ...] = (name,)
        else:
            nodes = tuple(name.lstrip(":").split(":"))
            path = nodes if name.startswith(":") else parent + nodes
            parent = path[:-1]
        yield Unit(path, found[0].endswith(b"?"), arguments)
        at = _past(GAP, message, at)


def before_block(text: bytes) -> Unit:
    """The unit that *text* begins, with a number in the place of the block behind it; ScpiError
    where nothing can stand there."""
    if text[-1:] not in (b" ", b"\t", b","):
        raise ScpiError(-168, _shown(text, max(0, len(text) - 24)))
    *_, last = units(text + b"0")
    return last


def _past(these: re.Pattern[bytes], text: bytes, at: int) -> int:
    """Behind as many of them as stand there; they match nothing too."""
    found = these.match(text, at)
    return found.end() if found else at


def _header(text: bytes, at: int) -> re.Match[bytes]:
    found = HEADER.match(text, at)
    if not found:
        raise ScpiError(-110 if 0x20 <= text[at] <= 0x7E else -101, _shown(text, at))
    if text[found.end() : found.end() + 1] not in (b"", b" ", b"\t", b";"):
        raise ScpiError(-111, _shown(text, at))
    return found


def _arguments(text: bytes, at: int) -> tuple[tuple[Argument, ...], int]:
    """Of a unit whose header ends at `at`; and where they end."""
    found: list[Argument] = []
    at = _past(SPACE, text, at)
    while at < len(text) and text[at] != SEMICOLON:
        if len(found) == ARGUMENTS_MOST:
            raise ScpiError(-108, f"more than {ARGUMENTS_MOST}")
        argument, at = _argument(text, at)
        found.append(argument)
        at = _past(SPACE, text, at)
        if text[at : at + 1] == b",":
            at = _past(SPACE, text, at + 1)
            if text[at : at + 1] in (b"", b",", b";"):
                raise ScpiError(-109, "nothing after the comma")
        elif at < len(text) and text[at] != SEMICOLON:
            raise ScpiError(-103, _shown(text, at))
    return tuple(found), at


def _argument(text: bytes, at: int) -> tuple[Argument, int]:
    if text[at] in QUOTES:
        return _quoted(text, at)
    if text[at] == HASH:
        return _hashed(text, at)
    if found := NUMBER.match(text, at):
        value = float(found[1].translate(None, b" \t"))
        if not isfinite(value):
            raise ScpiError(-123, _shown(text, at))
        return Number(value, found[2].decode("ascii").upper()), found.end()
    if found := WORD.match(text, at):
        return Word(found[0].decode("ascii").upper()), found.end()
    raise ScpiError(-101, _shown(text, at))


def _quoted(text: bytes, at: int) -> tuple[str, int]:
    """Quoted text; a doubled quote inside stands for one."""
    quote, begin, parts = text[at : at + 1], at + 1, []
    while (end := text.find(quote, begin)) >= 0:
        parts.append(text[begin:end])
        if text[end + 1 : end + 2] != quote:
            inner = quote.join(parts)
            if not inner.isascii():
                raise ScpiError(-151, _shown(text, at))
            return inner.decode("ascii"), end + 1
        begin = end + 2
    raise ScpiError(-151, _shown(text, at))


def _hashed(text: bytes, at: int) -> tuple[Argument, int]:
    """A block, or a number in another radix (#H1F, #Q17, #B101)."""
    kind = text[at + 1 : at + 2].upper()
    if kind in RADIX:
        found = RADIX_DIGITS.match(text, at + 2)
        try:
            value = int(found[0] if found else b"", RADIX[kind])
        except ValueError:
            raise ScpiError(-121, _shown(text, at)) from None
        return Number(float(value)), found.end() if found else at
    if not kind.isdigit() or kind == b"0":
        raise ScpiError(-161, _shown(text, at))
    start = at + 2 + int(kind)
    count = text[at + 2 : start]
    if len(count) != int(kind) or not count.isdigit() or len(text) < start + int(count):
        raise ScpiError(-161, _shown(text, at))
    end = start + int(count)
    return text[start:end], end


def _shown(text: bytes, at: int) -> str:
    """The first bytes of bad input, harmless to print."""
    return text[at : at + 24].decode("ascii", "backslashreplace").encode("unicode_escape").decode()


def block(data: bytes | memoryview) -> bytes:
    """Definite-length block."""
    length = str(len(data)).encode()
    return b"#" + str(len(length)).encode() + length + bytes(data)


def number(value: float, digits: int = 6) -> str:
    """NR2/NR3; 9.91E37 stands for NaN and 9.9E37 for infinity, as SCPI has it."""
    if value != value:
        return "9.91E37"
    if not isfinite(value):
        return "9.9E37" if value > 0 else "-9.9E37"
    if value == int(value) and abs(value) < 1e9:
        return str(int(value))
    return f"{value:.{digits}g}".replace("e", "E")


def quoted(text: str) -> str:
    """A string response."""
    return '"' + text.replace('"', '""') + '"'
