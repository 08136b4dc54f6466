# SPDX-License-Identifier: Apache-2.0
"""`edgeleak config`: what is set, by whom, and what is wrong with it."""

import json

import pytest

from edgeleak import config
from edgeleak.app import main
from edgeleak.errors import ConfigError


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
        ("[cooler]\nset_point_degc = -2", ["no end", "cut off"]),
        ("[recorder]\nring_s = 8\npreroll_s = 9\n", ["preroll_s", "ring_s"]),
        ('[instrument]\nboard = "el2"\n', ["el2"]),
        ("[cooler]\nmin_fan_rpm = 9000\n", ["min_fan_rpm", "usual_fan_rpm"]),
    ],
)
def test_a_bad_file_is_one_clear_error(folder, capsys, text, words):
    (folder / "edgeleak.toml").write_text(text)
    assert call(folder, "check") in (66, 78)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for word in words:
        assert word in error


@pytest.mark.parametrize(("section", "line"), [
    ("cooler", "min_supply_v = 3.0"), ("cooler", "min_fan_rpm = 0.0"),
    ("cooler", "dew_margin_k = 0.0"), ("cooler", "window_share = 0.0"),
    ("cooler", "tolerance_k = 2.0"), ("nuc", "every_s = 86400.0"), ("alarm", "hold_s = 0.0"),
])  # fmt: skip
def test_no_setting_loosens_what_keeps_an_answer_safe(tmp_path, section, line):
    path = tmp_path / "loose.toml"
    path.write_text(f"[{section}]\n{line}\n")
    with pytest.raises(ConfigError, match=line.split()[0]):
        config.load([path])


@pytest.mark.parametrize(("fps", "stale_ms", "is_right"), [
    (0.5, 400, False), (4.9, 400, False), (5.0, 400, True), (0.5, 4000, True), (11.0, 150, False),
])  # fmt: skip
def test_a_frame_rate_that_is_always_stale_is_refused(tmp_path, fps, stale_ms, is_right):
    path = tmp_path / "slow.toml"
    path.write_text(f"[sensor]\nfps = {fps}\nstale_ms = {stale_ms}\n")
    if is_right:
        assert config.load([path]).config.sensor.fps == fps
    else:
        with pytest.raises(ConfigError, match="never gives an answer"):
            config.load([path])


def test_the_default_file_means_the_defaults(tmp_path, capsys):
    assert main(["config", "default"]) == 0
    text = capsys.readouterr().out
    path = tmp_path / "all.toml"
    path.write_text("".join(
        line[2:] if line.startswith("# ") and " = " in line else line
        for line in text.splitlines(keepends=True)
    ))  # fmt: skip
    assert config.load([path]).config == config.load([]).config


def test_every_number_has_unit_range_and_reason():
    for key, value, entry, _ in config.rows(config.load([])):
        assert entry.metadata["why"], key
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert entry.metadata["low"] <= value <= entry.metadata["high"], key
            assert "unit" in entry.metadata, key


@pytest.mark.parametrize(("text", "words"), [
    ("[sensor]\nfps = 50\n", ["[sensor]", "carries 11.5"]),
    ("[sensor]\nbinning = true\nfps = 40\nintegration_us = 60000\n", ["[sensor]", "60000 us"]),
    ('[led]\nmode = "on"\ncurrent_ma = 900\n', ["[led]", "900"]),
    ('[detection]\nprofile = "nope"\n', ["nope"]),
])  # fmt: skip
def test_check_refuses_what_a_start_would(tmp_path, capsys, text, words):
    (tmp_path / "edgeleak.toml").write_text(text)
    assert call(tmp_path, "check") == 78
    said = capsys.readouterr().err
    assert all(word in said for word in words), said
    assert call(tmp_path, "show") == 0, "what is set can still be looked at"
