# SPDX-License-Identifier: Apache-2.0
"""Which model sits where on the board: addresses and channels come from the board's table."""

import random
from collections.abc import Callable

from edgeleak.board import AdcChannel, Thermistor
from edgeleak.sim import faults
from edgeleak.sim.chips.ad5693r import Ad5693rModel
from edgeleak.sim.chips.ads1115 import Ads1115Model
from edgeleak.sim.chips.chip import Chip
from edgeleak.sim.chips.sht4x import Sht4xModel
from edgeleak.sim.chips.tmp117 import Tmp117Model
from edgeleak.sim.el640_model import El640Model
from edgeleak.sim.host import Host, SensorModel
from edgeleak.sim.led_plant import LedPlant
from edgeleak.sim.lepton_model import LeptonModel
from edgeleak.sim.render_ahead import RenderedAhead
from edgeleak.sim.tec_plant import TecPlant

ADC_CHANNELS = 4
NOISE_V = 1e-4
"""RMS at each ADC input: a wire beside a switching driver."""
FAULT_THERMISTORS = (
    faults.ThermistorOpen, faults.ThermistorShort, faults.ThermistorFrozen,
    faults.ThermistorDetached, faults.ThermistorOffset, faults.ThermistorBit,
)  # fmt: skip


def tec(plant: Host) -> TecPlant | None:
    """Cooler physics, or None on a board without one."""
    if plant.board.tec_model is None:
        return None
    return TecPlant(plant.board.tec_model, plant.truth.ambient_degc)


def led(plant: Host) -> LedPlant | None:
    """LED physics, or None on a board without one."""
    board = plant.board
    if board.led is None or board.led_model is None:
        return None
    return LedPlant(board.led, board.led_model, plant.truth.led_degc)


def chips(plant: Host) -> dict[int, Chip]:
    """Every chip of the board by its I2C address, the sensor apart."""
    board, truth = plant.board, plant.truth

    def now_ns() -> int:
        return plant.now_ns

    volts = adc_inputs(plant)
    made: list[Chip] = []
    for address in sorted({address for address, _ in volts}):
        inputs = [volts.get((address, channel), _ground) for channel in range(ADC_CHANNELS)]
        made.append(Ads1115Model(address, inputs, now_ns))
    if (at := board.address) is not None:
        made += [
            Tmp117Model(at.tmp117, lambda: truth.housing_degc, now_ns),
            Sht4xModel(at.sht4x, lambda: truth.housing_degc, lambda: truth.humidity * 100, now_ns),
            Ad5693rModel(at.tec_dac, now_ns, on_output=lambda _, v: plant.set_tec_command(v)),
            Ad5693rModel(at.led_dac, now_ns, on_output=lambda _, v: plant.set_led_command(v)),
        ]
    return {chip.address: chip for chip in made}


def _ground() -> float:
    return 0.0


def sensor(plant: Host) -> SensorModel:
    """Model of the sensor the board names."""
    if plant.board.sensor.kind == "lepton":
        return LeptonModel(plant)
    return RenderedAhead(plant) if plant.is_live else El640Model(plant)


def adc_inputs(plant: Host) -> dict[tuple[int, int], Callable[[], float]]:
    """(address, channel) -> volts at that ADC input, with the noise of a real wire."""
    board, truth = plant.board, plant.truth
    if board.adc is None:
        return {}
    found: dict[tuple[int, int], Callable[[], float]] = {}

    def wire(channel: AdcChannel, volts: Callable[[], float]) -> None:
        found[channel.address, channel.channel] = volts

    for which, part, degc in (
        ("fpa", board.fpa_thermistor, lambda: _bead_degc(plant)),
        ("hot", board.hot_thermistor, lambda: truth.hot_degc),
        ("led", board.led_thermistor, lambda: truth.led_degc),
    ):
        if part is not None:
            wire(getattr(board.adc, f"{which}_thermistor"), Divider(plant, which, part, degc))
    noise = random.Random(plant.seed + 1)
    if (tec_part := board.tec) is not None:
        wire(board.adc.tec_current,
             lambda: tec_part.zero_v + truth.tec_a * tec_part.telemetry_v_per_a
             + noise.gauss(0, NOISE_V))  # fmt: skip
        wire(board.adc.tec_voltage,
             lambda: tec_part.zero_v + truth.tec_v * tec_part.voltage_gain
             + noise.gauss(0, NOISE_V))  # fmt: skip
    if (led_part := board.led) is not None:
        wire(board.adc.led_current,
             lambda: truth.led_held_ma / 1000 * led_part.telemetry_v_per_a
             + noise.gauss(0, NOISE_V))  # fmt: skip
    supply = board.adc.supply
    wire(supply, lambda: truth.supply_v / supply.divider + noise.gauss(0, NOISE_V))
    return found


def _bead_degc(plant: Host) -> float:
    """The FPA thermistor lags behind the plate by its own time constant."""
    return plant.truth.cold_degc if plant.tec is None else plant.tec.thermistor_degc


class Divider:
    """Volts of one thermistor's divider, with what is broken about it."""

    def __init__(self, plant: Host, which: str, part: Thermistor,
                 degc: Callable[[], float]) -> None:  # fmt: skip
        self._plant, self._which, self._part, self._degc = plant, which, part, degc
        self._noise = random.Random(f"{plant.seed} {which}")
        self._last_v = part.volts(degc())

    def __call__(self) -> float:
        if self._plant.faults:
            for kind in FAULT_THERMISTORS:
                fault = self._plant.fault(kind)
                if fault is not None and fault.which == self._which:
                    return self._broken(fault)
        self._last_v = self._clean(self._degc())
        return self._last_v

    def _clean(self, degc: float) -> float:
        return self._part.volts(degc) + self._noise.gauss(0, NOISE_V)

    def _broken(self, fault: faults.Fault) -> float:
        if isinstance(fault, faults.ThermistorOpen):
            return self._part.supply_v
        if isinstance(fault, faults.ThermistorShort):
            return 0.0
        if isinstance(fault, faults.ThermistorOffset):
            return self._clean(self._degc() + fault.kelvin)
        if isinstance(fault, faults.ThermistorBit):
            return self._with_bit(fault)
        if isinstance(fault, faults.ThermistorDetached):
            return self._clean(self._drifted(fault.tau_s))
        return self._last_v

    def _with_bit(self, fault: faults.ThermistorBit) -> float:
        adc = self._plant.board.adc
        full_v = 4.096 if adc is None else getattr(adc, f"{self._which}_thermistor").full_scale_v
        code, mask = round(self._clean(self._degc()) / full_v * 0x8000), 1 << fault.bit
        return (code | mask if fault.is_set else code & ~mask) * full_v / 0x8000

    def _drifted(self, tau_s: float) -> float:
        """A bead that lost its plate warms towards the hot side."""
        active = self._plant.faults[faults.name_of(faults.ThermistorDetached)]
        passed_s = (self._plant.now_ns - active.since_ns) / 1e9
        share = 1 - 2.718281828459045 ** (-passed_s / tau_s)
        bead, hot = self._degc(), self._plant.truth.hot_degc
        return bead + (hot - bead) * share
