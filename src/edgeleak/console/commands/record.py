# SPDX-License-Identifier: Apache-2.0
"""RECord and FAULt."""

from edgeleak.console.history import as_csv
from edgeleak.console.scpi import block, number, quoted
from edgeleak.console.session import Session
from edgeleak.console.tree import Command, Level, NumberOf, Switch, Text

PHASES = ("STARTING", "IDLE", "RECORDING", "TROUBLE")


def switch(session: Session, is_on: bool) -> None:
    recorder = session.desk.recorder()
    recorder.start("console") if is_on else recorder.stop()


def is_on(session: Session) -> str:
    return str(int(session.desk.recorder().is_recording))


def start(session: Session, why: str, seconds: float | None = None) -> None:
    session.desk.recorder().start(why, seconds)


def snapshot(session: Session) -> None:
    session.desk.recorder().snapshot()


def progress(session: Session) -> str:
    found = session.desk.recorder().ring.progress()
    return f"{PHASES[found.phase]},{found.written},{found.lost},{found.free_mib},{found.error}"


def last_fault(session: Session) -> str:
    found = session.desk.history.last_fault
    if found is None:
        return '0,"none since the start",9.91E37'
    return f"{found.code},{quoted(found.text)},{number(found.at_s)}"


def fault_ring(session: Session) -> bytes:
    found = session.desk.history.last_fault
    text = "" if found is None else as_csv(found.rows) + "\n".join(found.lines) + "\n"
    return block(text.encode("ascii", "replace"))


def fault_clear(session: Session) -> None:
    session.desk.instrument.clear_fault()


COMMANDS = (
    Command("RECord:STATe", switch, "record from the pre-roll on, or stop", Level.OPERATE,
            (Switch("record"),)),
    Command("RECord:STATe?", is_on, "recording", answer="0 or 1"),
    Command("RECord:STARt", start, "record with a reason, perhaps for a time", Level.OPERATE,
            (Text("why"), NumberOf("time", "s", 0.1, 86_400)), needed=1),
    Command("RECord:SNAPshot", snapshot, "the newest frame as a file of its own", Level.OPERATE),
    Command("RECord:INFO?", progress, "phase, frames written and lost, MiB free, errno",
            answer="word,numbers"),
    Command("FAULt:LAST?", last_fault, "code, text and time of the last fault since the start",
            answer="number,text,s"),
    Command("FAULt:RING?", fault_ring, "half a minute before it, and the log",
            answer="block of text"),
    Command("FAULt:CLEar", fault_clear, "forget a latched fault; a cause that stays trips again",
            Level.SERVICE),
)  # fmt: skip
