# SPDX-License-Identifier: Apache-2.0
"""One client's conversation: messages in, responses out; silent but for answers to queries.

Commands are carried out in order.  One that returns a Job holds up the rest of its connection
until the job is done, so `*OPC?` after it answers when everything before it is finished.
"""

from collections.abc import Callable, Iterator
from typing import Any

from edgeleak.console.jobs import Job
from edgeleak.console.room import Room
from edgeleak.console.scpi import (
    BLOCK_MOST,
    Argument,
    BlockSkipped,
    Number,
    Reader,
    ScpiError,
    Unit,
    Word,
    number,
    units,
)
from edgeleak.console.status import OPC, Status
from edgeleak.console.tree import Command, Level, Tree
from edgeleak.errors import EdgeLeakError

Log = Callable[[str], None]
MayGoOn = Callable[[], bool]
ANSWER_MOST = 65536
"""Bytes of answers after which a turn ends."""
FRAME_BYTES = 2 * 480 * 640
"""What a message may answer, or its first answer if that is larger, and `ANSWER_MOST` more."""
FEW = 5
"""Steps at once of a line that a person typed; the rest of it is done in later polls."""
INTERNAL, LIMIT_DIGITS = -310, 9


def always() -> bool:
    """Nobody else waits."""
    return True


def few() -> MayGoOn:
    """`FEW` times; a line of one command needs two."""
    steps = iter(range(FEW))
    return lambda: next(steps, None) is not None


class Session:
    """State of one connection; `feed` may be given any bytes at all.

    tree       : what can be asked
    desk       : what commands work on
    level      : what the transport grants at the start
    log        : told every command above LOOK
    is_owner   : a cable or root: whoever speaks has the instrument in hand, so may choose the
                 first PIN
    refused    : told every refusal and of what kind it is; None tells `log`
    room       : for blocks, shared by all connections
    client     : whose wrong PINs are counted together
    """

    def __init__(self, tree: Tree, desk: Any, level: Level = Level.LOOK,
                 log: Log | None = None, *, is_owner: bool = False,
                 refused: Callable[[str, str], None] | None = None, room: Room | None = None,
                 client: str = "somebody") -> None:  # fmt: skip
        self.tree, self.desk, self.level = tree, desk, level
        self.floor, self.is_owner, self.client = level, is_owner, client
        self.has_shown_pin = False
        self.status = Status()
        self.held: Any = None
        self.shown: Any = None
        self.download_crc = 0
        self._log, self._refused = log or (lambda line: None), refused
        self._reader = Reader(self._admit)
        self._room, self._taken = room or Room(BLOCK_MOST), 0
        self._messages: Iterator[bytes | ScpiError] = iter(())
        self._has_more = False
        self._units: Iterator[Unit] | None = None
        self._answers: list[bytes] = []
        self._answer_bytes = 0
        self._job: Job | None = None
        self._is_asked = False
        self.messages = self.defects = 0

    def feed(self, data: bytes, may_go_on: MayGoOn = always) -> bytes:
        """Responses to the messages that are complete now; asks before each command."""
        self._messages, self._has_more = self._reader.feed(data), True
        return self.resume(may_go_on)

    @property
    def is_busy(self) -> bool:
        """Something is still to be carried out: call `resume` before feeding more."""
        return self._units is not None or self._has_more

    def resume(self, may_go_on: MayGoOn | None = None) -> bytes:
        """Go on with what waits; a few commands where nobody says how many."""
        may_go_on = may_go_on or few()
        out = bytearray()
        while self.is_busy and len(out) < ANSWER_MOST:
            if self._units is None:
                message = next(self._messages, None)
                if message is None:
                    self._has_more = False
                    break
                self._begin(message)
                if self._units is None:
                    if not may_go_on():
                        break
                    continue
            out += self._go_on(may_go_on)
            if self._units is not None:
                break
        return bytes(out)

    def execute(self, message: bytes) -> bytes:
        """One message, its first few commands: responses joined by `;` and a line end, or nothing
        yet, see `is_busy`."""
        self._begin(message)
        return self._go_on(few())

    def _begin(self, message: bytes | ScpiError) -> None:
        self.messages += 1
        self._answers, self._answer_bytes = [], 0
        self.shown = None
        if isinstance(message, ScpiError):
            self.status.error(message.number, message.detail)
            self._free()
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
        self._has_more = self._reader.has_more
        self._free()
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
        if (limit := self.tree.limit(unit)) is not None:
            self._keep(number(limit, LIMIT_DIGITS))
            return
        values = command.values(unit.arguments)
        self._authorise(command)
        if command.level > Level.LOOK:
            said = _spoken(command, unit)
            self._log(f"{said} at level {self.level.name.lower()}")
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
            self._job, self._is_asked = answer, command.is_query
        else:
            self._keep(answer)

    def _keep(self, answer: str | bytes | None) -> None:
        """ScpiError, which ends the message, for what is too much beside the answers before."""
        if answer is None:
            return
        data = answer.encode("ascii", "replace") if isinstance(answer, str) else answer
        first = len(self._answers[0]) if self._answers else len(data)
        most = max(first, FRAME_BYTES) + ANSWER_MOST
        if self._answer_bytes + len(data) > most:
            raise ScpiError(-225, f"answers of more than {most} bytes: ask in several lines")
        self._answer_bytes += len(data)
        self._answers.append(data)

    def _authorise(self, command: Command) -> None:
        if command.level > self.level:
            self.note_refusal(f"refused {command.header} at level {self.level.name.lower()}")
            raise ScpiError(-203, f"needs level {command.level.name.lower()}")

    def _admit(self, text: bytes, length: int) -> None:
        """A block may stand behind *text*, whoever sends it may send it, and there is room."""
        command = self.tree.taking_block(text, length)
        try:
            self._authorise(command)
        except ScpiError as error:
            raise BlockSkipped(error.number, error.detail) from error
        if not self._room.take(length):
            raise BlockSkipped(-225, "another connection sends a block")
        self._taken = length

    def _free(self) -> None:
        self._room.give(self._taken)
        self._taken = 0

    @property
    def is_in_block(self) -> bool:
        """The next bytes belong to a block, whatever they are."""
        return self._reader.is_in_block

    def give_up_block(self) -> None:
        """The rest of a block does not come, or comes too late."""
        self._reader.give_up()
        self._free()
        self.status.error(-161, "the block ended early")

    @property
    def is_in_rest(self) -> bool:
        """What comes may be the rest of a block that was given up."""
        return self._reader.is_given_up

    def forget(self) -> None:
        """What was begun and is no whole message yet; nothing that is being carried out."""
        self._reader.reset()
        if self._units is None:
            self._free()

    def close(self) -> None:
        """The connection is gone.  What only it asked for is not begun any more; what changes
        something is done all the same."""
        self._free()
        if self._job is not None and self._is_asked:
            self.desk.clerk.drop(self._job)

    def begin(self, work: Callable[[], Any], then: Callable[[Any], None] | None = None) -> Job:
        """Have work done beside the frames loop; ScpiError when too much of it waits."""
        made: Job = self.desk.clerk.begin(self.client, work, then)
        return made

    def note(self, line: str) -> None:
        """A line of the log."""
        self._log(line)

    def note_refusal(self, line: str, kind: str = "") -> None:
        """A line of the log, unless there were too many of its kind."""
        if self._refused is None:
            self._log(line)
        else:
            self._refused(line, kind)

    def log_out(self) -> None:
        """Back to the level the transport grants; what was held is let go."""
        if self.level != self.floor:
            self._log(f"logged out of level {self.level.name.lower()}")
        self.level, self.held, self.has_shown_pin = self.floor, None, False

    def refresh(self) -> None:
        """Registers as it is now, not as it was when this round of the peers began."""
        if self.desk is not None:
            self.status.operation.update(self.desk.operation())
            self.status.questionable.update(self.desk.questionable())

    def complete(self) -> None:
        """`*OPC`: everything before it is done, because commands finish before the next begins."""
        self.status.esr |= OPC


def _spoken(command: Command, unit: Unit) -> str:
    """A command as a line of the log has it; no command above LOOK has a secret."""
    return " ".join((command.header, ",".join(map(_said, unit.arguments)))).strip()


def _said(one: Argument) -> str:
    if isinstance(one, Number):
        return f"{one.value:g} {one.unit}".strip()
    if isinstance(one, bytes):
        return f"{len(one)} bytes"
    return one.text if isinstance(one, Word) else ascii(one)


def _number_of(error: EdgeLeakError) -> int:
    """SCPI number of one of our errors."""
    return {64: -222, 65: -230, 66: -250, 69: -240, 74: -250, 75: -230, 77: -203, 78: -221}.get(
        error.exit_code, INTERNAL
    )
