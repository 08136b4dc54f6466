# SPDX-License-Identifier: Apache-2.0
"""All three buses on the recorded answers, call by call."""

import os
from collections import deque
from typing import Protocol

from edgeleak.blackbox.calls import Call
from edgeleak.board import Board
from edgeleak.bus.linux import failed, not_opened


class Source(Protocol):
    """Gives the next recorded call of the calling thread; `strict.RepeatedTurns`."""

    def peek(self) -> Call | None: ...

    def answer(self, kind: str, key: tuple[object, ...]) -> Call: ...


class Tape:
    """All three buses on the recorded answers."""

    def __init__(self, tape: Source, board: Board) -> None:
        self._tape, self._board = tape, board
        self._edges_ns: dict[str, deque[int]] = {}
        self.max_message_bytes = board.spi.bufsiz_bytes

    def transfer(self, address: int, data: bytes, read_length: int = 0) -> bytes:
        call = self._tape.answer("i2c", (address, bytes(data), read_length))
        refuse(call, f"{self._board.i2c.device} 0x{address:02x}: write {len(data)},"
                      f" read {read_length}")  # fmt: skip
        return bytes(call.data)

    def read_into(self, buffer: memoryview, message_bytes: int = 0) -> int:
        call = self._tape.answer("spi", (len(buffer),))
        refuse(call, f"{self._board.spi.device}: read {len(buffer)}")
        buffer[: len(call.data)] = call.data
        return len(call.data)

    def set(self, name: str, is_active: bool) -> None:
        refuse(self._tape.answer("set", (name, bool(is_active))),
                f"{self._board.gpio.chip}: set {name}")  # fmt: skip

    def get(self, name: str) -> bool:
        call = self._tape.answer("get", (name,))
        refuse(call, f"{self._board.gpio.chip}: get {name}")
        return call.data != b"\0"

    def wait_edge(self, name: str, timeout_s: float) -> int | None:
        queue = self._edges_ns.setdefault(name, deque())
        following = self._tape.peek()
        if not queue and following is not None and following.kind == "edges":
            call = self._tape.answer("edges", (name,))
            refuse(call, f"{self._board.gpio.chip}: edge of {name}")
            queue.extend(call.edges_ns)
        return queue.popleft() if queue else None

    def reopen(self) -> None:
        while (call := self._tape.peek()) is not None and call.kind == "setup":
            self._tape.answer("setup", call.key)
            if call.errno and str(call.key[0]).startswith("open"):
                raise not_opened("device", OSError(call.errno, "recorded"))

    def close(self) -> None: ...


def refuse(call: Call, where: str) -> None:
    if call.errno:
        raise failed(where, OSError(call.errno, os.strerror(call.errno)))
