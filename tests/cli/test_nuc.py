# SPDX-License-Identifier: Apache-2.0
"""`edgeleak nuc` as a user types it."""

import json

import numpy as np
import pytest
from calibration.sensor_model import LinearSensor

from edgeleak.app import main
from edgeleak.calibration.container import Kind, read


@pytest.fixture
def files(tmp_path):
    sensor = LinearSensor(4)
    np.savez(tmp_path / "cold.npz", frames=sensor.frames(4600))
    np.savez(tmp_path / "hot.npz", frames=sensor.frames(5200))
    np.savez(
        tmp_path / "flats.npz",
        flats=np.concatenate([sensor.frames(5000 - 40 * k, 1) for k in range(5)]),
        fpa_temp_degc=np.linspace(0, 40, 5),
    )
    return tmp_path


def two_point(files, *more):
    return main(
        [
            "nuc",
            "two-point",
            str(files / "cold.npz"),
            str(files / "hot.npz"),
            "--cold-degc",
            "20",
            "--hot-degc",
            "30",
            "--out",
            str(files / "a.cal"),
            *more,
        ]
    )


def test_two_point_prints_figures_with_units_and_saves(files, capsys):
    assert two_point(files) == 0
    out = capsys.readouterr().out
    for word in ("counts/K", "mK", "before", "bad pixels", "NETD"):
        assert word in out
    assert read(files / "a.cal").kind is Kind.TWO_POINT


def test_json_is_alone_on_stdout(files, capsys):
    assert two_point(files, "--json", "--frames", "0:12") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames_used"] <= 24
    assert figures["residual_counts"] < 2 < figures["before_counts"]
    assert figures["residual_mk"] == pytest.approx(
        1e3 * figures["residual_counts"] / figures["response_counts_per_k"]
    )


def test_one_point_on_a_base_then_report(files, capsys):
    two_point(files)
    cold, base = str(files / "cold.npz"), str(files / "a.cal")
    out, report = str(files / "b.cal"), files / "report"
    assert main(["nuc", "one-point", cold, "--base", base, "--out", out]) == 0
    np.testing.assert_array_equal(read(out).gain_q14, read(base).gain_q14)
    assert main(["nuc", "report", out, cold, "--out", str(report)]) == 0
    assert (report / "report.html").stat().st_size > 50_000
    assert "report.html" in capsys.readouterr().out


def test_by_temperature_prints_each_flat(files, capsys):
    flats, out = str(files / "flats.npz"), str(files / "t.cal")
    assert main(["nuc", "by-temperature", flats, "--key", "flats", "--out", out]) == 0
    assert capsys.readouterr().out.count("extrapolated") == 2
    assert read(out).plane_temp_degc.tolist() == [0, 10, 20, 30, 40]


def test_bad_pixels_only_keeps_counts(files):
    out = str(files / "p.cal")
    assert main(["nuc", "bad-pixels", str(files / "cold.npz"), "--out", out]) == 0
    assert (read(out).gain_q14 == 16384).all()
    assert not read(out).offset.any()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["one-point", "none.npz", "--out", "x.cal"], 66, "none.npz"),
        (["one-point", "cold.npz", "--out", "no/x.cal"], 66, "folder"),
        (["one-point", "cold.npz", "--base", "cold.npz", "--out", "x.cal"], 65, "no EdgeLeak"),
        (["scene", "cold.npz", "--out", "x.cal"], 65, "Pan the camera"),
        (["two-point", "hot.npz", "cold.npz", "--out", "x.cal"], 64, "swap the two files"),
        (["by-temperature", "cold.npz", "--out", "x.cal"], 65, "--fpa-degc"),
        (["one-point", "cold.npz", "--frames", "90:", "--out", "x.cal"], 65, "--frames"),
        (["one-point", "cold.npz", "--noisy-ratio", "0", "--out", "x.cal"], 64, "noisy_ratio"),
    ],
)
def test_mistakes_end_in_one_sentence(files, capsys, monkeypatch, arguments, code, says):
    monkeypatch.chdir(files)
    assert main(["nuc", *arguments]) == code
    assert says in capsys.readouterr().err
    assert not (files / "x.cal").exists()


@pytest.mark.parametrize("shift", [(), ("--shift", "2"), ("--shift-bits", "2")])
def test_a_raw_dump_is_opened_as_replay_opens_it(files, shift):
    frames = LinearSensor(4).frames(4600)
    (frames << (2 if shift else 0)).astype("<u2").tofile(files / "d.raw")
    size = f"{frames.shape[1]}x{frames.shape[2]}"
    out = files / "r.cal"
    words = ["nuc", "one-point", files / "d.raw", "--shape", size, *shift, "--out", out]
    assert main([*map(str, words), "--dtype", "<u2"]) == 0
    assert main(["nuc", "one-point", str(files / "cold.npz"), "--out", str(files / "c.cal")]) == 0
    np.testing.assert_array_equal(read(out).offset, read(files / "c.cal").offset)


def test_no_response_is_said_not_guessed(files, capsys):
    out = str(files / "n.cal")
    assert main(["nuc", "one-point", str(files / "cold.npz"), "--json", "--out", out]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["netd_mk"] is None
    assert figures["response_counts_per_k"] is None
