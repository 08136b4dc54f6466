# SPDX-License-Identifier: Apache-2.0
"""The whole instrument with the network on: a second opinion, and no more than that."""

import select

import pytest
from instrument_rig import Rig, small_config
from segment_bench import MODEL, PATIENCE_S, copied_card, needs_runtime

from edgeleak import codes
from edgeleak.errors import ConfigError
from edgeleak.services.health import State
from edgeleak.services.setup import Options


def rig_with(folder, **segment):
    config = small_config(folder, segment={"is_on": True, **segment})
    return Rig(folder, config=config, options=Options(has_recorder=False))


def hear(rig):
    """Wait for the worker's next word; the simulated clock stands still meanwhile."""
    ready, _, _ = select.select([rig.instrument.segmenter.said], [], [], PATIENCE_S)
    assert ready, "the worker says nothing"


def test_it_is_off_by_default(tmp_path):
    rig = Rig(tmp_path)
    assert rig.instrument.segmenter is None
    assert rig.instrument.status()["network"] is None
    rig.instrument.shutdown()


@needs_runtime
def test_its_opinion_is_in_the_status_and_not_in_the_answer(tmp_path):
    rig = rig_with(tmp_path, deadline_ms=10_000)
    try:
        hear(rig)
        rig.run_to(State.DETECTING).run_s(0.6)
        asked = rig.instrument.segmenter.asked
        while rig.instrument.segmenter.memory.reply().number != asked:
            hear(rig)
        rig.run_s(0.2)
        found = rig.instrument.status()
        assert found["network"]["opinion"]["sequence"] > 0
        assert not found["network"]["opinion"]["is_gas"]
        assert (found["verdict"], found["degraded"]) == ("NO GAS", False)
    finally:
        rig.instrument.shutdown()


def test_a_refused_model_is_degraded_and_costs_no_frame(tmp_path):
    card = copied_card(tmp_path)
    (tmp_path / MODEL.name).write_bytes(b"damaged")
    rig = rig_with(tmp_path, model=str(card))
    try:
        hear(rig)
        rig.instrument.segmenter._process.wait(PATIENCE_S)
        rig.run_s(4)
        found = rig.instrument.status()
        assert found["degraded"]
        assert rig.instrument.health.note.code == codes.SEGMENT_MODEL
        assert "segment-model-refused" in found["note"]
        assert "segment" not in found["reason"]
        sequences = [info.sequence for info in rig.infos]
        assert len(sequences) > 20
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    finally:
        rig.instrument.shutdown()


def test_a_profile_without_counts_stops_the_start(tmp_path):
    config = small_config(tmp_path, segment={"is_on": True}, detection={"profile": "paper"})
    with pytest.raises(ConfigError, match=r"detection\.profile"):
        Rig(tmp_path, config=config)
