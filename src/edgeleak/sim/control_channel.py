# SPDX-License-Identifier: Apache-2.0
"""Speaking to the plant behind the firmware's back: one JSON object a line, each way.

    {"do": "inject", "fault": "bus-nack", "address": 72, "count": 3}
    {"do": "clear", "fault": "bus-nack"}
    {"do": "truth"}

An answer holds `"ok": true` and what was asked, or `"ok": false` and `"error"`.
"""

import contextlib
import dataclasses
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from edgeleak.errors import BusError, EdgeLeakError, UsageError
from edgeleak.sim import faults
from edgeleak.sim.plant import Plant
from edgeleak.sim.scenario import Event

MOST_LINE = 1 << 16
NS_PER_MS = 1_000_000


class Commands:
    """What may be asked of a plant."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self.is_quitting = self.is_hanging_up = False

    def run(self, line: bytes) -> dict[str, Any]:
        """One command; never raises."""
        try:
            words = json.loads(line)
            if not isinstance(words, dict):
                raise UsageError(f"expected a JSON object, got {line[:40]!r}")
            name = words.pop("do", "")
            act = COMMANDS.get(name)
            if act is None:
                raise UsageError(f"'{name}' is not known; {faults.near(str(name), COMMANDS)}")
            return {"ok": True, **act(self, **words)}
        except (EdgeLeakError, TypeError, ValueError) as error:
            return {"ok": False, "error": str(error)}

    def inject(self, fault: str, **parameters: Any) -> dict[str, Any]:
        """Break something from now on."""
        self._plant.inject(faults.make(fault, parameters))
        return {"now_ns": self._plant.now_ns}

    def clear(self, fault: str) -> dict[str, Any]:
        """Mend; answers how often it struck."""
        active = self._plant.clear(fault)
        seen, hits = (active.seen, active.hits) if active is not None else (0, 0)
        return {"was_active": active is not None, "seen": seen, "hits": hits}

    def faults(self) -> dict[str, Any]:
        """Everything broken now."""
        active = self._plant.faults.items()
        return {"faults": {name: {"seen": one.seen, "hits": one.hits} for name, one in active}}

    def truth(self) -> dict[str, Any]:
        """True values."""
        return {"now_ns": self._plant.now_ns, "truth": dataclasses.asdict(self._plant.truth)}

    def log(self, since_ns: int = 0, what: str | None = None) -> dict[str, Any]:
        """Actuator writes from a time on."""
        return {"log": self._plant.log.since(since_ns, what)}

    def violations(self) -> dict[str, Any]:
        """Limits broken so far."""
        return {"violations": [one._asdict() for one in self._plant.judge.violations]}

    def counters(self) -> dict[str, Any]:
        """What was called, injected and hit, what became of frames; extremes of the truth."""
        plant = self._plant
        frames = dict(getattr(plant.sensor, "counters", {}))
        return {"counters": dict(plant.counters), "frames": frames, "heard": plant.spoken.heard,
                "extremes": plant.judge.extremes, "now_ns": plant.now_ns}  # fmt: skip

    def scenario(self) -> dict[str, Any]:
        """Which one, and where in it."""
        course, world = self._plant.scenario, dataclasses.asdict(self._plant.world)
        return {"name": course.name, "elapsed_s": self._plant.elapsed_s, "world": world}

    def skip(self, seconds: float) -> dict[str, Any]:
        """Move the scenario on."""
        self._plant.skip(seconds)
        return {"elapsed_s": self._plant.elapsed_s}

    def press(self, line: str, for_s: float) -> dict[str, Any]:
        """Hold an input line for a time."""
        self._plant.set_input(line, True)
        self._plant.schedule(Event(at_s=self._plant.elapsed_s + for_s, line=line))
        return {"now_ns": self._plant.now_ns}

    def require_off(self, what: str, within_ms: float, reason: str) -> dict[str, Any]:
        """Judge that an output is off from then on."""
        by_ns = self._plant.now_ns + round(within_ms * NS_PER_MS)
        self._plant.judge.require_off(what, by_ns, reason)
        return {"by_ns": by_ns}

    def release(self, what: str) -> dict[str, Any]:
        """The output may be on again."""
        self._plant.judge.release(what)
        return {}

    def hear(self, line: str) -> dict[str, Any]:
        """A line that the instrument logged just now, to be judged."""
        return {"is_judged": self._plant.spoken.hear(self._plant.now_ns, line)}

    def promise(self, **words: float) -> dict[str, Any]:
        """What the firmware was told, see `spoken.Promise`."""
        self._plant.spoken.promise = dataclasses.replace(self._plant.spoken.promise, **words)
        return {}

    def hang_up(self) -> dict[str, Any]:
        """Every descriptor of every program dies: its device was pulled out."""
        self.is_hanging_up = True
        return {"now_ns": self._plant.now_ns}

    def quit(self) -> dict[str, Any]:
        """Stop the server."""
        self.is_quitting = True
        return {}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    name.replace("_", "-"): act
    for name, act in vars(Commands).items()
    if callable(act) and not name.startswith("_") and name != "run"
}


class ControlServer:
    """Accepts clients; each line is answered at once."""

    def __init__(self, plant: Plant, path: Path) -> None:
        self._commands, self._path = Commands(plant), path
        with contextlib.suppress(FileNotFoundError):
            if path.is_socket():
                path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}

    def descriptors(self) -> list[int]:
        """What to wait on."""
        return [self._listener.fileno(), *self._clients]

    def serve(self, readable: list[int]) -> bool:
        """Answer; True when somebody asked to quit."""
        for fd in readable:
            if fd == self._listener.fileno():
                client, _ = self._listener.accept()
                client.settimeout(1.0)
                self._clients[client.fileno()] = client, bytearray()
            elif fd in self._clients:
                self._read(fd)
        return self._commands.is_quitting

    def take_hang_up(self) -> bool:
        """Whether somebody asked for it since the last call."""
        asked, self._commands.is_hanging_up = self._commands.is_hanging_up, False
        return asked

    def _read(self, fd: int) -> None:
        client, kept = self._clients[fd]
        try:
            data = client.recv(4096)
            kept += data
            while (end := kept.find(b"\n")) >= 0:
                line = bytes(kept[:end])
                del kept[: end + 1]
                client.sendall(json.dumps(self._commands.run(line)).encode() + b"\n")
        except OSError:
            data = b""
        if not data or len(kept) > MOST_LINE:
            del self._clients[fd]
            client.close()

    def close(self) -> None:
        """Drop everybody."""
        for client, _ in self._clients.values():
            client.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)


class Control:
    """The other end, for tests, campaigns and `edgeleak sim`."""

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(timeout_s)
        try:
            self._link.connect(str(path))
        except OSError as error:
            raise BusError(
                error.errno, f"{path}: {error.strerror}; is the plant running?"
            ) from None
        self._lines = self._link.makefile("rb")

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """One command; UsageError when it is refused, BusError when the plant is gone."""
        try:
            self._link.sendall(json.dumps({"do": do, **words}).encode() + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise BusError(error.errno, f"plant: {error}") from None
        if not line:
            raise BusError("the plant is gone")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise UsageError(str(answer["error"]))
        return answer

    def close(self) -> None:
        self._lines.close()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
