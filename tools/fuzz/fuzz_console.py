# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the console's parser: bytes to messages to units, and on to commands.

  fuzz_console.py --seconds 600 --corpus out/corpus     search;
                                                        a finding ends it, exit code 77
  fuzz_console.py --plant                               a planted defect must be found within 60 s
  fuzz_console.py --coverage                            branches that the kept corpus reaches

atheris instruments scpi.py and tree.py, so that libFuzzer sees every branch and comparison.  What
is demanded of any bytes at all: the reader's memory stays bounded, cutting the stream elsewhere
changes no message, only ScpiError is raised and its text can be printed, every unit can be looked
up, an answer is made within 100 ms, and what was parsed is parsed again from its own spelling.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = "src/edgeleak/console/scpi.py"
HANG_S = 0.1
FOUND_WITHIN_S = 60
KEPT_MOST = 16 << 20
INPUT_MOST = 400
"""Long lines are slow and add nothing but the overrun, which the seeds of --coverage have."""
FLOOR_PERCENT = 98.0


class Finding(Exception):
    """Something that must never happen."""


def break_reader(reader: Any) -> None:
    """The planted defect, one that was there until this found it: the end of a block outlives the
    line that is thrown away, and the next line end is taken for data."""

    def forget(self: Any) -> None:
        del self._kept[: self._at]
        self._at = 0

    reader._forget = forget


def check(data: bytes, scpi: Any, tree: Any) -> None:
    """One input; the first byte says where the stream is cut."""
    if not data:
        return
    stride, stream = 1 + data[0] // 2, data[1:] + b"\n"
    began_s = time.thread_time()
    whole = messages(scpi.Reader(), stream, len(stream))
    if data[0] % 2:  # every second input, because it costs most
        parts = messages(scpi.Reader(), stream, stride)
        if whole != parts:
            raise Finding(f"cut every {stride} bytes: {parts!r}, whole: {whole!r}")
    for message in whole:
        if isinstance(message, bytes):
            follow(message, scpi, tree)
    took_s = time.thread_time() - began_s
    if took_s > HANG_S:
        raise Finding(f"took {took_s:.3f} s for {len(stream)} bytes")


def messages(reader: Any, stream: bytes, stride: int) -> list[Any]:
    """Messages of a stream that comes in portions; errors as (number, detail)."""
    found: list[Any] = []
    for at in range(0, len(stream), stride):
        for one in reader.feed(stream[at : at + stride]):
            found.append(one if isinstance(one, bytes) else (one.number, one.detail))
        if len(reader._kept) > KEPT_MOST:
            raise Finding(f"the reader keeps {len(reader._kept)} bytes")
    return found


def follow(message: bytes, scpi: Any, tree: Any) -> None:
    """The units of one message, as far as a session goes before it runs them."""
    try:
        for unit in scpi.units(message):
            again = list(scpi.units(spelt(unit, scpi)))
            if again != [unit]:
                raise Finding(f"{unit} is spelt {spelt(unit, scpi)!r} and parsed as {again}")
            tree.find(unit.path, unit.is_query).values(unit.arguments)
    except scpi.ScpiError as error:
        if not -399 <= error.number <= -100 or not (error.detail + " ").isprintable():
            raise Finding(f"error {error.number} {error.detail!r}") from error


def spelt(unit: Any, scpi: Any) -> bytes:
    """A unit as a message of its own."""
    common = unit.path[0].startswith("*")
    head = ("" if common else ":") + ":".join(unit.path) + ("?" if unit.is_query else "")
    return head.encode() + b" " + b",".join(argument(one, scpi) for one in unit.arguments)


def argument(one: Any, scpi: Any) -> bytes:
    if isinstance(one, bytes):
        return bytes(scpi.block(one))
    if isinstance(one, str):
        return f'"{one.replace(chr(34), chr(34) * 2)}"'.encode()
    if isinstance(one, scpi.Word):
        return one.text.encode()
    return f"{one.value!r} {one.unit}".encode()


def example(parameter: Any) -> str:
    """A value that it takes."""
    if hasattr(parameter, "low"):
        return f"{parameter.low:g} {parameter.unit}"
    if hasattr(parameter, "words"):
        return str(parameter.words[-1])
    return {"Switch": "ON", "Text": '"a""b"'}.get(type(parameter).__name__, "#15hello")


def seeds() -> list[bytes]:
    """One valid line of every command, and the spellings of every kind of argument."""
    from edgeleak.console import commands

    lines = []
    for command in (command for _, found in commands.SUBJECTS for command in found):
        given = ",".join(example(parameter) for parameter in command.parameters)
        lines.append(f"{command.header} {given}".translate({91: None, 93: None}).encode())
    lines += [b"X " + wrong for wrong in (
        b"#", b"#a", b"#1a", b"#9999999999", b"#3ab", b"1 2", b"(1)", b"'\xff'", b"'open",
        b"1e999", b"#Hg", b"#B2", b"#0", b"1,", b"1,;", b'"a""b"', b"#15he\nlo;#",
        b"#9000000001a", b"#21", b"#\xb2", b"#9008000000",
    )]  # fmt: skip
    lines += [b"%", b"\x01", b"X!", b"X?1", b"*A:b", b"a;;b:c ,1", b"\xff\x00", b"A" * 5000]
    lines += [b"SENS 1.5E0;:PAL IRON", b"SYST:PIN OPER,'47''11',\"a\"", b"CAL:DATA #15hello,#HFF",
              b"*SRE #B101;*ESE #Q17", b"LED:CURR 300 mA;CURR?",
              b"REC:STAR \"x\",MAX;:LOG? MIN"]  # fmt: skip
    return lines


def dictionary(commands: Any) -> list[str]:
    """What lines are made of, in libFuzzer's escapes."""
    nodes = {node for _, found in commands.SUBJECTS for c in found
             for node in re.findall(r"[A-Za-z]+", c.header)}  # fmt: skip
    signs = ["?", ";", ":", ",", " ", "\\x0a", "#1", "#11", "#12", "#13", "#H", "#B", "#Q",
             "\\x22", "'", "*", "MIN", "MAX", "ON", "1e3", " mA", "-1"]  # fmt: skip
    return signs + sorted(nodes)


# --- with atheris --------------------------------------------------------------------------------


def fuzz(args: argparse.Namespace) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["edgeleak.console.scpi", "edgeleak.console.tree"]):
        from edgeleak.console import commands, scpi
    tree = commands.tree()
    corpus = args.corpus or Path(tempfile.mkdtemp(prefix="edgeleak-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for count, line in enumerate(seeds()):
        (corpus / f"seed-{count:03}").write_bytes(b"\x06" + line[:INPUT_MOST])
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{word}"\n' for word in dictionary(commands)))
    if args.plant:
        break_reader(scpi.Reader)

    def one_input(data: bytes) -> None:
        check(data, scpi, tree)

    options = [f"-max_total_time={args.seconds}", f"-max_len={INPUT_MOST}", "-timeout=5",
               f"-seed={args.seed}", f"-dict={words}", "-print_final_stats=1",
               f"-artifact_prefix={corpus}/"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
    atheris.Fuzz()


def plant(args: argparse.Namespace) -> int:
    """A search with a defect in place, from the same seeds."""
    began_s = time.monotonic()
    done = subprocess.run([sys.executable, __file__, "--planted", "--seconds", str(FOUND_WITHIN_S),
                           "--seed", str(args.seed)], capture_output=True, text=True)  # fmt: skip
    took_s = time.monotonic() - began_s
    was_found = "Finding: cut every" in done.stdout + done.stderr
    print(f"planted defect {'found' if was_found else 'NOT FOUND'} after {took_s:.1f} s"
          f" (limit {FOUND_WITHIN_S} s)")  # fmt: skip
    if not was_found:
        print((done.stdout + done.stderr)[-2000:])
    return 0 if was_found else 1


# --- coverage ------------------------------------------------------------------------------------


def coverage_of(args: argparse.Namespace) -> int:
    """Branches of the parser that the corpus and the seeds reach, and the ones they do not."""
    import coverage

    watch = coverage.Coverage(branch=True, include=[str(ROOT / TARGET)], data_file=None)
    watch.start()
    from edgeleak.console import commands, scpi

    tree = commands.tree()
    inputs = [stride + line for line in seeds() for stride in (b"\x01", b"\x07")]
    if args.corpus is not None:
        inputs += [path.read_bytes() for path in sorted(args.corpus.iterdir())]
    for data in inputs:
        with contextlib.suppress(Finding):
            check(data, scpi, tree)
    answers(scpi)
    watch.stop()
    facts = watch._analyze(str(ROOT / TARGET))
    numbers = facts.numbers
    share = 100 * (numbers.n_branches - numbers.n_missing_branches) / numbers.n_branches
    print(f"{TARGET}: {share:.1f} % of {numbers.n_branches} branches,"
          f" {numbers.n_statements - numbers.n_missing} of {numbers.n_statements} statements,"
          f" {len(inputs)} inputs")  # fmt: skip
    for line, ends in sorted(facts.missing_branch_arcs().items()):
        print(f"  line {line} never goes on to {', '.join(map(str, ends))}")
    return 0 if share >= FLOOR_PERCENT else 1


def answers(scpi: Any) -> None:
    """The other half of the module: what goes out, for every kind of number; and a reset."""
    for value in (0.0, 1.5, 1e12, -3.0, float("nan"), float("inf"), -float("inf")):
        scpi.number(value)
    scpi.quoted('a "b"')
    reader = scpi.Reader()
    list(reader.feed(b"X #15abc"))
    if not reader.is_in_block:
        raise Finding("a block that is not whole is not known to be one")
    reader.reset()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="inputs, kept and added to")
    parser.add_argument("--plant", action="store_true", help="prove that a defect is found")
    parser.add_argument("--planted", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--coverage", action="store_true", help="replay the corpus, list branches")
    args = parser.parse_args()
    if args.plant:
        return plant(args)
    args.plant = args.planted
    if args.coverage:
        return coverage_of(args)
    try:
        fuzz(args)
    except ImportError as error:
        print(f"{error}: pip install atheris (Linux and macOS, Python 3.11 to 3.13)",
              file=sys.stderr)  # fmt: skip
        return os.EX_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
