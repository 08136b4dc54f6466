# SPDX-License-Identifier: Apache-2.0
"""Leaks, gate and detectability from the command line."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from events_scene import Wall

from edgeleak.app import main
from edgeleak.cli.status import detectability_line

LEAK = (40, 60, 60, -10, -60)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """(with a leak, without): 10 frames a second."""
    folder, wall = tmp_path_factory.mktemp("clips"), Wall(seed=9)
    paths = []
    for name, plumes in (("leak", [LEAK]), ("quiet", [])):
        frames = []
        for frame in range(150):
            frames.append(wall.frame(plumes if frame >= 40 else ()))
            wall.info()
        paths.append(folder / f"{name}.npy")
        np.save(paths[-1], np.array(frames))
    return paths


def ran(capsys, *words):
    code = main([str(word) for word in words])
    return code, capsys.readouterr()


BASE = ("--fps", 10, "--sensor", "methane")


def test_a_recording_and_its_journal_list_the_same_leak(clips, tmp_path, capsys):
    out, pictures = tmp_path / "events.jsonl", tmp_path / "pictures"
    code, said = ran(capsys, "events", clips[0], *BASE, "--json", "--out", out)
    assert code == 0
    (line,) = said.out.splitlines()
    record = json.loads(line)
    assert record["state"] == "ended"
    code, said = ran(capsys, "events", out, "--thumbnails", pictures, "--json")
    again = json.loads(said.out)
    assert again["id"] == record["id"]
    assert again["origin_xy"] == record["origin_xy"]
    assert all(Path(path).read_bytes().startswith(b"\x89PNG")
               for path in again["thumbnails"].values())  # fmt: skip
    assert "1 leaks in" in said.err
    Image.new("L", (32, 24)).save(tmp_path / "timeline.png")  # a run's folder has pictures, too
    code, said = ran(capsys, "events", tmp_path, "--json")
    assert (code, json.loads(said.out)["id"]) == (0, record["id"])


def test_a_rate_only_with_all_it_needs(clips, capsys):
    site = ("--range-m", "10,0.5", "--wind-m-per-s", "2,0.5", "--pixel-mrad", "0.65")
    code, said = ran(capsys, "events", clips[0], *BASE, *site)
    assert code == 64
    assert "there is no rate" in said.err
    code, said = ran(capsys, "events", clips[0], *BASE, *site, "--counts-per-ppm-m", "0.02,0.005")
    assert code == 0
    assert "g/h (one sigma, stated inputs)" in said.out


def test_the_trace_names_rules_and_a_rule_that_is_off_shows(clips, capsys):
    code, said = ran(capsys, "replay", clips[0], *BASE, "--quiet", "--trace",
                     "--set", "rule.change=false")  # fmt: skip
    assert code == 0
    assert "passed    place: a place of it stays" in said.out
    assert "off       change" in said.out


def test_the_knowledge_base_prints_every_rule_with_its_number(capsys):
    code, said = ran(capsys, "events", "--rules", "--set", "place.share=0.7")
    assert code == 0
    assert "place.share = 0.7" in said.out
    assert "off with  --set rule.one-sign=false" in said.out
    assert "event.quiet_s = 5.0 s" in said.out


def test_detectability_says_what_it_assumed_and_what_was_found(clips, tmp_path, capsys):
    code, said = ran(capsys, "detectability", clips[1], *BASE, "--air-counts", 3000, "--ppm-m",
                     "1000", "--trials", 3, "--counts-per-k", 50, "--distance-m", 3,
                     "--out", tmp_path / "out", "--quiet", "--json")  # fmt: skip
    assert code == 0
    found = json.loads(said.out)
    assert found["tried"] >= 3
    assert found["ladder"][0]["ppm_m"] == 1000
    assert found["netd_mk"] == pytest.approx(40, rel=0.15)
    assert "here, now, 1000 ppm m would be found in" in said.err
    planes = np.load(tmp_path / "out" / "detectability.npz")
    share = (planes["rate_g_per_h"] <= 60).mean()
    assert share == pytest.approx(found["picture_share_of_rate"], abs=1e-4)
    assert (tmp_path / "out" / "detectability.png").stat().st_size > 1000


def test_detectability_without_air_says_so(clips, capsys):
    code, said = ran(capsys, "detectability", clips[1], *BASE, "--ppm-m", "1", "--trials", 1,
                     "--quiet")  # fmt: skip
    assert code == 0
    assert "assumed: as warm as the middle of the picture" in said.out


def test_status_shows_what_was_measured_lately(tmp_path):
    path, at_ns = tmp_path / "detectability.json", 10**12
    assert detectability_line(path, at_ns) == ""
    found = {"written_ns": at_ns, "tried": 12, "ppm_m_50": 210.0, "ppm_m_90": None,
             "air": {"words": "given in counts"}}  # fmt: skip
    path.write_text(json.dumps(found))
    line = detectability_line(path, at_ns + 30 * 10**9)
    assert line == "half from 210 ppm m (12 trials, 30 s ago; air given in counts)"
    assert detectability_line(path, at_ns + 700 * 10**9) == ""


def test_a_gate_from_too_little_is_refused_with_its_bound(clips, tmp_path, capsys):
    out = tmp_path / "quiet.toml"
    code, said = ran(capsys, "gate", clips[1], *BASE, "--alarms-per-h", 1, "--out", out)
    assert code == 65
    assert not out.exists()
    assert "shows nothing below" in said.out


def test_a_gate_is_a_profile_that_says_where_it_is_from(clips, tmp_path, capsys):
    """The leak's clip taken for one without gas: its plume has to stay below the gate."""
    out = tmp_path / "quiet.toml"
    code, said = ran(capsys, "gate", clips[0], *BASE, "--alarms-per-h", 2000, "--out", out)
    assert code == 0
    assert "1 peaks" in said.out
    text = out.read_text()
    assert text.startswith("# 2000 false alarms an hour")
    assert "gas = 1\n" in text  # one peak is a count: it does not lower the gate in force
    code, said = ran(capsys, "gate", clips[0], *BASE, "--alarms-per-h", 1200, "--out", out)
    assert code == 0
    gate = float(out.read_text().split("gas = ")[1])
    assert gate > 5  # above that one peak
    code, said = ran(capsys, "events", clips[0], *BASE, "--profile", out)
    assert code == 0
    assert said.err.startswith("0 leaks")
