# SPDX-License-Identifier: Apache-2.0
"""A busio-like bus over the register models, for drivers that other people wrote."""

import contextlib

import pytest
from sim.chips.direct_bus import BYTE_NS

from edgeleak.sim.chips.chip import Nack


class Busio:
    """What `adafruit_bus_device` asks of `busio.I2C`; time goes on with each byte."""

    def __init__(self, clock, *chips):
        self.clock = clock
        self.chips = {chip.address: chip for chip in chips}

    def try_lock(self):
        return True

    def unlock(self):
        pass

    def _transfer(self, address, data, read_length):
        self.clock.now_ns += BYTE_NS * (1 + len(data) + read_length)
        if address not in self.chips:
            raise OSError(121, "no acknowledge")
        try:
            return self.chips[address].transfer(bytes(data), read_length)
        except Nack:
            raise OSError(121, "no acknowledge") from None

    def writeto(self, address, buffer, *, start=0, end=None):
        self._transfer(address, buffer[start:end], 0)

    def readfrom_into(self, address, buffer, *, start=0, end=None):
        end = len(buffer) if end is None else end
        buffer[start:end] = self._transfer(address, b"", end - start)

    def writeto_then_readfrom(self, address, out_buffer, in_buffer, *, out_start=0, out_end=None,
                              in_start=0, in_end=None):  # fmt: skip
        in_end = len(in_buffer) if in_end is None else in_end
        data = out_buffer[out_start:out_end]
        in_buffer[in_start:in_end] = self._transfer(address, data, in_end - in_start)


@contextlib.contextmanager
def simulated_sleep(module, clock):
    """`time.sleep` of that module moves `clock`; nothing waits."""

    class Time:
        @staticmethod
        def sleep(seconds):
            clock.now_ns += round(seconds * 1e9)

        @staticmethod
        def monotonic():
            return clock.now_ns / 1e9

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", Time)
        yield
