# SPDX-License-Identifier: Apache-2.0
"""Start a plant in its own process, and programs that see its devices."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from edgeleak.errors import UnavailableError
from edgeleak.sim.control_channel import Control
from edgeleak.sim.native import library
from edgeleak.sim.server import READY

SOCKET_PATH_MAX_BYTES = 107  # sun_path of unix(7), without the closing zero


class RunningPlant:
    """A plant server; a context manager that ends it.

    board, scenario : names or paths
    options         : further arguments of `python -m edgeleak.sim.server`
    """

    def __init__(self, board: str = "el1-a", scenario: str | None = None, *, seed: int = 0,
                 options: tuple[str, ...] = ()) -> None:  # fmt: skip
        self._folder = tempfile.TemporaryDirectory(prefix="edgeleak-sim-")
        self.socket = Path(self._folder.name) / "bus"
        self.control_path = Path(self._folder.name) / "control"
        if len(os.fsencode(self.control_path)) > SOCKET_PATH_MAX_BYTES:
            self._folder.cleanup()
            raise UnavailableError(f"{self.control_path} is too long for a socket; point TMPDIR "
                                   "at a folder with a shorter name")  # fmt: skip
        command = [sys.executable, "-m", "edgeleak.sim.server", "--board", board, "--seed",
                   str(seed), "--socket", str(self.socket), "--control", str(self.control_path),
                   *(("--scenario", scenario) if scenario else ()), *options]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = self.process.stdout
        if output is None or output.readline().strip() != READY:
            self._folder.cleanup()
            raise UnavailableError(
                f"the plant did not start (exit code {self.process.wait()}); see its message above"
            )
        self.control = Control(self.control_path)

    def environment(self) -> dict[str, str]:
        """Environment of a program that shall run on this plant."""
        preload = " ".join(filter(None, (str(library.build()), os.environ.get("LD_PRELOAD"))))
        return {**os.environ, "LD_PRELOAD": preload, "EDGELEAK_SIM_SOCKET": str(self.socket)}

    def close(self) -> None:
        """Stop it; a server that does not stop is killed."""
        self.control.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
