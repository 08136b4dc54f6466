# SPDX-License-Identifier: Apache-2.0
"""`edgeleak export`: every form read back with another program's reader."""

import csv
import json

import numpy as np
import pytest

from edgeleak.app import main
from edgeleak.cli import export as export_command
from edgeleak.frame import FrameInfo
from edgeleak.recording import Writer
from edgeleak.sensor import LEPTON


@pytest.fixture
def clip(tmp_path):
    frames = np.random.default_rng(1).integers(3000, 3400, (6, 24, 32), dtype=np.uint16)
    with Writer(tmp_path / "clip.mcap", (24, 32), 9.0, LEPTON) as writer:
        for i, pixels in enumerate(frames):
            writer.write(pixels, FrameInfo(sequence=10 + i, monotonic_ns=i * 111_111_111))
    return tmp_path / "clip.mcap", frames


def run(capsys, *words):
    code = main(["export", *map(str, words), "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else captured.err


def test_every_form_holds_the_same_counts(tmp_path, capsys, clip):
    import tifffile
    from PIL import Image

    path, frames = clip
    out = tmp_path / "out"
    words = ["--tiff16", "--png", "--npz", "--csv", "--mp4"]
    code, facts = run(capsys, path, "--out", out, *words)
    assert (code, facts["frames"], facts["damage"]) == (0, 6, None)
    assert sorted(p.name for p in out.iterdir()) == [
        "clip.csv", "clip.mp4", "clip.npz", "clip.tif", "clip_png",
    ]  # fmt: skip
    np.testing.assert_array_equal(tifffile.imread(out / "clip.tif"), frames)
    pictures = [np.asarray(Image.open(p)) for p in sorted((out / "clip_png").iterdir())]
    np.testing.assert_array_equal(pictures, frames)
    arrays = np.load(out / "clip.npz")
    np.testing.assert_array_equal(arrays["frames"], frames)
    assert arrays["sequence"].tolist() == [10, 11, 12, 13, 14, 15]
    rows = list(csv.DictReader((out / "clip.csv").open()))
    assert [row["sequence"] for row in rows] == ["10", "11", "12", "13", "14", "15"]
    assert float(rows[2]["mean_counts"]) == pytest.approx(frames[2].mean(), abs=1e-3)


def test_video_shows_bright_where_the_counts_are_high(tmp_path, capsys):
    import av

    frames = np.full((5, 64, 64), 3000, np.uint16)
    frames[:, :, 32:] = 3100
    np.save(tmp_path / "step.npy", frames)
    run(capsys, tmp_path / "step.npy", "--out", tmp_path, "--mp4")
    with av.open(str(tmp_path / "step.mp4")) as container:
        pictures = [f.to_ndarray(format="gray").astype(int) for f in container.decode(video=0)]
    assert len(pictures) == 5
    assert (pictures[4][:, 40:].mean() - pictures[4][:, :24].mean()) > 150


def test_refuses_to_overwrite_anything(tmp_path, capsys, clip):
    path, _ = clip
    assert run(capsys, path, "--out", tmp_path, "--csv")[0] == 0
    before = (tmp_path / "clip.csv").read_bytes()
    code, error = run(capsys, path, "--out", tmp_path, "--csv", "--npz")
    assert code == 64
    assert "--force" in error
    assert not (tmp_path / "clip.npz").exists()
    assert (tmp_path / "clip.csv").read_bytes() == before
    assert run(capsys, path, "--out", tmp_path, "--csv", "--frames", 2, "--force")[0] == 0
    assert (tmp_path / "clip.csv").read_text().count("\n") == 3


def test_a_failure_leaves_nothing_behind(tmp_path, capsys, clip, monkeypatch):
    path, _ = clip
    out = tmp_path / "out"

    def fail(self, index, pixels, info):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_command.sinks.Csv, "write", fail)
    words = ["--tiff16", "--png", "--npz", "--mp4", "--csv"]
    code, error = run(capsys, path, "--out", out, *words)
    assert code == 74
    assert "No space left" in error
    assert list(out.iterdir()) == []


def test_what_to_write_has_to_be_said(tmp_path, capsys, clip):
    code, error = run(capsys, clip[0], "--out", tmp_path)
    assert code == 64
    assert "--tiff16" in error


def test_dataset_has_the_four_pictures_of_every_frame(tmp_path, capsys, clip):
    from PIL import Image

    path, frames = clip
    code, facts = run(capsys, path, "--out", tmp_path, "--dataset", "--profile", "paper")
    assert (code, facts["frames"]) == (0, 6)
    folder = tmp_path / "clip_dataset"
    about = json.loads((folder / "dataset.json").read_text())
    assert [frame["sequence"] for frame in about["frames"]] == [10, 11, 12, 13, 14, 15]
    for name in ("frame", "background", "foreground", "mask"):
        pictures = [np.asarray(Image.open(p)) for p in sorted((folder / name).iterdir())]
        assert np.shape(pictures) == (6, 24, 32)
        if name == "frame":
            np.testing.assert_array_equal(pictures, frames)
        if name == "mask":
            assert set(np.unique(pictures)) <= {0, 255}


def test_tiff_has_one_page_a_frame_for_readers_that_know_only_pages(tmp_path, capsys, clip):
    from PIL import Image

    path, frames = clip
    run(capsys, path, "--out", tmp_path, "--tiff16")
    with Image.open(tmp_path / "clip.tif") as picture:
        assert picture.n_frames == 6
        picture.seek(4)
        np.testing.assert_array_equal(np.asarray(picture), frames[4])
    code, facts = run(capsys, tmp_path / "clip.tif", "--out", tmp_path / "again", "--npz")
    assert (code, facts["frames"]) == (0, 6)
    np.testing.assert_array_equal(np.load(tmp_path / "again" / "clip.npz")["frames"], frames)


def test_a_damaged_source_is_written_and_named_with_its_code(capsys, clip, tmp_path):
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(clip[0].read_bytes()[:-3000])
    code = main(["export", str(cut), "--csv", "--out", str(tmp_path / "out")])
    captured = capsys.readouterr()
    assert code == 65
    assert "damaged" in captured.err.splitlines()[-1]
    rows = (tmp_path / "out" / "cut.csv").read_text().splitlines()
    assert 1 < len(rows) < 7
