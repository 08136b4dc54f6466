# SPDX-License-Identifier: Apache-2.0
"""What is wired: one table of parts, addresses, pins and physical constants per board.

Drivers, services and the simulated plant load the same file, `board/<name>/board.toml`, so a
number cannot differ between what is controlled and what is judged.
"""

from pathlib import Path

from edgeleak import board_rules, schema
from edgeleak.board_parts import (
    KELVIN,
    RAIL_SHARE,
    AdcChannel,
    AdcWiring,
    Addresses,
    Board,
    FanPart,
    GpioWiring,
    HousingModel,
    I2cWiring,
    LedModel,
    LedPart,
    Line,
    SensorPart,
    SpiWiring,
    SupplyChannel,
    TecModel,
    TecPart,
    Thermistor,
)
from edgeleak.board_rules import DAC_FULL_V, LINES
from edgeleak.errors import MissingInputError

__all__ = [
    "DAC_FULL_V",
    "KELVIN",
    "LINES",
    "RAIL_SHARE",
    "AdcChannel",
    "AdcWiring",
    "Addresses",
    "Board",
    "FanPart",
    "GpioWiring",
    "HousingModel",
    "I2cWiring",
    "LedModel",
    "LedPart",
    "Line",
    "SensorPart",
    "SpiWiring",
    "SupplyChannel",
    "TecModel",
    "TecPart",
    "Thermistor",
    "find",
    "load",
]


def find(name: str) -> Path:
    """File of a board by its name, or the path itself when it ends in .toml."""
    if name.endswith(".toml"):
        return Path(name)
    here = Path(__file__).resolve()
    for folder in (here.parent / "boards", here.parents[2] / "board"):
        if (path := folder / name / "board.toml").is_file():
            return path
    raise MissingInputError(f"board '{name}' is not known; give its board.toml as a path")


def load(name: str) -> Board:
    """A board by name or path, checked as a whole."""
    path = find(name)
    table, text = schema.read_whole(path)
    board = schema.build(Board, table, str(path), text)
    board_rules.check(board, str(path), text)
    return board
