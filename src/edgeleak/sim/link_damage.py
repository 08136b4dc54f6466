# SPDX-License-Identifier: Apache-2.0
"""What the plant's faults do to a sensor's frames, packets and messages.

Faults of a line (CrcError, DropLine, ...) have the frame as their event: each frame that is hit
loses one random line to it.  LostSync and ShortRead have the message as their event.
"""

import numpy as np

from edgeleak.drivers import el640_link as chip
from edgeleak.frame import MAX_COUNTS
from edgeleak.kernels import seal_el640
from edgeleak.sim import faults
from edgeleak.sim.host import Host


class Damage:
    """Asks the plant what is broken and breaks it.

    plant : counts every hit
    seed  : which line, bit and byte
    """

    def __init__(self, plant: Host, seed: int) -> None:
        self._plant = plant
        self._rng = np.random.default_rng((seed, 640))
        self._loop: list[np.ndarray] = []
        self._turn = 0
        self._stuck: tuple[int, int] | None = None

    # --- pixels and counters -----------------------------------------------------------------

    def pixels(self, counts: np.ndarray) -> np.ndarray:
        """Frozen, blank or saturated pictures."""
        if not self._plant.faults:
            self._loop.clear()
            return counts
        counts = self._frozen(counts)
        if (stuck := self._plant.take(faults.PixelsStuck)) is not None:
            counts = np.full_like(counts, min(stuck.counts, MAX_COUNTS))
        if (glare := self._plant.take(faults.SaturatedScene)) is not None:
            counts = counts.copy()
            counts.reshape(-1)[: round(glare.share * counts.size)] = MAX_COUNTS
        return counts

    def _frozen(self, counts: np.ndarray) -> np.ndarray:
        frozen = self._plant.take(faults.FrozenFrame)
        if frozen is None:
            self._loop.clear()
            return counts
        if len(self._loop) < frozen.loop:
            self._loop.append(counts.copy())
            return counts
        self._turn = (self._turn + 1) % len(self._loop)
        return self._loop[self._turn - 1]

    def numbers(self, frame: int, uptime_ms: int) -> tuple[int, int]:
        """Frame number and uptime, or those of the moment when they stopped."""
        if not self._plant.faults or self._plant.take(faults.CounterStuck) is None:
            self._stuck = None
            return frame, uptime_ms
        if self._stuck is None:
            self._stuck = frame, uptime_ms
        return self._stuck

    # --- lines -------------------------------------------------------------------------------

    def el640_lines(self, packets: np.ndarray) -> np.ndarray:
        """Lines of a frame as they leave the sensor."""
        if not self._plant.faults:
            return packets
        if self._plant.take(faults.WrongId) is not None:
            line = self._line(packets)
            width = (packets.shape[1] - 10) // 7 * 4
            number = int(packets[line, 4]) << 8 | int(packets[line, 5])
            flags = int(packets[line, 6]) << 8 | int(packets[line, 7])
            other = (line + 1 + int(self._rng.integers(len(packets) - 2))) % (len(packets) - 1)
            seal_el640(packets[line], width, other, number, flags)
        if self._plant.take(faults.Discard) is not None:
            idle = np.zeros((1, packets.shape[1]), np.uint8)
            seal_el640(idle[0], (packets.shape[1] - 10) // 7 * 4, chip.IDLE_LINE, 0, 0)
            line = self._line(packets)
            packets = np.concatenate([packets[:line], idle, packets[line:]])
        return self.any_lines(packets)

    def any_lines(self, packets: np.ndarray) -> np.ndarray:
        """Damage that means the same on every link."""
        plant, line = self._plant, self._line(packets)
        if (error := plant.take(faults.CrcError)) is not None:
            for bit in self._rng.choice(8 * packets.shape[1], error.bits, replace=False):
                packets[line, bit // 8] ^= 0x80 >> int(bit) % 8
        if plant.take(faults.SwapLines) is not None:
            line = int(self._rng.integers(len(packets) - 1))
            packets[[line, line + 1]] = packets[[line + 1, line]]
        if plant.take(faults.DropLine) is not None:
            packets = np.delete(packets, self._line(packets), axis=0)
        if plant.take(faults.DuplicateLine) is not None:
            line = self._line(packets)
            packets = np.concatenate([packets[: line + 1], packets[line:]])
        return packets

    def _line(self, packets: np.ndarray) -> int:
        return int(self._rng.integers(len(packets) - 1))

    # --- messages ----------------------------------------------------------------------------

    def message(self, buffer: memoryview) -> int:
        """Byte slips and short reads of one message; returns the bytes that were read.

        A slip at a random byte lasts to the end of the message: with the next falling chip
        select this sensor begins at a packet again.
        """
        if not self._plant.faults:
            return len(buffer)
        if (slip := self._plant.take(faults.LostSync)) is not None:
            at = int(self._rng.integers(len(buffer)))
            kept = bytes(buffer[at + slip.shift_bytes :])
            buffer[at : at + len(kept)] = kept
            buffer[at + len(kept) :] = b"\xff" * (len(buffer) - at - len(kept))
        return self.shortened(len(buffer))

    def shortened(self, nbytes: int) -> int:
        """Bytes of a message that are really read."""
        short = self._plant.take(faults.ShortRead)
        return nbytes if short is None else int(short.share * nbytes)
