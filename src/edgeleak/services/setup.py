# SPDX-License-Identifier: Apache-2.0
"""What an instrument is given besides board, settings, buses and clock."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgeleak.calibration import container
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.config import STATE_FOLDER
from edgeleak.services.recorder import Recorder
from edgeleak.services.watchdog import Notifier

CALIBRATION_NAME, LIFE_NAME, STARTS_NAME = "calibration.elcal", "life.json", "starts.json"
RUN_FOLDER = Path("/run/edgeleak")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files are.

    state : survives a reboot: calibration, tuned values, counters
    run   : does not: start times, status
    """

    state: Path = STATE_FOLDER
    run: Path = RUN_FOLDER


@dataclass(slots=True)
class Options:
    """What differs between a board, a test bench and a test.

    log          : gets each line of change; must not block
    notifier     : service manager
    has_recorder : False keeps memory small where nothing is recorded
    recorder     : command of the recorder process; () keeps the ring without a process
    segmenter    : command of the network's process; () starts none, whatever is configured
    safe_mode    : no actuator moves
    starts       : in the last minute or never ready, counted by who opened the buses; 0 counts here
    """

    log: Callable[[str], None] = lambda line: None
    notifier: Notifier = field(default_factory=Notifier)
    has_recorder: bool = True
    recorder: tuple[str, ...] = Recorder.COMMAND
    segmenter: tuple[str, ...] = (sys.executable, "-m", "edgeleak.segment.worker")
    safe_mode: bool = False
    starts: int = 0


def base_calibration(folder: Path, shape: tuple[int, int]) -> Calibration:
    """The factory calibration of the folder; gain one and no bad pixels where there is none."""
    path = folder / CALIBRATION_NAME
    if path.is_file():
        return container.read(path)
    return Calibration(
        Kind.ONE_POINT, np.full(shape, UNITY_GAIN_Q14, np.int16), np.zeros(shape, np.int16),
        np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(shape, np.uint16),
    )  # fmt: skip
