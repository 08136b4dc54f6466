# SPDX-License-Identifier: Apache-2.0
"""Pictures, raw counts, histogram and statistics are the instrument's own."""

import numpy as np
import pytest
from console_bench import Bench, unpacked

from edgeleak.console.tree import Level
from edgeleak.services.setup import Options


@pytest.mark.parametrize(("plane", "member", "kind"), [
    ("CORR", "counts", "<u2"), ("PICT", "grey", "u1"), ("MASK", "mask", "u1"),
    ("BACK", "background", "<u2"), ("GAS", "gas", "u1"),
])  # fmt: skip
def test_frames_are_the_pipelines_own(ready, plane, member, kind):
    shape = tuple(map(int, ready.ask("FRAM:SHAP?")[0].split(",")))
    found = np.frombuffer(unpacked(ready.ask(f"FRAM:DATA? {plane}")[0]), kind).reshape(shape)
    assert np.array_equal(found, ready.instrument.pipeline.arena[member])
    dtype = np.dtype(kind).newbyteorder("=").name.upper()
    assert ready.ask(f"FRAM:DTYP? {plane}")[0] == dtype


def test_raw_counts_need_the_recorders_ring(ready):
    assert ready.ask("FRAM:DATA? RAW") == ("", [-230])


def test_raw_counts_are_the_sensors(tmp_path):
    options = Options(has_recorder=True, recorder=())
    bench = Bench(tmp_path, options=options).ready()
    seen = []
    bench.instrument.nuc.see = lambda raw, info: seen.append((info.sequence, raw.copy()))
    bench.run_s(3)
    session = bench.session(Level.LOOK)
    assert bench.ask("FRAM:HOLD ON", session=session)[1] == []
    raw = unpacked(bench.ask("FRAM:DATA? RAW", session=session)[0])
    assert bench.ask("FRAM:INFO?", session=session)[0].startswith(f"{seen[-1][0]},")
    assert raw == seen[-1][1].tobytes()
    assert raw != bench.instrument.pipeline.counts.tobytes()
    bench.instrument.shutdown()


def test_a_held_frame_stays_whole_while_frames_go_on(fresh):
    fresh.ready()
    session = fresh.session(Level.LOOK)
    assert fresh.ask("FRAM:HOLD ON;HOLD?", session=session) == ("1", [])
    counts = fresh.instrument.pipeline.counts.copy()
    info = fresh.ask("FRAM:INFO?", session=session)[0]
    fresh.run_s(1.0)
    assert not np.array_equal(counts, fresh.instrument.pipeline.counts)
    found = unpacked(fresh.ask("FRAM:DATA? CORR", session=session)[0])
    assert found == counts.tobytes()
    assert fresh.ask("FRAM:INFO?", session=session)[0] == info
    fresh.ask("FRAM:HOLD OFF", session=session)
    newest = fresh.instrument.pipeline.counts.tobytes()
    assert unpacked(fresh.ask("FRAM:DATA? CORR", session=session)[0]) == newest
    for _ in range(2):
        fresh.run_s(1.0)
        newest = f"{fresh.instrument.path.info.sequence},"
        assert fresh.ask("FRAM:INFO?", session=session)[0].startswith(newest)


def test_histogram_and_statistics(ready):
    counts = ready.instrument.pipeline.counts
    bins = np.frombuffer(unpacked(ready.ask("HIST:DATA?")[0]), "<u4")
    assert np.array_equal(bins, np.histogram(counts, 256, (0, 16384))[0])
    levels = np.frombuffer(unpacked(ready.ask("HIST:DATA? PICT")[0]), "<u4")
    assert levels.sum() == counts.size
    names = [name.strip('"') for name in ready.ask("STAT:NAM?")[0].split(",")]
    rows = np.frombuffer(unpacked(ready.ask("STAT:DATA? 5")[0]), "<f8").reshape(-1, len(names))
    assert rows.shape[0] == 5
    assert np.allclose(np.diff(rows[:, names.index("t_s")]), 1.0, atol=0.03)
    cold = ready.instrument.cooler.status.cold_degc
    assert rows[-1, names.index("cold_degc")] == pytest.approx(cold, abs=1)
