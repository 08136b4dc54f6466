# SPDX-License-Identifier: Apache-2.0
"""What counts as having found a seeded defect: the row's own judgement, and nothing that broke."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgeleak.console.scpi import block, units
from edgeleak.sim.scenario import load

FAULTS = Path(__file__).parents[1] / "tools" / "faults"


@pytest.fixture
def faults(monkeypatch):
    """The modules of the campaign by name."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.syspath_prepend(FAULTS)
    import defect
    import machine
    import row
    import rows
    import run
    import slip

    modules = {"defect": defect, "machine": machine, "row": row, "run": run, "slip": slip}
    return type("Faults", (), modules | {"rows": {made.name: made for made in rows.ROWS}})


@pytest.fixture
def quick(faults):
    """A row of lockstep that takes a second in a copy."""
    return faults.rows["T7"]


def patch_of(monkeypatch, faults, folder, path, old, new):
    """A patch of one line, in place of the committed ones."""
    lines = (FAULTS.parents[1] / path).read_text().splitlines()
    at = lines.index(old)
    text = f"--- a/{path}\n+++ b/{path}\n@@ -{at + 1} +{at + 1} @@\n-{old}\n+{new}\n"
    (folder / "made.patch").write_text(text)
    monkeypatch.setattr(faults.defect, "DEFECTS", folder)
    return "made.patch"


def plain(faults, row, run, capsys):
    """(exit code, what was said) of a row that runs this."""
    code = faults.defect.run_plain(replace(row, run=run), 4, 1)
    return code, json.loads(capsys.readouterr().out)


def test_a_row_that_raises_has_found_nothing(faults, quick, capsys):
    def run(_count, _seed):
        raise RuntimeError("no such rig")

    code, said = plain(faults, quick, run, capsys)
    assert code == faults.defect.BROKEN
    assert said["found"] == []
    assert "no such rig" in said["broken"][0]


@pytest.mark.parametrize(
    ("counts", "is_found"),
    [
        ({"executed": 4, "trips": 4, "clean": 1}, False),
        ({"executed": 2, "trips": 2, "clean": 1}, False),
        ({"executed": 4, "trips": 4}, False),
        ({"executed": 4, "trips": 4, "clean": 1, "again": 9}, False),
        ({"executed": 4, "trips": 4, "clean": 1, "broken": ["never struck"]}, False),
        ({"executed": 4, "trips": 3, "clean": 1}, True),
        ({"executed": 4, "trips": 4, "clean": 1, "false_trips": 1}, True),
        ({"executed": 4, "trips": 4, "clean": 1, "problems": ["limit broken"]}, True),
    ],
)
def test_only_judgement_is_a_find(faults, quick, capsys, counts, is_found):
    outcome = faults.row.Outcome(**counts)
    code, said = plain(faults, quick, lambda _count, _seed: outcome, capsys)
    assert bool(said["found"]) is is_found
    assert (code == faults.defect.RED) is is_found
    is_green = not faults.row.verdict(outcome, 4)
    assert (code == faults.defect.GREEN) is is_green


def raised_by(act):
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_names_that_do_not_fit_are_slips_wherever_they_are_raised(faults):
    errors = [raised_by(lambda: list(units(5))), raised_by(lambda: block("text").nothing)]
    assert {type(error) for error in errors} <= {TypeError, AttributeError}
    assert all(map(faults.slip.is_slip, errors))


def test_what_firmware_raises_is_a_find_and_what_a_rig_raises_is_not(faults, tmp_path):
    assert not faults.slip.is_slip(raised_by(lambda: list(units(b"*IDN? 'x"))))
    assert not faults.slip.is_slip(raised_by(lambda: block(range(-3, 3))))
    assert faults.slip.is_slip(raised_by(lambda: load(str(tmp_path / "no.toml"))))


def test_a_fork_tells_crashes_from_slips(faults):
    def crash(_mine):
        int("x")  # of this file, so of the rig

    outcome = faults.row.Outcome()
    faults.machine.forked(outcome, "case", crash)
    assert outcome.problems == []
    assert "ValueError" in outcome.broken[0]


def test_a_copy_without_defect_is_green_and_the_patch_is_found(faults, quick, tmp_path):
    finds, missed = faults.run.seeded(quick, tmp_path, 1)
    assert missed == []
    assert "expected (212,)" in finds["T7.patch"]


def test_a_patch_that_breaks_the_program_is_no_find(faults, quick, tmp_path, monkeypatch):
    old, new = "            Direction(limits),", "            Direction(limits, 1, 2, 3),"
    path = "src/edgeleak/control/interlock.py"
    name = patch_of(monkeypatch, faults, tmp_path, path, old, new)
    with pytest.raises(faults.defect.DefectError, match="row itself broke: TypeError"):
        faults.defect.found_by(quick, name, tmp_path, 1)


def test_a_copy_that_lacks_a_file_finds_nothing(faults, quick, tmp_path, monkeypatch):
    parts = [part for part in faults.defect.COPIED if part != "board"]
    monkeypatch.setattr(faults.defect, "COPIED", parts)
    finds, missed = faults.run.seeded(quick, tmp_path, 1)
    assert finds == {}
    assert "T7 with no defect ended with 1" in missed[0]


def test_a_copy_that_is_red_by_itself_finds_nothing(faults, quick, tmp_path, monkeypatch):
    sources = faults.defect.make_copy(quick, "T7.patch", tmp_path / "sources")
    monkeypatch.setattr(faults.defect, "ROOT", sources)
    finds, missed = faults.run.seeded(quick, tmp_path / "copies", 1)
    assert finds == {}
    assert "without a defect is red too" in missed[0]
