# SPDX-License-Identifier: Apache-2.0
import itertools
import json

import numpy as np
import pytest

from edgeleak.app import main
from edgeleak.sim.scene import SceneFrame, Stage, load_family
from edgeleak.sim.scene.source import SceneSource, read_truth
from edgeleak.sources import open_source

SMALL = ["--width", "64", "--height", "48", "--netd", "30", "--seconds", "1"]


def test_a_rendered_scene_is_the_recording_and_its_truth(tmp_path, capsys):
    assert main(["scene", "render", "rack", "--seed", "5", "--out", str(tmp_path), *SMALL]) == 0
    truth = read_truth(tmp_path / "rack-5.truth.npz")
    scene = json.loads(str(truth["scenario"]))
    assert scene["name"] == "rack"
    camera = {"width": 64, "height": 48, "netd_mk": 30.0}
    stage = Stage(load_family("rack").draw(5).with_camera(**camera), 5)
    with open_source(tmp_path / "rack-5.mcap") as recording:
        assert recording.sensor.sees_methane
        assert recording.n_frames in (None, 9)
        for index, ((pixels, info), frame) in enumerate(
            zip(recording, stage.frames(), strict=False)
        ):
            assert isinstance(frame, SceneFrame)
            assert info.monotonic_ns == round(frame.time_s * 1e9)
            np.testing.assert_array_equal(pixels, frame.counts)
            np.testing.assert_array_equal(truth["mask"][index], frame.mask)
            close = np.abs(truth["column_ppm_m"][index] - frame.column_ppm_m)
            assert (close <= 1e-3 * frame.column_ppm_m + 1e-4).all()
    assert index == 8
    assert (tmp_path / "rack-5.png").stat().st_size > 1000
    assert main(["scene", "render", "rack", "--seed", "5", "--out", str(tmp_path), *SMALL]) == 64
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", "rak"], 66, "nearest is 'rack'"),
        (["show", "rack", "--netd", "1"], 64, "use 5 to 200"),
        (["show", "rack", "--seed", "-1"], 64, "0 or more"),
        (["show", "rack", "--gas", "helium"], 64, "known are methane"),
        (["gases", "--band", "9", "8"], 64, "no infrared band"),
        (["led", "--pairs", "0"], 64, "--pairs"),
        (["limits", "--contrast", "2"], 64, "--contrast"),
    ],
)
def test_wrong_words_get_a_sentence(words, code, says, capsys):
    assert main(["scene", *words]) == code
    assert says in capsys.readouterr().err


def test_tables_as_json(capsys):
    assert main(["scene", "gases", "--json"]) == 0
    gases = json.loads(capsys.readouterr().out)["gases"]
    assert {g["name"] for g in gases if g["visible"]} == {
        "methane", "ethane", "propane", "butane", "ethylene",
    }  # fmt: skip
    assert main(["scene", "gases", "--json", "--band", "8", "14"]) == 0
    gases = json.loads(capsys.readouterr().out)["gases"]
    assert [g["name"] for g in gases if g["visible"]] == ["ethylene"]
    assert main(["scene", "show", "busy", "--seed", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["leaks"] == []
    assert main(["scene", "list", "--json"]) == 0
    assert {"rack", "crowd"} <= {f["name"] for f in json.loads(capsys.readouterr().out)}


def test_a_scene_is_a_source_that_can_be_played_again():
    with SceneSource("lamp", 200_001, width=64, height=48) as source:
        first, again = (list(itertools.islice(source, 4)) for _ in range(2))
    for (pixels, _), (other, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(pixels, other)
    assert [info.led_on for _, info in first] == [True, False, True, False]


def test_a_damaged_truth_file_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match="no truth"):
        read_truth(tmp_path / "x.npz")
