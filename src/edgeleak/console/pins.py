# SPDX-License-Identifier: Apache-2.0
"""PINs of the levels: none at first, chosen by whoever has the instrument in hand.

The file holds a salted hash; its mode keeps it from other users, because a short PIN falls to
anybody who can try at leisure.  Wrong tries wait ever longer, for each client by itself, so that
nobody locks out another, and over restarts too: a try is counted in the file before it is looked
at.

Who removes the file removes the PINs, at the next try and without a restart.  A file that cannot be
read turns log-in off, and a first PIN too, or whoever damages it would be
the owner; only its removal helps.  The instrument measures all the same.
"""

import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path

from edgeleak.clock import NS_PER_S
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, EdgeLeakError, StorageError, UnsettledError

PINS_NAME = "pins.json"
LEAST, MOST = 4, 32
ROUNDS = 200_000
"""A tenth of a second on a desktop, about a second on the board; in the clerk's thread."""
FREE_TRIES = 3
CABLE, OTHERS = "cable", "others"
CLIENTS_MOST = 32
"""Counted one by one, all after them together; the cable always has a count of its own."""
LONGEST_S = 300
MODE = 0o600
FORMAT = 1


class Refused(EdgeLeakError):
    """A PIN that is wrong, or tried too soon."""

    exit_code = 77


class Pins:
    """Hashes by level name; every method but `wait_s` and `has` may take long.

    path     : file in the state folder
    clock_ns : for the back-off
    """

    def __init__(self, path: Path, clock_ns: Callable[[], int]) -> None:
        self._path, self._clock_ns = path, clock_ns
        self._hashes: dict[str, dict[str, str]] = {}
        self._wrong: dict[str, int] = {}
        self._not_before_ns: dict[str, int] = {}
        self.trouble = ""
        """Why log-in is off and what to do; empty when it is on."""
        self._was_there = os.path.lexists(path)
        try:
            self._hashes, self._wrong = _read(path)
        except DataError as error:
            self.trouble = str(error)
        for client in self._wrong:
            self._delay(client)

    def has(self, level: str) -> bool:
        """A PIN was chosen, and its file is still there: one look at a name, no reading."""
        return level in self._hashes and os.path.lexists(self._path)

    @property
    def has_any(self) -> bool:
        """A PIN of any level was chosen."""
        return bool(self._hashes)

    def wait_s(self, client: str = CABLE) -> float:
        """Until its next try is looked at."""
        return max(0, self._not_before_ns.get(client, 0) - self._clock_ns()) / NS_PER_S

    def check(self, level: str, pin: str, client: str = CABLE) -> None:
        """Refused when it is wrong or too soon, without saying which part of it.

        client : who tries, the same however often it connects
        """
        self.look()
        client = self._counted_as(client)
        if (wait_s := self.wait_s(client)) > 0:
            raise Refused(f"too many wrong PINs: wait {wait_s:.0f} s")
        entry = self._hashes.get(level)
        if entry is None:
            raise Refused(f"no PIN for {level} was chosen yet; use SYSTem:PIN at the cable")
        self._count(
            client, self._wrong.get(client, 0) + 1
        )  # first: whoever cuts the power has used up a try
        if not hmac.compare_digest(_hash(pin, bytes.fromhex(entry["salt"])), entry["hash"]):
            self._delay(client)
            raise Refused(f"wrong PIN for {level}")
        self._count(client, 0)

    def _counted_as(self, client: str) -> str:
        is_known = client in self._wrong or client == CABLE
        return client if is_known or len(self._wrong) < CLIENTS_MOST else OTHERS

    def choose(self, level: str, pin: str) -> None:
        """Keep a new PIN.

        StorageError when it could not be written and the old one stays, UnsettledError when the
        new one counts and a power cut may bring the old one back.
        """
        self.look()
        salt = os.urandom(16)
        hashes = self._hashes | {level: {"salt": salt.hex(), "hash": _hash(pin, salt)}}
        try:
            self._write(hashes)
        except UnsettledError:
            self._hashes = hashes  # as the file has it, and the next start
            raise
        self._hashes = hashes

    def look(self) -> None:
        """Refused while it cannot be read.  Once it is gone there are no PINs, without a
        restart."""
        is_there = os.path.lexists(self._path)
        if self.trouble and is_there:
            raise Refused(self.trouble)
        self.trouble = ""
        if self._was_there and not is_there:
            self._hashes, self._wrong, self._not_before_ns = {}, {}, {}
        self._was_there = is_there

    def _write(self, hashes: dict[str, dict[str, str]]) -> None:
        table = {"format": FORMAT, "wrong": self._wrong, "pins": hashes}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            replace_text(self._path, json.dumps(table, indent=1) + "\n", MODE)
        finally:
            self._was_there = self._was_there or os.path.lexists(self._path)

    def _count(self, client: str, wrong: int) -> None:
        """Keep the number; a storage that is full must not lock out who has the PIN."""
        self._wrong = {**self._wrong, client: wrong}
        if not wrong:
            del self._wrong[client]
        with contextlib.suppress(StorageError):
            self._write(self._hashes)

    def _delay(self, client: str) -> None:
        more = self._wrong[client] - FREE_TRIES
        if more >= 0:
            wait_s = min(LONGEST_S, 1 << min(more, 10))
            self._not_before_ns[client] = self._clock_ns() + wait_s * NS_PER_S


def _hash(pin: str, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, ROUNDS).hex()


def _read(path: Path) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """Hashes and wrong tries in a row of each client; files of before counted none, or all
    together."""
    if not os.path.lexists(path):
        return {}, {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        pins, wrong = table["pins"], table.get("wrong", 0)
        for entry in pins.values():
            bytes.fromhex(entry["salt"])
            bytes.fromhex(entry["hash"])
        wrong = wrong if isinstance(wrong, dict) else {CABLE: wrong}
        counts = {str(client): count for client, count in wrong.items() if count != 0}
        is_odd = any(not isinstance(count, int) or count < 0 for count in counts.values())
        if table["format"] != FORMAT or is_odd:
            raise ValueError("unknown format")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"log-in is off: {path} cannot be read; remove it and choose new PINs at the cable"
        ) from error
    return dict(pins), counts
