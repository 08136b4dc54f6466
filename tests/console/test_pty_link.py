# SPDX-License-Identifier: Apache-2.0
"""A pty as the far end of a console."""

import os

import pytest

from edgeleak.console.pty_link import PtyLink
from edgeleak.console.tree import Level
from edgeleak.errors import StorageError


def test_a_pty_is_raw_and_gone_with_the_console(console, tmp_path):
    link = PtyLink(tmp_path / "port")
    console.console.server.peers.append(console.console.server._peer(link, Level.LOOK, 0))
    far = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
    os.write(far, b"*IDN?\n")
    console.poll(2)
    assert os.read(far, 100) == b"EdgeLeak,el1-a,0000,0.1.0\n"
    os.close(far)
    console.poll(2)
    console.console.close()
    assert not (tmp_path / "port").is_symlink()
    (tmp_path / "port").write_text("taken")
    with pytest.raises(StorageError, match="not"):
        PtyLink(tmp_path / "port")
