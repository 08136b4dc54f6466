# SPDX-License-Identifier: Apache-2.0
"""One client's conversation: messages in, responses out; silent but for answers to queries."""

from collections.abc import Callable
from typing import Any

from edgeleak.console.scpi import Reader, ScpiError, Unit, units
from edgeleak.console.status import OPC, Status
from edgeleak.console.tree import Command, Level, Tree
from edgeleak.errors import EdgeLeakError

Log = Callable[[str], None]


class Session:
    """State of one connection; `feed` may be given any bytes at all.

    tree       : what can be asked
    instrument : handed to commands as `session.instrument`
    level      : what the transport grants at the start
    log        : told every command above LOOK and every refusal
    """

    def __init__(self, tree: Tree, instrument: Any, level: Level = Level.LOOK,
                 log: Log | None = None) -> None:  # fmt: skip
        self.tree, self.instrument, self.level = tree, instrument, level
        self.floor = level
        self.status = Status()
        self._log = log or (lambda line: None)
        self._reader = Reader()
        self.messages = 0

    def feed(self, data: bytes) -> bytes:
        """Responses to every message that is complete now."""
        out = bytearray()
        for message in self._reader.feed(data):
            self.messages += 1
            if isinstance(message, ScpiError):
                self.status.error(message.number, message.detail)
            else:
                out += self.execute(message)
        return bytes(out)

    def execute(self, message: bytes) -> bytes:
        """One message: responses joined by `;`, a line end, or nothing at all."""
        answers: list[bytes] = []
        try:
            for unit in units(message):
                if (answer := self._run(unit)) is not None:
                    answers.append(answer)
        except ScpiError as error:
            self.status.error(error.number, error.detail)
        return b";".join(answers) + b"\n" if answers else b""

    def _run(self, unit: Unit) -> bytes | None:
        command = self.tree.find(unit.path, unit.is_query)
        values = command.values(unit.arguments)
        self._authorise(command)
        try:
            answer = command.run(self, *values)
        except EdgeLeakError as error:
            raise ScpiError(_number_of(error), str(error)[:200]) from error
        return answer.encode("ascii", "replace") if isinstance(answer, str) else answer

    def _authorise(self, command: Command) -> None:
        if command.level > self.level:
            self._log(f"refused {command.header} at level {self.level.name.lower()}")
            raise ScpiError(-203, f"needs level {command.level.name.lower()}")
        if command.level > Level.LOOK:
            self._log(f"{command.header} at level {self.level.name.lower()}")

    @property
    def is_in_block(self) -> bool:
        """The next bytes belong to a block, whatever they are."""
        return self._reader.is_in_block

    def log_out(self) -> None:
        """Back to the level the transport grants."""
        if self.level != self.floor:
            self._log(f"logged out of level {self.level.name.lower()}")
        self.level = self.floor

    def complete(self) -> None:
        """`*OPC`: everything before it is done, because commands here finish before they return."""
        self.status.esr |= OPC


def _number_of(error: EdgeLeakError) -> int:
    """SCPI number of one of our errors."""
    return {64: -222, 65: -230, 66: -250, 69: -240, 74: -250, 75: -230, 78: -221}.get(
        error.exit_code, -310
    )
