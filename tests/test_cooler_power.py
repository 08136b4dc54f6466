# SPDX-License-Identifier: Apache-2.0
"""The cooler's table: measured V x I against the plant and the module, and the one in the docs."""

import sys
from pathlib import Path

import pytest

from edgeleak import board as boards

ROOT = Path(__file__).resolve().parents[1]
BOARD = boards.load("el1-a")
COLD_DEGC, QUICK_S = -10.0, 45.0
"""A short way to -20 degC: half a minute instead of two."""


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    import cooler_power

    yield cooler_power
    sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def found(tool):
    return tool.measure(BOARD, COLD_DEGC, QUICK_S, QUICK_S)


def test_what_is_measured_is_what_the_plant_took(tool, found):
    assert found["energy_j"] == pytest.approx(found["plant_j"], rel=0.03)
    assert found["energy_j"] > 5
    assert 0 < found["early_w"] == found["rest_w"] < found["most_w"] < found["limit_w"]
    assert found["result"].settle_s < QUICK_S
    assert found["violations"] == []
    assert len(tool.cells(found)) == len(tool.HEAD)


@pytest.mark.parametrize(
    ("change", "words"),
    [({}, []),
     ({"violations": ["tec-slew"]}, ["limit broken"]),
     ({"most_w": 5.3}, ["5.30 W are above the limit of 5 W"]),
     ({"rest_w": 1.7}, ["1.70 W at rest, the module comes to 2.00 W"]),
     ({"rest_w": float("nan")}, ["at rest"])],
)  # fmt: skip
def test_what_must_not_be_is_said(tool, found, change, words):
    row = found | {"rest_w": 1.97, "computed_w": 2.0, "most_w": 4.4, "limit_w": 5.0} | change
    said = tool.wrong(row)
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def rows_of(tool):
    """The table of the docs: ambient -> column -> text."""
    text = (ROOT / "docs/instrument.md").read_text(encoding="utf-8")
    block = text.split(f"<!-- {tool.BLOCK} -->\n")[1].split("\n<!-- end")[0]
    head, _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in block.split("\n")
    )
    assert tuple(head) == tool.HEAD
    return {float(row[0]): row for row in rows}


def test_the_docs_have_the_table_of_today(tool):
    """Three ambients; measured at rest and computed agree, and so does the board's own page."""
    rows = rows_of(tool)
    readme = (ROOT / "board/el1-a/README.md").read_text(encoding="utf-8")
    assert set(rows) == set(tool.board_tables.AMBIENTS_DEGC)
    for ambient, row in rows.items():
        at = dict(zip(tool.HEAD, row, strict=True))
        current_a, computed_w = tool.board_tables.holding(
            BOARD.tec_model, ambient, BOARD.tec.max_cool_a
        )
        assert float(at["computed W"]) == pytest.approx(computed_w, abs=0.005)
        assert float(at["holding W at rest"]) == pytest.approx(computed_w, rel=tool.AGREE_SHARE)
        assert float(at["holding W at 300 s"]) < float(at["holding W at rest"])
        assert float(at["most W"]) <= float(at["limit W"])
        assert f"| {ambient:g} degC | {current_a:.1f} A | {computed_w:.1f} W |" in readme
