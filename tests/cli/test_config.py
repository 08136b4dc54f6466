# SPDX-License-Identifier: Apache-2.0
"""`edgeleak config`: what is set, by whom, and what is wrong with it."""

import json

import pytest

from edgeleak import config
from edgeleak.app import main


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "edgeleak.toml").write_text("[sensor]\nintegration_us = 5000\nfps = 10\n")
    return tmp_path


def call(folder, action, *more):
    files = ["--config", str(folder / "edgeleak.toml"), "--state", str(folder / "state")]
    return main(["config", action, *files, *more])


def test_check_names_files_and_board(folder, capsys):
    assert call(folder, "check") == 0
    out = capsys.readouterr().out
    assert "edgeleak.toml" in out
    assert "el1-a" in out


def test_later_files_win_and_origin_says_which(folder, capsys):
    (folder / "conf.d" / "10-site.toml").write_text("[sensor]\nfps = 12\n")
    (folder / "state").mkdir()
    (folder / "state" / "tuned.toml").write_text("[nuc]\nframes = 32\n")
    assert call(folder, "show", "--origin", "--json") == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["sensor.fps"]["value"] == 12
    assert settings["sensor.fps"]["origin"].endswith("10-site.toml")
    assert settings["sensor.integration_us"]["value"] == 5000
    assert settings["nuc.frames"]["origin"].endswith("tuned.toml")
    assert settings["nuc.drift_k"]["origin"] == "default"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sensor]\nfsp = 3\n", ["line 2", "sensor.fsp", "'fps'", "0.5 to 60"]),
        ("[sensor]\nfps = 900\n", ["line 2", "out of range", "0.5 to 60"]),
        ("[sensor]\nfps = nan\n", ["line 2", "out of range"]),
        ("[sensor]\nfps = true\n", ["no number"]),
        ("[sensr]\nfps = 3\n", ["line 1", "'sensor'"]),
        ("sensor = 3\n", ["expected a table"]),
        ("[sensor\n", ["not TOML"]),
        ("[recorder]\nring_s = 8\npreroll_s = 9\n", ["preroll_s", "ring_s"]),
        ('[instrument]\nboard = "el2"\n', ["el2"]),
    ],
)
def test_a_bad_file_is_one_clear_error(folder, capsys, text, words):
    (folder / "edgeleak.toml").write_text(text)
    assert call(folder, "check") in (66, 78)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for word in words:
        assert word in error


def test_the_default_file_means_the_defaults(tmp_path, capsys):
    assert main(["config", "default"]) == 0
    text = capsys.readouterr().out
    path = tmp_path / "all.toml"
    path.write_text("\n".join(
        line[2:] if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
    ))  # fmt: skip
    assert config.load([path]).config == config.load([]).config


def test_every_number_has_unit_range_and_reason():
    for key, value, entry, _ in config.rows(config.load([])):
        assert entry.metadata["why"], key
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert entry.metadata["low"] <= value <= entry.metadata["high"], key
            assert "unit" in entry.metadata, key
