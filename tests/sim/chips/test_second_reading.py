# SPDX-License-Identifier: Apache-2.0
"""Drivers that others wrote from the same datasheets, on our register models.

They agree or one of us misread.  Packages: adafruit-circuitpython-ads1x15, -tmp117, -sht4x and
-ad569x, unmodified; only `time` is replaced, so that their waits move simulated time.
"""

import contextlib

import pytest
from sim.chips.direct_bus import DirectBus, HandClock
from sim.chips.second_reading import Busio, simulated_sleep

from edgeleak.drivers.ads1115 import FULL_SCALES_V, RATES_SPS, Ads1115
from edgeleak.drivers.sht4x import RESET_NS, Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.sim.chips.ad5693r import Ad5693rModel
from edgeleak.sim.chips.ads1115 import Ads1115Model
from edgeleak.sim.chips.chip import Nack
from edgeleak.sim.chips.sht4x import MEASUREMENTS_NS, Sht4xModel
from edgeleak.sim.chips.tmp117 import Tmp117Model

WHY = "drivers of other people are not installed; pip install '.[dev]'"
VOLTS = (0.1, 0.9, 1.7, 2.6)


@pytest.fixture
def clock():
    return HandClock()


# --- ADS1115 ---------------------------------------------------------------------------------


@pytest.fixture
def adafruit_adc(clock):
    package = pytest.importorskip("adafruit_ads1x15", reason=WHY)
    base = pytest.importorskip("adafruit_ads1x15.ads1x15")
    model = Ads1115Model(0x48, [lambda v=v: v for v in VOLTS], clock)
    with simulated_sleep(base, clock):
        yield package, package.ADS1115(Busio(clock, model), address=0x48), model


@pytest.mark.parametrize("pin", range(4))
@pytest.mark.parametrize("full_scale_v", FULL_SCALES_V)
def test_ads1115_volts_agree(clock, adafruit_adc, pin, full_scale_v):
    package, theirs, model = adafruit_adc
    theirs.gain = theirs.gains[FULL_SCALES_V.index(full_scale_v)]
    their_volts = package.AnalogIn(theirs, pin).voltage
    clock.now_ns += 100_000_000
    our_volts = Ads1115(DirectBus(clock, model), 0x48, clock).read_volts(pin, full_scale_v)
    if VOLTS[pin] < full_scale_v:
        assert their_volts == pytest.approx(our_volts, rel=1e-12)
        assert our_volts == pytest.approx(VOLTS[pin], abs=full_scale_v / 2**15)
    else:
        assert their_volts == pytest.approx(full_scale_v * 32767 / 32768)  # looks like a value
        assert our_volts == float("inf")


@pytest.mark.parametrize(("pins", "volts"), [((0, 1), -0.8), ((0, 3), -2.5), ((2, 3), -0.9)])
def test_ads1115_differential_inputs_agree(adafruit_adc, pins, volts):
    package, theirs, _ = adafruit_adc
    assert package.AnalogIn(theirs, *pins).voltage == pytest.approx(volts, abs=2e-4)


def test_ads1115_rates_agree(clock, adafruit_adc):
    _, theirs, model = adafruit_adc
    assert tuple(theirs.rates) == RATES_SPS
    for rate_sps in RATES_SPS:
        theirs.data_rate = rate_sps
        assert model.conversion_ns == round(1e9 / rate_sps)


def test_ads1115_continuous_conversion_and_comparator_agree(clock, adafruit_adc):
    package, theirs, model = adafruit_adc
    theirs.comparator_low_threshold = 8000  # 1.0 V at 4.096 V full scale
    theirs.comparator_high_threshold = 16000  # 2.0 V
    theirs.comparator_queue_length = 1
    first = package.AnalogIn(theirs, 3).voltage
    theirs.mode = 0x0000
    clock.now_ns += 100_000_000
    theirs.get_last_result(False)  # their fast read trusts the pointer, so set it once
    assert package.AnalogIn(theirs, 3).voltage == first == pytest.approx(2.6, abs=2e-4)
    assert model.conversions > 10
    assert not model.alert_pin  # active low: 2.6 V is above
    theirs.mode = 0x0100
    assert package.AnalogIn(theirs, 0).voltage == pytest.approx(0.1, abs=2e-4)
    assert model.alert_pin


def test_ads1115_their_continuous_mode_keeps_the_channel(clock, adafruit_adc):
    """Version 3.0.5 writes the channel it read back, not the one asked for.

    Our driver has no continuous mode and checks the configuration it reads against its own.
    """
    package, theirs, _ = adafruit_adc
    package.AnalogIn(theirs, 3).voltage  # noqa: B018
    theirs.mode = 0x0000
    clock.now_ns += 100_000_000
    assert package.AnalogIn(theirs, 0).voltage == pytest.approx(2.6, abs=2e-4)


# --- TMP117 ----------------------------------------------------------------------------------


@pytest.fixture
def adafruit_thermometer(clock):
    package = pytest.importorskip("adafruit_tmp117", reason=WHY)
    world = {"degc": 23.4375}
    model = Tmp117Model(0x49, lambda: world["degc"], clock)
    with simulated_sleep(package, clock):
        yield package, package.TMP117(Busio(clock, model), 0x49), model, world


@pytest.mark.parametrize("degc", [-40.0, -0.0078125, 0.0, 23.4375, 124.9921875])
def test_tmp117_temperatures_agree(clock, adafruit_thermometer, degc):
    _, theirs, model, world = adafruit_thermometer
    world["degc"] = degc
    clock.now_ns += 1_100_000_000
    assert theirs.temperature == degc
    assert Tmp117(DirectBus(clock, model), 0x49).read_degc() == degc


def test_tmp117_modes_and_averages_agree(clock, adafruit_thermometer):
    package, theirs, model, world = adafruit_thermometer
    theirs.averaged_measurements = package.AverageCount.AVERAGE_32X
    theirs.measurement_delay = package.MeasurementDelay.DELAY_0_0155_S
    assert (model.active_ns, model.cycle_ns) == (496_000_000, 496_000_000)
    world["degc"] = 5.0
    assert theirs.take_single_measurement() == 5.0
    assert theirs.measurement_mode == package.MeasurementMode.SHUTDOWN
    assert model.cycle_ns == 496_000_000


def test_tmp117_limits_and_offset_agree(clock, adafruit_thermometer):
    _, theirs, _, world = adafruit_thermometer
    theirs.high_limit, theirs.low_limit = 30.0, 10.0
    world["degc"] = 31.0
    clock.now_ns += 1_100_000_000
    assert tuple(theirs.alert_status) == (True, False)
    assert tuple(theirs.alert_status) == (False, False)  # cleared by reading
    world["degc"] = 9.0
    clock.now_ns += 1_100_000_000
    assert tuple(theirs.alert_status) == (False, True)
    theirs.temperature_offset = 4.0
    clock.now_ns += 1_100_000_000
    assert theirs.temperature == 13.0


def test_tmp117_hysteresis_mode_agrees(clock, adafruit_thermometer):
    package, theirs, _, world = adafruit_thermometer
    theirs.high_limit, theirs.low_limit = 30.0, 25.0
    theirs.alert_mode = package.AlertMode.HYSTERESIS
    for degc, alerts in ((29.0, False), (31.0, True), (27.0, True), (24.0, False)):
        world["degc"] = degc
        clock.now_ns += 1_100_000_000
        assert tuple(theirs.alert_status) == (alerts, False), degc


def test_tmp117_wrong_part_is_refused_by_both(clock):
    package = pytest.importorskip("adafruit_tmp117", reason=WHY)
    model = Tmp117Model(0x49, lambda: 0.0, clock, device_id=0x1075)
    with simulated_sleep(package, clock), pytest.raises(AttributeError):
        package.TMP117(Busio(clock, model), 0x49)


# --- SHT4x -----------------------------------------------------------------------------------


@pytest.fixture
def adafruit_humidity(clock):
    package = pytest.importorskip("adafruit_sht4x", reason=WHY)
    model = Sht4xModel(0x44, lambda: 21.5, lambda: 38.25, clock, serial_number=0x12345678)
    clock.now_ns = RESET_NS
    with simulated_sleep(package, clock):
        yield package, package.SHT4x(Busio(clock, model), 0x44), model


def test_sht4x_readings_agree(clock, adafruit_humidity):
    _, theirs, model = adafruit_humidity
    for command in MEASUREMENTS_NS:
        theirs.mode = command
        their_reading = theirs.measurements
        ours = Sht4x(DirectBus(clock, model), 0x44)
        ours.start()
        clock.now_ns += 9_000_000
        assert ours.read() == pytest.approx(their_reading, abs=1e-12)
        assert their_reading == pytest.approx((21.5, 38.25), abs=0.003)


def test_sht4x_serial_number_and_heater_agree(clock, adafruit_humidity):
    package, theirs, model = adafruit_humidity
    assert theirs.serial_number == 0x12345678
    assert Sht4x(DirectBus(clock, model), 0x44).probe() == 0x12345678
    theirs.mode = package.Mode.HIGHHEAT_100MS
    before_ns = clock.now_ns
    assert theirs.temperature == pytest.approx(21.5, abs=0.003)
    assert clock.now_ns - before_ns > 100_000_000


# --- AD5693R ---------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["acknowledges", "dies at reset"])
def adafruit_dac(request, clock):
    package = pytest.importorskip("adafruit_ad569x", reason=WHY)
    model = Ad5693rModel(0x4C, clock, external_v=3.0, nacks_reset=request.param)
    with simulated_sleep(package, clock):
        yield package.Adafruit_AD569x(Busio(clock, model), 0x4C), model


@pytest.mark.parametrize(("code", "volts"), [(0, 0), (0x8000, 1.25), (0xC000, 1.875)])
def test_ad5693r_outputs_agree(adafruit_dac, code, volts):
    theirs, model = adafruit_dac
    theirs.value = code
    assert model.output_v == volts


def test_ad5693r_gain_and_power_down_agree(adafruit_dac):
    theirs, model = adafruit_dac
    theirs.gain = True
    theirs.value = 0x8000
    assert model.output_v == 2.5
    theirs.mode = theirs.output_1k_impedance
    theirs.value = 0x8000
    assert (model.output_v, model.control) == (0, 0x2800)


def test_ad5693r_their_reset_sends_nothing(adafruit_dac):
    """Version 2.0.11 writes `end=False`, which is zero bytes: the output stays where it was.

    The word that it means to send is the one that our driver sends.
    """
    theirs, model = adafruit_dac
    theirs.value = 0x8000
    theirs.reset()
    assert model.output_v == 1.25
    with contextlib.suppress(Nack):
        model.transfer(b"\x40\x80\x00", 0)
    assert (model.output_v, model.input_code, model.control) == (0, 0, 0)


def test_ad5693r_their_external_reference_never_switches(adafruit_dac):
    """Version 2.0.11 computes `not on << 12`, which is bit 0: the reference stays on.

    We read the datasheet as bit 12; Linux and Zephyr agree with us.
    """
    theirs, model = adafruit_dac
    theirs.internal_reference = False
    theirs.value = 0x8000
    assert model.output_v == 1.25
    model.transfer(b"\x40\x10\x00", 0)
    assert model.output_v == 1.5
