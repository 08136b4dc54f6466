# SPDX-License-Identifier: Apache-2.0
"""One client's conversation: messages in, responses out; silent but for answers to queries.

Commands are carried out in order.  One that returns a Job holds up the rest of its connection
until the job is done, so `*OPC?` after it answers when everything before it is finished.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from edgeleak.console.jobs import Job
from edgeleak.console.scpi import Reader, ScpiError, Unit, units
from edgeleak.console.status import OPC, Status
from edgeleak.console.tree import Command, Level, Tree
from edgeleak.errors import EdgeLeakError

Log = Callable[[str], None]
MayGoOn = Callable[[], bool]
ANSWER_MOST = 65536
"""Bytes of answers in one turn; a frame may exceed it once."""
INTERNAL = -310


def always() -> bool:
    """Nobody else waits."""
    return True


class Session:
    """State of one connection; `feed` may be given any bytes at all.

    tree       : what can be asked
    desk       : what commands work on
    level      : what the transport grants at the start
    log        : told every command above LOOK and every refusal
    is_cable   : whoever speaks has the instrument in hand, so may choose the first PIN
    """

    def __init__(self, tree: Tree, desk: Any, level: Level = Level.LOOK,
                 log: Log | None = None, *, is_cable: bool = False) -> None:  # fmt: skip
        self.tree, self.desk, self.level = tree, desk, level
        self.floor, self.is_cable = level, is_cable
        self.status = Status()
        self.held: Any = None
        self.shown: Any = None
        self._log = log or (lambda line: None)
        self._reader = Reader()
        self._inbox: deque[bytes | ScpiError] = deque()
        self._units: Iterator[Unit] | None = None
        self._answers: list[bytes] = []
        self._job: Job | None = None
        self.messages = self.defects = 0

    def feed(self, data: bytes, may_go_on: MayGoOn = always) -> bytes:
        """Responses to the messages that are complete now; asks before each command."""
        self._inbox.extend(self._reader.feed(data))
        return self.resume(may_go_on)

    @property
    def is_busy(self) -> bool:
        """Something is still to be carried out: call `resume` before feeding more."""
        return self._units is not None or bool(self._inbox)

    def resume(self, may_go_on: MayGoOn = always) -> bytes:
        """Go on with what waits."""
        out = bytearray()
        while self.is_busy and len(out) < ANSWER_MOST:
            if self._units is None:
                self._begin(self._inbox.popleft())
            out += self._go_on(may_go_on)
            if self._units is not None:
                break
        return bytes(out)

    def execute(self, message: bytes) -> bytes:
        """One message, as far as it goes at once: responses joined by `;` and a line end."""
        self._begin(message)
        return self._go_on(always)

    def _begin(self, message: bytes | ScpiError) -> None:
        self.messages += 1
        self._answers = []
        if isinstance(message, ScpiError):
            self.status.error(message.number, message.detail)
        else:
            self._units = units(message)

    def _go_on(self, may_go_on: MayGoOn) -> bytes:
        """The whole response when the message has ended."""
        try:
            while self._units is not None:
                if not self._finish_job() or not may_go_on():
                    return b""
                unit = next(self._units, None)
                if unit is None:
                    break
                self._run(unit)
        except ScpiError as error:
            self.status.error(error.number, error.detail)
            self._job = None
        self._units, answers = None, self._answers
        return b";".join(answers) + b"\n" if answers else b""

    def _finish_job(self) -> bool:
        """False while one is under way."""
        job = self._job
        if job is None:
            return True
        if not job.is_done:
            return False
        self._job = None
        try:
            self._keep(job.take())
        except EdgeLeakError as error:
            raise ScpiError(_number_of(error), str(error)[:200]) from error
        return True

    def _run(self, unit: Unit) -> None:
        command = self.tree.find(unit.path, unit.is_query)
        values = command.values(unit.arguments)
        self._authorise(command)
        try:
            answer = command.run(self, *values)
        except EdgeLeakError as error:
            raise ScpiError(_number_of(error), str(error)[:200]) from error
        except ScpiError:
            raise
        except Exception as error:  # a defect in a command must not end the measuring
            self.defects += 1
            self._log(f"FAILED console {command.header}: {error!r}")
            raise ScpiError(INTERNAL, f"a defect in {command.header}, see the log") from error
        if isinstance(answer, Job):
            self._job = answer
        else:
            self._keep(answer)

    def _keep(self, answer: str | bytes | None) -> None:
        if answer is not None:
            self._answers.append(
                answer.encode("ascii", "replace") if isinstance(answer, str) else answer
            )

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

    def give_up_block(self) -> None:
        """The rest of a block does not come: the next byte begins a message."""
        self._reader.reset()
        self.status.error(-161, "the block ended early")

    def note(self, line: str) -> None:
        """A line of the log."""
        self._log(line)

    def log_out(self) -> None:
        """Back to the level the transport grants; what was held is let go."""
        if self.level != self.floor:
            self._log(f"logged out of level {self.level.name.lower()}")
        self.level, self.held = self.floor, None

    def complete(self) -> None:
        """`*OPC`: everything before it is done, because commands finish before the next begins."""
        self.status.esr |= OPC


def _number_of(error: EdgeLeakError) -> int:
    """SCPI number of one of our errors."""
    return {64: -222, 65: -230, 66: -250, 69: -240, 74: -250, 75: -230, 77: -203, 78: -221}.get(
        error.exit_code, INTERNAL
    )
