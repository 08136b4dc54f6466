# SPDX-License-Identifier: Apache-2.0
"""Put real output into docs/bringup.md: each marked command is run on an emulated board.

    write_bringup.py

A marker is `<!-- run: edgeleak WORDS [| fault NAME] -->`; what follows it up to `<!-- end -->` is
replaced.  The state folder is a new one and is printed as the board's.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from edgeleak.sim.launch import RunningPlant

FILE = Path(__file__).resolve().parents[1] / "docs" / "bringup.md"
MARKED = re.compile(r"(<!-- run: edgeleak ([^|>]+?)(?: \| fault ([\w-]+))? -->\n).*?(<!-- end -->)",
                    re.DOTALL)  # fmt: skip
LIMIT_S = 60


def output(words: list[str], fault: str | None, folder: Path) -> str:
    """What the command says on a board where `fault` is so."""
    settings = folder / "edgeleak.toml"
    settings.write_text(f"[recorder]\nfolder = '{folder}/recordings'\n")
    place = ["--config", str(settings), "--state", str(folder)]
    if words[0] == "bringup":
        place += ["--out", str(folder)]
    with RunningPlant() as plant:
        if fault is not None:
            plant.control.ask("inject", fault=fault)
        done = subprocess.run([sys.executable, "-m", "edgeleak", *words, *place], text=True,
                              env=plant.environment(), capture_output=True,
                              timeout=LIMIT_S)  # fmt: skip
    text = (done.stdout + done.stderr).replace(str(folder), "/var/lib/edgeleak").strip()
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join([*lines, f"(exit code {done.returncode})"])


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    text = FILE.read_text(encoding="utf-8")

    def run(found: re.Match[str]) -> str:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            said = output(found[2].split(), found[3], Path(folder))
        return f"{found[1]}```\n$ edgeleak {found[2]}\n{said}\n```\n{found[4]}"

    text, count = MARKED.subn(run, text)
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE}: {count} outputs")
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
