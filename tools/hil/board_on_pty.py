# SPDX-License-Identifier: Apache-2.0
"""Run the suite's target `board` without a board: through a serial port, as a rig would.

  board_on_pty.py                     every argument is pytest's: board_on_pty.py -k settings
  board_on_pty.py --switch            with a power switch in the environment file

The firmware has its console at its own serial port (`console.serial_device`), whose cable is a
pair of ptys that carry bytes at 115,200 Bd.  The rig is told the other end: one line of env.yaml,
`port:`.  PINs are chosen at the cable first, as a person would, and given as HIL_PIN_OPERATE and
HIL_PIN_SERVICE.  What needs a plant is skipped: a real board has none.  `--switch` adds a
labgrid ExternalPowerDriver, whose commands reach this program.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.console.client import Client, connect
from edgeleak.errors import EdgeLeakError
from edgeleak.sim.launch import RunningPlant

HERE = Path(__file__).resolve().parent
BAUD, BOOT_S, END_S = 115_200, 60.0, 10.0
PORT_LINE = "        port: /dev/ttyUSB0 "
DRIVERS_LINE = "      # ManualPowerDriver: {}\n"
SWITCH = """      ExternalPowerDriver:
        cmd_on: "{python} {tool} --power on {socket}"
        cmd_off: "{python} {tool} --power off {socket}"
        delay: 0.1
"""
PINS = {"HIL_PIN_OPERATE": "pty-operate", "HIL_PIN_SERVICE": "pty-service"}


class Board:
    """Plant, firmware and cable; a context manager.

    folder : for the ports, settings and state
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, uart = folder / "ttyRIG", folder / "ttyBOARD"
        self._relay = subprocess.Popen(
            [sys.executable, str(HERE / "paced_relay.py"), str(uart), "--make", "--baud", str(BAUD),
             "--link", str(self.port)], stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert self._relay.stdout is not None
        self._relay.stdout.readline()
        self._plant = RunningPlant("el1-a", str(HERE / "plant.toml"), seed=1)
        settings = (HERE / "firmware.toml").read_text(encoding="utf-8")
        settings = replaced(settings, 'serial_device = ""', f'serial_device = "{uart}"')
        (folder / "edgeleak.toml").write_text(settings)
        (folder / "state").mkdir()
        self._firmware: subprocess.Popen[bytes] | None = None

    def power(self, word: str) -> None:
        """`on` starts the firmware, `off` kills it."""
        if word == "off" and self._firmware is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._firmware.pid, signal.SIGKILL)
            self._firmware.wait(END_S)
            self._firmware = None
        if word == "on" and self._firmware is None:
            folder = self._folder
            shutil.rmtree(folder / "run", ignore_errors=True)
            (folder / "run").mkdir()
            command = [sys.executable, "-m", "edgeleak", "run", "--config",
                       str(folder / "edgeleak.toml"), "--state", str(folder / "state"), "--run",
                       str(folder / "run"), "--out", str(folder / "out")]  # fmt: skip
            self._firmware = subprocess.Popen(command, env=self._plant.environment(),
                                              stderr=subprocess.DEVNULL,
                                              start_new_session=True)  # fmt: skip

    def choose_pins(self) -> None:
        """At the cable, where the first PIN may be chosen."""
        clock = SystemClock()
        end_ns = clock.monotonic_ns() + round(BOOT_S * NS_PER_S)
        while True:
            with Client(connect(str(self.port), BAUD), 1.0) as client:
                try:
                    client.start()
                    for name, pin in PINS.items():
                        level = name.removeprefix("HIL_PIN_")
                        _, errors = client.ask(f'SYST:PIN {level},"{pin}";LEV {level},"{pin}"')
                        if errors:
                            sys.exit(f"PIN refused: {errors}")
                    client.write("SYST:LOG")
                    return
                except EdgeLeakError as error:
                    if clock.monotonic_ns() > end_ns:
                        sys.exit(f"{self.port}: no answer within {BOOT_S:g} s: {error}")

    def close(self) -> None:
        self.power("off")
        self._plant.close()
        self._relay.terminate()
        self._relay.wait()


class Switch:
    """Takes `on` and `off` from `--power` on a socket, and answers when it is done."""

    def __init__(self, board: Board, path: Path) -> None:
        self._board = board
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client:
                self._board.power(client.recv(16).decode())
                client.sendall(b"done")


def turn(word: str, path: str) -> int:
    """The command of the power driver."""
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)
        made.sendall(word.encode())
        return 0 if made.recv(16) == b"done" else 1


def environment_file(folder: Path, port: Path, switch: Path | None) -> Path:
    """env.yaml beside links to its drivers, with the one line changed."""
    text = (HERE / "env.yaml").read_text(encoding="utf-8")
    text = replaced(text, PORT_LINE, f"        port: {port} ")
    if switch is not None:
        made = SWITCH.format(python=sys.executable, tool=Path(__file__).resolve(), socket=switch)
        text = replaced(text, DRIVERS_LINE, made)
    for path in HERE.glob("rig_*.py"):
        (folder / path.name).symlink_to(path)
    (folder / "env.yaml").write_text(text)
    return folder / "env.yaml"


def replaced(text: str, old: str, new: str) -> str:
    """Exactly one place, or this tool is behind its files."""
    if text.count(old) != 1:
        sys.exit(f"{text.count(old)} places with {old.strip()!r}, expected one")
    return text.replace(old, new)


def main() -> int:
    given = sys.argv[1:]
    if given[:1] == ["--power"]:
        return turn(given[1], given[2])
    if {"-h", "--help"} & {*given}:
        print(__doc__)
        return 0
    has_switch = "--switch" in given
    with tempfile.TemporaryDirectory(prefix="edgeleak-board-") as name:
        folder = Path(name)
        board = Board(folder)
        try:
            switch = folder / "switch" if has_switch else None
            if switch is not None:
                Switch(board, switch)
            board.power("on")
            board.choose_pins()
            env = environment_file(folder, board.port, switch)
            command = [
                sys.executable,
                "-m",
                "pytest",
                str(HERE),
                "--hil-target",
                "board",
                "--lg-env",
                str(env),
                *(word for word in given if word != "--switch"),
            ]
            return subprocess.run(command, env={**os.environ, **PINS}).returncode
        finally:
            board.close()


if __name__ == "__main__":
    sys.exit(main())
