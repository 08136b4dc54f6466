# SPDX-License-Identifier: Apache-2.0
"""ADS1115 driver: the datasheet's tables, and behaviour on the register model."""

import math

import pytest
from sim.chips.direct_bus import DirectBus, HandClock

from edgeleak.board import Thermistor
from edgeleak.drivers import ads1115
from edgeleak.drivers.ads1115 import Ads1115, config_word, decode_volts
from edgeleak.errors import BusError, NotReadyError, UsageError, WrongDeviceError
from edgeleak.sim.chips.ads1115 import Ads1115Model
from edgeleak.sim.chips.tmp117 import Tmp117Model

VOLTS = (0.5, 1.25, 2.0, 3.0)


@pytest.fixture
def clock():
    return HandClock()


def make(clock, volts=VOLTS, **options):
    model = Ads1115Model(0x48, [lambda v=v: v for v in volts], clock, **options)
    return DirectBus(clock, model), model


def test_lsb_sizes_of_table_7_1():
    """SBAS444E table 7-1, full-scale range and LSB size."""
    table_uv = {6.144: 187.5, 4.096: 125, 2.048: 62.5, 1.024: 31.25, 0.512: 15.625, 0.256: 7.8125}
    assert set(table_uv) == set(ads1115.FULL_SCALES_V)
    for full_scale_v, lsb_uv in table_uv.items():
        assert decode_volts(b"\x00\x01", full_scale_v) * 1e6 == pytest.approx(lsb_uv, rel=1e-12)


@pytest.mark.parametrize(
    ("word", "volts"),
    [("7FFF", math.inf), ("0001", 2.048 / 2**15), ("0000", 0), ("FFFF", -2.048 / 2**15),
     ("8000", -math.inf), ("7FFE", 2.048 * 32766 / 2**15)],
)  # fmt: skip
def test_output_codes_of_table_7_3(word, volts):
    """SBAS444E table 7-3, input signal versus ideal output code; both ends are the rails."""
    assert decode_volts(bytes.fromhex(word), 2.048) == volts


@pytest.mark.parametrize(
    ("channel", "full_scale_v", "rate_sps", "word"),
    [
        # Table 8-3: OS 1, MUX 1xx, PGA 001 = 4.096 V, MODE 1, DR 111 = 860 SPS, COMP_QUE 11.
        (0, 4.096, 860, 0b1_100_001_1_111_0_0_0_11),
        (3, 4.096, 860, 0b1_111_001_1_111_0_0_0_11),
        (1, 6.144, 8, 0b1_101_000_1_000_0_0_0_11),
        (2, 0.256, 250, 0b1_110_101_1_101_0_0_0_11),
    ],
)
def test_configuration_bits_of_table_8_3(channel, full_scale_v, rate_sps, word):
    assert config_word(channel, full_scale_v, rate_sps) == word


@pytest.mark.parametrize(
    "wrong", [(4, 4.096, 860), (-1, 4.096, 860), (0, 4.0, 860), (0, 4.096, 100)]
)
def test_what_the_chip_cannot_do_is_refused(wrong):
    with pytest.raises(UsageError, match="ADS1115"):
        config_word(*wrong)


@pytest.mark.parametrize("channel", range(4))
@pytest.mark.parametrize("full_scale_v", [6.144, 4.096])
def test_reads_each_channel_to_half_a_step(clock, channel, full_scale_v):
    bus, _ = make(clock)
    adc = Ads1115(bus, 0x48, clock)
    adc.probe()
    volts = adc.read_volts(channel, full_scale_v)
    assert abs(volts - VOLTS[channel]) <= full_scale_v / 2**16


def test_split_reading_never_waits(clock):
    bus, model = make(clock)
    adc = Ads1115(bus, 0x48)
    adc.start(1, 4.096)
    started_ns = clock.now_ns
    assert not adc.ready()
    clock.now_ns = started_ns + adc.conversion_ns
    assert adc.ready()
    assert adc.result_volts() == pytest.approx(1.25, abs=1e-4)
    assert model.conversions == 1
    assert adc.conversion_ns < 2_000_000  # 860 SPS: four channels fit into one 50 ms step


@pytest.mark.parametrize("rate_sps", ads1115.RATES_SPS)
def test_slowest_oscillator_is_waited_for(clock, rate_sps):
    bus, _ = make(clock, rate_error=0.1)
    assert Ads1115(bus, 0x48, clock, rate_sps=rate_sps).read_volts(2, 4.096) == pytest.approx(
        2, abs=1e-4
    )


def test_clipped_input_is_infinite_and_no_temperature(clock):
    bus, _ = make(clock, volts=(1.1, -0.2))
    adc = Ads1115(bus, 0x48, clock)
    volts = adc.read_volts(0, 1.024)
    assert volts == math.inf
    curve = Thermistor(pull_up_ohm=1e4, supply_v=3.3, a=1.129148e-3, b=2.34125e-4, c=8.76741e-8)
    assert math.isnan(curve.degc(volts))
    assert adc.read_volts(1, 4.096) == pytest.approx(-0.2, abs=1e-4)


def test_brown_out_is_no_reading_of_zero(clock):
    bus, model = make(clock)
    adc = Ads1115(bus, 0x48, clock)
    adc.start(1, 4.096)
    model.power_cycle()
    clock.now_ns += adc.conversion_ns
    with pytest.raises(BusError, match="lost its configuration"):
        adc.ready()
    with pytest.raises(NotReadyError):
        adc.result_volts()
    assert adc.read_volts(1, 4.096) == pytest.approx(1.25, abs=1e-4)


def test_a_running_conversion_never_passes_for_the_next_channel(clock):
    bus, _ = make(clock)
    adc = Ads1115(bus, 0x48, clock, rate_sps=8)
    adc.start(0, 4.096)
    with pytest.raises(NotReadyError, match="still converts"):
        Ads1115(bus, 0x48, clock).start(3, 4.096)
    with pytest.raises(NotReadyError, match="still converts"):
        adc.start(3, 4.096)
    clock.now_ns += 150_000_000
    assert adc.read_volts(3, 4.096) == pytest.approx(3.0, abs=1e-4)


def test_order_of_calls_is_checked(clock):
    bus, _ = make(clock)
    adc = Ads1115(bus, 0x48)
    for call in (adc.ready, adc.result_volts):
        with pytest.raises(NotReadyError, match="no conversion was started"):
            call()
    with pytest.raises(UsageError, match="clock"):
        adc.read_volts(0, 4.096)


def test_probe_knows_its_neighbours(clock):
    def degc():
        return 25.0

    others = {
        "ADS1015": Ads1115Model(0x48, [], clock, bits=12),
        "TMP117": Tmp117Model(0x48, degc, clock),
    }
    for model in others.values():
        with pytest.raises(WrongDeviceError, match="I2C 0x48: expected an ADS1115"):
            Ads1115(DirectBus(clock, model), 0x48).probe()
    with pytest.raises(BusError, match="no acknowledge"):
        Ads1115(DirectBus(clock), 0x48).probe()


def test_probe_leaves_thresholds_as_they_are_after_power_on(clock):
    bus, _ = make(clock)
    Ads1115(bus, 0x48).probe()
    assert bus.transfer(0x48, b"\x02", 2) == b"\x80\x00"
    assert bus.transfer(0x48, b"\x03", 2) == b"\x7f\xff"
