# SPDX-License-Identifier: Apache-2.0
"""One real-time run of the whole firmware on the emulated board, recorded, then run again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeleak.app import main
from edgeleak.blackbox import format as box
from edgeleak.blackbox import loose, strict
from edgeleak.blackbox.format import Kind, Mark
from edgeleak.drivers import ads1115
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.native import library

pytestmark = pytest.mark.realtime

SECONDS = 5
VOLTS = ads1115.decode_volts
CONFIG = "[sensor]\nbinning = true\nfps = 9.0\n"


def firmware(folder, plant, *, seconds=SECONDS, code=0, **environment):
    """Run `edgeleak run`; what it wrote to stderr."""
    for name in ("state", "run"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "binned.toml").write_text(CONFIG)
    result = subprocess.run(
        [sys.executable, "-m", "edgeleak", "run", "--board", "el1-a", "--seconds", str(seconds),
         "--config", str(folder / "binned.toml"), "--state", str(folder / "state"),
         "--run", str(folder / "run"), "--out", str(folder / "out")],
        env={**plant.environment(), **environment}, capture_output=True, text=True, timeout=60,
        check=False)  # fmt: skip
    assert result.returncode == code, result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with RunningPlant() as plant:
        plant.control.ask("inject", fault="bus-nack", address=0x49, count=1)
        said = firmware(folder, plant, EDGELEAK_BLACKBOX=str(folder / "run.elbb"))
    return folder / "run.elbb", said


def test_everything_comes_again(recorded):
    path, said = recorded
    result = strict.replay(box.read(path))
    assert result.difference is None
    assert result.lines == [line for line in said.splitlines() if line.startswith(strict.STATED)]
    assert len(result.lines) >= 2
    assert result.calls > 500
    assert result.writes > 100


@pytest.mark.parametrize(
    ("name", "value", "threads"),
    [("decode_volts", lambda *word: 1.001 * VOLTS(*word), {"frames", "control"}),  # says or drives
     ("_PROBE_LO", 0x800C, {"control"})],
    ids=["a thousandth more volts", "another probe"],
)  # fmt: skip
def test_a_changed_constant_is_told_with_place_and_value(
    recorded, monkeypatch, name, value, threads
):
    monkeypatch.setattr(ads1115, name, value)
    result = strict.replay(box.read(recorded[0]))
    assert result.difference is not None
    assert result.difference.thread in threads
    assert result.difference.expected != result.difference.got


def test_a_changed_record_is_told(recorded):
    """One bit of one answer: the firmware computes something else from it."""
    found = box.read(recorded[0])
    for at, record in enumerate(found.records):
        if record.kind == Kind.BUS and record.code == 0x0707 and at > 2000 and record.answered:
            answer = bytearray(record.answered)
            answer[0] ^= 0x20
            object.__setattr__(record, "answered", bytes(answer))
            break
    assert strict.replay(found).difference is not None


def test_a_recording_cut_by_a_kill_replays_as_far_as_it_goes(recorded, tmp_path):
    path = tmp_path / "cut.elbb"
    path.write_bytes(recorded[0].read_bytes()[:2_000_000])
    found = box.read(path)
    result = strict.replay(found)
    assert result.difference is None
    assert not found.is_closed
    assert 0 < result.seconds < SECONDS


LATE = {"232", "233", "247", "912"}


def test_a_loose_run_says_the_same_states(recorded):
    found = box.read(recorded[0])
    run = loose.run(loose.past_of(found))
    wanted = [line.split()[:4] for line in strict.replay(found).lines]
    # From where the machine was late on, only the strict replay has its times.
    same = next((i for i, line in enumerate(wanted) if line[3] in LATE), len(wanted))
    assert same >= 2
    assert [line.split()[:4] for line in run.lines][:same] == wanted[:same]
    assert run.unanswered == 0


def test_the_tap_of_real_nodes_records_the_same_way(tmp_path):
    """One library records the kernel's calls, the one below it stands for the kernel."""
    above = library.build("cc -DEDGELEAK_NO_SIM", tmp_path)
    below = library.build("cc -DEDGELEAK_NO_BOX", tmp_path)
    with RunningPlant() as plant:
        firmware(tmp_path, plant, seconds=3, LD_PRELOAD=f"{above} {below}",
                 EDGELEAK_BLACKBOX=str(tmp_path / "real.elbb"))  # fmt: skip
    result = strict.replay(box.read(tmp_path / "real.elbb"))
    assert result.difference is None
    assert result.calls > 300


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_stops_the_recording_and_nothing_else(tmp_path):
    with RunningPlant() as plant:
        said = firmware(tmp_path, plant, seconds=2, EDGELEAK_BLACKBOX="/dev/full")
    assert "No space left" in said
    assert "STATE selftest" in said


def test_a_ring_keeps_the_start_and_the_end(tmp_path):
    with RunningPlant() as plant:
        firmware(tmp_path, plant, seconds=4, EDGELEAK_BLACKBOX=str(tmp_path / "ring.elbb"),
                 EDGELEAK_BLACKBOX_MINUTES="0.02")  # fmt: skip
    parts = box.files(tmp_path / "ring.elbb")
    numbers = [int(part.suffix[1:]) for part in parts]
    assert numbers[0] == 0
    assert len(numbers) <= 6
    assert numbers[1:] == list(range(numbers[-1] - len(numbers) + 2, numbers[-1] + 1))
    assert numbers[1] > 1
    found = box.read(tmp_path / "ring.elbb")
    assert found.marks(Mark.META)
    assert found.is_closed


def test_show_replay_and_picture(recorded, tmp_path, capsys):
    path = str(recorded[0])
    assert main(["blackbox", "show", path, "--calls", "3", "--out", str(tmp_path / "t.png")]) == 0
    text = capsys.readouterr().out
    assert "tmp117 read temperature" in text
    assert "line tec_enable" in text
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    assert main(["blackbox", "show", path, "--json"]) == 0
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert sum(row["errors"] for row in rows.values()) >= 1
    assert main(["blackbox", "replay", path]) == 0
    assert "calls equal" in capsys.readouterr().out


def test_replay_ends_with_the_first_difference(recorded, monkeypatch, capsys):
    monkeypatch.setattr(ads1115, "_PROBE_LO", 0x800C)
    assert main(["blackbox", "replay", str(recorded[0])]) == 65
    assert "expected I2C 0x48 write [02 80 0a]" in capsys.readouterr().err


def test_record_runs_a_command_and_passes_its_code_on(tmp_path, capsys):
    file = tmp_path / "none.elbb"
    program = "import os, sys; sys.exit(3 if 'EDGELEAK_BLACKBOX' in os.environ else 4)"
    assert main(["blackbox", "record", str(file), "--", sys.executable, "-c", program]) in (3, 66)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["record", "/no/such/folder/a", "--", "true"], 66),
        (["record", "a", "--minutes", "0", "--", "true"], 64),
        (["show", "/no/such/file"], 66),
        (["shrink", __file__, "--until", "(", "--out", "x"], 64),
        (["replay", __file__], 65),
    ],
)
def test_wrong_use(words, code):
    assert main(["blackbox", *words]) == code


def test_shrink_finds_the_short_way(recorded, tmp_path, capsys):
    """Reaching a state is enough of an ending for a test."""
    out = tmp_path / "case"
    words = ["shrink", str(recorded[0]), "--until", "STATE boot selftest", "--out", str(out)]
    assert main(["blackbox", *words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["at_s"] < 2
    assert Path(facts["file"]).stat().st_size == facts["bytes"] < 100_000
    assert main(["blackbox", "replay", facts["file"]]) == 0


def test_shrink_of_what_never_happened(recorded, tmp_path):
    words = ["shrink", str(recorded[0]), "--until", "VERDICT .* GAS", "--out", str(tmp_path / "x")]
    assert main(["blackbox", *words]) == 65
