# SPDX-License-Identifier: Apache-2.0
"""The host's plot: drawn from an instrument, paused by a reset, going on after it."""

import threading

import pytest
from console_bench import Bench

from edgeleak.cli.console import pictures
from edgeleak.console.listener import UnixListener
from edgeleak.errors import MissingInputError

TURN_NS = 20_000_000


class Served:
    """A bench behind a socket, polled by a thread until the block ends: a reset."""

    def __init__(self, folder):
        self._bench = Bench(folder)
        self._server = self._bench.console.server
        self._server._listener = UnixListener(folder / "scpi")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        at_ns = self._bench.clock.monotonic_ns()
        while not self._stop.wait(0.001):
            at_ns += TURN_NS
            self._server.poll(at_ns)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join(20)
        for peer in self._server.peers:
            peer.link.close()
        self._bench.console.close()


def test_a_plot_goes_on_after_a_reset(tmp_path):
    shown = pictures(str(tmp_path / "scpi"), 0, 20.0)
    with Served(tmp_path):
        first = next(shown)
        assert "detector" in first
        assert "█" in first
    assert "is gone; waiting" in next(shown)
    assert "is gone; waiting" in next(shown)
    with Served(tmp_path):
        assert "detector" in next(shown)


def test_no_instrument_at_first_is_an_error(tmp_path):
    with pytest.raises(MissingInputError):
        next(pictures(str(tmp_path / "none"), 0, 1.0))
