# SPDX-License-Identifier: Apache-2.0
import csv
import io
import json
import math

import pytest

from edgeleak.cli.answers import KEPT_EVENTS, EventLog
from edgeleak.cli.watching import Seen


def seen(index, word="GAS", evidence=1.0, code=0, box=(1, 2, 3, 4)):
    return Seen(index, index + 100, index / 10, word, code, evidence, 1, 50, box, 0.5)


def logged(*rows):
    log = EventLog()
    for row in rows:
        log.take(row)
    return log


def test_one_event_with_its_peak():
    log = logged(seen(0, "NO GAS"), seen(1), seen(2, evidence=7.0, box=(9, 8, 7, 6)), seen(3),
                 seen(4, "NO GAS"))  # fmt: skip
    (event,) = log.gas
    row = event.as_row()
    assert (row["first_frame"], row["last_frame"], row["frames"]) == (1, 3, 3)
    assert (row["gas_evidence"], row["peak_frame"], row["peak_sequence"]) == (7.0, 2, 102)
    assert [row[k] for k in "xywh"] == [9, 8, 7, 6]


def test_short_pause_joins_long_pause_divides():
    quiet = [seen(i, "NO GAS") for i in range(3, 12)]
    assert len(logged(seen(0), seen(1, "NO GAS"), seen(2)).gas) == 1
    assert len(logged(seen(0), *quiet, seen(12)).gas) == 2


def test_inhibits_are_events_by_code():
    log = logged(*(seen(i, "INHIBIT", math.nan, 801, None) for i in range(5)),
                 seen(5, "INHIBIT", math.nan, 103, None))  # fmt: skip
    assert [(e.first.code, e.frames) for e in log.events] == [(801, 5), (103, 1)]
    assert log.overall == "INHIBIT"
    assert log.events[0].as_row()["gas_evidence"] is None


def test_one_gas_frame_decides_the_whole():
    assert logged(*(seen(i, "NO GAS") for i in range(99)), seen(99)).overall == "GAS"
    assert EventLog().overall == "INHIBIT"


def test_tables_agree_and_hold_no_nan():
    log = logged(seen(0, "INHIBIT", math.nan, 801, None), seen(1), seen(2, "FAULT", math.nan, 104))
    rows = list(csv.DictReader(io.StringIO(log.as_csv())))
    lines = [json.loads(line) for line in log.as_json_lines().splitlines()]
    assert (
        [r["verdict"] for r in rows] == [r["verdict"] for r in lines] == ["INHIBIT", "GAS", "FAULT"]
    )
    assert "nan" not in (log.as_csv() + log.as_json_lines()).lower()


def test_memory_is_bounded():
    log = EventLog()
    for index in range(0, 40 * KEPT_EVENTS, 20):
        log.take(seen(index))
    assert len(log.events) == KEPT_EVENTS
    assert log.dropped == KEPT_EVENTS


@pytest.mark.parametrize("value", [math.nan])
def test_frame_row_for_json_has_none(value):
    assert seen(0, evidence=value).as_dict()["evidence"] is None
