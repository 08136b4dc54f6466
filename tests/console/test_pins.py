# SPDX-License-Identifier: Apache-2.0
"""Guessing a PIN costs ever more time; neither a restart nor a cut of power gives tries back."""

import json

import pytest

from edgeleak.console import pins as module
from edgeleak.console.pins import FREE_TRIES, LONGEST_S, Pins, Refused
from edgeleak.errors import DataError, StorageError

NS = 10**9


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The hash is not what is tested here."""
    monkeypatch.setattr(module, "ROUNDS", 10)


class Clock:
    def __init__(self):
        self.now_ns = 5 * NS

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


def chosen(folder, clock):
    pins = Pins(folder / "pins.json", clock)
    pins.choose("operate", "4711")
    return pins


def guess(pins, count, clock):
    for _ in range(count):
        clock.now_ns += LONGEST_S * NS
        with pytest.raises(Refused, match="wrong PIN"):
            pins.check("operate", "0000")


def test_wrong_tries_wait_ever_longer_up_to_a_limit(tmp_path, clock):
    pins = chosen(tmp_path, clock)
    guess(pins, FREE_TRIES - 1, clock)
    assert pins.wait_s() == 0
    waits = []
    for _ in range(12):
        guess(pins, 1, clock)
        waits.append(pins.wait_s())
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_restart_gives_no_tries_back(tmp_path, clock):
    guess(chosen(tmp_path, clock), FREE_TRIES + 4, clock)
    again = Pins(tmp_path / "pins.json", clock)
    assert again.wait_s() == 16
    with pytest.raises(Refused, match="wait 16 s"):
        again.check("operate", "4711")
    clock.now_ns += 16 * NS
    again.check("operate", "4711")
    assert Pins(tmp_path / "pins.json", clock).wait_s() == 0


def test_a_try_counts_before_it_is_looked_at(tmp_path, clock, monkeypatch):
    """Power cut as soon as the answer is known, or before: the file has the try already."""
    pins = chosen(tmp_path, clock)

    def cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.hmac, "compare_digest", cut)
    for _ in range(FREE_TRIES):
        with pytest.raises(KeyboardInterrupt):
            pins.check("operate", "0000")
    assert Pins(tmp_path / "pins.json", clock).wait_s() == 1


def test_a_full_storage_does_not_lock_out_who_has_the_pin(tmp_path, clock, monkeypatch):
    pins = chosen(tmp_path, clock)

    def full(*_):
        raise StorageError("no space left")

    monkeypatch.setattr(module, "replace_text", full)
    guess(pins, FREE_TRIES, clock)
    assert pins.wait_s() == 1  # counted in memory all the same
    clock.now_ns += NS
    pins.check("operate", "4711")


def test_files_of_before_count_none_and_odd_ones_are_refused(tmp_path, clock):
    pins = chosen(tmp_path, clock)
    path = tmp_path / "pins.json"
    table = json.loads(path.read_text())
    del table["wrong"]
    path.write_text(json.dumps(table))
    Pins(path, clock).check("operate", "4711")
    for wrong in (-1, "3", 1.5):
        path.write_text(json.dumps(table | {"wrong": wrong}))
        with pytest.raises(DataError, match="holds no PINs"):
            Pins(path, clock)
    assert pins.has("operate")
