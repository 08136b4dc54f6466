# SPDX-License-Identifier: Apache-2.0
"""Tables of board/*/README.md, from board.toml and budget.toml: pins, chips, inputs, budgets."""

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgeleak import board as boards
from edgeleak.board import KELVIN, Board, TecModel
from edgeleak.config import CoolerConfig

HEADER_PIN = {
    2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32, 13: 33,
    14: 8, 15: 10, 16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18,
    25: 22, 26: 37, 27: 13,
}  # fmt: skip
"""GPIO number -> pin of the 40-pin header (the same on every Raspberry Pi since the B+)."""
PULLED_UP_AT_RESET = range(9)
"""BCM2835 ARM Peripherals, table 6-31: GPIO 0..8 are pulled up after reset, 9..27 down."""
MEANING = {
    "tec_enable": "cooler on for 200 ms after each rising edge (monostable)",
    "led_enable": "LED on for 200 ms after each rising edge, and only while the sensor exposes",
    "sensor_power": "load switch of the sensor",
    "sensor_reset": "reset of the sensor",
    "data_ready": "rises with a frame's first line",
    "fan": "fan of the heat sink, N-MOSFET",
    "fan_tacho": "two pulses a revolution, open collector",
    "button": "to ground: short snapshot, 1 s record, 3 s correction",
    "alarm": "to an optocoupler or relay driver",
    "status_green": "LED, 470 ohm to ground",
    "status_red": "LED, 470 ohm to ground",
    "safe_strap": "jumper to ground: safe mode, no actuators",
}
ON_LEPTON = {
    "sensor_power": "PW_DWN_L of the breakout",
    "sensor_reset": "RESET_L of the breakout",
    "data_ready": "GPIO3 of the breakout as VSYNC",
}
BUS_LINES = {
    2: ("I2C SDA", "in/out", "pull-up 1.8 kohm on the Pi"),
    3: ("I2C SCL", "out", "pull-up 1.8 kohm on the Pi"),
    8: ("SPI CE0", "out", "chip select of the sensor"),
    9: ("SPI MISO", "in", "sensor data"),
    10: ("SPI MOSI", "out", "not used; ground that pin at the sensor"),
    11: ("SPI SCLK", "out", "idles high (mode 3)"),
}
CHIPS = {
    "tmp117": "TMP117, housing temperature",
    "sht4x": "SHT45, humidity in the housing",
    "tec_dac": "AD5693R, TEC command",
    "led_dac": "AD5693R, LED current",
}
SENSORS = {"el640": "EL-1 readout, control port", "lepton": "FLIR Lepton, CCI"}
PAPER_MM, PAPER_G = (150, 150, 200), 1500
"""The prototype of the paper: 15 x 15 x 20 cm, 1.5 kg."""
AMBIENTS_DEGC = (10, 25, 40)
USUAL_DEGC = 25
SET_POINT_DEGC = -20.0


def level_at_reset(number: int, active_low: bool) -> str:
    """What a line says before any software runs."""
    is_high = number in PULLED_UP_AT_RESET
    return "active" if is_high != active_low else "inactive"


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [" | ".join(map(str, row)) for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {line} |" for line in lines)


def pins(board: Board) -> str:
    """Every used pin of the header, in the header's order."""
    rows: list[tuple[object, ...]] = [(1, "-", "3.3 V", "supply", "-", "sensors and chips")]
    rows += [(2, "-", "5 V", "supply", "-", "in: the supply"),
             (6, "-", "ground", "supply", "-", "one of eight")]  # fmt: skip
    for number, (name, direction, what) in BUS_LINES.items():
        rows.append((HEADER_PIN[number], f"GPIO {number}", name, direction, "-", what))
    for name, line in board.gpio.lines.items():
        polarity = "active low" if line.active_low else "active high"
        pull = "" if line.pull == "none" else f", pull-{line.pull}"
        at_reset = level_at_reset(line.line, line.active_low) if line.direction == "out" else "-"
        what = (ON_LEPTON if board.sensor.kind == "lepton" else {}).get(name, MEANING[name])
        rows.append((HEADER_PIN[line.line], f"GPIO {line.line}", f"`{name}`",
                     f"{line.direction}, {polarity}{pull}", at_reset, what))  # fmt: skip
    head = ("pin", "GPIO", "line", "direction", "at reset", "what it does")
    return table(head, sorted(rows, key=lambda row: int(str(row[0]))))


def chips(board: Board) -> str:
    """Every I2C address."""
    rows = [(board.sensor.i2c_address, SENSORS[board.sensor.kind])]
    if board.address is not None:
        rows += [(getattr(board.address, name), what) for name, what in CHIPS.items()]
    for address in sorted({c.address for c in adc_channels(board).values()}):
        rows.append((address, "ADS1115, four inputs"))
    return table(
        ("address", "chip"), [(f"0x{address:02X}", what) for address, what in sorted(rows)]
    )


def adc_channels(board: Board) -> dict[str, boards.AdcChannel]:
    if board.adc is None:
        return {}
    return {name: getattr(board.adc, name) for name in board.adc.__dataclass_fields__}


def inputs(board: Board) -> str:
    """Every ADC input, with what a count is worth."""
    rows = []
    for name, part in adc_channels(board).items():
        step_uv = part.full_scale_v / 2**15 * 1e6
        where = f"0x{part.address:02X} AIN{part.channel}"
        scale = (f"{part.full_scale_v:g} V", f"{step_uv:g} uV")
        rows.append((where, f"`{name}`", *scale, _worth(board, name)))
    return table(("input", "signal", "full scale", "one count", "which is"), rows)


def _worth(board: Board, name: str) -> str:
    lsb_v = adc_channels(board)[name].full_scale_v / 2**15
    if name.endswith("thermistor"):
        part = getattr(board, name)
        at = SET_POINT_DEGC if name.startswith("fpa") else 40.0
        volts = part.volts(at)
        return f"{abs(part.degc(volts + lsb_v) - at) * 1e3:.1f} mK at {at:g} degC"
    if name == "tec_current" and board.tec:
        return f"{lsb_v / board.tec.telemetry_v_per_a * 1e3:.2f} mA"
    if name == "tec_voltage" and board.tec:
        return f"{lsb_v / board.tec.voltage_gain * 1e3:.2f} mV"
    if name == "led_current" and board.led:
        return f"{lsb_v / board.led.telemetry_v_per_a * 1e3:.3f} mA"
    return f"{lsb_v * 4 * 1e3:.2f} mV of supply (divided by 4)"


def holding(model: TecModel, ambient_degc: float, max_a: float) -> tuple[float, float] | None:
    """(A, W) that keep `SET_POINT_DEGC` once the sink is at rest, fan on; None where it cannot."""
    cold_k, ambient_k = SET_POINT_DEGC + KELVIN, ambient_degc + KELVIN
    wanted_w = model.load_w + model.leak_w_per_k * (ambient_degc - SET_POINT_DEGC)
    for step in range(1, 2001):
        current_a = max_a * step / 2000
        seebeck, joule_w = model.seebeck_v_per_k * current_a, current_a**2 * model.resistance_ohm
        # Hot side: ambient + sink x (seebeck T_h + joule / 2 - conductance (T_h - T_c)).
        sink, wire = model.sink_fan_k_per_w, model.conductance_w_per_k
        hot_k = (ambient_k + sink * (joule_w / 2 + wire * cold_k)) / (1 - sink * (seebeck - wire))
        pumped_w = seebeck * cold_k - joule_w / 2 - wire * (hot_k - cold_k)
        if pumped_w >= wanted_w:
            return current_a, seebeck * (hot_k - cold_k) + joule_w
    return None


def cooling(board: Board) -> str:
    """Holding power at three ambients, from the nominal module."""
    if board.tec is None or board.tec_model is None:
        return "This board has no cooler."
    rows = []
    for ambient in AMBIENTS_DEGC:
        found = holding(board.tec_model, ambient, board.tec.max_cool_a)
        row = (f"{found[0]:.1f} A", f"{found[1]:.1f} W") if found else ("-", "not reached")
        rows.append((f"{ambient} degC", *row))
    return table(("ambient", f"current at {SET_POINT_DEGC:g} degC", "electrical power"), rows)


def budget_rows(folder: Path, board: Board) -> list[dict[str, Any]]:
    """Rows of budget.toml; of the cooler what the module comes to, and its limit as peak."""
    rows = tomllib.loads((folder / "budget.toml").read_text(encoding="utf-8"))["row"]
    for row in rows:
        if row.pop("is_cooler", False) and board.tec is not None and board.tec_model is not None:
            found = holding(board.tec_model, USUAL_DEGC, board.tec.max_cool_a)
            typical_w = math.nan if found is None else round(found[1], 1)
            row |= {"typical_w": typical_w, "peak_w": CoolerConfig().max_power_w}
    return rows


def whole_of(folder: Path) -> dict[str, Any]:
    """`[whole]` of budget.toml: what all parts together take."""
    found: dict[str, Any] = tomllib.loads((folder / "budget.toml").read_text(encoding="utf-8"))
    return dict(found["whole"])


def fits(inner: list[float], outer: Iterable[float]) -> bool:
    """A box goes into another one, in whatever position."""
    return all(a <= b for a, b in zip(sorted(inner), sorted(outer), strict=True))


def millimetres(size: list[float] | None) -> str:
    return "-" if size is None else " x ".join(f"{side:g}" for side in size)


def price_ranges(folder: Path) -> dict[str, tuple[float, float]]:
    """Sensor -> (lowest, highest) sum of parts.toml in US dollars."""
    rows = parts(folder)
    kinds = dict.fromkeys(row["fits"] for row in rows if row["fits"] != "both")
    chosen = {kind: [row for row in rows if row["fits"] in ("both", kind)] for kind in kinds}
    return {kind: (sum(row["low_usd"] for row in found), sum(row["high_usd"] for row in found))
            for kind, found in chosen.items()}  # fmt: skip


def parts(folder: Path) -> list[dict[str, Any]]:
    """Rows of parts.toml."""
    rows: list[dict[str, Any]] = tomllib.loads((folder / "parts.toml").read_text("utf-8"))["part"]
    return rows


def prices(folder: Path) -> str:
    """Every part with its range, and the sum for each sensor."""
    rows: list[tuple[object, ...]] = [
        (row["what"], row["fits"], f"{row['low_usd']:g} to {row['high_usd']:g}", row["source"])
        for row in parts(folder)
    ]
    for kind, (low, high) in price_ranges(folder).items():
        rows.append(("**sum**", f"**{kind}**", f"**{low:g} to {high:g}**", ""))
    return table(("part", "for", "US dollars", "based on"), rows)


def budget(folder: Path, board: Board) -> str:
    """Power, weight and size of every row with its source, and the sums."""
    rows, whole = budget_rows(folder, board), whole_of(folder)
    sums = {key: math.fsum(row[key] for row in rows) for key in ("typical_w", "peak_w", "weight_g")}
    shown: list[tuple[object, ...]] = [
        (row["what"], f"{row['typical_w']:g}", f"{row['peak_w']:g}", f"{row['weight_g']:g}",
         millimetres(row.get("size_mm")), row["source"])
        for row in rows
    ]  # fmt: skip
    shown.append(("**sum**", f"**{sums['typical_w']:.2f}**", f"**{sums['peak_w']:.2f}**",
                  f"**{sums['weight_g']:.0f}**", f"**{millimetres(whole['size_mm'])}**",
                  whole["source"]))  # fmt: skip
    head = ("part", "typical W", "peak W", "g", "size in mm", "source")
    return table(head, shown)


def blocks(folder: Path) -> dict[str, str]:
    """Text of every generated block of one board's README, by name."""
    board = boards.load(str(folder / "board.toml"))
    made = {"pins": pins(board), "chips": chips(board), "budget": budget(folder, board)}
    if (folder / "parts.toml").is_file():
        made["prices"] = prices(folder)
    if board.adc is not None:
        made |= {"inputs": inputs(board), "cooling": cooling(board)}
    return made


def filled(text: str, made: dict[str, str]) -> str:
    """README text with the blocks between `<!-- name -->` and `<!-- end name -->` replaced."""
    for name, block in made.items():
        start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"README needs exactly one '{start}' and one '{end}'")
        head, rest = text.split(start)
        _, tail = rest.split(end)
        text = f"{head}{start}\n{block}\n{end}{tail}"
    return text
