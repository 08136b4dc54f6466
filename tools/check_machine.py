# SPDX-License-Identifier: Apache-2.0
"""Say in one sentence what this machine lacks before anything is built."""

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

PACKAGES = "make git gcc python3-venv python3-dev"


def missing_part() -> str | None:
    """Name the first missing part, or None."""
    if sys.version_info < (3, 11):
        return f"Python 3.11 or newer (this is {sys.version.split()[0]})"
    if not (shutil.which("cc") or shutil.which("gcc")):
        return "a C compiler"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        return f"the header {header}"
    if importlib.util.find_spec("ensurepip") is None:
        return "the Python module ensurepip"
    return None


def main() -> int:
    part = missing_part()
    if part is None:
        return 0
    print(f"EdgeLeak needs {part}: on Debian, apt-get install {PACKAGES}", file=sys.stderr)
    return 69


if __name__ == "__main__":
    sys.exit(main())
