# SPDX-License-Identifier: Apache-2.0
"""What anybody may ask of the cooler."""

from edgeleak.errors import UsageError

COMMANDS = ("off", "stop", "clear", "tune")
COLDEST_DEGC, WARMEST_DEGC = -40.0, 30.0


def check_wish(what: float | str) -> None:
    """UsageError unless it is a command or a set-point in degC within the range."""
    if isinstance(what, str):
        if what not in COMMANDS:
            raise UsageError(f"cooler '{what}': use a set-point, {', '.join(COMMANDS)}")
    elif not COLDEST_DEGC <= what <= WARMEST_DEGC:  # NaN fails this too
        raise UsageError(f"cooler set-point {what} degC: use {COLDEST_DEGC:g} to"
                         f" {WARMEST_DEGC:g} degC")  # fmt: skip
