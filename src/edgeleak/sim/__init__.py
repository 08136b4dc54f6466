# SPDX-License-Identifier: Apache-2.0
"""Simulated camera with known truth; the input of `edgeleak sim`."""

from edgeleak.sim.sensor import SimulatedSensor
from edgeleak.sim.spec import open_sim

__all__ = ["SimulatedSensor", "open_sim"]
