# SPDX-License-Identifier: Apache-2.0
"""From bytes to program messages and back, by IEEE 488.2 and SCPI-1999; no I/O, no state kept
but what is not yet a whole message.

A message is one line: units separated by `;`, each a header (`SYST:ERR?`, `*IDN?`) and
parameters separated by `,`.  A header without leading colon continues at the path of the unit
before it.  Definite-length blocks (`#3512...`) may hold any byte, line ends too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

LINE_MOST = 4096
"""Bytes of one message without its blocks."""
BLOCK_MOST = 8 << 20
"""Bytes of one block: a 640x480 calibration with eight planes is below it."""
NEWLINE, HASH, QUOTES = 0x0A, 0x23, (0x22, 0x27)
HEADER = re.compile(
    rb"\*[A-Za-z]{1,12}\??|:?[A-Za-z][A-Za-z0-9_]{0,15}(:[A-Za-z][A-Za-z0-9_]{0,15}){0,7}\??"
)
PLAIN = re.compile(rb"[^\n#'\"]+")
NUMBER = re.compile(rb"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z%]{0,8})")
WORD = re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,31}")
RADIX = {b"H": 16, b"Q": 8, b"B": 2}


class ScpiError(Exception):
    """A command that cannot be carried out: SCPI error number and what was wrong."""

    def __init__(self, number: int, detail: str = "") -> None:
        super().__init__(number, detail)
        self.number, self.detail = number, detail


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
    """Cuts a stream of bytes into messages; memory stays bounded whatever comes.

    `feed` yields a message without its line end, or a ScpiError for one that was too long and
    was thrown away up to its line end.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._at = 0  # next byte to look at
        self._plain = 0  # bytes outside blocks
        self._quote = 0
        self._block_end = 0
        self._is_lost = False

    def feed(self, data: bytes) -> Iterator[bytes | ScpiError]:
        self._kept += data
        while self._at < len(self._kept):
            if self._block_end > self._at:
                self._at = min(self._block_end, len(self._kept))
                continue
            byte = self._kept[self._at]
            if byte == NEWLINE:
                yield self._cut()
            elif self._is_lost:
                end = self._kept.find(b"\n", self._at)
                self._at = len(self._kept) if end < 0 else end
                self._forget()
            elif not self._take(byte):
                return

    @property
    def is_in_block(self) -> bool:
        """A block has begun and is not whole yet."""
        return self._block_end > self._at

    def reset(self) -> None:
        """Forget what is not yet a whole message."""
        self._at = len(self._kept)
        self._forget()
        self._plain = self._quote = self._block_end = 0
        self._is_lost = False

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
            head = self._block_head()
            if head is None:
                return False
            if head:
                return True
        self._at += 1
        self._plain += 1
        if self._plain > LINE_MOST:
            self._is_lost = True
            self._forget()
        return True

    def _block_head(self) -> int | None:
        """Length of the head of a definite block at `_at`; 0 is none, None is not yet known."""
        rest = self._kept[self._at + 1 : self._at + 11]
        if not rest:
            return None
        digits = rest[0] - 0x30
        if not 1 <= digits <= 9:
            return 0
        count = rest[1 : 1 + digits]
        if not count.isdigit() and count:
            return 0
        if len(count) < digits:
            return None
        length = int(count)
        if length > BLOCK_MOST:
            self._is_lost = True
            return 0
        self._block_end = self._at + 2 + digits + length
        self._at += 2 + digits
        return 2 + digits

    def _forget(self) -> None:
        del self._kept[: self._at]
        self._block_end = max(0, self._block_end - self._at)
        self._at = 0

    def _cut(self) -> bytes | ScpiError:
        message = bytes(self._kept[: self._at]).rstrip(b"\r")
        was_lost = self._is_lost
        self._at += 1
        self._forget()
        self._plain = self._quote = self._block_end = 0
        self._is_lost = False
        return ScpiError(-363, f"more than {LINE_MOST} bytes") if was_lost else message


def units(message: bytes) -> Iterator[Unit]:
    """The units of one message in order; raises ScpiError at the first that cannot be parsed."""
    parent: tuple[str, ...] = ()
    rest = message
    while rest := rest.lstrip(b" \t;"):
        header, rest = _header(rest)
        arguments, rest = _arguments(rest)
        name = header.rstrip(b"?").decode("ascii").upper()
        if name.startswith("*"):
            path: tuple[str, ...] = (name,)
        else:
            nodes = tuple(name.lstrip(":").split(":"))
            path = nodes if name.startswith(":") else parent + nodes
            parent = path[:-1]
        yield Unit(path, header.endswith(b"?"), arguments)


def _header(text: bytes) -> tuple[bytes, bytes]:
    found = HEADER.match(text)
    if not found:
        raise ScpiError(-101 if text[0] > 0x7E or text[0] < 0x20 else -110, _shown(text))
    rest = text[found.end() :]
    if rest and rest[:1] not in b" \t;":
        raise ScpiError(-111, _shown(text))
    return found[0], rest


def _arguments(text: bytes) -> tuple[tuple[Argument, ...], bytes]:
    found: list[Argument] = []
    rest = text.lstrip(b" \t")
    while rest and rest[:1] != b";":
        argument, rest = _argument(rest)
        found.append(argument)
        rest = rest.lstrip(b" \t")
        if rest[:1] == b",":
            rest = rest[1:].lstrip(b" \t")
            if not rest or rest[:1] in b",;":
                raise ScpiError(-109, "nothing after the comma")
        elif rest and rest[:1] != b";":
            raise ScpiError(-103, _shown(rest))
    return tuple(found), rest[1:]


def _argument(text: bytes) -> tuple[Argument, bytes]:
    if text[0] in QUOTES:
        return _quoted(text)
    if text[0] == HASH:
        return _hashed(text)
    if found := NUMBER.match(text):
        value = float(found[1])
        if not isfinite(value):
            raise ScpiError(-123, _shown(text))
        return Number(value, found[2].decode("ascii").upper()), text[found.end() :]
    if found := WORD.match(text):
        return Word(found[0].decode("ascii").upper()), text[found.end() :]
    raise ScpiError(-101, _shown(text))


def _quoted(text: bytes) -> tuple[str, bytes]:
    """Quoted text; a doubled quote inside stands for one."""
    quote = text[:1]
    end, parts = 1, []
    while (at := text.find(quote, end)) >= 0:
        parts.append(text[end:at])
        if text[at + 1 : at + 2] != quote:
            inner = quote.join(parts)
            if not inner.isascii():
                raise ScpiError(-151, _shown(text))
            return inner.decode("ascii"), text[at + 1 :]
        end = at + 2
    raise ScpiError(-151, _shown(text))


def _hashed(text: bytes) -> tuple[Argument, bytes]:
    """A block, or a number in another radix (#H1F, #Q17, #B101)."""
    kind = text[1:2].upper()
    if kind in RADIX:
        found = re.match(rb"[0-9A-Fa-f]{1,16}", text[2:])
        try:
            return Number(float(int(found[0] if found else b"", RADIX[kind]))), (
                text[2 + (found.end() if found else 0) :]
            )
        except ValueError:
            raise ScpiError(-121, _shown(text)) from None
    if not kind.isdigit() or kind == b"0":
        raise ScpiError(-161, _shown(text))
    start = 2 + int(kind)
    count = text[2:start]
    if len(count) != int(kind) or not count.isdigit() or len(text) < start + int(count):
        raise ScpiError(-161, _shown(text))
    end = start + int(count)
    return text[start:end], text[end:]


def _shown(text: bytes) -> str:
    """The first bytes of bad input, harmless to print."""
    return text[:24].decode("ascii", "backslashreplace").encode("unicode_escape").decode()


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
