# SPDX-License-Identifier: Apache-2.0
"""Record what goes over the buses, look at it, run the firmware on it again, make a test of it.

  edgeleak blackbox record run.elbb -- edgeleak sim leak --seconds 40
  edgeleak blackbox record last.elbb --minutes 5 -- edgeleak run      on a board: start + 5 min
  edgeleak blackbox show run.elbb --out timeline.png
  edgeleak blackbox replay run.elbb                    same calls, states, verdicts, or what differs
  edgeleak blackbox shrink run.elbb --until 'INHIBIT 119' --out tests/blackbox_cases/plug-out.elbb

Exit code of replay: 0 when everything came again, 65 with the first difference.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeleak.errors import DataError, MissingInputError, StorageError, UsageError

HELP = "record every transaction with the hardware, replay a run bit for bit"
MOST_KB = 300
CASE_SUFFIX = ".elbb"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    record = _action(actions, "record", "run a command, record its transactions")
    record.add_argument("file", type=Path, help="recording; a ring makes FILE.00000 and on")
    record.add_argument("--minutes", type=float, metavar="N",
                        help="keep the start and the last N minutes only")  # fmt: skip
    record.add_argument("--pack", action="store_true", help="FILE.gz besides, when it has ended")
    record.add_argument("words", nargs="+", metavar="COMMAND", help="after --: edgeleak run ...")
    show = _action(actions, "show", "what is in a recording")
    show.add_argument("file", type=Path, help="recording")
    show.add_argument(
        "--from", type=float, default=0.0, dest="from_s", metavar="S", help="from this second"
    )
    show.add_argument("--to", type=float, dest="to_s", metavar="S", help="to this second")
    show.add_argument("--calls", type=int, default=0, metavar="N", help="list the first N calls")
    show.add_argument("--out", type=Path, metavar="PNG", help="timeline as a picture")
    replay = _action(actions, "replay", "the firmware on a recording, every call compared")
    replay.add_argument("file", type=Path, help="recording")
    replay.add_argument("--loose", action="store_true",
                        help="answer by request and time, for a changed firmware")  # fmt: skip
    shrink = _action(actions, "shrink", "a failure as a small test")
    shrink.add_argument("file", type=Path, help="recording")
    shrink.add_argument("--until", required=True, metavar="REGEX",
                        help="pattern of the STATE, VERDICT or FAILED line that is the failure;"
                        " 'code N' for one with that code")  # fmt: skip
    shrink.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="in tests/blackbox_cases/ the tests pick it up")  # fmt: skip


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def run(args: argparse.Namespace) -> int:
    """One action."""
    return {"record": record, "show": show, "replay": replay, "shrink": shrink}[args.action](args)


# --- record -----------------------------------------------------------------------------------


def record(args: argparse.Namespace) -> int:
    """Run the command with the library; its exit code."""
    from edgeleak.blackbox import format as box
    from edgeleak.sim.native import library

    if args.minutes is not None and not args.minutes > 0:
        raise UsageError(f"--minutes must be above 0, got {args.minutes:g}")
    words = [word for word in args.words if word != "--"]
    file = args.file.absolute()
    if not file.parent.is_dir():
        raise MissingInputError(f"{file.parent}: no such folder; create it first")
    for old in (file, *file.parent.glob(file.name + ".[0-9]*")):
        old.unlink(missing_ok=True)
    environment = {**os.environ, "EDGELEAK_BLACKBOX": str(file)}
    if args.minutes is not None:
        environment["EDGELEAK_BLACKBOX_MINUTES"] = f"{args.minutes:g}"
    if words[:2] != ["edgeleak", "sim"]:  # the emulated board loads it itself
        preload = (str(library.build()), os.environ.get("LD_PRELOAD"))
        environment["LD_PRELOAD"] = " ".join(filter(None, preload))
    if words[0] == "edgeleak":
        words[:1] = [sys.executable, "-m", "edgeleak"]
    try:
        code = subprocess.run(words, env=environment, check=False).returncode
    except OSError as error:
        raise MissingInputError(f"{words[0]}: {error.strerror}; check the command") from error
    parts = box.files(file)
    size = sum(part.stat().st_size for part in parts)
    print(f"recorded {size / 1e6:.1f} MB in {len(parts)} file(s): {file}", file=sys.stderr)
    if args.pack:
        for part in parts:
            packed = box.pack(part)
            print(f"packed   {packed.stat().st_size / 1e6:.1f} MB: {packed}", file=sys.stderr)
    if args.json:
        print(json.dumps({"files": [str(part) for part in parts], "bytes": size, "code": code}))
    return code


# --- show -------------------------------------------------------------------------------------


def show(args: argparse.Namespace) -> int:
    """Table of what was asked, lines, calls on wish, picture on wish."""
    from edgeleak.blackbox import format as box
    from edgeleak.blackbox import listing

    recording = box.read(args.file)
    found = listing.look(recording, args.from_s, args.to_s)
    if args.out is not None:
        listing.draw(found, args.out)
    if args.json:
        print(json.dumps(listing.plain(found, args.calls), indent=2))
        return 0
    for line in listing.text(found, args.calls):
        print(line)
    if args.out is not None:
        print(f"picture  {args.out}")
    return 0


# --- replay -----------------------------------------------------------------------------------


def replay(args: argparse.Namespace) -> int:
    """0 when the firmware did and said the same, else DataError with the first difference."""
    from edgeleak.blackbox import format as box
    from edgeleak.blackbox import loose, strict
    from edgeleak.blackbox.format import Mark

    recording = box.read(args.file)
    if args.loose or recording.marks(Mark.CASE):
        return _loosely(args, loose.run(loose.past_of(recording)))
    result = strict.replay(recording)
    if args.json:
        print(json.dumps(asdict(result) | {"closed": recording.is_closed}, indent=2))
    else:
        for line in result.lines:
            print(line)
        if not recording.is_closed:
            print("cut: the program did not end this recording; what is there is replayed")
        print(f"{result.seconds:.1f} s, {result.turns} turns: {result.calls} calls equal,"
              f" {result.writes} of them writes; {len(result.lines)} lines equal")  # fmt: skip
    if result.difference is not None:
        raise DataError(f"differs {result.difference}")
    return 0


def _loosely(args: argparse.Namespace, result: Any) -> int:
    if args.json:
        print(json.dumps(asdict(result), indent=2))
        return 0
    for line in result.lines:
        print(line)
    print(f"{result.frames} frames; {result.unanswered} requests that were never recorded")
    return 0


# --- shrink -----------------------------------------------------------------------------------


def shrink(args: argparse.Namespace) -> int:
    """Write the case; StorageError when it is too large to be committed."""
    from edgeleak.blackbox import format as box
    from edgeleak.blackbox import loose
    from edgeleak.blackbox import shrink as shrinking

    until = _pattern(args.until)
    past = loose.past_of(box.read(args.file))
    found = shrinking.shrink(past, until, lambda line: print(line, file=sys.stderr, flush=True))
    out = args.out if args.out.suffix == CASE_SUFFIX else Path(f"{args.out}{CASE_SUFFIX}")
    done = shrinking.save(found, out, shrinking.shape_of(past))
    facts = {**asdict(done.case), "file": str(out), "bytes": done.size, "tries": done.tries}
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        print(f"{done.case.at_s:.2f} s of {done.case.was_s:.1f} s after {done.tries} runs:"
              f" {out}, {done.size / 1000:.0f} kB\n{done.case.said}")  # fmt: skip
    if done.size > 1000 * MOST_KB:
        raise StorageError(f"{out}: {done.size / 1000:.0f} kB, a committed case has at most"
                           f" {MOST_KB}; record with [sensor] binning = true")  # fmt: skip
    return 0


def _pattern(given: str) -> str:
    """A regular expression; `code 119` stands for any line with that number."""
    if code := re.fullmatch(r"code (\d+)", given):
        return rf"^(STATE \S+ \S+|VERDICT .+ > .+) {code[1]} t="
    try:
        re.compile(given)
    except re.error as error:
        raise UsageError(f"--until '{given}': {error}; give a regular expression") from error
    return given
