# SPDX-License-Identifier: Apache-2.0
"""MEASure: the newest value of everything that is measured; 9.91E37 is not known."""

from collections.abc import Callable
from math import nan
from typing import Any

from edgeleak.console.scpi import number
from edgeleak.console.session import Session
from edgeleak.console.tree import Command


def _of(part: str, field: str, scale: float = 1.0) -> Callable[[Session], str]:
    def read(session: Session) -> str:
        owner: Any = getattr(session.desk.instrument, part)
        return number(nan if owner is None else scale * getattr(owner.status, field))

    return read


def _around(field: str) -> Callable[[Session], str]:
    def read(session: Session) -> str:
        cooler = session.desk.instrument.cooler
        return number(nan if cooler is None else getattr(cooler.surroundings, field))

    return read


def fps(session: Session) -> str:
    return number(session.desk.instrument.path.fps)


def drops(session: Session) -> str:
    return str(session.desk.instrument.acquisition.drops)


def frames(session: Session) -> str:
    return str(session.desk.instrument.path.frames)


COMMANDS = (
    Command("MEASure:TEMPerature[:DETector]?", _of("cooler", "cold_degc"),
            "detector", answer="degC"),
    Command("MEASure:TEMPerature:HOTSide?", _of("cooler", "hot_degc"), "hot side of the cooler",
            answer="degC"),
    Command("MEASure:TEMPerature:HOUSing?", _around("housing_degc"), "housing", answer="degC"),
    Command("MEASure:TEMPerature:LED?", _of("light", "led_degc"), "LED", answer="degC"),
    Command("MEASure:HUMidity?", _around("humidity_percent"), "relative, inside the housing",
            answer="%"),
    Command("MEASure:TEC:CURRent?", _of("cooler", "current_a"), "above 0 cools", answer="A"),
    Command("MEASure:TEC:VOLTage?", _of("cooler", "voltage_v"), "across the cooler", answer="V"),
    Command("MEASure:TEC:POWer?", _of("cooler", "power_w"), "into the cooler", answer="W"),
    Command("MEASure:TEC:ENERgy?", _of("cooler", "energy_j"), "since the drive began",
            answer="J"),
    Command("MEASure:TEC:ENERgy:SETPoint?", _of("cooler", "energy_to_set_point_j"),
            "of this drive until the set-point was held", answer="J"),
    Command("MEASure:TEC:HOLDing?", _of("cooler", "holding_w"),
            "to hold the set-point, mean over 10 s", answer="W"),
    Command("MEASure:FAN?", _of("cooler", "fan_rpm"), "speed of the fan", answer="rpm"),
    Command("MEASure:LED:CURRent?", _of("light", "measured_ma", 1e-3), "of the last pulse",
            answer="A"),
    Command("MEASure:SUPPly?", _of("light", "supply_v"), "supply of the board", answer="V"),
    Command("MEASure:FPS?", fps, "frames a second, over two seconds", answer="1/s"),
    Command("MEASure:FRAMes?", frames, "frames judged since the start", answer="count"),
    Command("MEASure:DROPs?", drops, "frames the link lost since the start", answer="count"),
)  # fmt: skip
