# SPDX-License-Identifier: Apache-2.0
"""Memory for blocks: one sum for all connections, however many there are."""


class Room:
    """Bytes that may be kept at a time.

    most : of all connections together
    """

    def __init__(self, most: int) -> None:
        self.free = most

    def take(self, count: int) -> bool:
        """False when others have it."""
        if count > self.free:
            return False
        self.free -= count
        return True

    def give(self, count: int) -> None:
        """Back again."""
        self.free += count
