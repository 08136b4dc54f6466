# SPDX-License-Identifier: Apache-2.0
"""Moments of a run at which row L1R ends it; each is waited for, none is made up."""

import re
import time
from collections.abc import Callable
from typing import Protocol

from edgeleak.console.client import Client, connect
from edgeleak.errors import EdgeLeakError

MOST_S, LOOK_S = 90.0, 0.02
"""A start on a busy machine; a correction takes half a second."""
FLOWS_A = 0.1
STATE = re.compile(rb"STATE \w+ (\w+) ")
ASK_S = 5.0


class Running(Protocol):
    """What a moment sees of `rows_kill.Camera`."""

    said: bytes

    @property
    def socket(self) -> str: ...
    def listen(self, for_s: float) -> None: ...
    def truth(self) -> dict: ...
    def is_alive(self) -> bool: ...
    def is_driving(self) -> bool: ...
    def until_driving(self) -> bool: ...


def driving(camera: Running) -> bool:
    """NO GAS has been said and both outputs drive."""
    return camera.until_driving()


def cooling(camera: Running) -> bool:
    """On the way to the set-point: current flows, and nothing has been corrected yet."""
    return _until(camera, lambda: _state(camera) == b"cooling" and _flows(camera))


def correcting(camera: Running) -> bool:
    """A correction is being taken, the cooler holds."""
    return _until(camera, lambda: _state(camera) == b"nuc" and _flows(camera))


def powered(camera: Running) -> bool:
    """Both outputs drive, whatever is said."""
    return _until(camera, camera.is_driving)


def recording(camera: Running) -> bool:
    """A recording that was ordered has frames on the storage."""
    return powered(camera) and _asked(camera, "REC:STAT ON", "REC:INFO?", _has_frames)


def warming(camera: Running) -> bool:
    """Told to switch the cooler off, it warms the detector on the ramp."""
    return powered(camera) and _asked(
        camera, "COOL:STAT OFF", "COOL:PHAS?", lambda said: said.lower() == "warm"
    )


def _has_frames(said: str) -> bool:
    phase, written = said.split(",")[:2]
    return phase.lower() != "idle" and float(written) > 0


def _until(camera: Running, holds: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + MOST_S
    while time.monotonic() < end_s and camera.is_alive():
        camera.listen(LOOK_S)
        if holds():
            return True
    return False


def _state(camera: Running) -> bytes:
    return (STATE.findall(camera.said) or [b""])[-1]


def _flows(camera: Running) -> bool:
    truth = camera.truth()
    return bool(truth["tec_enabled"] and truth["tec_a"] > FLOWS_A)


def _asked(camera: Running, order: str, query: str, holds: Callable[[str], bool]) -> bool:
    """Order it at level operate, then ask until it is so."""
    end_s = time.monotonic() + ASK_S
    try:
        with Client(connect(camera.socket, 0)) as client:
            client.start()
            client.write(order)
            while time.monotonic() < end_s:
                camera.listen(LOOK_S)
                if holds(client.query(query)):
                    return True
    except EdgeLeakError as error:
        camera.said += f" console: {error}".encode()
    return False
