# SPDX-License-Identifier: Apache-2.0
"""The whole instrument over a plant in lockstep: real drivers, in-process buses, simulated time.

A 160x120 sensor, so that a minute takes about a second; nothing else differs from EL-1.
"""

import re
from dataclasses import replace
from pathlib import Path

from edgeleak import board as boards
from edgeleak.config import Config, CoolerConfig, NucConfig, RecorderConfig, SensorConfig
from edgeleak.instrument import Folders, Instrument, Options
from edgeleak.sim.bus import open_buses
from edgeleak.sim.lockstep import Lockstep
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Scenario, World
from edgeleak.sim.sim_clock import SimClock
from edgeleak.sim.spoken import Promise

NS = 10**9
CONTROL, CAPTURE, FRAMES = 0, 1, 2
STATE_LINE = re.compile(r"STATE (\w+) (\w+) (\d+) t=(\d+) frame=(\d+) .+")
STILL = Scenario(world=World(movers=False))


def small_board():
    """EL-1 with a small sensor."""
    board = boards.load("el1-a")
    return replace(board, sensor=replace(board.sensor, width=160, height=120))


def small_config(folder, **sections):
    """Warm set-point, few frames: every state within half a minute."""
    made = Config(
        sensor=SensorConfig(fps=10.0),
        cooler=CoolerConfig(set_point_degc=20.0),
        nuc=NucConfig(frames=6, settle_s=0.5),
        recorder=RecorderConfig(folder=str(Path(folder) / "recordings")),
    )
    for name, values in sections.items():
        made = replace(made, **{name: replace(getattr(made, name), **values)})
    return made


class Rig:
    """Plant, instrument and scheduler.

    prepare : called with the plant before the instrument is made
    clock   : None for one that was set
    """

    def __init__(self, folder, *, board=None, config=None, scenario=STILL, seed=1, prepare=None,
                 options=None, clock=None):  # fmt: skip
        self.folder, self.lines, self.answers = Path(folder), [], []
        self.board = board or small_board()
        self.plant = Plant(self.board, seed=seed, scenario=scenario)
        if prepare is not None:
            prepare(self.plant)
        self.clock = clock or SimClock()
        self.buses, self.blocking = open_buses(self.plant)
        options = options or Options(has_recorder=False)
        options.log = self._said
        config = config or small_config(folder)
        self.plant.spoken.promise = Promise(config.cooler.set_point_degc, config.alarm.hold_s)
        self.instrument = Instrument(
            self.board, config, self.buses, self.clock,
            folders=Folders(self.folder, self.folder), options=options,
        )  # fmt: skip
        self.infos = []
        self.instrument.path.on_frame = self._note
        self.lockstep = Lockstep(self.plant, self.clock, self.instrument.loops, self.blocking)

    def _said(self, line):
        """Each line of the log goes to the plant's judge as well."""
        self.lines.append(line)
        self.plant.spoken.hear(self.clock.monotonic_ns(), line)

    def _note(self, info):
        self.infos.append(info)
        self.answers.append(str(self.instrument.health.answer))

    @property
    def state(self):
        return self.instrument.health.state

    @property
    def answer(self):
        return self.instrument.health.answer

    @property
    def now_s(self):
        return self.clock.monotonic_ns() / NS

    def run_s(self, seconds):
        self.lockstep.run_until(self.clock.monotonic_ns() + round(seconds * NS))
        return self

    def run_to(self, state, most_s=60.0, step_s=0.05):
        """Until the instrument is in this state; fails after `most_s`."""
        end_s = self.now_s + most_s
        while self.state != state:
            assert self.now_s < end_s, f"no {state} within {most_s} s: {self.lines[-3:]}"
            assert self.instrument.failure is None, self.instrument.failure
            self.run_s(step_s)
        return self

    def states(self):
        """(old, new, code) of every change so far."""
        found = (STATE_LINE.fullmatch(line) for line in self.lines)
        return [(m[1], m[2], int(m[3])) for m in found if m]

    def edges(self):
        """Rising edges of both enables, as the plant counted them."""
        counters = self.plant.counters
        return counters["tec_enable.edges"] + counters["led_enable.edges"]


def violations(rig):
    return list(rig.plant.judge.violations)
