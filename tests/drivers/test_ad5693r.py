# SPDX-License-Identifier: Apache-2.0
"""AD5693R driver: words on the wire, read-back, and what a reset means."""

import math

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.drivers import ad5693r
from edgeleak.drivers.ad5693r import Ad5693r, ReadBackError, code_of, control_word, volts_of
from edgeleak.errors import BusError, UsageError, WrongDeviceError
from edgeleak.sim.chips.ad5693r import Ad5693rModel
from edgeleak.sim.chips.tmp117 import Tmp117Model


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def model(clock):
    return Ad5693rModel(0x4C, clock)


@pytest.fixture
def bus(clock, model):
    return DirectBus(clock, model)


@pytest.mark.parametrize(
    ("code", "gain", "volts"),
    [(0, 1, 0), (0x8000, 1, 1.25), (0xFFFF, 1, 2.5 * 65535 / 65536), (0x8000, 2, 2.5)],
)
def test_transfer_function(code, gain, volts):
    """Datasheet, transfer function: VOUT = VREF x gain x D / 2^N."""
    assert volts_of(code, gain) == volts
    assert code_of(volts, gain) == code


def test_top_of_the_range_is_the_last_code():
    assert code_of(2.5) == 0xFFFF
    for wrong in (-0.001, 2.5001, math.nan):
        with pytest.raises(UsageError, match=r"expected 0 to 2\.5 V"):
            code_of(wrong)


@pytest.mark.parametrize(
    ("gain", "has_reference", "word"),
    [(1, True, 0x0000), (2, True, 0x0800), (1, False, 0x1000), (2, False, 0x1800)],
)
def test_control_bits(gain, has_reference, word):
    """Datasheet, control register: DB12 = 1 switches the reference off, DB11 = 1 gain of 2."""
    assert control_word(gain, has_reference) == word


def test_words_on_the_wire(bus):
    dac = Ad5693r(bus, 0x4C)
    dac.configure(gain=2)
    dac.write_code(0x8001)
    assert [data.hex() for _, data, _ in bus.transfers] == ["400800", "308001", ""]


def test_output_follows_and_is_read_back(bus, model):
    dac = Ad5693r(bus, 0x4C)
    dac.configure()
    for code in (0x8000, 0, 0xFFFF, 0x1234):
        dac.write_code(code)
        assert model.output_v == volts_of(code)
        assert dac.read_code() == code


def test_lost_write_is_noticed(bus, model, monkeypatch):
    dac = Ad5693r(bus, 0x4C)
    monkeypatch.setattr(model, "_execute", lambda command, value: None)
    with pytest.raises(ReadBackError, match="wrote 0x8000, read 0x0000"):
        dac.write_code(0x8000)
    assert issubclass(ReadBackError, BusError)


@pytest.mark.parametrize("nacks_reset", [False, True])
def test_reset_is_zero_volts_and_not_mid_scale(clock, nacks_reset):
    model = Ad5693rModel(0x4C, clock, nacks_reset=nacks_reset)
    dac = Ad5693r(DirectBus(clock, model), 0x4C)
    dac.configure(gain=2)
    dac.write_code(0x8000)
    dac.reset()
    assert (model.output_v, model.control, dac.read_code()) == (0, 0, 0)


def test_reset_that_does_not_happen_is_noticed(bus, model, monkeypatch):
    dac = Ad5693r(bus, 0x4C)
    dac.write_code(0x8000)
    monkeypatch.setattr(model, "_execute", lambda command, value: None)
    with pytest.raises(ReadBackError):
        dac.reset()
    with pytest.raises(BusError, match="no acknowledge"):
        Ad5693r(bus, 0x4E).reset()


def test_probe_does_not_move_the_output(bus, model):
    dac = Ad5693r(bus, 0x4C)
    dac.write_code(0x8000)
    seen = []
    model._on_output = lambda ns, volts: seen.append(volts)
    dac.probe()
    assert (seen, model.input_code, model.output_v) == ([], 0x8000, 1.25)


def test_probe_refuses_another_chip(clock):
    other = Tmp117Model(0x4C, lambda: 25.0, clock)
    with pytest.raises(WrongDeviceError, match="I2C 0x4c: expected an AD5693R"):
        Ad5693r(DirectBus(clock, other), 0x4C).probe()
    with pytest.raises(BusError):
        Ad5693r(DirectBus(clock), 0x4C).probe()


@pytest.mark.parametrize("bits", [12, 14])
def test_probe_refuses_a_smaller_brother(clock, bits):
    with pytest.raises(WrongDeviceError):
        Ad5693r(DirectBus(clock, Ad5693rModel(0x4C, clock, bits=bits)), 0x4C).probe()


@pytest.mark.parametrize("code", [-1, 0x10000])
def test_code_out_of_range_reaches_nobody(bus, code):
    with pytest.raises(UsageError, match="DAC code"):
        Ad5693r(bus, 0x4C).write_code(code)
    assert bus.transfers == []
    assert ad5693r.CODE_MAX == 0xFFFF
