# SPDX-License-Identifier: Apache-2.0
"""Guessing a PIN costs ever more time; neither a restart nor a cut of power gives tries back."""

import json
import os

import pytest

from edgeleak.console import pins as module
from edgeleak.console.pins import FREE_TRIES, LONGEST_S, Pins, Refused
from edgeleak.errors import StorageError, UnsettledError

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


def test_a_pin_whose_file_is_in_place_counts_before_and_after_a_restart(
    tmp_path, clock, loose_folders
):
    pins = Pins(tmp_path / "pins.json", clock)
    with pytest.raises(UnsettledError, match="in place"):
        pins.choose("operate", "4711")
    for one in (pins, Pins(tmp_path / "pins.json", clock)):
        assert one.has("operate")
        one.check("operate", "4711")


def test_who_removes_a_file_whose_name_may_not_last_removes_the_pins(
    tmp_path, clock, loose_folders
):
    pins = Pins(tmp_path / "pins.json", clock)
    with pytest.raises(UnsettledError):
        pins.choose("operate", "4711")
    (tmp_path / "pins.json").unlink()
    pins.look()
    assert not pins.has_any


def test_files_of_before_count_none_and_odd_ones_are_refused(tmp_path, clock):
    pins = chosen(tmp_path, clock)
    path = tmp_path / "pins.json"
    table = json.loads(path.read_text())
    del table["wrong"]
    path.write_text(json.dumps(table))
    Pins(path, clock).check("operate", "4711")
    for wrong in (-1, "3", 1.5):
        path.write_text(json.dumps(table | {"wrong": wrong}))
        assert "log-in is off" in Pins(path, clock).trouble
    assert pins.has("operate")


@pytest.mark.parametrize("left", [b"", b"\0" * 300, b"{}", b"[" * 100_000, b'{"pins": 1}'])
def test_an_unreadable_file_turns_log_in_off_until_it_is_removed(tmp_path, clock, left):
    path = tmp_path / "pins.json"
    path.write_bytes(left)
    pins = Pins(path, clock)
    for ask in (lambda: pins.check("operate", "4711"), lambda: pins.choose("operate", "4711")):
        with pytest.raises(Refused, match="remove it and choose new PINs at the cable"):
            ask()
    assert path.read_bytes() == left
    path.unlink()
    pins.choose("operate", "4711")
    pins.check("operate", "4711")
    assert not pins.trouble


def test_who_removes_the_file_removes_pins_and_tries_without_a_restart(tmp_path, clock):
    pins = chosen(tmp_path, clock)
    guess(pins, FREE_TRIES, clock)
    assert pins.has("operate")
    (tmp_path / "pins.json").unlink()
    assert not pins.has("operate")
    with pytest.raises(Refused, match="no PIN for operate was chosen yet"):
        pins.check("operate", "4711")
    assert not (tmp_path / "pins.json").exists()
    assert (pins.has_any, pins.wait_s()) == (False, 0)
    pins.choose("operate", "new!")
    pins.check("operate", "new!")


@pytest.mark.parametrize("name", ["open", "fchmod", "ftruncate", "write", "fsync", "rename"])
def test_a_power_cut_at_the_first_pin_leaves_a_whole_file_or_none(
    tmp_path, clock, monkeypatch, name
):
    def cut(*_):
        raise KeyboardInterrupt

    path = tmp_path / "pins.json"
    with monkeypatch.context() as patch:
        patch.setattr(os, name, cut)
        with pytest.raises(KeyboardInterrupt):
            chosen(tmp_path, clock)
    assert not path.exists()
    assert not Pins(path, clock).trouble
    (tmp_path / ".pins.json.part").touch(0o666)
    chosen(tmp_path, clock)
    assert path.stat().st_mode & 0o777 == 0o600


def test_wrong_tries_of_one_client_lock_out_no_other(tmp_path, clock):
    pins = chosen(tmp_path, clock)
    for user in range(module.CLIENTS_MOST + 9):
        for _ in range(FREE_TRIES):
            with pytest.raises(Refused):
                pins.check("operate", "0000", f"user {user}")
    for again in (pins, Pins(tmp_path / "pins.json", clock)):
        assert again.wait_s("user 0") == 1
        assert again.wait_s(module.OTHERS) > 0
        assert again.wait_s() == 0
        with pytest.raises(Refused, match="too many"):
            again.check("operate", "4711", "user 99")  # one of those counted together
        again.check("operate", "4711")
    clock.now_ns += NS
    pins.check("operate", "4711", "user 0")
