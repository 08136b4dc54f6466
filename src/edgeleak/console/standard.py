# SPDX-License-Identifier: Apache-2.0
"""Commands every SCPI instrument has: IEEE 488.2 common commands, SYSTem and STATus."""

from edgeleak.console.scpi import quoted
from edgeleak.console.session import Session
from edgeleak.console.status import Register
from edgeleak.console.tree import Command, NumberOf, Text

SCPI_VERSION = "1999.0"
BYTE = NumberOf("bits", "", 0, 255, is_whole=True)
WORD = NumberOf("bits", "", 0, 65535, is_whole=True)
USED = 0x7FFF
"""Bit 15 of a register is always 0."""


def _clear(session: Session) -> None:
    session.status.clear()


def _enable_events(session: Session, bits: int) -> None:
    session.status.ese = bits


def _enable_service(session: Session, bits: int) -> None:
    session.status.sre = bits & ~0x40


def _operation_complete(session: Session) -> None:
    session.complete()


def _nothing(session: Session) -> None:
    """`*WAI`: commands are carried out in order and finish before they return."""


def _preset(session: Session) -> None:
    session.status.preset()


def _next_error(session: Session) -> str:
    number, text = session.status.take_error()
    return f"{number},{quoted(text)}"


def _all_errors(session: Session) -> str:
    found = [_next_error(session)]
    while session.status.errors:
        found.append(_next_error(session))
    return ",".join(found)


def _register(session: Session, name: str) -> Register:
    return session.status.operation if name == "OPERation" else session.status.questionable


def _status_commands(name: str, what: str) -> tuple[Command, ...]:
    """Condition, event and enable of one SCPI register."""

    def set_enable(session: Session, bits: int) -> None:
        _register(session, name).enable = bits & USED

    def condition(session: Session) -> str:
        session.refresh()
        return str(_register(session, name).condition)

    return (
        Command(f"STATus:{name}[:EVENt]?", lambda s: str(_register(s, name).take_event()),
                f"{what} bits that rose since the last reading; reading clears", answer="bits"),
        Command(f"STATus:{name}:CONDition?", condition, f"{what} bits now", answer="bits"),
        Command(f"STATus:{name}:ENABle?", lambda s: str(_register(s, name).enable),
                f"{what} bits that count in the status byte", answer="bits"),
        Command(f"STATus:{name}:ENABle", set_enable,
                f"choose the {what} bits that count in the status byte", parameters=(WORD,)),
    )  # fmt: skip


COMMANDS: tuple[Command, ...] = (
    Command("*CLS", _clear, "clear events and errors"),
    Command("*ESE", _enable_events, "enable standard events", parameters=(BYTE,)),
    Command("*ESE?", lambda s: str(s.status.ese), "enabled standard events", answer="bits"),
    Command("*ESR?", lambda s: str(s.status.take_esr()), "standard events; reading clears",
            answer="bits"),
    Command("*OPC", _operation_complete, "set the operation-complete event when all is done"),
    Command("*OPC?", lambda s: "1", "1 when all is done", answer="1"),
    Command("*SRE", _enable_service, "enable service requests", parameters=(BYTE,)),
    Command("*SRE?", lambda s: str(s.status.sre), "enabled service requests", answer="bits"),
    Command("*STB?", lambda s: str(s.status.byte()), "status byte", answer="bits"),
    Command("*WAI", _nothing, "wait until all is done, which it is"),
    Command("SYSTem:ERRor[:NEXT]?", _next_error, "oldest error of this connection",
            answer="number,text"),
    Command("SYSTem:ERRor:ALL?", _all_errors, "all errors of this connection",
            answer="number,text,..."),
    Command("SYSTem:ERRor:COUNt?", lambda s: str(s.status.errors), "errors waiting",
            answer="count"),
    Command("SYSTem:VERSion?", lambda s: SCPI_VERSION, "version of the SCPI standard",
            answer="year"),
    Command("SYSTem:ECHO?", lambda s, text: quoted(text), "the text again; tells a program where"
            " an answer ends", answer="text", parameters=(Text("text"),)),
    Command("STATus:PRESet", _preset, "no operation or questionable bit counts"),
    *_status_commands("OPERation", "operation"),
    *_status_commands("QUEStionable", "questionable"),
)  # fmt: skip
