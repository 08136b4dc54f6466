# SPDX-License-Identifier: Apache-2.0
"""Block diagram and tables of every board, from its board.toml.

    python tools/make_board_pictures.py [BOARD...]

Writes board/<name>/block-diagram.png and the generated blocks of board/<name>/README.md.  The
PNG carries a digest of what it shows, so that a test can tell a stale one without pixels.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from board_tables import HEADER_PIN, adc_channels, blocks, filled

from edgeleak import board as boards
from edgeleak.board import Board

ROOT = Path(__file__).resolve().parents[1]
PAPER, INK, FAINT = (255, 255, 255), (28, 32, 38), (120, 128, 138)
FILL = {"pi": (226, 240, 228), "chip": (226, 236, 250), "power": (252, 234, 220),
        "world": (244, 244, 240)}  # fmt: skip
LINE = {"i2c": (46, 96, 180), "spi": (150, 60, 150), "gpio": (70, 70, 70), "wire": (170, 110, 40)}
WIDTH, LEFT, TOP, GAP, ROW_LINE = 1500, 40, 96, 18, 24
WORLD_X, CHIP_X, BUS_X, PI_X = (40, 360), (520, 880), 940, (1180, 1460)
LABEL_X = (BUS_X + PI_X[0]) / 2


@dataclass
class Row:
    """One horizontal strip: what is outside, which chip meets it, how it reaches the Pi.

    world, chip : lines of text of the two boxes; empty for none
    wires       : words on the lines between the two, with direction: "<" to the left, ">" right
    i2c         : tap of the I2C bus
    spi, supply : line to the Pi
    lines       : (GPIO role, direction as seen from the Pi)
    """

    world: list[str] = field(default_factory=list)
    chip: list[str] = field(default_factory=list)
    wire: str = ""
    i2c: bool = False
    spi: bool = False
    supply: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)
    style: str = "chip"

    @property
    def height(self) -> int:
        count = max(
            len(self.world), len(self.chip), len(self.lines) + self.i2c + self.spi + self.supply
        )
        return 22 + ROW_LINE * count


def rows_of(board: Board) -> list[Row]:
    """The strips of one board, top to bottom."""
    has = board.gpio.lines
    rows = [_sensor(board)]
    for address in _adc_addresses(board):
        rows.append(_adc(board, address))
    if board.address is not None:
        at = board.address
        rows.append(Row(["housing temperature"], [f"TMP117  0x{at.tmp117:02X}"], ">", i2c=True))
        rows.append(Row(["humidity inside"], [f"SHT45  0x{at.sht4x:02X}"], ">", i2c=True))
    if board.tec is not None and board.address is not None:
        rows.append(Row(["Peltier cooler", f"at most {board.tec.max_cool_a:g} A cooling"],
                        [f"AD5693R  0x{board.address.tec_dac:02X}: 1.25 V is 0 A",
                         "TEC driver, ADN8834 class", "monostable 200 ms"],
                        "<", i2c=True, lines=[("tec_enable", "out")], style="power"))  # fmt: skip
    if board.led is not None and board.address is not None:
        rows.append(Row(["3.3 um LED", f"at most {board.led.max_ma:g} mA"],
                        [f"AD5693R  0x{board.address.led_dac:02X}", "LED driver, gated by exposure",
                         "monostable 200 ms"],
                        "<", i2c=True, lines=[("led_enable", "out")], style="power"))  # fmt: skip
    if "fan" in has:
        rows.append(Row(["fan of the heat sink"], ["MOSFET", "tacho, open collector"], "<",
                        lines=[("fan", "out"), ("fan_tacho", "in")], style="power"))  # fmt: skip
    person = [name for name in ("button", "safe_strap", "status_green", "status_red", "alarm")
              if name in has]  # fmt: skip
    panel = ["button, jumper", "two LEDs", "alarm output"]
    lines = [(name, has[name].direction) for name in person]
    rows.append(Row(["the person", "with the camera"], panel, "<>", lines=lines))
    source = "battery, two cells" if board.tec is not None else "USB supply"
    rows.append(Row([source], ["5 V regulator" if board.tec is not None else "5 V, 1 A or more"],
                    ">", supply=True, style="power"))  # fmt: skip
    return rows


def _sensor(board: Board) -> Row:
    sensor = board.sensor
    names = {"el640": ["scene, 3.2 to 3.4 um", "through the lens"],
             "lepton": ["scene, 8 to 14 um", "(no methane)"]}  # fmt: skip
    title = {"el640": "EL-1 readout, cooled", "lepton": "FLIR Lepton on breakout"}[sensor.kind]
    lines = [(name, board.gpio.lines[name].direction)
             for name in ("data_ready", "sensor_power", "sensor_reset")
             if name in board.gpio.lines]  # fmt: skip
    chip = [title, f"{sensor.width} x {sensor.height}", f"control  0x{sensor.i2c_address:02X}"]
    return Row(names[sensor.kind], chip, ">", i2c=True, spi=True, lines=lines)


def _adc_addresses(board: Board) -> list[int]:
    return sorted({part.address for part in adc_channels(board).values()})


def _adc(board: Board, address: int) -> Row:
    parts = [(part, name) for name, part in adc_channels(board).items()]
    mine = sorted((p.channel, n) for p, n in parts if p.address == address)
    shown = {"fpa": "FPA", "tec": "TEC", "led": "LED"}
    world = [" ".join(shown.get(word, word) for word in name.split("_")) + f"  AIN{channel}"
             for channel, name in mine]  # fmt: skip
    return Row(world, [f"ADS1115  0x{address:02X}", "16 bit, 860 SPS"], ">", i2c=True)


class Drawing:
    """Pillow at twice the size, scaled down: smooth lines and letters."""

    def __init__(self, height: int) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._image = Image.new("RGB", (WIDTH * 2, height * 2), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._font = {size: ImageFont.load_default(size * 2) for size in (13, 15, 17, 26)}

    def box(self, x: tuple[int, int], y: tuple[int, int], fill: str) -> None:
        corners = (x[0] * 2, y[0] * 2, x[1] * 2, y[1] * 2)
        self._draw.rounded_rectangle(corners, 14, FILL[fill], INK, 3)

    def text(self, x: float, y: float, words: str, size: int = 15, anchor: str = "lm",
             ink: tuple[int, int, int] = INK) -> None:  # fmt: skip
        self._draw.text((x * 2, y * 2), words, ink, self._font[size], anchor)

    def label(self, x: float, y: float, words: str, ink: tuple[int, int, int]) -> None:
        """Small words on a line: the line is wiped out behind them."""
        at = (x * 2, y * 2)
        left, top, right, bottom = self._draw.textbbox(at, words, self._font[13], "mm")
        self._draw.rectangle((left - 6, top - 2, right + 6, bottom + 2), PAPER)
        self._draw.text(at, words, ink, self._font[13], "mm")

    def arrow(self, x: tuple[int, int], y: float, kind: str, ends: str) -> None:
        """Horizontal line with heads at "<" (left), ">" (right) or both."""
        ink, tip = LINE[kind], 9
        self._draw.line((x[0] * 2, y * 2, x[1] * 2, y * 2), ink, 4)
        for sign, at, side in ((1, x[0], "<"), (-1, x[1], ">")):
            if side in ends:
                points = [(at, y), (at + sign * tip, y - 5), (at + sign * tip, y + 5)]
                self._draw.polygon([(px * 2, py * 2) for px, py in points], ink)

    def vertical(self, x: int, y: tuple[float, float], kind: str) -> None:
        self._draw.line((x * 2, y[0] * 2, x * 2, y[1] * 2), LINE[kind], 8)

    def save(self, path: Path, digest: str) -> None:
        from PIL import Image, PngImagePlugin

        info = PngImagePlugin.PngInfo()
        info.add_text("shows", digest)
        size = (self._image.width // 2, self._image.height // 2)
        small = self._image.resize(size, Image.Resampling.LANCZOS)
        method = Image.Quantize.MAXCOVERAGE
        small.quantize(200, method).save(path, pnginfo=info, optimize=True)


def draw(board: Board, path: Path) -> None:
    """The block diagram of one board."""
    rows = rows_of(board)
    bottom = TOP + sum(row.height + GAP for row in rows) - GAP
    drawing = Drawing(bottom + 70)
    drawing.text(LEFT, 36, board.name, 26)
    drawing.text(LEFT, 68, board.summary, 17, ink=FAINT)
    drawing.box(PI_X, (TOP, bottom), "pi")
    for i, words in enumerate(("Raspberry Pi", "Zero 2 W")):
        drawing.text(sum(PI_X) / 2 + 66, TOP + 28 + 26 * i, words, 17, "mm")
    y = TOP
    taps: list[float] = []
    crossings: list[float] = []
    for row in rows:
        _strip(drawing, board, row, y, taps, crossings)
        y += row.height + GAP
    _bus(drawing, board, taps, crossings)
    _legend(drawing, bottom + 36)
    drawing.save(path, shows(board))


def _strip(drawing: Drawing, board: Board, row: Row, top: int, taps: list[float],
           crossings: list[float]) -> None:  # fmt: skip
    span, middle = (top, top + row.height), top + row.height / 2
    for x, words, style in ((WORLD_X, row.world, "world"), (CHIP_X, row.chip, row.style)):
        drawing.box(x, span, style)
        first = middle - ROW_LINE * (len(words) - 1) / 2
        for i, word in enumerate(words):
            drawing.text(sum(x) / 2, first + ROW_LINE * i, word, 15, "mm")
    drawing.arrow((WORLD_X[1], CHIP_X[0]), middle, "wire", row.wire)
    y = middle - ROW_LINE * (len(row.lines) + row.i2c + row.spi + row.supply - 1) / 2
    for kind, words, pins in _buses(board, row):
        if kind == "i2c":
            taps.append(y)
            drawing.arrow((CHIP_X[1], BUS_X), y, kind, "<")
        else:
            drawing.arrow((CHIP_X[1], PI_X[0]), y, kind, ">")
            drawing.label(LABEL_X, y, words, LINE[kind])
            drawing.text(PI_X[0] + 10, y, pins, 13)
        y += ROW_LINE
    for name, direction in row.lines:
        number = board.gpio.lines[name].line
        drawing.arrow((CHIP_X[1], PI_X[0]), y, "gpio", "<" if direction == "out" else ">")
        drawing.label(LABEL_X, y, name, LINE["gpio"])
        drawing.text(PI_X[0] + 10, y, f"GPIO {number}, pin {HEADER_PIN[number]}", 13)
        crossings.append(y)
        y += ROW_LINE


def _buses(board: Board, row: Row) -> list[tuple[str, str, str]]:
    """(kind, words, pins of the Pi) of the lines that are no GPIO."""
    spi = f"SPI 0, mode {board.spi.mode}, {board.spi.max_hz / 1e6:g} MHz"
    found = []
    if row.spi:
        found.append(("spi", spi, "pins 21, 23, 24"))
    if row.i2c:
        found.append(("i2c", "", ""))
    if row.supply:
        found.append(("wire", "5 V", "pins 2, 6"))
    return found


def _bus(drawing: Drawing, board: Board, taps: list[float], crossings: list[float]) -> None:
    """The I2C bus: a vertical line through every tap, and on to the Pi from the first.

    Lines that only cross it pass over a gap.
    """
    edges = [taps[0]]
    for y in (y for y in crossings if taps[0] < y < taps[-1]):
        edges += [y - 6, y + 6]
    edges.append(taps[-1])
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        drawing.vertical(BUS_X, (start, end), "i2c")
    drawing.arrow((BUS_X, PI_X[0]), taps[0], "i2c", ">")
    drawing.label(LABEL_X, taps[0], f"I2C 1, {board.i2c.hz // 1000} kHz", LINE["i2c"])
    drawing.text(PI_X[0] + 10, taps[0], "pins 3, 5", 13)


def _legend(drawing: Drawing, y: float) -> None:
    x = LEFT
    for kind, words in (("spi", "frames"), ("i2c", "I2C"), ("gpio", "GPIO line"),
                        ("wire", "analogue, power, light")):  # fmt: skip
        drawing.arrow((x, x + 46), y, kind, ">")
        drawing.text(x + 56, y, words, 13)
        x += 76 + 9 * len(words) + 30


def shows(board: Board) -> str:
    """Digest of everything that the picture shows."""
    facts: dict[str, Any] = {
        "rows": [asdict(row) for row in rows_of(board)],
        "lines": {name: line.line for name, line in board.gpio.lines.items()},
        "buses": [board.spi.mode, board.spi.max_hz, board.i2c.hz, board.name, board.summary],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def main(names: list[str]) -> None:
    folders = [ROOT / "board" / name for name in names] or sorted(ROOT.glob("board/*/"))
    for folder in folders:
        readme = folder / "README.md"
        readme.write_text(filled(readme.read_text("utf-8"), blocks(folder)), "utf-8")
        draw(boards.load(str(folder / "board.toml")), folder / "block-diagram.png")
        print(f"{folder.relative_to(ROOT)}: README.md, block-diagram.png")


if __name__ == "__main__":
    main(sys.argv[1:])
