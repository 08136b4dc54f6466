# SPDX-License-Identifier: Apache-2.0
"""Corrections and calibrations: taken, carried out, carried in and used at once."""

import zlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from console_bench import Bench, unpacked
from instrument_rig import small_config

from edgeleak import kernels
from edgeleak.calibration import container, layout
from edgeleak.frame import NucState
from edgeleak.services.health import State


def test_corrections_are_taken_and_carried_out_and_in(fresh):
    fresh.ready()
    taken = fresh.instrument.nuc.status.taken
    first = int(fresh.ask("CAL:ID?")[0])
    assert fresh.ask("CAL:RUN")[1] == []
    fresh.run_s(0.5)
    assert '"console"' in fresh.ask("CAL:STAT?")[0]
    fresh.run_s(1).ready()
    assert fresh.ask("CAL:COUN?")[0] == f"{taken + 1},0"
    assert int(fresh.ask("CAL:ID?")[0]) > first
    data = unpacked(fresh.ask("CAL:DATA?")[0])
    found = layout.decode(data, "download")
    session = fresh.session()
    sent = unpacked(fresh.ask("CAL:DATA?", session=session)[0])
    assert fresh.ask("CAL:DATA:CRC?", session=session)[0] == str(zlib.crc32(sent))
    assert np.array_equal(found.offset, fresh.instrument.nuc.offset)
    block = b"CAL:DATA #" + str(len(str(len(data)))).encode() + str(len(data)).encode() + data
    assert fresh.ask(block + b",1")[1] == [-230]
    assert fresh.ask(block[:-1] + bytes([data[-1] ^ 1]))[1] == [-230]
    assert not (fresh.folder / "calibration.elcal").exists()
    assert fresh.ask(block + b",%d" % zlib.crc32(data))[1] == []
    assert int(fresh.ask("CAL:CRC?")[0]) == zlib.crc32(data)
    assert container.read(fresh.folder / "calibration.elcal").nuc_id == found.nuc_id


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("shared")).ready()


def uploaded(data):
    return b"CAL:DATA #9%09d" % len(data) + data


@pytest.mark.parametrize("profile", ["sensitive", "paper"])
def test_a_calibration_is_in_force_from_the_next_frame(tmp_path, profile):
    """As after a start with it: INHIBIT until a correction under it, then its gain and pixels."""
    settings_ = small_config(tmp_path, detection={"profile": profile})
    fresh = Bench(tmp_path, config=settings_).ready()
    on = fresh.instrument
    before = layout.decode(unpacked(fresh.ask("CAL:DATA?")[0]), "download")
    taken, gain = on.nuc.status.taken, before.gain_q14.copy()
    gain[:, ::2] -= 1000
    pixel = np.array([[1000, 1001, 1001, 1001, 1001]], np.int32)
    new = replace(before, gain_q14=gain, bad_pixels=pixel, defects=np.ones(1, "u1"), nuc_id=7)
    assert fresh.ask(uploaded(layout.encode(new)) + b";*OPC?") == ("1", [])
    assert str(fresh.ask("CAL:STAT?")[0]).startswith('"settling","new calibration')
    fresh.run_s(0.2)
    assert fresh.answers[-1] == "INHIBIT"
    assert fresh.infos[-1].nuc_state is NucState.SETTLING
    at = len(fresh.answers)
    fresh.run_to(State.NUC).ready()
    assert on.nuc.status.taken == taken + 1
    assert "NO GAS" not in fresh.answers[at : at + 10]
    raw = []
    see = on.nuc.see
    on.nuc.see = lambda frame, info: (raw.append(frame.copy()), see(frame, info))
    fresh.run_s(0.3)
    wanted = raw[-1]
    kernels.nuc(wanted, gain, on.nuc.offset)
    table = on.nuc.bad_pixels  # and those that flickered before the shutter
    kernels.replace_bad_pixels(wanted, table)
    assert np.array_equal(on.pipeline.counts, wanted)
    sources = table[table[:, 0] == 1000][0, 1:]
    assert abs(int(wanted.flat[1000]) - wanted.flat[sources].mean()) <= 1
    assert fresh.instrument.failure is None


def test_a_calibration_whose_file_is_in_place_is_in_force_and_the_doubt_is_said(
    tmp_path, loose_folders
):
    fresh = Bench(tmp_path).ready()
    found = layout.decode(unpacked(fresh.ask("CAL:DATA?")[0]), "download")
    data = layout.encode(replace(found, nuc_id=7))
    assert fresh.ask(uploaded(data)) == ("", [-250])
    assert (fresh.folder / "calibration.elcal").read_bytes() == data
    assert fresh.instrument.base.nuc_id == 7
    assert fresh.instrument.nuc.status.why == "new calibration"


def test_a_calibration_waits_for_the_end_of_a_recording(shared):
    fresh = shared
    data = unpacked(fresh.ask("CAL:DATA?")[0])
    fresh.instrument.recorder = SimpleNamespace(is_recording=True)
    try:
        assert fresh.ask(uploaded(data)) == ("", [-221])
    finally:
        fresh.instrument.recorder = None
    assert not (fresh.folder / "calibration.elcal").exists()


def test_a_calibration_is_taken_though_its_sender_is_gone(shared):
    fresh = shared
    data = unpacked(fresh.ask("CAL:DATA?")[0])
    session = fresh.session()
    session.feed(uploaded(data) + b"\n")
    assert session._job.wait(20)
    del session
    fresh.run_s(0.1)
    assert fresh.instrument.nuc.status.why == "new calibration"
