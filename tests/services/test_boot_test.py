# SPDX-License-Identifier: Apache-2.0
"""When the self-test at boot is due, what it leaves, and that it gives way in the end."""

import json

import pytest

from edgeleak.services.boot_test import BootTest
from edgeleak.services.setup import STARTS_NAME
from edgeleak.services.watchdog import STORM_STARTS, Starts

NS = 10**9
GOOD = {"passed": True, "checks": [{"what": "fan", "verdict": "ok"}]}
BAD = {"passed": False, "checks": [{"what": "fan", "verdict": "FAIL"},
                                   {"what": "clock", "verdict": "note"},
                                   {"what": "supply", "verdict": "FAIL"}]}  # fmt: skip


@pytest.fixture
def boot(tmp_path):
    return BootTest(tmp_path)


def test_due_at_boot_and_not_again_once_it_passed(boot):
    assert boot.reason_to_skip(NS) == ""
    boot.note(GOOD, NS)
    assert "has passed" in boot.reason_to_skip(2 * NS)
    assert boot.failed() == ""


def test_a_failure_is_told_counts_as_a_start_and_keeps_it_due(boot, tmp_path):
    boot.note(BAD, NS)
    assert boot.failed() == "fan, supply"
    assert boot.reason_to_skip(2 * NS) == ""
    assert Starts(tmp_path / STARTS_NAME).count(2 * NS) == 1


def test_an_error_that_ended_it_is_told_too(boot):
    boot.note({"passed": False, "error": "settings contradict"}, NS)
    assert boot.failed() == "settings contradict"


def test_after_a_storm_the_instrument_may_come_up_in_its_fault(boot, tmp_path):
    for start in range(STORM_STARTS):
        assert boot.reason_to_skip((start + 1) * NS) == ""
        boot.note(BAD, (start + 1) * NS)
    assert "906" in boot.reason_to_skip(600 * NS), "never ready: they count for good"
    assert Starts(tmp_path / STARTS_NAME).begin(600 * NS) > STORM_STARTS


def test_a_pass_counts_no_start(boot, tmp_path):
    boot.note(GOOD, NS)
    assert Starts(tmp_path / STARTS_NAME).count(NS) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"passed": "yes"}', '{"passed": 1}'])
def test_what_cannot_be_read_is_no_pass(boot, tmp_path, text):
    (tmp_path / "selftest.json").write_text(text)
    assert boot.reason_to_skip(NS) == ""
    assert boot.failed() == ""


def test_a_folder_that_is_not_there_stops_nothing(tmp_path):
    boot = BootTest(tmp_path / "nowhere")
    boot.note(BAD, NS)
    assert boot.reason_to_skip(2 * NS) == ""


def test_the_result_is_kept_whole(boot, tmp_path):
    boot.note(BAD, NS)
    assert json.loads((tmp_path / "selftest.json").read_text()) == BAD
