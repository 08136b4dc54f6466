# SPDX-License-Identifier: Apache-2.0
"""Builds the preload library where a compiler is, once for each source and compiler.

It is no part of a wheel: a board has real nodes, and a host that simulates one has a compiler.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from edgeleak.errors import UnavailableError

SOURCE = Path(__file__).with_name("preload.c")
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
         "-fvisibility=hidden")  # fmt: skip


def cache_folder() -> Path:
    """$EDGELEAK_CACHE, else the user's cache."""
    if given := os.environ.get("EDGELEAK_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "edgeleak"


def build(compiler: str | None = None, folder: Path | None = None) -> Path:
    """Path of the library, compiled unless it is there; raises UnavailableError.

    compiler : command with options; $CC or cc.  A cross compiler makes a library for its target
    folder   : where it is kept
    """
    if not SOURCE.is_file():
        raise UnavailableError(
            f"{SOURCE.name} is not part of a board's wheel: this machine has real devices;"
            " simulate on a host"
        )
    command = shlex.split(compiler or os.environ.get("CC") or "cc")
    if shutil.which(command[0]) is None:
        raise UnavailableError(
            f"the simulated board needs a C compiler: '{command[0]}' is not there;"
            " run: sudo apt install gcc"
        )
    sources = b"".join(path.read_bytes() for path in sorted(SOURCE.parent.glob("*.[ch]")))
    digest = hashlib.sha256(sources + " ".join((*command, *FLAGS)).encode())
    target = (folder or cache_folder()) / f"edgeleak-preload-{digest.hexdigest()[:16]}.so"
    if not target.is_file():
        _compile(command, target)
    return target


def _compile(command: list[str], target: Path) -> None:
    """Compile beside the target, then rename: two processes may do so at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        result = subprocess.run(
            [*command, *FLAGS, "-o", str(made), str(SOURCE), "-ldl", "-pthread"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            raise UnavailableError(
                f"{SOURCE} does not compile with {command[0]}: {result.stderr.strip()}"
            )
        made.replace(target)
