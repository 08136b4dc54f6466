# SPDX-License-Identifier: Apache-2.0
"""What other programs sort by never goes back, whatever a source knows of time."""

import pytest

from edgeleak.frame import FrameInfo
from edgeleak.recording.log_time import LogTime

S, IN_2026_NS = 10**9, 1_767_225_600 * 10**9


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([(5 * S, IN_2026_NS), (6 * S, -1)], [IN_2026_NS, IN_2026_NS + S]),
        ([(5 * S, -1), (6 * S, IN_2026_NS)], [5 * S, 6 * S]),
        ([(-1, IN_2026_NS), (-1, IN_2026_NS - S)], [IN_2026_NS, IN_2026_NS]),
        ([(-1, -1), (-1, -1)], [0, 0]),
        ([(9 * S, -1), (2 * S, -1), (10 * S, -1)], [9 * S, 9 * S, 10 * S]),
    ],
    ids=["clock lost", "clock set", "UTC alone, back", "no times", "source that restarts"],
)
def test_log_time(times, expected):
    log_time = LogTime()
    infos = [FrameInfo(monotonic_ns=monotonic, utc_ns=utc) for monotonic, utc in times]
    assert [log_time.of(info) for info in infos] == expected
    assert log_time.now_ns == expected[-1]
