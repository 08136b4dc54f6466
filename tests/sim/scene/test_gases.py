# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from edgeleak.errors import UsageError
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.gases import gas_in, names

EL640 = Band(3.2, 3.4)
LEPTON = Band(8.0, 14.0)


def test_light_of_black_bodies_is_planck_integrated():
    def photons(um):  # / (s m2 sr m) of 300 K
        return 2 * 2.99792458e8 / (um * 1e-6) ** 4 / np.expm1(14387.7688 / (um * 300))

    simpson = 0.2e-6 / 6 * (photons(3.2) + 4 * photons(3.3) + photons(3.4))
    assert float(EL640.light(26.85)) == pytest.approx(simpson, rel=1e-3)
    temps = np.linspace(-60, 200, 1301)
    exact = EL640.light_exact(temps)
    assert np.abs(EL640.light(temps) / exact - 1).max() < 1e-4
    assert EL640.temp_degc(EL640.light(17.3)) == pytest.approx(17.3, abs=1e-3)


def test_a_kelvin_is_five_percent_of_the_light():
    share = EL640.light_per_k(20.0) / float(EL640.light_exact(20.0))
    assert share == pytest.approx(14387.77 / 3.3 / 293.15**2, rel=0.02)


@pytest.mark.parametrize("name", names())
def test_every_gas_is_a_whole_spectrum_with_a_source(name):
    gas = gas_in(name, EL640)
    assert sum(gas.weight) == pytest.approx(1)
    assert len(gas.source) > 20
    column = np.array([0, 1e-3, 10, 1e3, 1e5])
    passed = gas.transmission(column)
    assert passed[0] == pytest.approx(1)
    assert (np.diff(passed) < 0).all()
    assert 1 - passed[1] == pytest.approx(1e-3 * gas.thin_absorption_per_ppm_m, rel=1e-3)
    assert np.abs(gas.absorbed(column) - (1 - passed)).max() < 1e-4


def test_methane_has_its_published_strength():
    """Thin absorption from the strength of nu3, 86 % of it inside 3.2..3.4 um."""
    gas = gas_in("methane", EL640)
    molecules_per_ppm_m = 101325 / (1.380649e-23 * 293.15) * 1e-10
    width_per_cm = 1e4 / 3.2 - 1e4 / 3.4
    published = 0.86 * 1.09e-17 / width_per_cm * molecules_per_ppm_m
    assert gas.thin_absorption_per_ppm_m == pytest.approx(published, rel=0.05)
    assert gas.ppm_m_per_g_m2 == pytest.approx(1500, rel=0.01)  # 0.667 kg/m3


def test_heavier_alkanes_absorb_more():
    thin = [gas_in(n, EL640).thin_absorption_per_ppm_m for n in ("methane", "ethane", "propane")]
    assert thin == sorted(thin)


def test_the_band_decides_and_says_why():
    with pytest.raises(UsageError, match=r"methane cannot be seen at 8-14 um: its nearest band"):
        gas_in("methane", LEPTON)
    assert gas_in("ethylene", LEPTON).thin_absorption_per_ppm_m > 1e-5
    with pytest.raises(UsageError, match=r"absorption for 3.2-3.4 um only"):
        gas_in("propane", Band(3.0, 5.0))
    with pytest.raises(UsageError, match="nearest is 'methane'"):
        gas_in("metane", EL640)
