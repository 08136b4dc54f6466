# SPDX-License-Identifier: Apache-2.0
"""Gases as data (`gases.toml`): what they take from the light of a band."""

import difflib
import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.sim.scene.bands import Band

TABLE = Path(__file__).with_name("gases.toml")
MOLES_PER_M3 = 101325 / (8.314462618 * 293.15)
"""Of any gas at 20 degC and 1 atm."""
THICKEST_PPM_M = 1e6
TABLE_STEPS = 4097


@dataclass(frozen=True)
class Gas:
    """One gas in one band.

    name          : as in the table
    molar_mass_g  : g/mol
    led_um        : wavelength of the LED that suits its band
    absorption    : per ppm m, one value for each part of the band's spectrum
    weight        : share of the band that absorbs so strongly; sums to 1
    error         : relative error of the mean absorption
    source        : where the numbers are from
    """

    name: str
    molar_mass_g: float
    led_um: float
    absorption: tuple[float, ...]
    weight: tuple[float, ...]
    error: float
    source: str

    @property
    def ppm_m_per_g_m2(self) -> float:
        """Column density of 1 g/m2 in ppm m at 20 degC and 1 atm."""
        return 1e6 / (self.molar_mass_g * MOLES_PER_M3)

    @property
    def thin_absorption_per_ppm_m(self) -> float:
        """Absorbed share of the band's light per ppm m, for little gas."""
        return float(np.dot(self.absorption, self.weight))

    def transmission(self, column_ppm_m: np.ndarray | float) -> np.ndarray:
        """Share of the band's light that passes: Beer-Lambert in each part of the band."""
        column = np.asarray(column_ppm_m, np.float64)[..., None]
        return np.exp(-column * np.array(self.absorption)) @ np.array(self.weight)

    def absorbed(self, column_ppm_m: np.ndarray) -> np.ndarray:
        """1 - `transmission`, float32, from a table: within 1e-4 of it."""
        place = np.sqrt(np.maximum(column_ppm_m, 0) * np.float32(1 / THICKEST_PPM_M))
        return np.interp(place, *_absorbed_table(self)).astype(np.float32)


@functools.cache
def _absorbed_table(gas: Gas) -> tuple[np.ndarray, np.ndarray]:
    """(root of the share of the thickest column, absorbed share)."""
    place = np.linspace(0, 1, TABLE_STEPS)
    return place, 1 - gas.transmission(THICKEST_PPM_M * place**2)


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def names() -> list[str]:
    """Every gas of the table, seen by some band or not."""
    return list(_table())


def formula(name: str) -> str:
    """Chemical formula, e.g. CH4."""
    return str(_table()[name]["formula"])


def gas_in(name: str, band: Band) -> Gas:
    """The gas as this band sees it.

    Raises UsageError with the reason where the band cannot see it, or the name is not known.
    """
    table = _table()
    if name not in table:
        near = difflib.get_close_matches(name, names(), 1, 0.4)
        hint = f"nearest is '{near[0]}'" if near else f"known are {', '.join(names())}"
        raise UsageError(f"gas '{name}' is not in the table; {hint}")
    row = table[name]
    for part in row["band"]:
        if part["short_um"] == band.short_um and part["long_um"] == band.long_um:
            absorption, weight = part["absorption_per_ppm_m"], part["weight"]
            total = sum(weight)
            return Gas(name, row["molar_mass_g"], row["led_um"], tuple(absorption),
                       tuple(w / total for w in weight), part["error"], part["source"])  # fmt: skip
    raise UsageError(f"{name} cannot be seen at {_span(band)} um: {_reason(row, band)}")


def _span(band: Band) -> str:
    return f"{band.short_um:g}-{band.long_um:g}"


def _reason(row: dict[str, Any], band: Band) -> str:
    """Why a band has no numbers for a gas."""
    if why := row.get("blind", {}).get(_span(band)):
        return str(why)
    bands = [f"{part['short_um']:g}-{part['long_um']:g}" for part in row["band"]]
    return f"the table has its absorption for {' and '.join(bands)} um only"
