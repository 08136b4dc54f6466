# SPDX-License-Identifier: Apache-2.0
"""Write docs/codes.md from the one table of codes, src/edgeleak/codes.toml.

write_codes.py            write it
write_codes.py --check    exit code 1 when the file is not what the table says
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from edgeleak.codes import GROUPS, TABLE, Code, Kind

FILE = Path(__file__).resolve().parents[1] / "docs" / "codes.md"
PLACE = re.compile(r"\{(measured|expected)(:[^}]*)?\}")
HEAD = """# Codes: why there is no plain answer, and what to do

Written by `python tools/write_codes.py` from `src/edgeleak/codes.toml`; do not edit.

Every answer other than GAS and NO GAS carries one of these numbers, on the status line, in the
log, in `edgeleak status`, in recordings and on the console. *M* is what was measured, *E* what
was expected or is allowed.

| kind | what it means |
|---|---|
| INHIBIT | no answer now; ends by itself when its cause ends |
| FAULT | latched: cooler ramps to zero, light off; mend the cause, then clear it or restart |
| FAULT, passes | outputs are off, and on again by themselves when the cause has ended |
| note | the answer stands; the flag `degraded` is shown |

The red status LED flashes a fault's hundreds: two flashes are a cooler fault.
"""


def kind_of(code: Code) -> str:
    """INHIBIT, FAULT or note."""
    kind = "note" if code.is_note else Kind(code.kind).name
    return f"{kind}, passes" if code.is_passing else kind


def row(code: Code) -> str:
    """One line of a table."""
    what = PLACE.sub(lambda found: "*M*" if found[1] == "measured" else "*E*", code.what)
    cells = (f"**{code.number}**", f"`{code.name}`", kind_of(code), what, code.section,
             code.next_step)  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def lines() -> Iterator[str]:
    """The whole document."""
    yield HEAD
    for hundreds, name in GROUPS.items():
        codes = sorted((one for one in TABLE.values() if one.number // 100 == hundreds),
                       key=lambda one: one.number)  # fmt: skip
        if not codes:
            continue
        yield f"## {hundreds}xx {name}\n"
        yield "| code | name | kind | what is so | setting | do now |"
        yield "|---|---|---|---|---|---|"
        yield from map(row, codes)
        yield ""


def document() -> str:
    """Text of docs/codes.md."""
    return "\n".join(lines()).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if not args.check:
        FILE.write_text(document(), encoding="utf-8")
        print(f"{FILE}: {len(TABLE)} codes")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == document():
        return 0
    print(f"{FILE} is old; run: python tools/write_codes.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
