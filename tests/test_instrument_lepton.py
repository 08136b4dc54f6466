# SPDX-License-Identifier: Apache-2.0
"""The instrument on the kit board: a sensor that corrects itself, judged from its frames."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from instrument_rig import Rig

from edgeleak import board as boards
from edgeleak import codes
from edgeleak.calibration import container
from edgeleak.frame import NucState
from edgeleak.instrument import Options
from edgeleak.services import setup


def lepton(folder):
    return Rig(folder, board=boards.load("lepton-pi-a"),
               options=Options(has_recorder=True, recorder=()))  # fmt: skip


def test_frames_of_a_sensor_that_corrects_itself_carry_its_corrections(tmp_path):
    rig = lepton(tmp_path).run_s(12)
    assert {(i.nuc_id, i.ms_since_nuc, i.nuc_state) for i in rig.infos} == {
        (-1, -1, NucState.NONE)}  # fmt: skip
    codes_at, backgrounds, first = {}, {}, len(rig.infos)
    pipeline = rig.instrument.pipeline

    def keep(info):
        rig.infos.append(info)
        codes_at[info.sequence] = pipeline.verdict.code
        backgrounds[info.sequence] = pipeline.background.copy()

    rig.instrument.path.on_frame = keep
    for number in range(2):
        rig.instrument.request_nuc("test")
        rig.run_s(4)
        assert rig.infos[-1].nuc_id == number == rig.instrument.nuc.status.nuc_id
    infos = rig.infos[first:]
    order = [info.nuc_state for info in infos]
    assert [a for a, b in pairwise([*order, None]) if a is not b][-6:] == [
        NucState.RUNNING, NucState.SETTLING, NucState.VALID] * 2  # fmt: skip
    near = [info for info in infos if info.nuc_state >= NucState.RUNNING]
    settling = [info for info in infos if info.nuc_state is NucState.SETTLING]
    assert {codes_at[info.sequence] for info in near} == {codes.SHUTTER, codes.NUC_SETTLING}
    for before, after in pairwise(near):
        if after.sequence == before.sequence + 1:
            assert np.array_equal(backgrounds[before.sequence], backgrounds[after.sequence])
    settle_s = rig.instrument.config.nuc.settle_s
    assert len(settling) / 2 / 9 == pytest.approx(settle_s, abs=0.12)
    valid = [info for info in infos if info.nuc_state is NucState.VALID]
    assert all(500 <= info.ms_since_nuc < 4_500 for info in valid)
    assert rig.instrument.recorder.ring.correction() is None, "the sensor kept it"
    rig.instrument.shutdown()


def test_a_calibration_by_a_number_is_no_stranger_to_them(tmp_path):
    made = setup.base_calibration(tmp_path, (120, 160))
    container.write(tmp_path / setup.CALIBRATION_NAME, replace(made, nuc_id=77))
    rig = lepton(tmp_path).run_s(6)
    rig.instrument.request_nuc("test")
    rig.run_s(4)
    assert rig.infos[-1].nuc_id == 0
    assert rig.answer.trouble.code == codes.BLIND_SENSOR
    rig.instrument.shutdown()
