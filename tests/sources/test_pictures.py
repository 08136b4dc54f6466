# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures: their order, damaged ones, folders that are no sequence."""

import numpy as np
import pytest
from sources.seeded import STACK, read

from edgeleak.errors import DataError
from edgeleak.sources import open_source


def picture_folder(folder, suffix, count=11):
    from PIL import Image

    folder.mkdir()
    for i in range(count):
        pixels = STACK[i % 6] if suffix != "jpg" else np.full((24, 32), 20 * i, np.uint8)
        Image.fromarray(pixels).save(folder / f"frame_{i}.{suffix}")
    (folder / "labels.csv").write_text("x")
    return folder


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_folder_in_natural_order(tmp_path, suffix):
    source, frames, _ = read(picture_folder(tmp_path / "f", suffix))
    assert (len(frames), source.n_frames, source.damage) == (11, 11, None)
    if suffix == "jpg":
        assert np.abs(frames[:, 5, 5].astype(int) - 20 * np.arange(11)).max() <= 3
    else:
        np.testing.assert_array_equal(frames, STACK[np.arange(11) % 6])


def test_damaged_picture_is_skipped_counted_and_named(tmp_path):
    folder = picture_folder(tmp_path / "f", "png")
    data = (folder / "frame_4.png").read_bytes()
    (folder / "frame_4.png").write_bytes(data[: len(data) // 2])
    (folder / "frame_7.png").write_bytes(b"nothing")
    source, frames, infos = read(folder)
    assert len(frames) == 9
    assert [info.sequence for info in infos] == [0, 1, 2, 3, 5, 6, 8, 9, 10]
    assert infos[-1].drops == 2
    assert any("frame_4.png" in text for text in source.warnings)
    assert any("frame_7.png" in text for text in source.warnings)


def test_folders_that_are_no_sequence(tmp_path):
    from PIL import Image

    folder = picture_folder(tmp_path / "f", "png", 3)
    Image.fromarray(STACK[0][:9]).save(folder / "other.png")
    with pytest.raises(DataError, match="different sizes"):
        open_source(folder)
    (folder / "other.png").rename(folder / "x_mask.png")
    source = open_source(folder)
    assert source.n_frames == 3
    assert "left out" in source.warnings[0]
    (folder / "a.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match="mixed"):
        open_source(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds nothing"):
        open_source(tmp_path / "empty")
