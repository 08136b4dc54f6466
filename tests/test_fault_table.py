# SPDX-License-Identifier: Apache-2.0
"""The fault table: what counts as a row of these sources, and that sums never mix the two."""

import json
from pathlib import Path

import pytest

ROW = {
    "row": "T1",
    "count": 5,
    "seed": 1,
    "reasons": [],
    "defect": "red",
    "finds": {"T1.patch": "told"},
}


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    import write_table

    monkeypatch.setattr(write_table, "stamp_now", lambda _name, *options: f"now {options}")
    return write_table


def made(table, tmp_path, *files):
    paths = []
    for n, rows in enumerate(files):
        paths.append(str(tmp_path / f"{n}.json"))
        Path(paths[-1]).write_text(json.dumps(rows))
    return table.newest(paths)


def current(name, count=None, **other):
    return ROW | {"row": name, "stamp": f"now {(1, False, count, False)}"} | other


def test_rows_are_counted_by_their_stamp(table, tmp_path):
    older = [ROW | {"row": name, "stamp": "old"} for name in ("T1", "T3", "V1")]
    rows = made(table, tmp_path, [current("T1"), current("T2", 5), older[1]], older)
    assert [row["is_older"] for row in rows] == [False, False, True, True]
    said = table.headline(rows, "abc")
    assert said == "4 rows: 2 green at this commit (abc), 2 green from earlier sources."


def test_a_file_of_earlier_sources_alone_is_not_green_now(table, tmp_path):
    rows = made(table, tmp_path, [ROW | {"stamp": "old"}, ROW | {"row": "T2"}])
    said = table.headline(rows, "abc")
    assert said == "2 rows: 0 green at this commit (abc), 2 green from earlier sources."


@pytest.mark.parametrize("other", [{"reasons": ["because"]}, {"defect": "GREEN"}])
def test_red_is_not_green(table, tmp_path, other):
    said = table.headline(made(table, tmp_path, [current("T1", **other)]), "abc")
    assert "0 green at this commit" in said
    assert "1 red at this commit" in said


def test_a_row_without_its_defect_is_not_green(table):
    assert not table.is_green(ROW | {"defect": "-"})
    assert table.is_green(ROW)


def test_a_row_of_before_reasons_were_kept_is_not_green(table):
    assert not table.is_green({key: value for key, value in ROW.items() if key != "finds"})


def test_what_found_a_defect_is_a_line_of_its_table(table):
    row = ROW | {"finds": {"T1.patch": "a | b\nin /tmp/x-1/y.py", "T1-eager.patch": "x" * 999}}
    first, second = table.found_lines([row])
    assert first == r"| T1 | a \| b in y.py |"
    assert len(second) < 250


@pytest.fixture
def stamp(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "tools" / "faults")
    import rows
    import stamp

    return {row.name: {path.name for path in stamp.sources(row)} for row in rows.ROWS}


def test_a_row_ages_with_the_firmware_its_judges_and_its_patches(stamp):
    shared = {"acquisition.py", "plant.py", "row.py", "run.py", "defect.py", "instrument_rig.py"}
    assert all(shared <= names for names in stamp.values())
    assert {"rows_calls.py", "rows_kill.py", "V4R.patch"} <= stamp["V4R"]
    assert {"rows_control.py", "rows_cooler.py", "T10.patch", "T10-kick.patch"} <= stamp["T10"]


def test_a_row_does_not_age_with_the_judges_and_patches_of_others(stamp):
    assert not {"rows_cooler.py", "rows_link.py", "T1.patch", "V4.patch"} & stamp["V4R"]
    assert not {"rows.py", "stamp.py", "write_table.py"} & set.union(*stamp.values())
