# SPDX-License-Identifier: Apache-2.0
"""The Linux buses through the real spidev and smbus2, and what they say when they cannot open.

Register access, message rules, edges and deaths of either side are in tests/sim/test_preload.py
and tests/sim/test_server.py, which run these classes in processes of their own.
"""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak.bus import linux
from edgeleak.errors import BusError
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

PROGRAMS = Path(__file__).parents[1] / "sim" / "clients.py"
EL1 = boards.load("el1-a")


@pytest.fixture(scope="module")
def plant():
    with RunningPlant() as running:
        yield running


@pytest.fixture
def broken(plant):
    """Inject by name; mended afterwards."""
    yield lambda fault: plant.control.ask("inject", fault=fault)
    for name in plant.control.ask("faults")["faults"]:
        plant.control.ask("clear", fault=name)


def opened(plant, *words):
    result = subprocess.run(
        [sys.executable, str(PROGRAMS), "open_and_fail", *words], env=plant.environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


def test_a_whole_board_opens(plant):
    assert opened(plant) == {"errno": 0}


@pytest.mark.parametrize(
    ("fault", "device"),
    [("spi-unplugged", "/dev/spidev0.0"), ("i2c-unplugged", "/dev/i2c-1"),
     ("gpio-unplugged", "/dev/gpiochip0")],
)  # fmt: skip
def test_a_missing_node_names_itself_and_the_overlay(plant, broken, fault, device):
    broken(fault)
    found = opened(plant)
    assert (found["errno"], found["exit_code"]) == (errno.ENOENT, 69)
    assert found["text"].startswith(f"[Errno 2] {device}: ")
    assert "overlay" in found["text"]


def test_a_kernel_with_a_smaller_limit_is_said_at_opening(plant, tmp_path):
    text = boards.find("el1-a").read_text().replace("bufsiz_bytes = 65536", "bufsiz_bytes = 131072")
    path = tmp_path / "board.toml"
    path.write_text(text)
    found = opened(plant, str(path))
    assert (found["errno"], found["exit_code"]) == (errno.EMSGSIZE, 78)
    assert "takes 65536 bytes a message" in found["text"]
    assert "'options spidev bufsiz=131072' into /etc/modprobe.d" in found["text"]
    assert "spidev.bufsiz=131072" in found["text"]


def test_lines_held_by_somebody_else_are_busy(plant):
    holder = subprocess.Popen(
        [sys.executable, str(PROGRAMS), "hold_enable"], env=plant.environment(), text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "refreshed\n"
        found = opened(plant)
        assert (found["errno"], found["exit_code"]) == (errno.EBUSY, 75)
        assert "another program" in found["text"]
    finally:
        holder.kill()
        holder.communicate()
    assert opened(plant) == {"errno": 0}


@pytest.mark.parametrize(
    ("number", "code", "step"),
    [(errno.EACCES, 77, "groups"), (errno.EPERM, 77, "groups"), (errno.ENOENT, 69, "overlay"),
     (errno.EIO, 69, "dmesg"), (errno.ENOTTY, 78, "another kind")],
)  # fmt: skip
def test_every_reason_not_to_open_has_exit_code_and_next_step(number, code, step):
    made = linux.not_opened("/dev/x", OSError(number, os.strerror(number)))
    assert (made.errno, made.exit_code) == (number, code)
    assert step in str(made)
    assert BusError.exit_code == 69  # that of the class is untouched


def test_nodes_that_are_not_there_at_all():
    """This process has no plant: the plain machine answers."""
    for act in (
        lambda: linux.LinuxI2c("/dev/i2c-97"),
        lambda: linux.LinuxSpi("/dev/spidev97.0", 3, 1_000_000, 4096),
        lambda: linux.LinuxGpio(dataclasses.replace(EL1.gpio, chip="/dev/gpiochip97")),
    ):
        with pytest.raises(BusError) as failed:
            act()
        assert failed.value.errno == errno.ENOENT


def test_a_device_of_another_kind():
    with pytest.raises(BusError, match="/dev/spidevBUS"):
        linux.LinuxSpi("/dev/sda", 3, 1_000_000, 4096)
    with pytest.raises(BusError) as failed:
        linux.LinuxGpio(dataclasses.replace(EL1.gpio, chip="/dev/null"))
    assert failed.value.exit_code == 78


def test_names_that_the_board_does_not_have():
    lines = object.__new__(linux.LinuxGpio)
    lines._chip, lines._places, lines._inputs, lines._edges = "/dev/g", {"fan": 0}, {}, {}
    for act in (
        lambda: lines.set("fam", True),
        lambda: lines.get("fam"),
        lambda: lines.wait_edge("fan", 0),
    ):
        with pytest.raises(BusError, match=r"fam|fan") as failed:
            act()
        assert failed.value.errno == errno.EINVAL


class SlowAdapter:
    """smbus2.SMBus whose transfer lasts until `go`; it notes a close under a transfer."""

    def __init__(self, device):
        self.is_busy, self.went_wrong, self.is_closed = threading.Event(), False, False
        self.go = threading.Event()
        SlowAdapter.newest = self

    def i2c_rdwr(self, *parts):
        self.is_busy.set()
        assert self.go.wait(5)
        self.went_wrong |= self.is_closed

    def close(self):
        self.is_closed = True


@pytest.fixture
def slow(monkeypatch):
    """(bus, its adapter, thread within a transfer)."""
    message = types.SimpleNamespace(write=lambda *a: b"", read=lambda a, n: bytes(n))
    module = types.SimpleNamespace(SMBus=SlowAdapter, i2c_msg=message)
    monkeypatch.setitem(sys.modules, "smbus2", module)
    bus = linux.LinuxI2c("/dev/i2c-1")
    adapter = SlowAdapter.newest
    thread = threading.Thread(target=bus.transfer, args=(0x48, b"", 2))
    thread.start()
    assert adapter.is_busy.wait(5)
    yield bus, adapter, thread
    adapter.go.set()
    thread.join(5)


def test_reopening_waits_for_a_transfer_of_another_thread(slow):
    bus, adapter, thread = slow
    other = threading.Thread(target=bus.reopen)
    other.start()
    other.join(0.1)
    assert not adapter.is_closed
    adapter.go.set()
    other.join(5)
    thread.join(5)
    assert adapter.is_closed
    assert not adapter.went_wrong
    assert SlowAdapter.newest is not adapter


def test_the_end_does_not_wait_for_a_transfer_that_hangs(slow):
    bus, adapter, _ = slow
    bus.close()
    assert not adapter.is_closed
