# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest

from edgeleak.cli.answers import EventLog
from edgeleak.cli.drawing import Painter
from edgeleak.cli.gallery import Gallery
from edgeleak.cli.page import Timeline, embedded, render
from edgeleak.cli.watching import Seen
from edgeleak.errors import StorageError
from edgeleak.frame import FrameInfo

REGION = np.dtype(
    [(n, "i4") for n in ("x", "y", "w", "h", "area_px")] + [("contrast_counts", "f4")]
)


class Word(str):
    reason = "because"


def outputs(word):
    shape = (60, 80)
    regions = np.zeros(1 if word == "GAS" else 0, REGION)
    if len(regions):
        regions[0] = (10, 10, 20, 15, 300, -12.0)
    return SimpleNamespace(
        counts=np.full(shape, 5000, np.uint16),
        grey=np.full(shape, 90, np.uint8),
        mask=np.zeros(shape, np.uint8),
        regions=regions,
        verdict=Word(word),
        gas=np.full(shape, 128, np.uint8),
        gas_zero_level=128,
        gas_levels_per_count=1.0,
        gain=SimpleNamespace(lut=np.repeat(np.arange(256, dtype=np.uint8), 64)),
    )


def run(folder, words, **given):
    gallery, log = Gallery(folder, Painter("test"), **given), EventLog()
    for index, word in enumerate(words):
        evidence = float(index % 7) if word == "GAS" else 0.1
        seen = Seen(index, index, index / 10, word, 0, evidence, 1, 300, (10, 10, 20, 15), 1.0)
        gallery.take(outputs(word), seen, FrameInfo(sequence=index), log.take(seen))
    gallery.close("a run")
    return gallery, log


def test_first_and_peak_of_each_event_are_saved(tmp_path):
    quiet = ["NO GAS"] * 10
    gallery, log = run(tmp_path, quiet + ["GAS"] * 8 + quiet + ["GAS"] * 9 + quiet)
    names = sorted(path.name for path, _ in gallery.pictures)
    assert len(log.gas) == 2
    assert [name.split("_")[1] for name in names] == ["first", "peak"] * 2
    assert "event001_peak_frame000013.png" in names  # 13 % 7 == 6, the largest evidence
    assert all((tmp_path / name).stat().st_size > 1000 for name in names)
    assert (tmp_path / "contact_sheet.png").exists()


def test_number_of_pictures_is_bounded_and_old_ones_go(tmp_path):
    (tmp_path / "event077_first_frame000001.png").write_bytes(b"old")
    (tmp_path / "mine.png").write_bytes(b"keep")
    words = (["GAS"] * 3 + ["NO GAS"] * 9) * 20
    gallery, _ = run(tmp_path, words, most=5)
    assert len(gallery.pictures) == 5
    assert len(list(tmp_path.glob("event*.png"))) == 5
    assert (tmp_path / "mine.png").exists()


def test_a_quiet_run_still_has_a_contact_sheet(tmp_path):
    gallery, _ = run(tmp_path, ["NO GAS"] * 100)
    assert gallery.pictures == []
    assert gallery.files == [tmp_path / "contact_sheet.png"]


def test_video_holds_every_frame(tmp_path):
    av = pytest.importorskip("av")
    run(tmp_path, ["NO GAS"] * 10 + ["GAS"] * 13, video_fps=9.0)
    with av.open(str(tmp_path / "overlay.mp4")) as video:
        stream = video.streams.video[0]
        assert stream.average_rate == 9
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
    assert len(frames) == 23
    assert frames[-1][5:30, 10:20, 0].mean() > 150  # the red chip
    assert frames[0][5:30, 10:20, 0].mean() < 100  # the green one


def test_full_disk_stops_saving_not_the_run(tmp_path, monkeypatch):
    from edgeleak.picture import Picture

    def refuse(self, path):
        raise StorageError(f"{path}: no space")

    monkeypatch.setattr(Picture, "save", refuse)
    gallery, log = run(tmp_path, ["NO GAS"] * 5 + ["GAS"] * 5)
    assert "no space" in str(gallery.trouble)
    assert log.words["GAS"] == 5


def test_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StorageError, match="out"):
        Gallery(tmp_path / "out", Painter("x"))


def test_page_is_self_contained_and_escapes(tmp_path):
    gallery, log = run(tmp_path, ["NO GAS"] * 10 + ["GAS"] * 5)
    timeline = Timeline()
    for index in range(5000):
        timeline.take(index / 10, "GAS" if index > 4000 else "NO GAS")
    summary = {"verdict": "GAS", "verdicts": {"GAS": 5}, "sentence": "<b>gas</b>",
               "source": {"warnings": ["a & b"]}, "duration_s": 1.0, "events": []}  # fmt: skip
    text = render("<i>t</i>", summary, log, timeline, gallery.pictures,
                  tmp_path / "contact_sheet.png", None)  # fmt: skip
    assert "&lt;b&gt;gas" in text
    assert "<i>t" not in text
    assert "a &amp; b" in text
    assert '="http' not in text
    assert text.count("data:image/jpeg;base64,") == 1 + len(gallery.pictures)
    assert "peak 500 " in text  # the largest evidence survives the bins
    assert text.count(">NO GAS</title>") == text.count(">GAS</title>") == 1
    assert embedded(gallery.pictures[0][0]).startswith("data:image/jpeg")


def test_only_whole_files_are_listed_and_those_of_an_earlier_run_go(tmp_path, monkeypatch):
    for name in ("contact_sheet.png", "overlay.mp4"):
        (tmp_path / name).write_bytes(b"of an earlier run")

    def refuse(picture, path):
        raise StorageError(f"{path}: no space")

    monkeypatch.setattr("edgeleak.picture.Picture.save", refuse)
    gallery, _ = run(tmp_path, ["NO GAS"] * 4)
    assert gallery.files == []
    assert gallery.trouble is not None
    assert list(tmp_path.iterdir()) == []
