# SPDX-License-Identifier: Apache-2.0
"""The service manager hears only what was proven; a real datagram socket listens."""

import itertools
import os
import socket

import pytest

from edgeleak.services.watchdog import EXTENSION_S, Notifier, Starts, Watchdog

NS = 10**9


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self):
        found = []
        while True:
            try:
                found += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    abstract = f"@edgeleak-test-{os.getpid()}-{request.node.name}"
    address = str(tmp_path / "notify") if request.param == "path" else abstract
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    return Manager(address)


def all_noted(watchdog):
    watchdog.note_frame()
    watchdog.note_control()
    watchdog.note_console()


def test_ready_once_then_fed(manager):
    notifier = Notifier.from_environment()
    assert notifier.watchdog_us == 2_000_000
    watchdog = Watchdog(notifier, lambda: True)
    watchdog.ready("detecting")
    watchdog.ready("detecting")
    all_noted(watchdog)
    assert watchdog.feed(False)
    watchdog.stopping()
    assert manager.heard() == ["READY=1", "STATUS=detecting", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("missing", ["frame", "control", "console"])
def test_one_thing_missing_starves_the_watchdog(manager, missing):
    watchdog = Watchdog(Notifier.from_environment(), lambda: True)
    for _ in range(5):
        for name in {"frame", "control", "console"} - {missing}:
            getattr(watchdog, f"note_{name}")()
        assert not watchdog.feed(False)
    assert manager.heard() == []
    assert watchdog.refusals == 5
    getattr(watchdog, f"note_{missing}")()
    assert watchdog.feed(False)
    assert not watchdog.feed(False), "each feed needs everything anew"


@pytest.mark.parametrize(("are_off", "frame"), list(itertools.product([True, False], repeat=2)))
def test_at_rest_the_outputs_stand_for_the_frame(manager, are_off, frame):
    watchdog = Watchdog(Notifier.from_environment(), lambda: are_off)
    watchdog.note_control()
    watchdog.note_console()
    if frame:
        watchdog.note_frame()
    assert watchdog.feed(is_at_rest=True) is are_off


def test_time_is_extended_by_measured_progress_only(manager):
    watchdog = Watchdog(Notifier.from_environment(), lambda: True)
    message = f"EXTEND_TIMEOUT_USEC={round(EXTENSION_S * 1e6)}"
    watchdog.progress(1, float("inf"))
    assert manager.heard() == [message]
    watchdog.progress(2, 40.0)
    assert manager.heard() == [message]
    for distance_k in (40.0, 39.9, 39.6, 41.0, 39.7):
        watchdog.progress(2, distance_k)
    assert manager.heard() == [], "standing still, noise, or the wrong way"
    watchdog.progress(2, 39.4)
    watchdog.progress(1, 39.2)
    assert manager.heard() == [message]
    watchdog.ready("detecting")
    watchdog.progress(3, 1.0)
    assert message not in manager.heard()


def test_a_slow_or_missing_manager_never_stops_us(manager, monkeypatch):
    notifier = Notifier.from_environment()
    for _ in range(100_000):
        notifier.send("WATCHDOG=1")
    assert notifier.lost > 0
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    gone = Notifier.from_environment()
    gone.send("READY=1")
    assert gone.lost == 1
    monkeypatch.delenv("NOTIFY_SOCKET")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    nobody = Notifier.from_environment()
    nobody.send("READY=1")
    assert (nobody.sent, nobody.lost, nobody.watchdog_us) == (0, 0, 0)


def test_starts_within_a_minute_are_counted(tmp_path):
    starts = Starts(tmp_path / "starts.json")
    counts = []
    for k in range(8):
        counts.append(starts.begin(k * 10 * NS))
        starts.ready()
    assert counts == [1, 2, 3, 4, 5, 6, 7, 7]
    starts.end_well()
    assert starts.begin(80 * NS) == 1


def test_starts_that_never_got_ready_are_counted_until_one_does(tmp_path):
    starts = Starts(tmp_path / "starts.json")
    assert [starts.begin(k * 115 * NS) for k in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    starts.ready()
    assert starts.begin(7 * 115 * NS) == 1


@pytest.mark.parametrize("content", ["", "{", "[1, 2", '{"a": 1}', '["x", null, 1.5, true]',
                                     "[99999999999999]", "\0\0\0",
                                     "[[0, 1]]", "[[true, false]]", "[[0]]",
                                     "[[1e9, false]]"])  # fmt: skip
def test_a_damaged_file_counts_as_none(tmp_path, content):
    path = tmp_path / "starts.json"
    path.write_text(content)
    assert Starts(path).begin(NS) == 1


def test_a_missing_folder_does_not_stop_a_start(tmp_path):
    assert Starts(tmp_path / "no" / "starts.json").begin(NS) == 1


def test_ready_is_said_until_it_is_heard(manager):
    notifier = Notifier.from_environment()
    while notifier.send("STATUS=busy"):
        pass
    watchdog = Watchdog(notifier, lambda: True)
    watchdog.ready("detecting")
    assert not watchdog.is_ready
    manager.heard()
    watchdog.ready("detecting")
    assert watchdog.is_ready
    assert manager.heard()[0] == "READY=1"
