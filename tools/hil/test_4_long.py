# SPDX-License-Identifier: Apache-2.0
"""An hour of operation: `--hil-hours 1`; by default shortened, and the report says to what."""

import numpy as np
import pytest

ASK = ("SYST:UPT?;:SYST:STAT?;:VERD?;:MEAS:FRAM?;:MEAS:DROP?;:MEAS:TEMP?;:COOL:SETP?;"
       ":MEAS:TEMP:HOTS?;:SYST:NOTE?")  # fmt: skip


@pytest.mark.long
def test_operation(ready, request, measure):
    seconds = 3600 * request.config.getoption("--hil-hours")
    rows, waits_ms, begin_ns = [], [], ready._clock.monotonic_ns()
    for _ in ready.tries(seconds, 0.25):
        asked_ns = ready._clock.monotonic_ns()
        rows.append(ready.query(ASK).split(";"))
        waits_ms.append((ready._clock.monotonic_ns() - asked_ns) / 1e6)
    lasted_s = (ready._clock.monotonic_ns() - begin_ns) / 1e9
    first, last = rows[0], rows[-1]
    frames, drops = (int(last[i]) - int(first[i]) for i in (3, 4))
    rate = frames / (float(last[0]) - float(first[0]))
    error_k = np.array([float(row[5]) - float(row[6]) for row in rows])
    measure("operation lasted", lasted_s, "s", low=0.99 * seconds)
    measure("frames judged", frames, "", low=1)
    measure("frames dropped", drops, "", 0, 0)
    measure("frame rate", rate, "1/s", low=1)
    measure("set-point kept, rms", float(np.sqrt((error_k**2).mean())), "K", high=0.1)
    measure("answer of the console, 99 %", float(np.percentile(waits_ms, 99)), "ms", high=100)
    measure("hot side at most", max(float(row[7]) for row in rows), "degC", high=60)
    states = {row[1] for row in rows}
    assert states <= {"DETECTING", "INHIBIT", "NUC"}, states
    if request.config.getoption("--hil-target") == "emulated":
        assert "GAS" not in {row[2] for row in rows}, "a false alarm in a yard without a leak"
