# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the console's parser: bytes to messages to units, and on to commands.

  fuzz_console.py --seconds 600 --corpus out/corpus     search;
                                                        a finding ends it, exit code 77
  fuzz_console.py --plant --seeds 6                     each planted defect must be found within
                                                        60 s, from each of six seeds, and none
                                                        where the fuzzer is blind (planted.py)
  fuzz_console.py --coverage                            branches that seeds, corpus, 3000 made
                                                        lines and a few direct calls reach

atheris instruments scpi.py and tree.py, so that libFuzzer sees every branch and comparison.  What
is demanded of any bytes at all: the reader keeps one block at most though each that is announced
comes and no line ends, cutting the stream elsewhere changes no message, parsing copies no message
more than twice, only ScpiError is raised and its text can be printed, every unit can be looked up,
an answer is made within 100 ms, and what was parsed is parsed again from its own spelling.
"""

import argparse
import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from console_lines import Mutator, dictionary, seeds
from planted import PLANTED, break_stages

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("src/edgeleak/console/scpi.py", "src/edgeleak/console/tree.py")
HANG_S = 0.1
FOUND_WITHIN_S = 60
STAGED = "stages"
KEPT_MOST = (8 << 20) + 8192
"""One block and what stands around it."""
FILLER = b"x" * (1 << 20)
REPEATS = 3
COPIES_MOST, SMALL = 2, 500
INPUT_MOST = 400
"""Long lines are slow and add nothing but the overrun, which the seeds of --coverage have."""
FLOOR_PERCENT = 98.0
MADE_LINES = 3000


class Counted(bytes):
    """Counts the bytes that are copied out of it."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        Counted.copied += len(found) if isinstance(found, bytes) else 1
        return found


class Finding(Exception):
    """Something that must never happen."""


def check(data: bytes, scpi: Any, tree: Any) -> None:
    """One input; the first byte says where the stream is cut."""
    if not data:
        return
    stride, stream = 1 + data[0] // 2, data[1:] + b"\n"
    began_s = time.thread_time()
    whole = messages(reader(scpi, tree), stream, len(stream))
    if data[0] % 2:  # every second input, because it costs most
        parts = messages(reader(scpi, tree), stream, stride)
        if whole != parts:
            raise Finding(f"cut every {stride} bytes: {parts!r}, whole: {whole!r}")
    for message in whole:
        if isinstance(message, bytes):
            copy(message, scpi)
            follow(message, scpi, tree)
    took_s = time.thread_time() - began_s
    if took_s > HANG_S:
        raise Finding(f"took {took_s:.3f} s for {len(stream)} bytes")
    if b"#" in stream and data[0] % 4 == 2:
        hoard(stream, reader(scpi, tree))


def reader(scpi: Any, tree: Any) -> Any:
    """That of a session which may send every block."""
    return scpi.Reader(tree.taking_block)


def hoard(stream: bytes, one: Any) -> None:
    """The stream again and again without a line end; each block that it announces comes."""
    begun = stream.translate(None, b"\r\n")
    for _ in range(REPEATS):
        messages(one, begun, max(1, len(begun)))
        while one.is_in_block:
            messages(one, FILLER[: one._left], len(FILLER))


def copy(message: bytes, scpi: Any) -> None:
    """Parsing takes the time of a few looks at each byte."""
    Counted.copied = 0
    with contextlib.suppress(scpi.ScpiError):
        list(scpi.units(Counted(message)))
    if Counted.copied > COPIES_MOST * len(message) + SMALL:
        raise Finding(f"copied {Counted.copied} of {len(message)} bytes")


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
            if tree.limit(unit) is None:
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


# --- with atheris --------------------------------------------------------------------------------


def fuzz(args: argparse.Namespace) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["edgeleak.console.scpi", "edgeleak.console.tree"]):
        from edgeleak.console import commands, scpi
        from edgeleak.console import tree as trees
    tree = commands.tree()
    corpus = args.corpus or Path(tempfile.mkdtemp(prefix="edgeleak-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    starts = [bytes((6 + n % 2,)) + line[:INPUT_MOST] for n, line in enumerate(seeds(commands))]
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{word}"\n' for word in dictionary(commands)))
    if args.planted == STAGED:
        break_stages(scpi, trees, (lambda one: one) if args.blind else atheris.instrument_func)
    elif args.planted:
        PLANTED[args.planted][0](scpi, trees)
    if args.planted:
        starts = without_findings(starts, scpi, tree)
    for count, start in enumerate(starts):
        (corpus / f"seed-{count:03}").write_bytes(start)

    def one_input(data: bytes) -> None:
        check(data, scpi, tree)

    options = [f"-max_total_time={args.seconds}", f"-max_len={INPUT_MOST}", "-timeout=5",
               f"-seed={args.seed}", f"-dict={words}", "-print_final_stats=1",
               f"-artifact_prefix={corpus}/"]  # fmt: skip
    mutator = Mutator(commands, lambda data, most: bytes(atheris.Mutate(data, most)))
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=mutator)
    atheris.Fuzz()


def without_findings(starts: list[bytes], scpi: Any, tree: Any) -> list[bytes]:
    """Inputs that do not hold the planted defect already: it has to be found, not read."""
    left = []
    for start in starts:
        try:
            check(start, scpi, tree)
        except Exception:  # whatever the defect raises is what the search is for
            continue
        left.append(start)
    print(f"{len(starts) - len(left)} of {len(starts)} seeds hold it and are left out", flush=True)
    return left


def plant(args: argparse.Namespace) -> int:
    """A search with each defect in place, from the same lines, with several seeds; and one that
    must find nothing because it does not see the branches that lead there."""
    missed, names = 0, [name for name in PLANTED if not (args.quick and name == STAGED)]
    for name in names:
        for seed in range(args.seed, args.seed + args.seeds):
            took_s, said = search(name, seed)
            missed += bool(said)
            word = "NOT FOUND" if said else "found"
            print(f"planted defect {name}, seed {seed}: {word} after {took_s:.1f} s"
                  f" (limit {FOUND_WITHIN_S} s)", flush=True)  # fmt: skip
            print(said[-2000:], end="")
    print(f"{len(names) * args.seeds - missed} of {len(names) * args.seeds} found")
    if args.quick:
        return 1 if missed else 0
    blind_s, said = search(STAGED, args.seed, "--blind")
    word = "not found, as it should be" if said else "FOUND: it proves nothing of coverage"
    print(f"planted defect {STAGED}, blind: {word} after {blind_s:.1f} s")
    return 1 if missed or not said else 0


def search(name: str, seed: int, *more: str) -> tuple[float, str]:
    """(seconds, "" when the defect was found, else what was said)."""
    began_s = time.monotonic()
    done = subprocess.run([sys.executable, __file__, "--planted", name, "--seconds",
                           str(FOUND_WITHIN_S), "--seed", str(seed), *more],
                          capture_output=True, text=True)  # fmt: skip
    took_s, said = time.monotonic() - began_s, done.stdout + done.stderr
    was_found = re.search(PLANTED[name][1], said) and took_s <= FOUND_WITHIN_S
    return took_s, "" if was_found else said or "it said nothing"


# --- coverage ------------------------------------------------------------------------------------


def coverage_of(args: argparse.Namespace) -> int:
    """Branches of the parser that are reached, and the ones that are not; `answers` and `limits`
    call what no line of a client leads to."""
    import coverage

    watch = coverage.Coverage(branch=True, data_file=None,
                              include=[str(ROOT / target) for target in TARGETS])  # fmt: skip
    watch.start()
    from edgeleak.console import commands, scpi
    from edgeleak.console import tree as trees

    tree = commands.tree()
    inputs = [stride + line for line in lines_for_coverage(commands) for stride in (b"\1", b"\7")]
    if args.corpus is not None:
        inputs += [path.read_bytes() for path in sorted(args.corpus.iterdir())]
    for data in inputs:
        with contextlib.suppress(Finding):
            check(data, scpi, tree)
    answers(scpi)
    limits(scpi, trees)
    if len(tree.spelt("SYST:PIN")) != 2:
        raise Finding("not every spelling is found that begins so")
    watch.stop()
    print(f"{len(inputs)} inputs")
    shares = [reached(watch, target) for target in TARGETS]
    return 0 if min(shares) >= FLOOR_PERCENT else 1


def lines_for_coverage(commands: Any) -> list[bytes]:
    """The seeds, and as many lines of the mutator as there are in a second of fuzzing."""
    mutator, rng = Mutator(commands, lambda data, _most: data), random.Random(1)
    return [*seeds(commands), *(mutator.line(rng) for _ in range(MADE_LINES))]


def reached(watch: Any, target: str) -> float:
    """Percent of a file's branches; prints the missing ones."""
    facts = watch._analyze(str(ROOT / target))
    numbers = facts.numbers
    share: float = 100 * (numbers.n_branches - numbers.n_missing_branches) / numbers.n_branches
    ran = numbers.n_statements - numbers.n_missing
    print(f"{target}: {share:.1f} % of {numbers.n_branches} branches,"
          f" {ran} of {numbers.n_statements} statements")  # fmt: skip
    for line, ends in sorted(facts.missing_branch_arcs().items()):
        print(f"  line {line} never goes on to {', '.join(map(str, ends))}")
    return share


def answers(scpi: Any) -> None:
    """The other half of the module: what goes out, for every kind of number; and a reset."""
    for value in (0.0, 1.5, 1e12, -3.0, float("nan"), float("inf"), -float("inf")):
        scpi.number(value)
    scpi.quoted('a "b"')
    one = scpi.Reader()
    list(one.feed(b"X #15abc"))
    if not one.is_in_block:
        raise Finding("a block that is not whole is not known to be one")
    one.give_up()
    rest = list(one.feed(b"\xff\n*CLS\n*IDN?\r\n#9900000000\n"))
    if [getattr(found, "number", found) for found in rest] != [b"*IDN?", -363]:
        raise Finding(f"after a block that was given up: {rest}")

    def skip(_text: bytes, _length: int) -> None:
        raise scpi.BlockSkipped(-203)

    if [found.number for found in scpi.Reader(skip).feed(b"X #13a\nb\n")] != [-203]:
        raise Finding("a block that is skipped is not passed over")


def limits(scpi: Any, tree: Any) -> None:
    """What no line reaches: a registry that names a command twice, a block above its own limit,
    because the reader throws away what is above the largest."""
    for wrong, said in (
        (lambda: tree.Tree([tree.Command("A?", id, "")] * 2), ValueError),
        (lambda: tree.Block("b", 1).value(b"ab"), scpi.ScpiError),
        (
            lambda: tree.Tree(
                [tree.Command("A", id, "", parameters=(tree.Block("b", 1),))]
            ).taking_block(b"A ", 2),
            scpi.ScpiError,
        ),
    ):
        try:
            wrong()
        except said:
            continue
        raise Finding(f"no {said.__name__}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="inputs, kept and added to")
    parser.add_argument("--seeds", type=int, default=1, help="of --plant, from --seed on (1)")
    parser.add_argument("--plant", action="store_true", help="prove that defects are found")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="--plant without the defect that needs coverage, a minute and a half",
    )
    parser.add_argument("--planted", choices=PLANTED, help=argparse.SUPPRESS)
    parser.add_argument("--blind", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--coverage", action="store_true", help="replay the corpus, list branches")
    args = parser.parse_args()
    if args.plant:
        return plant(args)
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
