# SPDX-License-Identifier: Apache-2.0
"""Status reporting by IEEE 488.2 chapter 11 and SCPI-1999 volume 1, chapter 9: what a client
asks to learn that something happened, without reading everything all the time."""

from collections import deque
from dataclasses import dataclass, field

QUEUE_MOST = 32
NO_ERROR = (0, "No error")
OVERFLOW = -350
OPC, QYE, DDE, EXE, CME, URQ, PON = 0x01, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80
"""Standard event status bits; 0x02 (request control) is not used here."""
STB_ERROR, STB_QUESTIONABLE = 0x04, 0x08
STB_EVENT, STB_SERVICE, STB_OPERATION = 0x20, 0x40, 0x80
WORDS = {
    -100: "Command error", -101: "Invalid character", -102: "Syntax error",
    -103: "Invalid separator", -104: "Data type error", -108: "Parameter not allowed",
    -109: "Missing parameter", -110: "Command header error", -111: "Header separator error",
    -113: "Undefined header", -121: "Invalid character in number", -123: "Exponent too large",
    -131: "Invalid suffix", -138: "Suffix not allowed", -151: "Invalid string data",
    -161: "Invalid block data", -168: "Block data not allowed",
    -200: "Execution error", -203: "Command protected", -221: "Settings conflict",
    -222: "Data out of range", -223: "Too much data", -224: "Illegal parameter value",
    -225: "Out of memory", -230: "Data corrupt or stale", -240: "Hardware error",
    -241: "Hardware missing",
    -250: "Mass storage error",
    -310: "System error", -350: "Queue overflow", -363: "Input buffer overrun",
    -400: "Query error", -410: "Query INTERRUPTED",
}  # fmt: skip


def event_bit(number: int) -> int:
    """Standard event bit of an error number; our own, positive ones are device errors."""
    if -199 <= number <= -100:
        return CME
    if -299 <= number <= -200:
        return EXE
    return QYE if -499 <= number <= -400 else DDE


@dataclass(slots=True)
class Register:
    """Condition, event and enable of one SCPI status register; 15 bits."""

    condition: int = 0
    event: int = 0
    enable: int = 0

    def update(self, condition: int) -> None:
        """New condition; bits that rise are kept in `event` until it is read."""
        self.event |= condition & ~self.condition
        self.condition = condition

    def take_event(self) -> int:
        """Reading clears."""
        event, self.event = self.event, 0
        return event

    @property
    def is_summary(self) -> bool:
        return bool(self.event & self.enable)


@dataclass(slots=True)
class Status:
    """Everything one client can ask about what happened.

    esr, ese  : standard event status and its enable
    sre       : service request enable
    operation, questionable : SCPI registers
    """

    esr: int = PON
    ese: int = 0
    sre: int = 0
    operation: Register = field(default_factory=Register)
    questionable: Register = field(default_factory=Register)
    _errors: deque[tuple[int, str]] = field(default_factory=deque)

    def error(self, number: int, detail: str = "") -> None:
        """Queue an error; the last place says that there were more."""
        self.esr |= event_bit(number)
        text = WORDS.get(number, "Device-specific error")
        entry = (number, f"{text};{detail}" if detail else text)
        if len(self._errors) < QUEUE_MOST:
            self._errors.append(entry)
        else:
            self.esr |= event_bit(OVERFLOW)
            self._errors[-1] = (OVERFLOW, WORDS[OVERFLOW])

    def take_error(self) -> tuple[int, str]:
        """The oldest error, or (0, "No error")."""
        return self._errors.popleft() if self._errors else NO_ERROR

    @property
    def errors(self) -> int:
        return len(self._errors)

    def take_esr(self) -> int:
        """Reading clears."""
        esr, self.esr = self.esr, 0
        return esr

    def clear(self) -> None:
        """`*CLS`: events and errors go, enables stay."""
        self.esr = self.operation.event = self.questionable.event = 0
        self._errors.clear()

    def preset(self) -> None:
        """`STATus:PRESet`: the SCPI registers report nothing until they are enabled again."""
        self.operation.enable = self.questionable.enable = 0

    def byte(self) -> int:
        """Status byte, without clearing anything; 0x10, a message waits, cannot be seen by who
        asks in order."""
        bits = STB_ERROR if self._errors else 0
        bits |= STB_QUESTIONABLE if self.questionable.is_summary else 0
        bits |= STB_EVENT if self.esr & self.ese else 0
        bits |= STB_OPERATION if self.operation.is_summary else 0
        return bits | (STB_SERVICE if bits & self.sre else 0)
