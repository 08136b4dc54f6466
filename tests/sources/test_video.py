# SPDX-License-Identifier: Apache-2.0
"""Videos: a decoder that dies, stamps that go back, what is no video."""

import pytest
from sources.seeded import read, seed_files

from edgeleak.errors import DataError, UnavailableError
from edgeleak.sources import open_source, video


def test_a_dying_or_silent_decoder_is_survived(tmp_path, monkeypatch):
    seed_files.avi(tmp_path / "a.avi")
    script = tmp_path / "worker.py"
    monkeypatch.setattr(video, "WORKER", script)
    header = '{"width": 2, "height": 1, "bytes_per_pixel": 1, "fps": 9, "n_frames": 3}'
    start = f"import os, struct, sys, time\nout = sys.stdout.buffer\nout.write(b'{header}\\n')\n"
    frame = "out.write(struct.pack('<cq', b'F', 0) + b'ab')\nout.flush()\n"
    script.write_text(start + frame + "os.kill(os.getpid(), 11)\n")
    source, frames, _ = read(tmp_path / "a.avi")
    assert (len(frames), "died" in source.damage) == (1, True)
    monkeypatch.setattr(video, "STALL_S", 0.3)
    script.write_text(start + frame + "time.sleep(60)\n")
    source, frames, _ = read(tmp_path / "a.avi")
    assert (len(frames), "gave nothing" in source.damage) == (1, True)
    script.write_text('print(\'{"unavailable": "videos need PyAV"}\')\n')
    with pytest.raises(UnavailableError, match="PyAV"):
        open_source(tmp_path / "a.avi")


@pytest.mark.parametrize(
    ("fps", "pts_ms", "want_ms"),
    [
        (25, [40, 160, 240, 200, 280, 360], [40, 160, 240, 280, 320, 360]),
        (25, [0, 40, 40, 80], [0, 40, 80, 120]),
        (25, [0, 40, 80, 120], [0, 40, 80, 120]),
        ("null", [0, 40, 20, 60], [0, 40, None, None]),
    ],
)
def test_time_stamps_that_go_back_are_counted_on(tmp_path, monkeypatch, fps, pts_ms, want_ms):
    """MPEG-4 with B-frames in AVI: stamps in the order of decoding."""
    seed_files.avi(tmp_path / "a.avi")
    script = tmp_path / "worker.py"
    monkeypatch.setattr(video, "WORKER", script)
    header = f'{{"width": 2, "height": 1, "bytes_per_pixel": 1, "fps": {fps}, "n_frames": 7}}'
    script.write_text(
        f"import struct, sys\nout = sys.stdout.buffer\nout.write(b'{header}\\n')\n"
        f"for ms in {pts_ms}:\n    out.write(struct.pack('<cq', b'F', ms * 10**6) + b'ab')\n"
        "out.write(struct.pack('<cq', b'E', 0))\n"
    )
    source, _, infos = read(tmp_path / "a.avi")
    times = [None if i.monotonic_ns < 0 else i.monotonic_ns / 1e6 for i in infos]
    assert times == want_ms
    back = [text for text in source.warnings if "go back" in text]
    assert len(back) == (pts_ms != want_ms)
    assert any("announces 7 frames" in text for text in source.warnings)


def test_a_bad_video_is_named_without_numbers_of_the_decoder(tmp_path):
    (tmp_path / "a.avi").write_bytes(b"RIFFxxxxAVI\n")
    with pytest.raises(DataError, match=r"a\.avi: no video can be read \([A-Z][a-z ]+\); "):
        open_source(tmp_path / "a.avi")
