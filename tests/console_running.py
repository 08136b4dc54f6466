# SPDX-License-Identifier: Apache-2.0
"""`edgeleak run` on the emulated board with its console, and a person at `edgeleak console`."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

from edgeleak.console.client import Client, connect
from edgeleak.sim.launch import RunningPlant

SETTINGS = """
[sensor]
fps = 11.0
[cooler]
set_point_degc = 24.0
[nuc]
frames = 4
settle_s = 0.2
[console]
serial_device = "{serial}"
socket = "{folder}/scpi"
"""
PATIENCE_S = 40


class Running:
    """One instrument with pty and socket, perhaps a serial port; ends with the block.

    environment : of the instrument and its recorder; libraries to preload come after the plant's
    """

    def __init__(self, folder, seconds=120, serial="", settings=SETTINGS, environment=None):
        self.folder, self.pty, self.socket = folder, folder / "pty", folder / "scpi"
        (folder / "edgeleak.toml").write_text(settings.format(folder=folder, serial=serial))
        self.seconds, self.process = seconds, None
        self.plant = RunningPlant()
        self.environment = self.plant.environment()
        for name, value in (environment or {}).items():
            before = [self.environment[name]] if name == "LD_PRELOAD" else []
            self.environment[name] = " ".join([*before, value])
        self.start()

    def start(self):
        command = [sys.executable, "-m", "edgeleak", "run", "--config",
                   self.folder / "edgeleak.toml", "--state", self.folder, "--run", self.folder,
                   "--out", self.folder / "out", "--pty", self.pty, "--json", "--seconds",
                   self.seconds]  # fmt: skip
        self.process = subprocess.Popen(list(map(str, command)), env=self.environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)  # fmt: skip
        wait_for(lambda: self.pty.is_symlink() and self.socket.exists())

    def stop(self):
        """The report."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.plant.close()

    def ask(self, *lines):
        """Answers over the socket, at level operate."""
        with Client(connect(str(self.socket), 0)) as client:
            return [client.query(line) if "?" in line else client.write(line) for line in lines]


def wait_for(is_so, most_s=PATIENCE_S):
    end_s = time.monotonic() + most_s
    while not is_so():
        assert time.monotonic() < end_s, "waited in vain"
        select.select([], [], [], 0.05)


class Typist:
    """`edgeleak console` in a terminal of its own."""

    def __init__(self, *arguments):
        self._pid, self._screen = pty.fork()
        if not self._pid:
            os.execv(sys.executable, [sys.executable, "-m", "edgeleak", "console",
                                      *map(str, arguments)])  # fmt: skip
        self.text = ""

    def type(self, keys):
        os.write(self._screen, keys.encode())
        return self

    def expect(self, pattern):
        """Text up to a match; what was shown before is forgotten."""
        end_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end_s, self.text[-2000:]
            if select.select([self._screen], [], [], 0.2)[0]:
                self.text += os.read(self._screen, 65536).decode(errors="replace")
        shown, self.text = self.text[: found.end()], self.text[found.end() :]
        return shown

    def leave(self):
        self.type("\x1d")
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._screen)
        assert code == 0
        return code
