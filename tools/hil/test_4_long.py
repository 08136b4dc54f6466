# SPDX-License-Identifier: Apache-2.0
"""Operation: half a minute with every run of the suite, an hour with `-m hour`.

Both are in real time: nothing of an hour is simulated or left out.
"""

import re
from collections import Counter
from math import nan
from pathlib import Path

import numpy as np
import pytest

from edgeleak.config import CoolerConfig, NucConfig, SensorConfig

SHORT_S, HOUR_S = 30.0, 3600.0
ASK = ("SYST:UPT?;:SYST:STAT?;:VERD?;:MEAS:FRAM?;:MEAS:DROP?;:MEAS:TEMP?;:COOL:SETP?;"
       ":MEAS:TEMP:HOTS?;:CAL:COUN?;:SYST:CODE?;:MEAS:TEMP:HOUS?")  # fmt: skip
PERIOD_S = 0.25
ANSWERED_LEAST = 0.9
"""Share of the time with GAS or NO GAS; corrections and what a loaded machine costs take the
rest."""
GROWN_MOST_MIB = 8.0
FIRST_MINUTE = round(60 / PERIOD_S)
FPS = SensorConfig().fps
RATE_WITHIN = 0.02
"""No frame is lost, so the rate is the sensor's own; half a frame of 30 s at either end."""
CLOCKS_WITHIN = 0.01
"""Of rig and instrument; one that was started again in between is far out."""
EVERY_S = NucConfig().every_s
SOONEST_S = 60.0
"""A detector steady within 0.1 K does not drift by the 0.3 K of a correction every minute."""
UNKNOWN = 9e36
"""9.91E37 is a value that is not known."""
SINK_RISE_K = 3.0 * CoolerConfig().max_power_w
"""Sink and fan of 3 K/W (board.toml) under all the power that the settings allow."""


def test_operation(ready, request, measure):
    operate(ready, request, measure, SHORT_S)


@pytest.mark.hour
def test_an_hour_of_operation(ready, request, measure):
    operate(ready, request, measure, HOUR_S * request.config.getoption("--hil-hours"))


def operate(console, request, measure, seconds) -> None:
    """Ask four times a second what the instrument does; judge all of it at the end, and report
    every value though one of them is out of its limits."""
    rows, waits_ms, sizes, bad = [], [], [], []
    process = firmware_of(request)

    def note(*values, **limits) -> None:
        try:
            measure(*values, **limits)
        except AssertionError as error:
            bad.append(str(error).splitlines()[0])

    begin_ns = console._clock.monotonic_ns()
    for _ in console.tries(seconds, PERIOD_S):
        asked_ns = console._clock.monotonic_ns()
        rows.append(answers_of(console.query(ASK)))
        waits_ms.append((console._clock.monotonic_ns() - asked_ns) / 1e6)
        if process is not None:
            sizes.append(size_of(process))
    lasted_s = (asked_ns - begin_ns) / 1e9
    note("instrument's clock by the rig's", (float(rows[-1][0]) - float(rows[0][0])) / lasted_s,
         "1", low=1 - CLOCKS_WITHIN, high=1 + CLOCKS_WITHIN)  # fmt: skip
    note("answer of the console, 99 %", float(np.percentile(waits_ms, 99)), "ms", high=100)
    if len(sizes) > FIRST_MINUTE:
        grown = (np.array(sizes[-1]) - sizes[FIRST_MINUTE]).tolist()
        note("memory grown since the first minute", grown[0], "MiB", high=GROWN_MOST_MIB)
        note("descriptors more", grown[1], "", high=0)
    judge_frames(rows, note)
    judge_answers(rows, request, note)
    assert not bad, bad


def answers_of(line) -> list[str]:
    """The answers of one line; a semicolon in quoted text parts none."""
    return re.findall(r'(?:"[^"]*"|[^";])+', line)


def judge_frames(rows, measure) -> None:
    """Frames, heat."""
    first, last = rows[0], rows[-1]
    frames, drops = (int(last[i]) - int(first[i]) for i in (3, 4))
    error_k = np.array([float(row[5]) - float(row[6]) for row in rows])
    lasted_s = float(last[0]) - float(first[0])
    measure("frames judged", frames, "", low=int((1 - RATE_WITHIN) * FPS * lasted_s))
    measure("frames dropped", drops, "", 0, 0)
    measure("frame rate", frames / lasted_s, "1/s", (1 - RATE_WITHIN) * FPS,
            (1 + RATE_WITHIN) * FPS)  # fmt: skip
    measure("set-point kept, rms", float(np.sqrt((error_k**2).mean())), "K", high=0.1)
    rises_k = [
        hot - housing
        for row in rows
        if (hot := float(row[7])) < UNKNOWN and (housing := float(row[10])) < UNKNOWN
    ]
    measure("hot side above the housing", max(rises_k, default=nan), "K", high=SINK_RISE_K)


def judge_answers(rows, request, measure) -> None:
    """States, verdicts, corrections, and every code that stood against an answer."""
    taken, refused = (int(b) - int(a) for a, b in
                      zip(rows[0][8].split(","), rows[-1][8].split(","), strict=True))  # fmt: skip
    lasted_s = float(rows[-1][0]) - float(rows[0][0])
    least = max(0, int((lasted_s - SOONEST_S) // EVERY_S))
    measure("corrections taken", taken, "", low=least, high=1 + lasted_s // SOONEST_S)
    measure("corrections refused", refused, "", 0, 0)
    answered = sum(row[2] in ("GAS", "NO GAS") for row in rows) / len(rows)
    measure("of the time with an answer", 100 * answered, "%", low=100 * ANSWERED_LEAST)
    codes = Counter(row[9].split(",")[0] for row in rows)
    print(f"codes, in rows of {PERIOD_S} s: {dict(codes.most_common())}")
    at_rest = sum(row[1] in ("FAULT", "SAFE") for row in rows)
    measure("in fault or safe", at_rest * PERIOD_S, "s", 0, 0)
    if request.config.getoption("--hil-target") == "emulated":
        alarms = sum(row[2] == "GAS" for row in rows)
        measure("false alarms, in a yard without a leak", alarms * PERIOD_S, "s", 0, 0)


def firmware_of(request):
    """Folder of the firmware's process in /proc, where it runs on this machine."""
    power = request.getfixturevalue("strategy").power
    firmware = getattr(power, "firmware", None)
    return None if firmware is None else Path("/proc") / str(firmware.pid)


def size_of(process: Path) -> tuple[float, int]:
    """(MiB of memory of its own, open descriptors)."""
    status = (process / "status").read_text()
    kib = int(status.split("RssAnon:")[1].split()[0])
    return kib / 1024, len(list((process / "fd").iterdir()))
