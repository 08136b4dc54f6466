# SPDX-License-Identifier: Apache-2.0
"""What a fuzzer of the console starts from and how it changes lines: all made of the registry.

A mutator that only flips bytes hardly ever makes two blocks, one of them with a wrong length, in a
line that is otherwise right.  This one writes and damages whole lines half of the time, and leaves
the other half to libFuzzer, which knows the branches that were reached.
"""

import random
import re
from collections.abc import Callable
from typing import Any

WRONG_ARGUMENTS = (
    b"#", b"#a", b"#1a", b"#9999999999", b"#3ab", b"1 2", b"(1)", b"'\xff'", b"'open", b"1e999",
    b"#Hg", b"#B2", b"#0", b"1,", b"1,;", b'"a""b"', b"#15he\nlo;#", b"#9000000001a", b"#21",
    b"#\xb2", b"#9008000000",
)  # fmt: skip
ODD_LINES = (
    b"%", b"\x01", b"X!", b"X?1", b"*A:b", b"a;;b:c ,1", b"\xff\x00", b"A" * 5000,
    b"SENS 1.5E0;:PAL IRON", b"SYST:PIN OPER,'47''11',\"a\"", b"CAL:DATA #15hello,#HFF",
    b"SENS 1,2", b"*IDN", b"*CLS?", b"SYST:PIN OPER,'" + b"1" * 33 + b"'",
    b"CAL:DATA #12ab #12ab", b"CAL:DATA#12ab", b"COOL:SETP? MAX;SETP? NOPE",
    b"PAL? MAX", b"COOL:SETP? 1", b"FRAM:DATA? MAX", b"COOL:SETP 5 CEL",
    b"X #15ab", b"AGC:LOCK 1 V", b"A " + b"1," * 17 + b"1",
    b"*SRE #B101;*ESE #Q17", b"LED:CURR 300 mA;CURR?", b"REC:STAR \"x\",MAX;:LOG? MIN",
)  # fmt: skip
PREFIXES = ("", "k", "m", "u", "n", "M", "x", "G")
WORDS = ("MIN", "MAX", "DEF", "ON", "OFF", "1e3", "-1", "0", "1.5", "99999", "''", '""')
SIGNS = (b"?", b";", b":", b",", b" ", b"\n", b"\r\n", b"\t", b"#", b'"', b"'", b"*", b"\x00",
         b"\x7f", b"\xff", b"!", b"(", b"%")  # fmt: skip
MOST_LINES = 6


def example(parameter: Any) -> str:
    """A value that it takes."""
    if hasattr(parameter, "low"):
        return f"{parameter.low:g} {parameter.unit}"
    if hasattr(parameter, "words"):
        return str(parameter.words[-1])
    return {"Switch": "ON", "Text": '"a""b"'}.get(type(parameter).__name__, "#15h\n'lo")


def every(commands: Any) -> list[Any]:
    """All commands of the registry."""
    return [command for _, found in commands.SUBJECTS for command in found]


def seeds(commands: Any) -> list[bytes]:
    """One valid line of every command, and the spellings of every kind of argument."""
    lines = []
    for command in every(commands):
        given = ",".join(example(parameter) for parameter in command.parameters)
        lines.append(f"{plain(command.header)} {given}".encode())
    return [*lines, *(b"X " + wrong for wrong in WRONG_ARGUMENTS), *ODD_LINES]


def dictionary(commands: Any) -> list[str]:
    """What lines are made of, in libFuzzer's escapes."""
    nodes = {node for command in every(commands)
             for node in re.findall(r"[A-Za-z]+", command.header)}  # fmt: skip
    signs = ["?", ";", ":", ",", " ", "\\x0a", "#1", "#11", "#12", "#13", "#H", "#B", "#Q",
             "\\x22", "'", "*", "MIN", "MAX", "ON", "1e3", " mA", "-1"]  # fmt: skip
    return signs + sorted(nodes)


def plain(header: str) -> str:
    """With its optional nodes spelt out."""
    return header.replace("[", "").replace("]", "")


class Mutator:
    """libFuzzer's custom mutator: (data, most bytes, seed) -> data; the first byte is kept.

    commands : the registry
    mutate   : libFuzzer's own, (data, most bytes) -> data
    """

    def __init__(self, commands: Any, mutate: Callable[[bytes, int], bytes]) -> None:
        self._every, self._mutate = every(commands), mutate
        self._kinds: tuple[Callable[[bytes, random.Random], bytes], ...] = (
            self._insert_line, self._replace_line, self._insert_token, self._insert_token,
            self._double, self._drop, self._swap_case,
        )  # fmt: skip

    def __call__(self, data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if not data or rng.random() < 0.5:
            return self._mutate(data, most)
        head, stream = data[:1], data[1:]
        for _ in range(rng.randint(1, 4)):
            stream = rng.choice(self._kinds)(stream, rng)
        return (head + stream)[:most]

    def line(self, rng: random.Random) -> bytes:
        """A line of the registry, its arguments right or of any other kind."""
        command = rng.choice(self._every)
        header = plain(command.header)
        if rng.random() < 0.3:
            header = "".join(c for c in header if not c.islower())
        given = [self._argument(parameter, rng) for parameter in command.parameters]
        return f"{header} ".encode() + b",".join(given)

    def _argument(self, parameter: Any, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return self.token(rng)
        if hasattr(parameter, "low"):
            unit = rng.choice(PREFIXES) + parameter.unit if rng.random() < 0.7 else ""
            return f"{rng.uniform(parameter.low, parameter.high):.4g} {unit}".encode()
        if hasattr(parameter, "words"):
            return str(rng.choice(parameter.words)).encode()
        return example(parameter).encode()

    def token(self, rng: random.Random) -> bytes:
        """One thing that lines are made of: a sign, a word, a block whose length may lie."""
        kind = rng.randrange(5)
        if kind == 0:
            return rng.choice(SIGNS)
        if kind == 1:
            return rng.choice(WORDS).encode()
        if kind == 2:
            return rng.choice(WRONG_ARGUMENTS)
        if kind == 3:
            return (
                b"#" + rng.choice((b"H", b"Q", b"B")) + b"%X" % rng.getrandbits(rng.choice((3, 40)))
            )
        return self._block(rng)

    @staticmethod
    def _block(rng: random.Random) -> bytes:
        """Announced: right, nearly right, or anything of as many digits as there may be."""
        body = rng.randbytes(rng.randrange(9))
        announced = rng.choice((len(body), len(body) + 1, rng.randrange(40),
                                10 ** rng.randint(1, 9) - 1))  # fmt: skip
        digits = str(announced).encode()
        return b"#" + str(len(digits) % 10).encode() + digits + body

    def _insert_line(self, stream: bytes, rng: random.Random) -> bytes:
        lines = stream.split(b"\n")[:MOST_LINES]
        lines.insert(rng.randrange(len(lines) + 1), self.line(rng))
        return rng.choice((b"\n", b"\n", b";", b";:")).join(lines)

    def _replace_line(self, stream: bytes, rng: random.Random) -> bytes:
        lines = stream.split(b"\n")
        lines[rng.randrange(len(lines))] = self.line(rng)
        return b"\n".join(lines)

    def _insert_token(self, stream: bytes, rng: random.Random) -> bytes:
        at = rng.randrange(len(stream) + 1)
        return stream[:at] + self.token(rng) + stream[at:]

    @staticmethod
    def _double(stream: bytes, rng: random.Random) -> bytes:
        first, end = sorted(rng.randrange(len(stream) + 1) for _ in range(2))
        return stream[:end] + stream[first:]

    @staticmethod
    def _drop(stream: bytes, rng: random.Random) -> bytes:
        at = rng.randrange(len(stream) + 1)
        return stream[:at] + stream[at + rng.randint(1, 8) :]

    @staticmethod
    def _swap_case(stream: bytes, rng: random.Random) -> bytes:
        at = rng.randrange(len(stream) + 1)
        return stream[:at] + stream[at : at + 8].swapcase() + stream[at + 8 :]
