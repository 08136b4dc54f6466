# SPDX-License-Identifier: Apache-2.0
"""Write the judged claims into docs/paper-claims.md and their count into README.md.

    edgeleak evaluate background --out out/b
    edgeleak evaluate contrast --out out/c
    python tools/write_claims.py out/b/claims.json out/c/claims.json

The verdicts are those of the commands; nothing is judged here.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE, README = ROOT / "docs" / "paper-claims.md", ROOT / "README.md"
NAMES = ("background", "contrast")
VERDICTS = ("confirmed", "denied", "mixed")
ROW = re.compile(r"\| (.+?) \| \*\*(\w+)\*\* \| (.+?) \| (.+) \|")
COUNT = re.compile(r"\d+ confirmed, \d+ denied, \d+ mixed")


def table(claims: list[dict]) -> str:
    """Markdown rows of claims.json."""
    rows = ["| claim | verdict | rule | numbers |", "|---|---|---|---|"]
    for claim in claims:
        numbers = "; ".join(claim["numbers"]).replace("|", "/")
        rows.append(f"| {claim['claim']} | **{claim['verdict']}** | {claim['rule']} | {numbers} |")
    return "\n".join(rows)


def counted(page: str) -> str:
    """The count of README, from the tables of the page."""
    found = Counter(match[2] for match in map(ROW.match, page.splitlines()) if match)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS)


def block(page: str, name: str) -> re.Match[str]:
    """The generated part of the page."""
    found = re.search(rf"<!-- claims: {name} -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    if found is None:
        raise SystemExit(f"write_claims: {PAGE.name} has no block for {name}")
    return found


def main() -> int:
    if len(sys.argv) != 1 + len(NAMES):
        print(__doc__, file=sys.stderr)
        return 64
    page = PAGE.read_text()
    for name, path in zip(NAMES, sys.argv[1:], strict=True):
        made = table(json.loads(Path(path).read_text()))
        start, end = block(page, name).span(1)
        page = page[:start] + made + page[end:]
    PAGE.write_text(page)
    README.write_text(COUNT.sub(counted(page), README.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
