# SPDX-License-Identifier: Apache-2.0
"""Storage that is full, slow or torn out costs no frame, by the plant's count.

`edgeleak run` and its recorder in real time; everything they write lies on the card.
"""

import json

import pytest
from console_running import Running, wait_for
from torn_card import HARMS, Card, Harm

from edgeleak.sources import open_source

pytestmark = pytest.mark.realtime

SETTINGS = """
[sensor]
binning = true
fps = 12.0
[cooler]
set_point_degc = 24.0
[nuc]
frames = 4
settle_s = 0.2
[recorder]
ring_s = 30.0
keep_free_mib = 1
[console]
serial_device = "{serial}"
socket = "{folder}/scpi"
"""
HARMED = {"full": HARMS["full"], "torn out": HARMS["torn out"], "slow": Harm(stall_ms=2000)}
FRAMES = 48
"""Four seconds of the camera; one wait for a slow card would cost two dozen frames."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """(instrument, card)"""
    folder = tmp_path_factory.mktemp("card")
    card = Card(folder / "out", folder)
    with Running(folder, settings=SETTINGS, environment=card.environment) as made:
        wait_for(lambda: made.ask("SYST:STAT?") == ["DETECTING"])
        yield made, card
        card.mend()
        report = made.stop()
        assert report["link"]["drops"] == report["link"]["overruns"] == 0, json.dumps(report)
    card.close()


def counts(made):
    """What became of the frames of the plant's sensor."""
    return {"overrun": 0, **made.plant.control.ask("counters")["frames"]}


def phase(made):
    return made.ask("REC:INFO?")[0].split(",")[0]


def is_recording(made, frames=0):
    """So many are in the file that is open now."""
    found, written, *_ = made.ask("REC:INFO?")[0].split(",")
    return found == "RECORDING" and int(written) >= frames


def sequences(paths):
    found = []
    for path in sorted(paths, key=lambda path: path.name.split(".")[0]):
        with open_source(path) as source:
            found += [info.sequence for _, info in source]
    return found


@pytest.mark.parametrize("name", HARMED)
def test_a_card_costs_no_frame(running, name):
    made, card = running
    earlier = set(card.folder.glob("*.mcap*"))
    made.ask("REC:STAT ON")
    wait_for(lambda: is_recording(made, 10))
    before, struck = counts(made), card.struck
    card.suffer(HARMED[name])
    wait_for(lambda: card.struck > struck)
    wait_for(lambda: counts(made)["exposed"] - before["exposed"] >= FRAMES)
    during = counts(made)
    assert phase(made) == ("RECORDING" if HARMED[name].stall_ms else "TROUBLE")
    card.mend()
    wait_for(lambda: is_recording(made))
    made.ask("REC:STAT OFF")
    wait_for(lambda: phase(made) == "IDLE")
    after = counts(made)

    for now in (during, after):
        assert now["overrun"] == before["overrun"], "overwritten before anybody read it"
        taken = now["read"] - before["read"]
        assert abs(now["exposed"] - before["exposed"] - taken) <= 1, "one is on its way"
    kept = sequences(set(card.folder.glob("*.mcap*")) - earlier)
    assert kept == list(range(kept[0], kept[-1] + 1)), "the ring bridged it"
    assert len(kept) >= FRAMES
