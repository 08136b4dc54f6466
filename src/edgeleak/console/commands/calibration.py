# SPDX-License-Identifier: Apache-2.0
"""CALibration: take a correction, say which one is in force, carry calibrations in and out."""

import zlib
from dataclasses import replace

from edgeleak.calibration import layout
from edgeleak.calibration.model import Calibration
from edgeleak.console.jobs import Job
from edgeleak.console.scpi import BLOCK_MOST, ScpiError, block, number, quoted
from edgeleak.console.session import Session
from edgeleak.console.tree import Block, Command, Level, NumberOf
from edgeleak.durable import replace_file
from edgeleak.errors import DataError, UnsettledError
from edgeleak.services.nuc_status import Phase
from edgeleak.services.rebase import rebase
from edgeleak.services.setup import CALIBRATION_NAME


def run(session: Session) -> None:
    session.desk.may_drive()
    session.desk.instrument.request_nuc("console")


def identity(session: Session) -> str:
    return str(session.desk.instrument.nuc.status.nuc_id)


def age(session: Session) -> str:
    on = session.desk.instrument
    taken_ns = on.nuc.status.taken_ns
    return number(float("nan") if taken_ns < 0 else (on.clock.monotonic_ns() - taken_ns) / 1e9)


def state(session: Session) -> str:
    status = session.desk.instrument.nuc.status
    return f"{quoted(str(status.phase))},{quoted(status.why)}"


def counts(session: Session) -> str:
    status = session.desk.instrument.nuc.status
    return f"{status.taken},{status.refused}"


def download(session: Session) -> Job:
    """The factory calibration with the offsets and bad pixels in force, as a file."""
    on = session.desk.instrument
    status = on.nuc.status
    if status.phase is Phase.SOLVING:
        raise ScpiError(-221, "a correction is being solved; ask again in a second")
    made = replace(on.base, offset=on.nuc.offset.copy(), nuc_id=status.nuc_id,
                   bad_pixels=on.nuc.bad_pixels, defects=_defects(on))  # fmt: skip

    def work() -> bytes:
        data = layout.encode(made)
        session.download_crc = zlib.crc32(data)
        return block(data)

    return session.begin(work)


def download_crc(session: Session) -> str:
    return str(session.download_crc)


def _defects(on):
    """One kind for each bad pixel; those found at run time have no other."""
    import numpy as np

    kept = on.base.defects
    return kept if len(kept) == len(on.nuc.bad_pixels) else np.ones(len(on.nuc.bad_pixels), "u1")


def upload(session: Session, data: bytes, crc: int = -1) -> Job:
    """Checked and stored beside the frames loop, then in force between two frames."""
    on = session.desk.instrument
    if on.recorder is not None and on.recorder.is_recording:
        raise ScpiError(-221, "a recording runs, and its file names one correction; stop it first")
    path = on.folders.state / CALIBRATION_NAME

    def work() -> tuple[Calibration, UnsettledError | None]:
        if crc >= 0 and zlib.crc32(data) != crc:
            raise DataError(f"CRC-32 of the block is {zlib.crc32(data)}, announced was {crc}")
        found = layout.decode(data, "the uploaded calibration")
        if tuple(found.shape) != on.sensor.shape:
            raise DataError(f"it is for {found.shape}, this sensor has {on.sensor.shape}")
        try:
            replace_file(path, data)
        except UnsettledError as error:
            return found, error
        return found, None

    def then(done: tuple[Calibration, UnsettledError | None]) -> None:
        found, doubt = done
        rebase(on, found)
        session.note(f"calibration {found.nuc_id} stored and in force; a correction is due")
        if doubt is not None:
            raise doubt

    return session.begin(work, then)


def crc(session: Session) -> Job:
    path = session.desk.instrument.folders.state / CALIBRATION_NAME

    def work() -> str:
        return str(zlib.crc32(path.read_bytes()) if path.is_file() else 0)

    return session.begin(work)


COMMANDS = (
    Command("CALibration:RUN", run, "take a correction as soon as may be", Level.OPERATE),
    Command("CALibration:ID?", identity, "number of the correction in force; -1 none",
            answer="number"),
    Command("CALibration:AGE?", age, "since it was taken", answer="s"),
    Command("CALibration:STATe?", state, "phase of a correction, and what asked for it",
            answer="text,text"),
    Command("CALibration:COUNt?", counts, "corrections taken and refused since the start",
            answer="count,count"),
    Command("CALibration:DATA?", download, "the calibration in force, as an .elcal file",
            answer="block"),
    Command("CALibration:DATA:CRC?", download_crc, "CRC-32 of the file that this connection was"
            " sent last; 0 none", answer="number"),
    Command("CALibration:DATA", upload, "store an .elcal file and use it from the next frame",
            Level.SERVICE, (Block("file", BLOCK_MOST),
                            NumberOf("crc32", "", 0, 4294967295, is_whole=True)), needed=1),
    Command("CALibration:CRC?", crc, "CRC-32 of the stored file; 0 none", answer="number"),
)  # fmt: skip
