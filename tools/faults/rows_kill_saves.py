# SPDX-License-Identifier: Apache-2.0
"""`edgeleak run` killed in the middle of what it saves for its console, and started again.

A client orders saves without a pause; the files of the state folder are the judge, and so is the
next start, which has to come up with them.
"""

import configparser
import contextlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import numpy as np
from defect import ROOT
from judged import judged
from row import Outcome
from rows_kill import OUTPUTS, SETTINGS, SILENCE_MS, Camera, dark_after, plant_of

from edgeleak import config
from edgeleak.calibration import container, layout
from edgeleak.calibration.model import Calibration, Kind
from edgeleak.console.client import Client, connect
from edgeleak.console.pins import PINS_NAME, Pins
from edgeleak.errors import BusError, EdgeLeakError
from edgeleak.services import life
from edgeleak.services.setup import CALIBRATION_NAME, LIFE_NAME
from edgeleak.sim.launch import RunningPlant

SHAPE = (240, 320)
"""Of the binned sensor."""
FILES = (config.TUNED_NAME, CALIBRATION_NAME)
PIN = "4711"
UP_S, QUIET_S, SAVE_S, LATE_S = 30.0, 0.3, 1.0, 0.003
"""A start; saves before a kill; for a save to begin; and after it has begun."""
NO_ERROR = '0,"No error"'
BACK_S = 3.0
"""From a kill to the self-test of the next start, in processor time: beside other rows the time on
the clock is theirs, too, and is only printed."""
UNIT = ROOT / "firmware/systemd/edgeleak.service"


def file_of(number: int) -> bytes:
    """A calibration with this number."""
    return layout.encode(Calibration(
        Kind.ONE_POINT, np.full(SHAPE, 16384, np.int16), np.full(SHAPE, number, np.int16),
        np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(SHAPE, np.uint16), number,
    ))  # fmt: skip


def order_of(name: str, number: int) -> bytes:
    """What stores generation `number` in a file."""
    if name == config.TUNED_NAME:
        return b":AGC:LEV %d;:SYST:SAVE" % number
    data = file_of(number)
    head = b"%d" % len(data)
    return b"CAL:DATA #%d%s%s,%d" % (len(head), head, data, zlib.crc32(data))


class Store:
    """A state folder, and what the instrument was asked to keep in it and said it had.

    asked, acked : generation of each file
    half, lost   : kills that left a save half done; sentences for what was damaged or gone
    lit, off_ms  : kills that met an output that was on; the longest until both were off
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.has_pin = folder, False
        self.half, self.lost = 0, list[str]()
        self.lit, self.off_ms = 0, 0.0
        self.asked = dict.fromkeys(FILES, 0)
        self.acked = dict.fromkeys(FILES, 0)

    def save(self, client: Client, name: str) -> None:
        """One generation more.  Raises BusError when the instrument dies over it."""
        self.asked[name] = number = self.asked[name] + 1
        client.write(order_of(name, number))
        said = client.query("SYST:ERR?")
        if said != NO_ERROR:
            raise EdgeLeakError(f"{name}, generation {number}: {said}")
        self.acked[name] = number

    def found(self, name: str) -> int:
        """Generation of a file as it is; 0 where there is none.  EdgeLeakError: it is damaged."""
        path = self.folder / name
        if not path.exists():
            return 0
        if name == config.TUNED_NAME:
            return round(config.load([path]).config.picture.agc_level_counts)
        return int(container.read(path).nuc_id)

    def damage(self) -> str:
        """What is wrong with the folder; empty when nothing is.

        What is found counts as acknowledged from now on.
        """
        try:
            for name in FILES:
                number = self.found(name)
                if not self.acked[name] <= number <= self.asked[name]:
                    return f"{name} is generation {number}, {self.acked[name]} was acknowledged"
                self.acked[name] = self.asked[name] = number
            if trouble := self._life_trouble():
                return trouble
            pins = Pins(self.folder / PINS_NAME, time.monotonic_ns)
            return pins.trouble or ("" if pins.has("service") >= self.has_pin else "no PIN")
        except EdgeLeakError as error:
            return str(error)

    def _life_trouble(self) -> str:
        """A start sets a damaged file aside, so that is looked for, too."""
        path = self.folder / LIFE_NAME
        if path.exists():
            life.read(path)
        aside = path.with_name(f"{LIFE_NAME}.damaged")
        return f"{aside.name}: a start met a damaged file" if aside.exists() else ""

    def parts(self) -> list[str]:
        """Saves that have begun and not ended."""
        return [name for name in FILES if (self.folder / f".{name}.part").exists()]


class Saver(threading.Thread):
    """A client that saves until the instrument is dead, or told to end."""

    def __init__(self, store: Store, client: Client) -> None:
        super().__init__(daemon=True)
        self._store, self._client = store, client
        self._end = threading.Event()
        self.trouble = ""

    def run(self) -> None:
        try:
            while not self._end.is_set():
                for name in FILES:
                    self._store.save(self._client, name)
        except BusError:
            return  # killed
        except EdgeLeakError as error:
            self.trouble = str(error)

    def end(self) -> str:
        """Trouble it had."""
        self._end.set()
        self.join()
        return self.trouble


def client_of(camera: Camera) -> Client:
    """At level service.  Raises EdgeLeakError when the instrument does not come up."""
    socket, end_s = camera.folder / "scpi", time.monotonic() + UP_S
    while not socket.exists():
        camera.listen(0.02)
        if time.monotonic() > end_s or camera.process.poll() is not None:
            raise EdgeLeakError(f"it does not start: {camera.said[-300:]!r}")
    client = Client(connect(str(socket), 0))
    client.start()
    return client


def log_in(store: Store, client: Client) -> None:
    """With the PIN that was chosen before the first kill."""
    if not store.has_pin:
        client.write(f'SYST:PIN SERV,"{PIN}"')
        store.has_pin = True
    client.write(f'SYST:LEV SERV,"{PIN}"')
    said = client.query("SYST:ERR?")
    if said != NO_ERROR:
        raise EdgeLeakError(f"log-in: {said}")


def works_with(store: Store, client: Client) -> str:
    """What a start made of the files, as a sentence when it is not what they hold."""
    level, crc = round(float(client.query("AGC:LEV?"))), int(client.query("CAL:CRC?"))
    wanted = store.acked[config.TUNED_NAME]
    if wanted and level != wanted:
        return f"started with setting {level}, stored was {wanted}"
    path = store.folder / CALIBRATION_NAME
    stored = zlib.crc32(path.read_bytes()) if path.exists() else 0
    return "" if crc == stored else "started with another calibration than is stored"


class Manager:
    """What the service manager does before each start: its wait, and the test that has passed.

    `longest_s` is the longest start on the clock.  Raises CalledProcessError when the boot test
    does not pass.
    """

    def __init__(self, plant: RunningPlant, folder: Path) -> None:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.read(UNIT)
        self._wait_s, self._plant = float(unit["Service"]["RestartSec"]), plant
        self.longest_s = 0.0
        (settings := folder / "edgeleak.toml").write_text(SETTINGS.format(socket=folder / "scpi"))
        self._test = [sys.executable, "-m", "edgeleak", "selftest", "--boot",
                      "--config", settings, "--state", folder, "--run", folder]  # fmt: skip
        self.before_start_s()

    def before_start_s(self) -> tuple[float, float]:
        """How long that takes: on the clock, and in processor time; seconds."""
        begin_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(self._test, env=self._plant.environment(), check=True, capture_output=True)
        after, clock_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin_s
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return self._wait_s + clock_s, self._wait_s + cpu_s


def kill_saves(outcome: Outcome, count: int, rng: random.Random, seed: int) -> None:
    """`count` kills in one life of a state folder; then a start that is ended as it should be.

    On a machine that stood still a start may run again; what a kill cost is never forgiven.
    """
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as run, \
         plant_of(seed) as plant:  # fmt: skip
        store, manager = Store(Path(name)), Manager(plant, Path(run))
        for _ in range(count):
            judged(outcome, lambda mine: _once(plant, store, manager, mine, rng))
        judged(outcome, lambda mine: _twin(plant, store, mine))
    outcome.expect(not store.lost, f"run killed: {store.lost[:3]}")
    outcome.notes.append(f"{count} of the kills hit edgeleak run while a client made it save;"
                         f" {store.half} of them left a save half done")  # fmt: skip
    outcome.notes.append(f"from a kill to a self-test {outcome.worst_ms:.0f} ms of processor time,"
                         " the manager's wait and the boot test in it; on the clock"
                         f" {manager.longest_s:.1f} s")  # fmt: skip
    outcome.notes.append(f"{store.lit} of these kills met an output that was on; both were off"
                         f" after {store.off_ms:.0f} ms at most")  # fmt: skip
    outcome.need(store.half > 0 or count < 5, "no kill came in the middle of a save")
    outcome.need(store.lit > 0 or count < 5, "no kill met an output that was on")


def _saving(store: Store, client: Client) -> tuple[Saver, str]:
    """A client that has begun to save, and what was wrong with the start."""
    log_in(store, client)
    trouble = works_with(store, client)
    saver = Saver(store, client)
    saver.start()
    return saver, trouble


def _once(plant: RunningPlant, store: Store, manager: Manager, outcome: Outcome,
          rng: random.Random) -> None:  # fmt: skip
    """Start, save, kill, look."""
    try:
        clock_s, cpu_s = manager.before_start_s()
        with _camera(plant, store) as camera:
            clock_s += camera.until_selftest_s()
            manager.longest_s = max(manager.longest_s, clock_s)
            outcome.safe_after(1000 * (cpu_s + camera.cpu_s()), 1000 * BACK_S, "self-test again")
            trouble = _save_and_kill(store, camera, rng)
    except EdgeLeakError as error:
        trouble = str(error)
    outcome.executed += 1
    store.half += bool(store.parts())
    if damage := store.damage():
        store.lost.append(damage)
    outcome.trips += outcome.expect(not (trouble or damage), f"run killed: {trouble} {damage}")


def _save_and_kill(store: Store, camera: Camera, rng: random.Random) -> str:
    with client_of(camera) as client:
        saver, trouble = _saving(store, client)
        _wait_for_save(store, rng)
        store.lit += any(camera.is_on(name) for name in OUTPUTS)
        begin_ns = time.monotonic_ns()
        camera.process.send_signal(signal.SIGKILL)
        camera.process.wait()
        return trouble or saver.end() or _still_on(store, camera, begin_ns)


def _still_on(store: Store, camera: Camera, begin_ns: int) -> str:
    """What is wrong with the outputs after a kill; empty where both went off and stay off."""
    camera.listen(SILENCE_MS / 1000)
    is_dark, off_ms = dark_after(camera, begin_ns)
    store.off_ms = max(store.off_ms, off_ms)
    if is_dark and off_ms <= SILENCE_MS:
        return ""
    return f"dark {is_dark}, last off after {off_ms:.0f} ms"


@contextlib.contextmanager
def _camera(plant: RunningPlant, store: Store):
    """A run folder for each, as after a boot: kills a second apart would be a crash loop."""
    with tempfile.TemporaryDirectory() as name, \
         Camera(plant, Path(name), state=store.folder) as camera:  # fmt: skip
        yield camera


def _wait_for_save(store: Store, rng: random.Random) -> None:
    """Until some time after the beginning of one; without one, until it should have begun."""
    time.sleep(rng.uniform(0, QUIET_S))
    part, end_s = store.folder / f".{rng.choice(FILES)}.part", time.perf_counter() + SAVE_S
    while not part.exists() and time.perf_counter() < end_s:
        pass
    end_s = time.perf_counter() + rng.uniform(0, LATE_S)
    while time.perf_counter() < end_s:
        pass


def _twin(plant: RunningPlant, store: Store, outcome: Outcome) -> None:
    """The clean twin: it saves, is asked to end, and everything acknowledged is there."""
    try:
        with _camera(plant, store) as camera, client_of(camera) as client:
            saver, trouble = _saving(store, client)
            camera.listen(1.0)
            trouble = trouble or saver.end()
            camera.process.terminate()
            code = camera.process.wait(UP_S)
    except EdgeLeakError as error:
        trouble, code = str(error), -1
    is_acked, lost = store.asked == store.acked, store.damage()
    outcome.clean += sum(store.acked.values())
    is_good = not (trouble or lost or store.parts()) and code == 0 and is_acked
    outcome.false_trips += not outcome.expect(is_good, f"clean run: exit {code}, {trouble} {lost}")
