# SPDX-License-Identifier: Apache-2.0
"""Power, weight, size and prices of the boards: sources, sums, and the paper's prototype."""

import math
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak.sim.plant import Plant

ROOT = Path(__file__).resolve().parents[2]


def test_budget_names_a_source_for_every_row_and_beats_the_papers_prototype(
    tools_path, name, board
):
    import board_tables

    rows = board_tables.budget_rows(ROOT / "board" / name, board)
    for row in rows:
        assert row["source"].strip(), row
        assert 0 <= row["typical_w"] <= row["peak_w"], row
    assert sum(row["weight_g"] for row in rows) < board_tables.PAPER_G


def test_every_part_goes_into_the_whole_and_that_into_the_papers_box(tools_path, name, board):
    import board_tables

    folder = ROOT / "board" / name
    whole_mm = board_tables.whole_of(folder)["size_mm"]
    assert board_tables.fits(whole_mm, board_tables.PAPER_MM)
    sizes = [row["size_mm"] for row in board_tables.budget_rows(folder, board) if "size_mm" in row]
    assert len(sizes) >= 3
    assert all(board_tables.fits(size, whole_mm) for size in sizes)
    inner = [math.prod(size) for size in sizes if size != whole_mm]
    assert sum(inner) < math.prod(whole_mm)


@pytest.mark.parametrize(("inner", "kept"), [([200, 150, 150], True), ([10, 10, 200], True),
                                             ([10, 10, 201], False), ([151, 151, 9], False),
                                             ([160, 20, 20], True)])  # fmt: skip
def test_a_box_may_be_turned(tools_path, inner, kept):
    import board_tables

    assert board_tables.fits(inner, board_tables.PAPER_MM) == kept


def test_prices_are_ranges_with_a_source_for_both_sensors(tools_path):
    """The 80x60 kit is the cheaper one, and board.toml is shipped for the other."""
    import board_tables

    folder = ROOT / "board/lepton-pi-a"
    for part in board_tables.parts(folder):
        assert 0 < part["low_usd"] < part["high_usd"], part
        assert part["source"].strip()
    ranges = board_tables.price_ranges(folder)
    shipped = boards.load("lepton-pi-a").sensor
    assert set(ranges) == {"80x60", f"{shipped.width}x{shipped.height}"}
    assert ranges["80x60"] < ranges["160x120"]


def test_the_cheaper_sensor_needs_two_lines_of_the_board_file_only(tmp_path):
    text = (ROOT / "board/lepton-pi-a/board.toml").read_text(encoding="utf-8")
    path = tmp_path / "board.toml"
    path.write_text(
        text.replace("width = 160", "width = 80").replace("height = 120", "height = 60")
    )
    small = boards.load(str(path))
    assert (small.sensor.width, small.sensor.height) == (80, 60)
    assert Plant(small).sensor is not None
