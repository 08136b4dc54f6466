# SPDX-License-Identifier: Apache-2.0
"""Every state a disk may be in when the power goes, from a recorded list of system calls.

The model is the pessimistic reading of POSIX: what was written is on the disk only after an
fsync of that file; until then any part of it in blocks of 512 or 4096 bytes may be missing
(zeros where the length grew); a new name or a rename lasts only after an fsync of the folder,
until then the last ones may be lost, in order.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRACED = "openat,write,pwrite64,rename,renameat,renameat2,fsync,fdatasync,ftruncate,unlink,close"
CALL = re.compile(r"^(?:\d+\s+)?(\w+)\((.*)\)\s+= (-?\d+)")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
ACK = b"ACK "


@dataclass(frozen=True, slots=True)
class Call:
    """One successful system call on a file of the folder."""

    name: str
    path: str = ""
    other: str = ""
    data: bytes = b""
    size: int = 0


@dataclass(slots=True)
class File:
    """An inode: what surely is on the disk, and what may be."""

    durable: bytes = b""
    current: bytearray = field(default_factory=bytearray)

    def states(self) -> Iterator[bytes]:
        """Everything its content may be after a power cut now."""
        now = bytes(self.current)
        yield now
        if now == self.durable:
            return
        yield self.durable
        yield bytes(len(now))  # length grew, no block arrived
        for block in (512, 4096):
            for share in (0.25, 0.5, 0.75):
                cut = int(len(now) * share) // block * block
                if 0 < cut < len(now):
                    yield now[:cut]
                    yield now[:cut] + bytes(len(now) - cut)
                    yield bytes(cut) + now[cut:]


def record(script: str, folder: Path, *arguments: str) -> list[Call]:
    """Run Python code under strace and return what it did to files of `folder`, in order.

    The code says ACK n on standard output once generation n is reported as saved.
    """
    log = folder.parent / "strace.log"
    command = ["strace", "-f", "-xx", "-s", "1000000", "-e", f"trace={TRACED}", "-o", str(log),
               sys.executable, "-c", script, str(folder), *arguments]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
    return list(_calls(log.read_text(), folder))


def _calls(text: str, folder: Path) -> Iterator[Call]:
    opened: dict[int, str] = {}
    inside = str(folder)
    for row in text.splitlines():
        found = CALL.match(row)
        if not found or int(found[3]) < 0:
            continue
        name, arguments, result = found[1], found[2], int(found[3])
        texts = [bytes.fromhex(t.replace("\\x", "")) for t in STRING.findall(arguments)]
        number = re.match(r"\d+", arguments)
        descriptor = int(number[0]) if number else -1
        if name == "openat":
            path = texts[0].decode()
            opened[result] = path
            if path.startswith(inside) and "O_CREAT" in arguments:
                yield Call("create", path)
        elif name == "write" and descriptor == 1 and texts[0].startswith(ACK):
            yield Call("ack", size=int(texts[0].split()[1]))
        elif name.startswith("rename") and texts[0].decode().startswith(inside):
            yield Call("rename", texts[0].decode(), texts[1].decode())
        elif name == "unlink" and texts[0].decode().startswith(inside):
            yield Call("unlink", texts[0].decode())
        elif (path := opened.get(descriptor, "")).startswith(inside):
            if name == "write":
                yield Call("write", path, data=texts[0][:result])
            elif name == "ftruncate":
                yield Call("truncate", path, size=int(arguments.split(",")[1]))
            elif name in ("fsync", "fdatasync"):
                yield Call("fsync", path)


class Disk:
    """Replays calls and enumerates what a power cut may leave."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: dict[int, File] = {}
        self._names: dict[str, int] = {}  # as the kernel sees them
        self._history: list[dict[str, int]] = [{}]  # durable, then one per unsynced change
        self._where: dict[str, int] = {}  # path a descriptor was opened under -> inode
        self.acked = 0

    def apply(self, call: Call) -> None:
        if call.name == "ack":
            self.acked = call.size
        elif call.name == "create":
            if call.path not in self._names:
                self._new(call.path)
            self._where[call.path] = self._names[call.path]
        elif call.name == "write":
            self._file(call.path).current += call.data
        elif call.name == "truncate":
            del self._file(call.path).current[call.size :]
        elif call.name == "fsync":
            self._sync(call.path)
        elif call.name == "rename":
            self._names[call.other] = self._names.pop(call.path)
            self._changed()
        elif call.name == "unlink":
            self._names.pop(call.path, None)
            self._changed()

    def _new(self, path: str) -> None:
        number = len(self._files)
        self._files[number] = File()
        self._names[path] = number
        self._changed()

    def _changed(self) -> None:
        self._history.append(dict(self._names))

    def _file(self, path: str) -> File:
        return self._files[self._where[path]]

    def _sync(self, path: str) -> None:
        if path == self._folder:
            self._history = [dict(self._names)]
        else:
            inode = self._file(path)
            inode.durable = bytes(inode.current)

    def states(self, path: str) -> Iterator[bytes | None]:
        """Everything `path` may hold after a power cut now; None when it is not there."""
        seen: set[bytes | None] = set()
        for names in self._history:
            if path not in names:
                options: Iterator[bytes | None] = iter((None,))
            else:
                options = self._files[names[path]].states()
            for content in options:
                if content not in seen:
                    seen.add(content)
                    yield content
