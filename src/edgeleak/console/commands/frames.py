# SPDX-License-Identifier: Apache-2.0
"""Frames, histogram and statistics as blocks, little endian; verdict, evidence, regions."""

import numpy as np

from edgeleak import kernels
from edgeleak.console import planes
from edgeleak.console.history import COLUMNS, LONG_ROWS
from edgeleak.console.planes import PLANES, TYPES
from edgeleak.console.scpi import ScpiError, block, number, quoted
from edgeleak.console.session import Session
from edgeleak.console.tree import Choice, Command, NumberOf, Switch

BINS = 256
REGIONS_MOST = 32
FIELDS = ("x", "y", "w", "h", "area_px", "cx", "cy", "contrast_counts", "polarity")
PLANE = Choice("plane", PLANES)


def verdict(session: Session) -> str:
    return str(session.desk.instrument.health.answer)


def reason(session: Session) -> str:
    return quoted(session.desk.instrument.health.answer.reason)


def evidence(session: Session) -> str:
    return number(session.desk.instrument.pipeline.evidence)


def regions(session: Session) -> str:
    """Largest first: count, then nine numbers each."""
    found = session.desk.instrument.pipeline.regions
    found = found[np.argsort(-found["area_px"])][:REGIONS_MOST]
    rows = [number(float(row[name])) for row in found for name in FIELDS]
    return ",".join([str(len(found)), *rows])


def data(session: Session, plane: str) -> bytes:
    held = session.held
    on = session.desk.instrument
    if held is None:
        session.shown = on.path.info
        return block(planes.copy(on, plane).tobytes())
    if plane not in held.planes:
        raise ScpiError(-230, f"{plane} was not held: the recorder's ring is off")
    session.shown = held.info
    return block(held.planes[plane].tobytes())


def hold(session: Session, is_on: bool) -> None:
    session.held = planes.hold(session.desk.instrument) if is_on else None


def is_held(session: Session) -> str:
    return str(int(session.held is not None))


def shape(session: Session) -> str:
    height, width = session.desk.instrument.sensor.shape
    return f"{height},{width}"


def kind(session: Session, plane: str) -> str:
    return TYPES[plane].upper()


def info(session: Session) -> str:
    """Of the plane read last, of the held frame, or of the newest."""
    held = session.held
    found = session.shown or session.desk.instrument.path.info
    found = held.info if held is not None else found
    values = (found.sequence, found.monotonic_ns, found.utc_ns, found.fpa_temp_degc,
              int(found.led_on), found.nuc_id, found.ms_since_nuc, found.drops)  # fmt: skip
    return ",".join([*(str(v) if isinstance(v, int) else number(v) for v in values),
                     found.nuc_state.name])  # fmt: skip


def histogram(session: Session, what: str = "counts") -> bytes:
    """Of the newest frame: 256 bins of 64 counts, or of one level of the picture."""
    pipeline = session.desk.instrument.pipeline
    if what == "picture":
        bins = np.bincount(pipeline.grey.reshape(-1), minlength=BINS)
    else:
        found = np.empty(16384, np.uint32)
        kernels.histogram(pipeline.counts, found)
        bins = found.reshape(BINS, -1).sum(axis=1)
    return block(bins.astype("<u4").tobytes())


def statistics(session: Session, rows: int = LONG_ROWS) -> bytes:
    return block(session.desk.history.long.newest(rows).astype("<f8").tobytes())


def names(session: Session) -> str:
    return ",".join(map(quoted, COLUMNS))


COMMANDS = (
    Command("VERDict?", verdict, "GAS, NO GAS, INHIBIT or FAULT", answer="words"),
    Command("VERDict:REASon?", reason, "in one sentence", answer="text"),
    Command("EVIDence?", evidence, "0 and more; 9.91E37 when there is no answer", answer="1"),
    Command("REGions?", regions, f"count, then {', '.join(FIELDS)} of each, largest first",
            answer="numbers"),
    Command("FRAMe:DATA?", data, "a plane of the newest frame, or of the one that is held",
            parameters=(PLANE,), answer="block"),
    Command("FRAMe:HOLD", hold, "keep all planes of one frame for this connection",
            parameters=(Switch("hold"),)),
    Command("FRAMe:HOLD?", is_held, "a frame is held", answer="0 or 1"),
    Command("FRAMe:SHAPe?", shape, "rows and columns of every plane", answer="rows,columns"),
    Command("FRAMe:DTYPe?", kind, "type of a plane, little endian; BACKground is quarter counts",
            parameters=(PLANE,), answer="word"),
    Command("FRAMe:INFO?", info, "sequence, monotonic ns, UTC ns, detector degC, LED on,"
            " correction, its age in ms, drops, state of correction", answer="numbers,word"),
    Command("HISTogram:DATA?", histogram, "256 bins, uint32, of counts or of the picture",
            parameters=(Choice("what", ("COUNts", "PICTure")),), needed=0, answer="block"),
    Command("STATistics:DATA?", statistics, "rows of float64, one a second, oldest first",
            parameters=(NumberOf("rows", "", 1, LONG_ROWS, LONG_ROWS, is_whole=True),), needed=0,
            answer="block"),
    Command("STATistics:NAMes?", names, "columns of these rows", answer="texts"),
)  # fmt: skip
