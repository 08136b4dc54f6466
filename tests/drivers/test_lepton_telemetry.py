# SPDX-License-Identifier: Apache-2.0
"""Row A of a Lepton's telemetry, and what follows from it about the camera's own corrections."""

import numpy as np
import pytest

from edgeleak.drivers.lepton_telemetry import (
    FFC_DONE,
    FFC_IMMINENT,
    FFC_NEVER,
    FFC_RUNNING,
    OwnCorrections,
    Telemetry,
    parse_telemetry,
)
from edgeleak.frame import NucState

NONE = (-1, -1, NucState.NONE)
WRAP_MS = 1 << 32


def test_telemetry_row_a_vector():
    packet = np.zeros(164, np.uint8)
    words = packet[4:].view(">u2")
    words[1], words[2] = 0x5678, 0x1234
    words[3] = 2 << 4 | 8
    words[20], words[21], words[24], words[26] = 0x0001, 0x0002, 30_015, 29_815
    words[30], words[31] = 0x1111, 0x1234
    got = parse_telemetry(packet)
    assert (got.uptime_ms, got.frame, got.ffc_ms) == (0x12345678, 0x00020001, 0x12341111)
    assert got.fpa_degc == pytest.approx(27.0)
    assert got.housing_degc == pytest.approx(25.0)
    assert (got.ffc_state, got.ffc_desired) == (FFC_RUNNING, True)


def row(state, uptime_ms=10_000, ffc_ms=0):
    return Telemetry(uptime_ms, 0, 27.0, 25.0, state, False, ffc_ms)


def noted(*rows):
    own = OwnCorrections()
    return [own.note(one) for one in rows]


def test_none_before_the_first():
    assert noted(row(FFC_NEVER), row(FFC_IMMINENT), row(FFC_RUNNING)) == [
        NONE, NONE, (-1, -1, NucState.RUNNING),
    ]  # fmt: skip


@pytest.mark.parametrize("is_begin", [True, False])
def test_one_number_for_each_whether_its_time_is_that_of_begin_or_end(is_begin):
    begins = row(FFC_RUNNING, 20_100, 20_000 if is_begin else 5_000)
    ended = row(FFC_DONE, 20_700, 20_000 if is_begin else 20_500)
    found = noted(row(FFC_DONE, 19_000, 5_000), begins, ended, ended._replace(uptime_ms=20_800))
    assert [number for number, _, _ in found] == [0, 0, 1, 1]
    assert [state.name for _, _, state in found] == ["VALID", "RUNNING", "VALID", "VALID"]
    assert found[-1][1] == (800 if is_begin else 300)


def test_one_whose_frames_were_lost_is_seen_by_its_time():
    found = noted(row(FFC_DONE, 19_000, 5_000), row(FFC_DONE, 21_000, 20_000))
    assert found[1] == (1, 1_000, NucState.VALID)


def test_one_that_leaves_its_time_is_seen_by_its_frames():
    found = noted(row(FFC_DONE), row(FFC_RUNNING), row(FFC_DONE), row(FFC_IMMINENT))
    assert [number for number, _, _ in found] == [0, 0, 1, 1]


def test_the_age_goes_on_over_a_wrap_of_the_time():
    assert noted(row(FFC_DONE, 700, WRAP_MS - 300)) == [(0, 1_000, NucState.VALID)]


def test_a_time_that_lies_ahead_is_no_correction_and_no_age():
    good = row(FFC_DONE, 19_000, 5_000)
    found = noted(good, row(FFC_DONE, 19_100, 19_200), good._replace(uptime_ms=19_200))
    assert found == [(0, 14_000, NucState.VALID), (0, -1, NucState.VALID),
                     (0, 14_200, NucState.VALID)]  # fmt: skip


def test_a_camera_started_anew_counts_on():
    own = OwnCorrections()
    own.note(row(FFC_DONE, 19_000, 5_000))
    own.restart()
    assert own.note(row(FFC_NEVER)) == NONE
    assert own.note(row(FFC_DONE, 19_000, 5_000)) == (1, 14_000, NucState.VALID)
