# SPDX-License-Identifier: Apache-2.0
"""Write the table of status-LED patterns into docs/instrument.md, from edgeleak.drivers.lines.

write_patterns.py            write it
write_patterns.py --check    exit code 1 when the page is not what the source says
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from edgeleak.codes import GROUPS
from edgeleak.drivers.lines import PATTERNS, Pattern, fault

FILE = Path(__file__).resolve().parents[1] / "docs" / "instrument.md"
PART = re.compile("(<!-- patterns -->\n).*?(<!-- end -->)", re.DOTALL)


def every() -> Iterator[tuple[str, Pattern, str]]:
    """(state, pattern, meaning) of all, faults by their hundreds."""
    for state, pattern in PATTERNS.items():
        yield state, pattern, pattern.meaning
    for hundreds, group in GROUPS.items():
        pattern = fault(100 * hundreds)
        yield f"fault {hundreds}xx", pattern, f"{pattern.meaning}, {group}"


def colour(pattern: Pattern) -> str:
    """Which LEDs, and how they go together."""
    if pattern.green and pattern.red:
        return "green and red" if pattern.green == pattern.red else "green, then red"
    return "green" if pattern.green else "red"


def timing(pattern: Pattern) -> str:
    """One round of one LED; both have the same where both are used."""
    spans = pattern.green or pattern.red
    begin_ms, end_ms = spans[0]
    on_ms = end_ms - begin_ms
    if on_ms == pattern.period_ms:
        return "steady"
    off_ms = pattern.period_ms - spans[-1][1] + begin_ms
    if len(spans) == 1:
        return f"{on_ms} ms on, {off_ms} ms off"
    gap_ms = spans[1][0] - end_ms
    return f"{len(spans)} times {on_ms} ms on, {gap_ms} ms between, then {off_ms} ms off"


def table() -> str:
    """Markdown rows of all patterns."""
    rows = [f"| {state} | {colour(pattern)} | {timing(pattern)} | {meaning} |"
            for state, pattern, meaning in every()]  # fmt: skip
    return "\n".join(["| state | colour | one round | meaning |", "|---|---|---|---|", *rows])


def filled(text: str) -> str:
    """The page with the table of today."""
    made, count = PART.subn(lambda match: f"{match[1]}{table()}\n{match[2]}", text)
    if count != 1:
        sys.exit(f"{FILE}: {count} places for the patterns, expected one")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    text = FILE.read_text(encoding="utf-8")
    if not args.check:
        FILE.write_text(filled(text), encoding="utf-8")
        print(f"{FILE}: {len(list(every()))} patterns")
        return 0
    if filled(text) == text:
        return 0
    print(f"{FILE} is old; run: python tools/write_patterns.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
