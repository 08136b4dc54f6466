# SPDX-License-Identifier: Apache-2.0
"""A memory card that can be torn out under the real recorder process; see torn_card.c."""

import errno
import mmap
import os
import shlex
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgeleak.services.recorder import Recorder

SOURCE = Path(__file__).with_name("torn_card.c")
STATE = struct.Struct("=iiii")
GROWS, CHANGES, LOOKS = range(3)


@dataclass(frozen=True)
class Harm:
    """What happens to the card.

    number   : errno of the calls that are refused; 0 none
    what     : up to which kind: GROWS needs room, CHANGES also renames and syncs, LOOKS is all
    stall_ms : each write takes so much longer
    """

    number: int = 0
    what: int = LOOKS
    stall_ms: int = 0


HARMS = {
    "torn out": Harm(errno.ENODEV),
    "reads and writes fail": Harm(errno.EIO),
    "writes fail": Harm(errno.EIO, CHANGES),
    "full": Harm(errno.ENOSPC, GROWS),
    "read-only": Harm(errno.EROFS, CHANGES),
}


class Card:
    """One folder as a card.

    folder : of the recordings; made by the recorder
    work   : for library and state, not on the card

    `said` is a descriptor that becomes readable when a call was struck; `environment` puts any
    program on the card, `command` the recorder.
    """

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        library, state = work / "torn-card.so", work / "torn-card.state"
        if not library.exists():
            _compile(library)
        state.write_bytes(bytes(STATE.size))
        with state.open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), STATE.size)
        pipe = work / "torn-card.says"
        if not pipe.exists():
            os.mkfifo(pipe)
        self.said = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.environment = {"LD_PRELOAD": str(library), "TORN_CARD": str(folder),
                            "TORN_CARD_STATE": str(state), "TORN_CARD_SAYS": str(pipe)}  # fmt: skip
        settings = (f"{name}={value}" for name, value in self.environment.items())
        self.command = ("env", *settings, *Recorder.COMMAND)

    def suffer(self, harm: Harm) -> None:
        """From the next call on."""
        STATE.pack_into(self._state, 0, 0, harm.what, harm.stall_ms, self.struck)
        struct.pack_into("=i", self._state, 0, harm.number)  # last: the others are in force

    def mend(self) -> None:
        """Put back: every call works again."""
        self.suffer(Harm())

    def close(self) -> None:
        os.close(self.said)
        self._state.close()

    @property
    def struck(self) -> int:
        """Calls that were refused or delayed."""
        return int(STATE.unpack_from(self._state)[3])


def _compile(library: Path) -> None:
    flags = "-std=gnu11 -O1 -Wall -Wextra -Werror -fPIC -shared -o"
    subprocess.run(["cc", *shlex.split(flags), str(library), str(SOURCE), "-ldl"], check=True)
