# SPDX-License-Identifier: Apache-2.0
"""Saves whose calls fail, each one by its number; every call that names or holds the files."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from row import Outcome, Row

ERRORS = ("EIO", "ENOSPC", "EROFS")
CALL = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)
OLD, NEW = "OLD" * 900, "NEW" * 1000
REFUSED = 9
ENOUGH = 5
"""Problems after which no more cases are run."""
ONE_SAVE = f"""
import sys
from pathlib import Path
from edgeleak.durable import replace_text
from edgeleak.errors import EdgeLeakError
try:
    replace_text(Path(sys.argv[1]) / "saved", "NEW" * 1000, 0o644)
except EdgeLeakError as error:
    print(error)
    sys.exit({REFUSED})
print("ACK")
"""
SAYS_NEW, SAYS_OLD = "the new file is in place", "was not saved"


def failing_calls(count: int, seed: int) -> Outcome:
    """D4: each call fails once, and it and all after it; old or new file, and the words say which.

    The calls are those of a good save, as strace counts them.
    """
    outcome = Outcome(clean_unit="saves")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        folder.mkdir()
        calls = _good_save(folder, outcome)
        cases = [*_cases(calls)]
        for n in range(max(count, len(cases))):
            if len(outcome.problems) >= ENOUGH:
                break
            what, injections = cases[n % len(cases)]
            _failing_save(folder, what, injections, outcome)
    outcome.notes.append(f"{len(calls)} calls: {', '.join(calls)}")
    return outcome


def _cases(calls: list[str]) -> Iterator[tuple[str, list[str]]]:
    """(what happens, options of strace) of every case."""
    for error in ERRORS:
        for is_once in (True, False):
            for at, name in enumerate(calls):
                what = f"call {at + 1}, {name}: {error}{'' if is_once else ' from then on'}"
                yield what, _injections(calls, at, error, is_once)


def _injections(calls: list[str], at: int, error: str, is_once: bool) -> list[str]:
    """strace counts each name by itself."""
    before = Counter(calls[:at])
    if is_once:
        return [f"inject={calls[at]}:error={error}:when={before[calls[at]] + 1}"]
    names = dict.fromkeys(calls[at:])
    return [f"inject={name}:error={error}:when={before[name] + 1}+" for name in names]


def _good_save(folder: Path, outcome: Outcome) -> list[str]:
    """Nothing fails: the names of its calls, in order."""
    done, content, log = _save(folder, [])
    outcome.clean += 1
    is_good = done.stdout == "ACK\n" and content == NEW
    outcome.false_trips += not outcome.expect(is_good, f"a good save: {done.stderr[-200:]}")
    return CALL.findall(log)


def _failing_save(folder: Path, what: str, injections: list[str], outcome: Outcome) -> None:
    done, content, log = _save(folder, injections)
    outcome.executed += outcome.expect("(INJECTED)" in log, f"{what}: never came")
    says_new, says_old = SAYS_NEW in done.stdout, SAYS_OLD in done.stdout
    is_acked = (done.returncode, done.stdout) == (0, "ACK\n")
    is_told = {NEW: is_acked or (says_new and not says_old),
               OLD: says_old and not says_new}  # fmt: skip
    outcome.trips += outcome.expect(
        done.returncode in (0, REFUSED) and is_told.get(content, False),
        f"{what}: exit {done.returncode}, {content[:3]} in {len(content)} bytes, said"
        f" {done.stdout[-200:]!r} {done.stderr[-200:]}",
    )


def _save(folder: Path, injections: list[str]) -> tuple[subprocess.CompletedProcess, str, str]:
    """One save of a file that is there: the process, the content afterwards, what strace saw."""
    saved, log = folder / "saved", folder.with_name("strace.log")
    saved.write_text(OLD)
    # -P: only calls on our files fail, or Python itself would not start.
    paths = [part for path in (folder, saved, folder / ".saved.part") for part in ("-P", str(path))]
    options = [part for option in injections for part in ("-e", option)]
    command = ["strace", "-f", "-qq", "-o", str(log), *paths, *options,
               sys.executable, "-c", ONE_SAVE, str(folder)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    return done, saved.read_text(), log.read_text()


ROWS = (
    Row("D4", "each call of a save fails, once or with all after it: old or new, said which",
        "process", 96, 96, failing_calls, "D4.patch", 32, more=("D4-place.patch",),
        control=6),
)  # fmt: skip
