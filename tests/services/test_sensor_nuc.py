# SPDX-License-Identifier: Apache-2.0
"""A sensor that corrects itself: its word goes into the frames, and the picture may settle."""

import numpy as np
import pytest

from edgeleak import codes
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.frame import FrameInfo, NucState
from edgeleak.services.nuc_status import Phase
from edgeleak.services.sensor_nuc import SensorNuc

SHAPE = (4, 5)
SETTLE_S = 0.5
NONE, VALID, RUNNING, SETTLING = NucState
BASE = Calibration(
    Kind.ONE_POINT, np.full(SHAPE, UNITY_GAIN_Q14, np.int16), np.zeros(SHAPE, np.int16),
    np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(SHAPE, np.uint16),
)  # fmt: skip


class Camera:
    """Frames ten times a second, from second 100 on."""

    def __init__(self):
        self.asked = 0
        self.nuc = SensorNuc(BASE, SETTLE_S, self.ask)
        self.time_ns = 100 * NS_PER_S

    def ask(self):
        self.asked += 1

    def frame(self, nuc_id, age_ms, state, frames=1):
        """Facts of the last of these frames."""
        for _ in range(frames):
            self.time_ns += 100 * NS_PER_MS
            info = FrameInfo(0, self.time_ns, fpa_temp_degc=25.0, nuc_id=nuc_id,
                             ms_since_nuc=age_ms, nuc_state=state)  # fmt: skip
            found = self.nuc.facts(info)
        return found


def test_frames_carry_what_the_sensor_says():
    camera = Camera()
    assert camera.frame(-1, -1, NONE) == (-1, -1, NONE)
    assert camera.frame(4, 60_000, VALID) == (4, 60_000, VALID)


@pytest.mark.parametrize("is_seen", [True, False], ids=["frames of it", "only its number"])
@pytest.mark.parametrize("age_ms", [100, -1], ids=["aged", "age unknown"])
def test_frames_after_one_settle_for_as_long_as_after_our_own(is_seen, age_ms):
    camera = Camera()
    camera.frame(4, 60_000, VALID)
    if is_seen:
        assert camera.frame(4, 60_100, RUNNING, 5)[2] is RUNNING
    states = [camera.frame(5, age_ms, VALID)[2] for _ in range(8)]
    settling = states.index(VALID)
    assert states == [SETTLING] * settling + [VALID] * (8 - settling)
    assert settling * 0.1 == pytest.approx(SETTLE_S, abs=0.11)


def test_an_old_one_seen_first_needs_no_settling():
    assert Camera().frame(7, 60_000, VALID)[2] is VALID


def test_its_status_is_what_console_and_status_show():
    camera = Camera()
    assert (camera.nuc.status.nuc_id, camera.nuc.status.taken_ns) == (-1, -1)
    camera.frame(4, 60_000, VALID)
    status = camera.nuc.status
    assert (status.nuc_id, status.taken, status.phase, status.code) == (4, 1, Phase.IDLE, codes.OK)
    assert status.taken_ns == camera.time_ns - 60 * NS_PER_S
    camera.frame(4, 60_000, RUNNING)
    assert camera.nuc.status.code == codes.NUC_RUNNING
    camera.frame(5, 100, VALID)
    assert (camera.nuc.status.taken, camera.nuc.status.code) == (2, codes.NUC_SETTLING)
    camera.frame(-1, -1, NONE, 9)
    assert (camera.nuc.status.nuc_id, camera.nuc.status.taken_ns) == (-1, -1)
    assert camera.nuc.status.taken == 2


def test_one_is_asked_of_the_sensor():
    camera = Camera()
    camera.nuc.request("button")
    assert camera.asked == 1


def test_after_another_calibration_the_picture_settles():
    camera = Camera()
    camera.frame(4, 60_000, VALID)
    camera.nuc.rebase(BASE, camera.time_ns)
    assert camera.frame(4, 60_000, VALID)[2] is SETTLING
    assert camera.frame(4, 60_000, VALID, 9)[2] is VALID
