# SPDX-License-Identifier: Apache-2.0
"""`edgeleak run` killed, stopped and unplugged while it drives; the plant's log is the judge.

Real time, real processes: the firmware on spidev, smbus2 and GPIO calls, one plant for all of
them.  The plant's clock is the machine's, so a fault and its effect have one time.
"""

import contextlib
import math
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from judged import judged
from moments import STATE, Running, cooling, correcting, driving, powered, recording, warming
from row import Outcome, Row

from edgeleak.errors import UnavailableError
from edgeleak.sim.launch import RunningPlant

NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000
OUTPUTS = ("tec_enable", "led_enable")
REFRESH_MS, GRID_MS = 200, 35
"""The board's monostable; and how late the judge may look: it steps every 5 ms and takes its turn
with the other processes of a shared machine.  docs/safety.md states both."""
SILENCE_MS = REFRESH_MS + GRID_MS
EXPIRY_MS, BRIDGE_MS = 150, 60
START_S, WATCH_S, STAYS_S = 90.0, 0.5, 0.5
"""A start takes 15 s, on a busy machine far more."""
SELFTEST = b"STATE boot selftest"
DRIVEN_A = 0.3
"""Held at -16 degC the cooler takes 0.5 to 1 A: an output that stays on would show."""
SETTINGS = """
[sensor]
binning = true
fps = 12.0
[cooler]
set_point_degc = -16.0
stable_s = 1.0
[nuc]
frames = 4
settle_s = 0.2
[console]
serial_device = ""
socket = "{socket}"
"""
STEADY_LIGHT = """
[led]
mode = "on"
"""
KEPT = """
[recorder]
folder = "{folder}/recordings"
"""
SCENARIO = """
summary = "cold already, so that both outputs are on within seconds"
[world]
movers = false
[start]
cold_degc = -16.0
"""


class Camera:
    """One `edgeleak run` on the plant; killed with the block.

    folder   : settings, console socket, and what is lost at a reboot
    settings : more of them than SETTINGS
    state    : what survives a reboot; without one `folder`
    """

    def __init__(self, plant: RunningPlant, folder: Path, settings: str = STEADY_LIGHT,
                 state: Path | None = None) -> None:  # fmt: skip
        self.plant, self.ask = plant, plant.control.ask
        self.folder = folder
        text = SETTINGS.format(socket=folder / "scpi") + settings
        (folder / "edgeleak.toml").write_text(text)
        command = [sys.executable, "-m", "edgeleak", "run", "--config", folder / "edgeleak.toml",
                   "--state", state or folder, "--run", folder, "--seconds", "300"]  # fmt: skip
        self.process = subprocess.Popen(list(map(str, command)), env=plant.environment(),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True)  # fmt: skip
        self.said, self._begin_s = b"", time.monotonic()

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()  # also ends one that is stopped; it never moves again
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def listen(self, for_s: float) -> None:
        """Take its log, so that it never waits for us."""
        assert self.process.stderr is not None
        fd, end_s = self.process.stderr.fileno(), time.monotonic() + for_s
        while (left_s := end_s - time.monotonic()) > 0:
            if select.select([fd], [], [], left_s)[0]:
                part = os.read(fd, 65_536)
                self.said += part
                if not part:  # it is dead; the plant goes on
                    select.select([], [], [], end_s - time.monotonic())

    @property
    def end(self) -> str:
        """Whether it lives, for sentences about what it did."""
        code = self.process.poll()
        return "it lives" if code is None else f"it ended with code {code}"

    def until_selftest_s(self) -> float:
        """How long it took to begin its self-test, seconds; infinite where it does not."""
        while SELFTEST not in self.said and self.process.poll() is None:
            if time.monotonic() - self._begin_s > START_S:
                break
            self.listen(0.01)
        return time.monotonic() - self._begin_s if SELFTEST in self.said else math.inf

    def cpu_s(self) -> float:
        """Processor time of the program so far, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def until_driving(self) -> bool:
        """Both outputs on and the cooler really driven, by the plant's truth."""
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and self.process.poll() is None:
            self.listen(0.05)
            if b"> NO GAS" in self.said and self.is_driving():
                return True
        return False

    def is_driving(self) -> bool:
        """Both outputs are on, and current flows through the cooler."""
        truth = self.ask("truth")["truth"]
        return truth["tec_enabled"] and truth["led_enabled"] and truth["tec_a"] > DRIVEN_A

    @property
    def socket(self) -> str:
        """Of its console."""
        return str(self.folder / "scpi")

    def truth(self) -> dict:
        """Of the plant."""
        return self.ask("truth")["truth"]

    def is_alive(self) -> bool:
        """Its process has not ended."""
        return self.process.poll() is None

    def edges(self, what: str, since_ns: int) -> list[tuple[int, bool]]:
        """(time, is_on) of an enable behind its monostable."""
        log = self.ask("log", what=what, since_ns=since_ns)["log"]
        return [(entry[0], bool(entry[2])) for entry in log]

    def is_on(self, what: str) -> bool:
        return bool(self.ask("truth")["truth"][f"{what}d"])


def _signal(number: int) -> Callable[[Camera], None]:
    return lambda camera: os.kill(camera.process.pid, number)


def _inject(fault: str, **words: object) -> Callable[[Camera], None]:
    return lambda camera: camera.ask("inject", fault=fault, **words) and None


def _unplugged_and_killed(camera: Camera) -> None:
    camera.ask("inject", fault="spi-unplugged")
    camera.process.kill()


@dataclass(frozen=True, slots=True)
class End:
    """Something after which both outputs have to be off.

    what, act : its name; does it
    limit_ms  : until they are
    after     : goes on from there; a sentence for what is wrong, else nothing
    at        : waits for the moment; a passing one is struck at once
    """

    what: str
    act: Callable[[Camera], None]
    limit_ms: int = SILENCE_MS
    after: Callable[[Camera], str] = lambda camera: ""
    at: Callable[[Running], bool] = driving


RESUMES_S = 10.0
SHORT_STOPS_S = (0.12, 0.18, 0.2, 0.22)
"""Around the monostable's time: what was driven may have dropped or not."""


def _resumed(camera: Camera) -> str:
    """It goes on: from 0 A, or with a fault; the plant's judge sees every step."""
    for output in ("tec", "led"):
        camera.ask("release", what=output)
    os.kill(camera.process.pid, signal.SIGCONT)
    if not _goes_on(camera):
        return f"neither drives again nor says a fault: {camera.said[-300:]!r}"
    for stop_s in SHORT_STOPS_S:
        os.kill(camera.process.pid, signal.SIGSTOP)
        time.sleep(stop_s)
        os.kill(camera.process.pid, signal.SIGCONT)
        if not _goes_on(camera):
            return f"stopped for {stop_s} s it never drives again: {camera.said[-300:]!r}"
    return ""


def _goes_on(camera: Camera) -> bool:
    """Both outputs drive again, or it stays at fault and they are off."""
    end_s = time.monotonic() + RESUMES_S
    camera.listen(STAYS_S)
    while time.monotonic() < end_s and camera.process.poll() is None:
        camera.listen(0.1)
        if camera.is_driving():
            return True
    is_fault = STATE.findall(camera.said)[-1] == b"fault"
    return is_fault and not any(camera.is_on(name) for name in OUTPUTS)


SECOND_S, END_S = 0.05, 10.0


def _told_twice(camera: Camera) -> None:
    """A second signal while it shuts down."""
    camera.process.send_signal(signal.SIGTERM)
    time.sleep(SECOND_S)
    camera.process.send_signal(signal.SIGINT)


def _ended(code: int) -> Callable[[Camera], str]:
    """It ends by itself, with this exit code."""

    def after(camera: Camera) -> str:
        end_s = time.monotonic() + END_S
        while camera.is_alive() and time.monotonic() < end_s:
            camera.listen(0.05)
        found = camera.process.poll()
        return "" if found == code else f"exit {found}, expected {code}; {camera.said[-200:]!r}"

    return after


GIVES_UP_MS = 5_000
"""Without its sensor three resynchronisations and two power cycles are tried, then it ends by
itself: 2.4 s measured, the rest is for a busy machine."""
UNAVAILABLE = UnavailableError.exit_code

ENDS = (
    End("SIGKILL", _signal(signal.SIGKILL)),
    End("SIGSTOP", _signal(signal.SIGSTOP)),
    End("SIGSTOP, SIGCONT", _signal(signal.SIGSTOP), after=_resumed),
    End("I2C stuck for ever", _inject("bus-stuck", block_ms=float("inf"))),
    End("all sockets closed", lambda camera: camera.ask("hang-up") and None),
    End("GPIO unplugged", _inject("gpio-unplugged")),
    End("I2C unplugged", _inject("i2c-unplugged"), EXPIRY_MS + BRIDGE_MS + GRID_MS),
    End("SPI unplugged, SIGKILL", _unplugged_and_killed),
    End("SIGKILL while cooling", _signal(signal.SIGKILL), at=cooling),
    End("SIGKILL in a correction", _signal(signal.SIGKILL), at=correcting),
    End("SIGKILL while recording", _signal(signal.SIGKILL), at=recording),
    End("SIGKILL while warming", _signal(signal.SIGKILL), at=warming),
    End("SIGINT in the shutdown", _told_twice, after=_ended(0), at=powered),
    End("SPI unplugged", _inject("spi-unplugged"), GIVES_UP_MS, _ended(UNAVAILABLE), powered),
)
"""Without I2C the program lives and lowers the enables of commands that it could not renew for
150 ms."""


def ends(count: int, seed: int) -> Outcome:
    """L1R: at a random moment of its drive; both outputs off in time and staying off."""
    outcome, rng = Outcome(), random.Random(seed)
    with plant_of(seed) as plant:
        for n in range(count):
            end, wait_s = ENDS[n % len(ENDS)], rng.uniform(0, 1.0)
            judged(outcome, lambda mine: _end_one(plant, mine, end, wait_s))  # noqa: B023 - run at once
    return outcome


@contextlib.contextmanager
def plant_of(seed: int) -> Iterator[RunningPlant]:
    """A plant whose detector is cold already."""
    with tempfile.TemporaryDirectory() as kept:
        scenario = Path(kept) / "cold.toml"
        scenario.write_text(SCENARIO)
        with RunningPlant(scenario=str(scenario), seed=seed) as plant:
            yield plant


@contextlib.contextmanager
def no_limit_broken(plant: RunningPlant, outcome: Outcome, what: str) -> Iterator[None]:
    """The plant's judge has nothing to say about the block."""
    known = len(plant.control.ask("violations")["violations"])
    yield
    found = plant.control.ask("violations")["violations"][known:]
    outcome.expect(not found, f"{what}: the plant's judge: {found[:2]}")


def _end_one(plant: RunningPlant, outcome: Outcome, end: End, wait_s: float) -> None:
    with no_limit_broken(plant, outcome, end.what):
        with tempfile.TemporaryDirectory() as name:
            settings = STEADY_LIGHT + KEPT.format(folder=name)
            with Camera(plant, Path(name), settings) as camera:
                _end(camera, outcome, end, wait_s)
        for fault in plant.control.ask("faults")["faults"]:
            plant.control.ask("clear", fault=fault)
        for output in ("tec", "led"):
            plant.control.ask("release", what=output)


def _end(camera: Camera, outcome: Outcome, end: End, wait_s: float) -> None:
    what, limit_ms = end.what, end.limit_ms
    if not outcome.need(
        end.at(camera), f"{what}: never got there, {camera.end}; {camera.said[-300:]!r}"
    ):
        return
    if end.at is driving:
        _clean(camera, outcome, WATCH_S + wait_s)
    for output in ("tec", "led"):
        camera.ask("require-off", what=output, within_ms=limit_ms, reason=what)
    begin_ns = time.monotonic_ns()
    end.act(camera)
    outcome.executed += 1
    camera.listen(limit_ms / 1000 + STAYS_S)
    is_dark, worst_ms = dark_after(camera, begin_ns)
    outcome.safe_after(worst_ms, limit_ms, what)
    trouble = end.after(camera)
    is_good = outcome.expect(
        is_dark and worst_ms <= limit_ms,
        f"{what}: dark {is_dark}, last off after {worst_ms:.0f} ms; {camera.said[-200:]!r}",
    )
    outcome.trips += outcome.expect(not trouble, f"{what}: {trouble}") and is_good


def dark_after(camera: Camera, begin_ns: int) -> tuple[bool, float]:
    """(both outputs are off, ms until the last of them went off)."""
    edges = [edge for name in OUTPUTS for edge in camera.edges(name, begin_ns)]
    worst_ms = max([(time_ns - begin_ns) / NS_PER_MS for time_ns, is_on in edges if not is_on],
                   default=0.0)  # fmt: skip
    return not any(camera.is_on(name) for name in OUTPUTS), worst_ms


def _clean(camera: Camera, outcome: Outcome, for_s: float) -> None:
    """The same program undisturbed: its outputs stay on."""
    begin_ns = camera.ask("truth")["now_ns"]
    camera.listen(for_s)
    outcome.clean += 1
    drops = [name for name in OUTPUTS for _, is_on in camera.edges(name, begin_ns) if not is_on]
    outcome.false_trips += bool(drops)


ROWS = (
    Row("L1R", "run killed, stopped, unplugged at any moment: off in 200 ms, judged to +35;"
        " continued: no step", "real time", 14, 70, ends, "L1R.patch", 4,
        more=("L1R-continued.patch",), control=0),
)  # fmt: skip
