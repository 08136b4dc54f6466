# SPDX-License-Identifier: Apache-2.0
import json
import re
import resource
import subprocess
import sys

import numpy as np
import pytest

from edgeleak.app import main
from edgeleak.cli import show
from edgeleak.errors import StorageError, UnavailableError
from edgeleak.pipeline import load_profile
from edgeleak.sim import SimulatedSensor


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Ten seconds of an ideal small camera; gas from second 5 on."""
    sensor = SimulatedSensor(seed=2, shape=(120, 160), fps=12, seconds=10, leak_start_s=5,
                             rate_g_per_h=900, movers=False, fixed_pattern=False)  # fmt: skip
    path = tmp_path_factory.mktemp("clip") / "yard.npy"
    np.save(path, np.stack([counts.copy() for counts, _ in sensor]))
    return path


def replay(capsys, *words):
    code = main(["replay", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


GIVEN = ("--fps", "12", "--sensor", "el640")


def test_json_document_finds_the_leak_and_not_before(clip, capsys):
    code, out, err = replay(capsys, clip, *GIVEN, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["verdict"] == "GAS"
    assert 5.0 <= found["first_gas_s"] < 11.0  # five seconds of proof are asked for
    assert found["frames"] == 120 == sum(found["verdicts"].values())
    assert found["source"]["shape"] == [120, 160]
    assert "replay 120/120" in err


def test_out_folder_has_everything_that_the_summary_names(clip, capsys, tmp_path):
    code, out, _ = replay(capsys, clip, *GIVEN, "--out", tmp_path, "--pictures", "4")
    assert code == 0
    assert str(tmp_path / "index.html") in out
    names = {path.name for path in tmp_path.iterdir()}
    assert {"index.html", "summary.json", "answers.csv", "events.jsonl", "contact_sheet.png",
            "overlay.mp4"} <= names  # fmt: skip
    assert 1 <= sum(name.startswith("event0") for name in names) <= 4
    assert not any(name.endswith(".part") for name in names)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["gas_events"] >= 1
    assert '<video controls src="overlay.mp4">' in (tmp_path / "index.html").read_text()


def test_one_json_line_a_frame(clip, capsys):
    code, out, _ = replay(capsys, clip, *GIVEN, "--json-frames", "--frames", "10:30", "--quiet")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["sequence"] for row in rows] == list(range(10, 30))
    assert rows[0]["time_s"] == 0


def test_same_file_gives_the_same_answers(clip, capsys):
    words = (clip, *GIVEN, "--json-frames", "--quiet")
    first, again = (
        [{**json.loads(line), "step_ms": 0} for line in replay(capsys, *words)[1].splitlines()]
        for _ in range(2)
    )
    assert first == again


def test_sensor_that_cannot_see_methane_never_says_no_gas(clip, capsys):
    _, out, _ = replay(capsys, clip, "--fps", "12", "--sensor", "lepton", "--json", "--quiet")
    assert "NO GAS" not in json.loads(out)["verdicts"]


def test_damaged_recording_keeps_the_good_frames(clip, capsys, tmp_path):
    cut = tmp_path / "cut.npy"
    whole = clip.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    code, out, err = replay(capsys, cut, *GIVEN, "--json", "--quiet", "--out", tmp_path / "out")
    assert code == 65
    assert 50 <= json.loads(out)["frames"] <= 60
    assert "damaged" in err
    assert (tmp_path / "out" / "index.html").exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nowhere.mcap",), 66, "nowhere.mcap"),
        (("CLIP", "--profile", "sensitiv"), 78, "sensitive"),
        (("CLIP", "--set", "nonsense=1"), 78, "nonsense"),
        (("CLIP", "--set", "novalue"), 64, "KEY=VALUE"),
        (("CLIP", "--frames", "500:600"), 64, "only 120 frames, 0:120"),
        (("CLIP", "--frames", "9:3"), 64, "9:3"),
        (("CLIP", "--shape", "12"), 64, "480x640"),
        (("sim:seed=x",), 64, "seed"),
    ],
)
def test_wrong_words_are_one_sentence(clip, capsys, words, code, says):
    words = [str(clip) if word == "CLIP" else word for word in words]
    try:
        got = main(["replay", *words])
    except SystemExit as stop:
        got = stop.code
    err = capsys.readouterr().err
    assert got == code
    assert says in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["replay", "sim"])
def test_the_example_of_a_setting_is_one(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    key, _, value = re.search(r"for example ([a-z_.]+=[0-9.]+)", said)[1].partition("=")
    assert load_profile("sensitive").replace({key: float(value)})[key] == float(value)


def test_a_changed_profile_is_marked_and_the_mark_explained(clip, capsys):
    words = (clip, *GIVEN, "--frames", "0:3", "--quiet")
    assert "changed by --set" not in replay(capsys, *words)[1]
    assert "sensitive* (*: changed by --set" in replay(capsys, *words, "--threshold", "2")[1]


def test_without_a_time_base_no_time_is_shown(clip, capsys, tmp_path, monkeypatch):
    shown = []

    def sheet(pairs, *_, **__):
        shown.extend(text for _, text in pairs)

    monkeypatch.setattr("edgeleak.cli.gallery.contact_sheet", sheet)
    with pytest.raises(AttributeError):  # no sheet is made here
        replay(capsys, clip, "--frames", "0:3", "--out", tmp_path, "--no-video")
    assert shown[0] == "frame 0, INHIBIT"


@pytest.mark.parametrize("room_bytes", [0, 2000, 30_000])
def test_full_disk_is_one_sentence(clip, tmp_path, room_bytes):
    """A limit on file sizes stands for the disk: tables fit, pictures do not; nothing fits."""

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

    command = [sys.executable, "-m", "edgeleak", "replay", clip, *GIVEN, "--out", tmp_path,
               "--frames", "0:20", "--quiet"]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=fill)
    assert run.returncode == StorageError.exit_code, run.stderr
    assert "Traceback" not in run.stderr
    assert "File too large" in run.stderr
    left = {path.name for path in tmp_path.iterdir()}
    assert not any(name.endswith((".part", "_sheet.png")) for name in left), left


def test_threshold_decides(clip, capsys):
    words = (clip, *GIVEN, "--json", "--quiet", "--threshold")
    strict = json.loads(replay(capsys, *words, "200")[1])
    assert "GAS" not in strict["verdicts"]


def test_show_without_any_screen_says_what_to_do(clip, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    code, _, err = replay(capsys, clip, *GIVEN, "--show")
    assert code == UnavailableError.exit_code
    assert "--out DIR" in err


def test_show_draws_every_frame_and_stops_when_closed(clip, capsys, monkeypatch):
    class Closing:
        def __init__(self):
            self.shapes, self.closed = [], False

        def show(self, rgb):
            self.shapes.append(rgb.shape)
            return len(self.shapes) < 5

        def close(self):
            self.closed = True

    screen = Closing()
    monkeypatch.setattr("edgeleak.cli.replay.open_screen", lambda title: screen)
    monkeypatch.setattr(show.time, "sleep", lambda seconds: None)
    code, _, _ = replay(capsys, clip, *GIVEN, "--show")
    assert code == 130
    assert len(screen.shapes) == 5
    assert screen.closed


def test_pace_waits_until_the_frame_is_due(monkeypatch):
    now, slept = [100.0], []
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(show.time, "sleep", slept.append)
    pace = show.Pace(2.0)
    pace.wait_for(10.0)
    now[0] += 0.1
    pace.wait_for(11.0)  # half a second of wall time at double speed
    now[0] += 9
    pace.wait_for(12.0)  # late: at once
    assert slept == pytest.approx([0.0, 0.4, 0.0])


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("methane-1fps-320x240", ("--fps", "1", "--sensor", "methane", "--frames", "0:40")),
        ("gas-mjpeg-clip/nozzle-handheld-320x320.avi", ("--frames", "0:40")),
        ("lepton-clips-160x120/hedgehog-ffc.cptv", ()),
        ("lepton-clips-160x120/cat.npz", ("--fps", "9", "--frames", "0:40")),
        ("blackbody-320x240/bb20C.npz", ("--fps", "30")),
        (
            "lepton-bad-row/indoor-bad-row.npz",
            (
                "--fps",
                "9",
            ),
        ),
    ],
)
def test_real_recordings_go_through(data_dir, capsys, path, words):
    code, out, _ = replay(capsys, data_dir / path, *words, "--json", "--quiet")
    found = json.loads(out)
    assert code == 0
    assert found["frames"] >= 40
    if not found["source"]["sees_methane"]:
        assert "NO GAS" not in found["verdicts"]
