# SPDX-License-Identifier: Apache-2.0
"""`edgeleak evaluate` as a user types it."""

import json
import sys

import numpy as np
import pytest

from edgeleak.app import main


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGELEAK_DATA", str(tmp_path / "absent"))


@pytest.fixture
def recording(tmp_path):
    rng = np.random.default_rng(1)
    scene = np.linspace(3000, 3400, 24 * 32).reshape(24, 32)
    path = tmp_path / "room.npy"
    np.save(path, (scene + rng.normal(0, 4, (60, 24, 32))).astype(np.uint16))
    return path


def test_background_of_a_recording(recording, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["evaluate", "background", str(recording), "--out", str(out), "--no-opencv"]) == 0
    said = capsys.readouterr().out
    assert "+/-epsilon 1 level" in said
    assert "The paper's claims" in said
    names = {path.name for path in out.iterdir()}
    assert {"psnr.csv", "cost.csv", "claims.json", "psnr-counts.png", "psnr-grey.png"} <= names


def test_background_built_in_without_recordings_as_json(no_data, tmp_path, capsys):
    words = ["--frames", "12", "--size", "24x32", "--json", "--no-figures", "--no-opencv"]
    code = main(["evaluate", "background", *words, "--out", str(tmp_path)])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert code == 0
    assert "methane recording not found" in said.err
    names = [s["sequence"] for s in found["sequences"] if s["domain"] == "counts"]
    assert names == ["still", "noisy", "contrast-change", "moving-objects"]
    assert {c["verdict"] for c in found["claims"]} <= {"confirmed", "denied", "mixed"}
    assert found["sequences"][0]["frames_scored"] == 12


def test_contrast_of_a_recording_as_json(recording, tmp_path, capsys):
    code = main(
        ["evaluate", "contrast", str(recording), "--out", str(tmp_path), "--json", "--no-opencv"]
    )
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["pictures"][0]["note"].startswith("frame 60 of room.npy")
    assert (tmp_path / "pictures-room.png").is_file()
    assert (tmp_path / "summary.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["background", "missing.npz"], 66, "no such file"),
        (["background", "--frames", "401"], 64, "400 at most"),
        (["contrast", "--noise", "nan"], 64, "must be a number"),
        (["background", "--size", "3x3"], 64, "sides must be"),
        (["sharpness"], 64, "invalid choice"),
        (["detection", "--part", "sharpness"], 64, "invalid choice"),
    ],
)
def test_mistakes_are_one_sentence(words, code, said, capsys):
    try:
        found = main(["evaluate", *words])
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "extra"), [("cv2", "edgeleak[bench]"), ("matplotlib", "edgeleak[host]")]
)
def test_missing_package_is_named_before_the_work(monkeypatch, capsys, tmp_path, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["evaluate", "contrast", "--out", str(tmp_path)]) == 69
    assert f"pip install {extra}" in capsys.readouterr().err


def test_unwritable_folder_is_an_io_error(recording, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    words = ["evaluate", "contrast", str(recording), "--no-opencv", "--no-figures"]
    assert main([*words, "--out", str(blocked / "sub")]) == 74
    assert "choose another --out" in capsys.readouterr().err
