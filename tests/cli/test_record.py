# SPDX-License-Identifier: Apache-2.0
"""`edgeleak record`: what arrives in the file, and what happens when it cannot."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest

from edgeleak.app import main
from edgeleak.sources import open_source


@pytest.fixture
def clip(tmp_path):
    frames = np.random.default_rng(1).integers(3000, 3400, (12, 16, 24), dtype=np.uint16)
    np.save(tmp_path / "clip.npy", frames)
    return tmp_path / "clip.npy", frames


def run(capsys, *words):
    code = main(["record", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_records_every_frame_with_its_sensor(tmp_path, capsys, clip):
    path, frames = clip
    out = tmp_path / "a.mcap"
    code, facts = run(capsys, path, "--out", out, "--fps", 9, "--sensor", "el640")
    assert (code, facts["frames"], facts["frames_lost"]) == (0, 12, 0)
    assert facts["bytes"] == out.stat().st_size
    source = open_source(out)
    got = np.stack([pixels.copy() for pixels, _ in source])
    np.testing.assert_array_equal(got, frames)
    assert (source.fps, source.sensor.name) == (9.0, "el640")


def test_duration_and_frames_stop_early(tmp_path, capsys, clip):
    path, _ = clip
    _, by_time = run(capsys, path, "--out", tmp_path / "t.mcap", "--fps", 4, "--duration", 1)
    _, by_count = run(capsys, path, "--out", tmp_path / "n.mcap", "--frames", 5)
    assert (by_time["frames"], by_count["frames"]) == (4, 5)
    assert main(["record", str(path), "--out", str(tmp_path / "x.mcap"), "--duration", "1"]) == 64
    assert "say --fps" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.mcap*"))


def test_a_folder_gets_fresh_names_and_files_are_never_replaced(tmp_path, capsys, clip):
    path, _ = clip
    folder = tmp_path / "recordings"
    names = [
        run(capsys, path, "--out", f"{folder}/", "--serial", "0042")[1]["file"] for _ in range(2)
    ]
    assert len(set(names)) == 2
    assert names[1].endswith("_0002.mcap")
    assert main(["record", str(path), "--out", names[0]]) == 64
    assert "exists already" in capsys.readouterr().err
    assert run(capsys, path, "--out", names[0], "--force", "--frames", 1)[1]["frames"] == 1


def test_recover_copies_what_is_whole(tmp_path, capsys, clip):
    path, frames = clip
    run(capsys, path, "--out", tmp_path / "a.mcap")
    data = (tmp_path / "a.mcap").read_bytes()
    (tmp_path / "cut.mcap").write_bytes(data[: len(data) // 2])
    _, facts = run(capsys, "--recover", tmp_path / "cut.mcap", "--out", tmp_path / "w.mcap")
    source = open_source(tmp_path / "w.mcap")
    got = [pixels.copy() for pixels, _ in source]
    assert 0 < facts["frames"] == len(got) < 12
    assert source.damage is None
    np.testing.assert_array_equal(got, frames[: len(got)])


def test_wrong_words(tmp_path, capsys, clip):
    path, _ = clip
    assert main(["record", str(path), "--out", str(tmp_path / "a.avi")]) == 64
    assert main(["record", "--out", str(tmp_path / "a.mcap")]) == 64
    assert main(["record", str(tmp_path / "none"), "--out", str(tmp_path / "a.mcap")]) == 66
    assert "no such file" in capsys.readouterr().err


def test_full_storage_ends_with_code_74_and_keeps_the_frames(tmp_path, clip):
    path, frames = clip
    out = tmp_path / "full.mcap"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    words = [sys.executable, "-m", "edgeleak", "record", str(path), "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 74, done.stderr
    assert "recording stopped after" in done.stderr
    got = [pixels.copy() for pixels, _ in open_source(out)]
    assert 1 <= len(got) < 12
    np.testing.assert_array_equal(got, frames[: len(got)])


def test_a_recorded_simulation_replays_as_it_was_live(tmp_path, capsys):
    scene = "sim:seed=4,shape=48x64,seconds=1,fps=6"
    _, facts = run(capsys, scene, "--out", tmp_path / "s.mcap")
    live = [(pixels.copy(), info) for pixels, info in open_source(scene)]
    again = [(pixels.copy(), info) for pixels, info in open_source(tmp_path / "s.mcap")]
    assert facts["frames"] == len(live) == len(again) == 6
    for (pixels, info), (got, got_info) in zip(live, again, strict=True):
        np.testing.assert_array_equal(got, pixels)
        assert repr(got_info) == repr(info)
    assert open_source(tmp_path / "s.mcap").sensor == open_source(scene).sensor


def test_a_damaged_source_is_recorded_and_named_with_its_code(tmp_path, capsys, clip):
    cut = tmp_path / "cut.npy"
    cut.write_bytes(clip[0].read_bytes()[:-100])
    out = tmp_path / "a.mcap"
    assert main(["record", str(cut), "--out", str(out)]) == 65
    assert "damaged" in capsys.readouterr().err.splitlines()[-1]
    assert sum(1 for _ in open_source(out)) == 11
    assert main(["record", "--recover", str(out), "--out", str(tmp_path / "b.mcap")]) == 0
