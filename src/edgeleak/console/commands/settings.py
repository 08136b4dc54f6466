# SPDX-License-Identifier: Apache-2.0
"""Live settings of the picture: applied between two frames, ranges from the settings file."""

import dataclasses
from collections.abc import Callable
from typing import Any

from edgeleak.config import PALETTES, PictureConfig
from edgeleak.console.scpi import number
from edgeleak.console.session import Session
from edgeleak.console.tree import Choice, Command, Level, NumberOf, Switch

FIELDS = {field.name: field for field in dataclasses.fields(PictureConfig)}
DEFAULTS = PictureConfig()
AGC_MODE = Choice("mode", ("AUTO", "LOCKed"))
PALETTE = Choice("palette", tuple(name.upper().replace("-", "_") for name in PALETTES))


def _get(name: str) -> Callable[[Session], str]:
    def read(session: Session) -> str:
        return number(getattr(session.desk.live.picture, name))

    return read


def _set(name: str) -> Callable[[Session, Any], None]:
    def change(session: Session, value: Any) -> None:
        session.desk.live.change(**{name: value})

    return change


def _number(header: str, name: str, help_: str, is_whole: bool = False) -> tuple[Command, Command]:
    """Setting and its query, with the range of the settings file."""
    facts = FIELDS[name].metadata
    parameter = NumberOf(header.split(":")[-1].lower(), facts["unit"], facts["low"],
                         facts["high"], getattr(DEFAULTS, name), is_whole)  # fmt: skip
    return (
        Command(header, _set(name), f"{help_}: {facts['why']}", Level.OPERATE, (parameter,)),
        Command(f"{header}?", _get(name), help_, answer=facts["unit"] or "1"),
    )


def agc_mode(session: Session) -> str:
    return AGC_MODE.short(session.desk.live.picture.agc_mode)


def agc_span(session: Session) -> str:
    black, white = session.desk.live.span_counts()
    return f"{number(black)},{number(white)}"


def agc_lock(session: Session, is_on: bool) -> None:
    if is_on:
        session.desk.live.lock_now()
    else:
        session.desk.live.change(agc_mode="auto")


def agc_locked(session: Session) -> str:
    return str(int(session.desk.live.picture.agc_mode == "locked"))


def palette(session: Session) -> str:
    return PALETTE.short(session.desk.live.picture.palette.replace("-", "_"))


def set_palette(session: Session, name: str) -> None:
    session.desk.live.change(palette=name.replace("_", "-"))


COMMANDS = (
    Command("AGC:MODE", _set("agc_mode"), "follow the scene, or hold level and span",
            Level.OPERATE, (AGC_MODE,)),
    Command("AGC:MODE?", agc_mode, "who sets the gain", answer="word"),
    *_number("AGC:LEVel", "agc_level_counts", "middle of the picture"),
    *_number("AGC:SPAN", "agc_span_counts", "black to white"),
    Command("AGC:RANGe?", agc_span, "what is black and what is white now",
            answer="counts,counts"),
    Command("AGC:LOCK", agc_lock, "hold what the automatic found, or let it go", Level.OPERATE,
            (Switch("lock"),)),
    Command("AGC:LOCK?", agc_locked, "level and span are held", answer="0 or 1"),
    *_number("CLAHe:TILE", "clahe_tiles", "tiles of the local contrast", is_whole=True),
    *_number("CLAHe:CLIP", "clahe_clip", "limit of the local contrast"),
    *_number("BACKground:SLEW", "background_slew", "speed of the background"),
    *_number("SENSitivity", "sensitivity", "of the detection"),
    Command("PALette", set_palette, "colours of viewers", Level.OPERATE,
            (PALETTE,)),
    Command("PALette?", palette, "colours of viewers", answer="word"),
)  # fmt: skip
