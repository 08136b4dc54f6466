# SPDX-License-Identifier: Apache-2.0
import io
import json

import pytest

from edgeleak.app import main
from edgeleak.cli import show
from edgeleak.cli.sim import LiveLine
from edgeleak.cli.watching import Seen

SMALL = ("--shape", "120x160", "--fps", "12", "--fast")


def sim(capsys, *words):
    code = main(["sim", "--pipeline", *SMALL, *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("seed", [1, 2])
def test_leak_is_found_after_it_begins(capsys, seed):
    code, out, err = sim(capsys, "--seconds", 24, "--seed", seed, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["verdict"] == "GAS"
    assert found["truth"]["found"]
    assert 0 <= found["truth"]["seconds_to_detection"] < 8
    assert "FOUND" in err


def test_without_a_leak_nothing_is_found(capsys):
    code, out, _ = sim(capsys, "--seconds", 24, "--no-leak", "--json")
    truth = json.loads(out)["truth"]
    assert code == 0
    assert not truth["leak"]
    assert truth["hit_frames"] == truth["visible_frames"] == 0


def test_folder_has_pictures_recording_and_page(capsys, tmp_path):
    code, out, _ = sim(capsys, "--seconds", 12, "--out", tmp_path, "--record", "all")
    assert code == 0
    assert "look at" in out
    live = json.loads((tmp_path / "summary.json").read_text())
    names = {path.name for path in tmp_path.iterdir()}
    assert {"index.html", "recording.mcap", "overlay.mp4", "contact_sheet.png"} <= names
    recording, nuc = (str(tmp_path / n) for n in ("recording.mcap", "calibration.elcal"))
    assert main(["replay", recording, "--calibration", nuc, "--json", "--quiet"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["frames"] == 144
    assert again["events"] == live["events"]  # the same bytes give the same answers
    assert again["source"]["sensor"] == "el640"


def test_the_command_it_prints_sees_what_the_run_saw(capsys, tmp_path):
    shape = ("--shape", "240x320", "--fps", 7)
    _, out, _ = sim(capsys, *shape, "--seconds", 32, "--out", tmp_path, "--no-video")
    live = json.loads((tmp_path / "summary.json").read_text())
    printed = next(line for line in out.splitlines() if line.startswith("again "))
    words = [word for word in printed.split()[2:] if word != "--show"]
    assert main([*words, "--json-frames", "--quiet"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (rows[0]["sequence"], rows[-1]["sequence"]) == (0, 18 * 7)  # leak at 8 s
    gas = [row["time_s"] for row in rows if row["verdict"] == "GAS"]
    assert min(gas) == live["first_gas_s"]  # nobody's ghost, no earlier alarm
    assert min(gas) > live["truth"]["leak_start_s"]


def test_real_time_is_paced_by_the_clock(capsys, monkeypatch):
    naps = []
    monkeypatch.setattr(show.time, "monotonic", lambda: 0.0)  # time stands still
    monkeypatch.setattr(show.time, "sleep", naps.append)
    code = main(["sim", "--pipeline", "--shape", "48x64", "--fps", "10", "--seconds", "1"])
    capsys.readouterr()
    assert code == 0
    assert naps == pytest.approx([i / 10 for i in range(10)])


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "lines"), [(io.StringIO(), 5), (Tty(), 1)])
def test_live_line_is_one_a_second_or_rewritten(stream, lines):
    line = LiveLine(stream)
    for index in range(40):
        line.show(Seen(index, index, index / 10, "NO GAS", 0, 0.5, 0, 0, None, 3.0), 14.0)
    line.show(Seen(40, 40, 3.95, "GAS", 0, 5.0, 1, 99, None, 3.0), 14.0)  # a change shows at once
    line.end()
    text = stream.getvalue()
    assert len(text.strip().splitlines()) == (lines if not stream.isatty() else 41)
    assert text.count("\n") == lines
    assert "GAS" in text.splitlines()[-1]
