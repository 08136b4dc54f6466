# SPDX-License-Identifier: Apache-2.0
"""How long the bus may wait for the frames loop, so that a stall there costs no frame."""

FULL_SPARE = 0.02
"""A bus that has less to spare makes up for less, and gets a smaller store."""


class Patience:
    """A store of waiting time: spent while a frame waits to be taken, slowly regained; pure.

    A loop that stalls now and then finds every frame in the sensor's memory; one that is too slow
    for its frames empties the store and gets the newest ones, instead of ever older ones.

    most_ns : the store when it is full, ns; 0 never waits
    spare   : share of the time that the bus has to spare, 0..1, without its pauses between
              messages; an eighth is regained, so that frames do not pile up in the memory
    """

    def __init__(self, most_ns: int, spare: float) -> None:
        self._most_ns = self._left_ns = most_ns * min(1.0, spare / FULL_SPARE)
        self._earn = spare / 8
        self._seen_ns: int | None = None
        self._was_wanted = False

    def waits(self, now_ns: int, is_wanted: bool) -> bool:
        """Whether to wait, where that is wanted; to be asked again and again while it is.

        What passes while waiting is wanted is spent, all else earns: a transfer that took long
        before is no waiting, and an empty store stays empty until the frame is gone.
        """
        passed_ns = 0 if self._seen_ns is None else now_ns - self._seen_ns
        change_ns = -passed_ns if self._was_wanted and is_wanted else self._earn * passed_ns
        self._left_ns = min(max(0.0, self._left_ns + change_ns), self._most_ns)
        self._seen_ns, self._was_wanted = now_ns, is_wanted
        return is_wanted and self._left_ns > 0
