# SPDX-License-Identifier: Apache-2.0
"""labgrid: an emulated board with its power switch and the plant's own control channel.

The plant and `edgeleak run` are two processes, joined by the real device calls; the firmware
cannot tell the rig from a board.  Power off is SIGKILL to every process of the firmware: what it
had not written is lost, and its outputs fall by the board's own monostables.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.driver.powerdriver import PowerResetMixin
from labgrid.factory import target_factory
from labgrid.protocol import PowerProtocol
from labgrid.resource import Resource
from labgrid.step import step

from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.pacer import Pacer, in_words

END_S = 10.0


@target_factory.reg_resource
@attr.s(eq=False)
class EmulatedBoard(Resource):
    """A board that exists in processes only.

    board, scenario, settings : names, or paths beside the environment file
    seed                      : of the plant's noise

    `port` is its console, a pty that is there while the firmware runs.
    """

    board: str = attr.ib(default="el1-a", validator=attr.validators.instance_of(str))
    scenario: str = attr.ib(default="no-leak", validator=attr.validators.instance_of(str))
    settings: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    seed: int = attr.ib(default=1, validator=attr.validators.instance_of(int))
    speed = 115200

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.folder = Path(tempfile.mkdtemp(prefix="edgeleak-hil-"))
        self.port = str(self.folder / "console")

    def beside(self, name: str) -> str:
        """A path as the environment file means it; a plain name stays one."""
        return str(self.target.env.config.resolve_path(name)) if name.endswith(".toml") else name


@target_factory.reg_driver
@attr.s(eq=False)
class EmulatedPowerDriver(Driver, PowerResetMixin, PowerProtocol):
    """Starts and kills the firmware; the plant lives as long as the driver is active."""

    bindings = {"board": EmulatedBoard}  # noqa: RUF012 - labgrid's form

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._running: RunningPlant | None = None
        self._pacer = Pacer()
        self.firmware: subprocess.Popen[bytes] | None = None

    @property
    def plant(self) -> RunningPlant:
        if self._running is None:
            raise RuntimeError("the emulated board has no plant yet: activate its power driver")
        return self._running

    def on_activate(self) -> None:
        board = self.board
        self._pacer.__enter__()
        self._running = RunningPlant(board.board, board.beside(board.scenario), seed=board.seed)
        (board.folder / "state").mkdir(exist_ok=True)

    def on_deactivate(self) -> None:
        self._cut()
        if self._running is not None:
            self._running.close()
            self._running = None
            self._pacer.__exit__()
        shutil.rmtree(self.board.folder, ignore_errors=True)

    @property
    def machine(self) -> str:
        """What the machine that emulates the board did meanwhile; known once it is inactive."""
        stops = self._pacer.stops
        return f"stood still {in_words(stops)}" if stops else "never stood still"

    @Driver.check_active
    @step()
    def on(self) -> None:
        """Start the firmware; what /run held is gone, as after a loss of power."""
        if self.firmware is not None:
            return
        folder = self.board.folder
        shutil.rmtree(folder / "run", ignore_errors=True)
        (folder / "run").mkdir()
        settings = self.board.beside(self.board.settings)
        command = [sys.executable, "-m", "edgeleak", "run", "--board", self.board.board,
                   "--pty", self.board.port, "--state", str(folder / "state"),
                   "--run", str(folder / "run"), "--out", str(folder / "out"),
                   *(("--config", settings) if settings else ())]  # fmt: skip
        self.firmware = subprocess.Popen(
            command, env=self.plant.environment(), stderr=subprocess.DEVNULL, start_new_session=True
        )

    @Driver.check_active
    @step()
    def off(self) -> None:
        self._cut()

    @Driver.check_active
    @step()
    def cycle(self) -> None:
        self.off()
        self.on()

    @Driver.check_active
    @step()
    def card_out(self) -> None:
        """The folder of recordings is none any more: what is written there by name fails."""
        out = self.board.folder / "out"
        out.rename(out.with_name("card"))
        out.touch()

    @Driver.check_active
    @step()
    def card_back(self) -> None:
        """As it was before `card_out`."""
        out = self.board.folder / "out"
        out.unlink()
        out.with_name("card").rename(out)

    def _cut(self) -> None:
        """Every process of the firmware at once, without a warning."""
        if self.firmware is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.firmware.pid, signal.SIGKILL)
        self.firmware.wait(END_S)
        self.firmware = None
        Path(self.board.port).unlink(missing_ok=True)


@target_factory.reg_driver
@attr.s(eq=False)
class PlantDriver(Driver):
    """What only an emulated board has: its truth, and a hand that breaks things."""

    bindings = {"power": EmulatedPowerDriver}  # noqa: RUF012 - labgrid's form

    @Driver.check_active
    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """One command of the plant's control channel."""
        answer: dict[str, Any] = self.power.plant.control.ask(do, **words)
        return answer

    @Driver.check_active
    def truth(self) -> dict[str, Any]:
        """True values now."""
        found: dict[str, Any] = self.ask("truth")["truth"]
        return found

    @Driver.check_active
    def violations(self) -> list[dict[str, Any]]:
        """Limits that the plant's judge saw broken since its start."""
        found: list[dict[str, Any]] = self.ask("violations")["violations"]
        return found

    @Driver.check_active
    def to_second(self, elapsed_s: float) -> None:
        """Move the scenario on to a moment; one that is over stays over."""
        now_s = self.ask("scenario")["elapsed_s"]
        self.ask("skip", seconds=max(0.0, elapsed_s - now_s))
