# SPDX-License-Identifier: Apache-2.0
"""The shortest bus there is: chip models in this process, a clock that moves by hand."""

from edgeleak.errors import BusError
from edgeleak.sim.chips.chip import Nack

BYTE_NS = 22_500
"""Nine bits at 400 kHz."""


class HandClock:
    """Simulated time that `wait_until_ns` moves."""

    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        return self.now_ns

    def monotonic_ns(self):
        return self.now_ns

    def utc_ns(self):
        return self.now_ns

    def wait_until_ns(self, time_ns):
        self.now_ns = max(self.now_ns, time_ns)


class DirectBus:
    """I2cBus over models; a transfer takes the time of its bytes."""

    def __init__(self, clock, *chips):
        self.clock = clock
        self.chips = {chip.address: chip for chip in chips}
        self.transfers = []

    def transfer(self, address, data, read_length=0):
        self.transfers.append((address, bytes(data), read_length))
        self.clock.now_ns += BYTE_NS * (1 + len(data) + read_length)
        try:
            answer = self.chips[address].transfer(bytes(data), read_length)
        except (KeyError, Nack):
            raise BusError(f"I2C 0x{address:02x}: no acknowledge") from None
        assert len(answer) == read_length
        return answer

    def reopen(self):
        pass

    def close(self):
        pass
