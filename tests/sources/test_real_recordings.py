# SPDX-License-Identifier: Apache-2.0
"""Every infrared recording of the data folder replays with the numbers its README gives."""

import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.sources import open_source

pytestmark = pytest.mark.data

EXPECTED = {  # path: (frames, shape, bits, fps, sensor)
    "blackbody-320x240/bb20C.npz": (60, (240, 320), 16, None, "unknown"),
    "flat-fields-640x480/flats.npz": (20, (480, 640), 16, None, "unknown"),
    "lepton-clips-160x120/garden-357.npz": (357, (120, 160), 14, 9.0, "lepton"),
    "lepton-clips-160x120/hedgehog-ffc.cptv": (119, (120, 160), 14, 8.77, "lepton"),
    "lepton-clips-160x120/vegetation-1.cptv": (177, (120, 160), 14, 9.0, "lepton"),
    "lwir-scenes-640x480/scenes.npz": (4, (480, 640), 16, None, "unknown"),
    "lepton-bad-row/indoor-bad-row.npz": (82, (120, 160), 16, None, "unknown"),
    "gas-mjpeg-clip/nozzle-handheld-320x320.avi": (145, (320, 320), 8, 15.0, "unknown"),
    "gas-stills-masks": (4, (96, 121), 8, None, "unknown"),
    "methane-1fps-320x240": (1483, (240, 320), 8, None, "unknown"),
    "smoke-growth-jpeg/frames": (85, (576, 720), 8, None, "unknown"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_replays_whole(data_dir, name):
    frames, shape, bits, fps, sensor = EXPECTED[name]
    with open_source(data_dir / name) as source:
        count = spread = 0
        for pixels, _ in source:
            assert pixels.shape == shape
            spread = max(spread, int(pixels.max()) - int(pixels.min()))
            count += 1
    assert (count, source.bits, source.fps, source.sensor.name) == (frames, bits, fps, sensor)
    assert source.damage is None
    assert spread > 100  # a picture, not a constant


def test_difference_form_equals_the_original_recording(data_dir):
    folder = data_dir / "lepton-clips-160x120"
    for name in ("hedgehog-ffc", "vegetation-1"):
        ours = [p.copy() for p, _ in open_source(folder / f"{name}.npz")]
        original = [p.copy() for p, _ in open_source(folder / f"{name}.cptv")]
        np.testing.assert_array_equal(ours, original)


def test_stills_need_a_key(data_dir):
    path = data_dir / "raw-stills" / "stills.npz"
    with pytest.raises(UsageError, match="img01 120x120 uint16"):
        open_source(path)
    with open_source(path, key="img16") as source:
        ((still, _),) = source
    assert still.shape == (480, 640)
