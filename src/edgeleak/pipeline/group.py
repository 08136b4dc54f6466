# SPDX-License-Identifier: Apache-2.0
"""Facts of a group of places that touch, as the rules compare them."""

from typing import NamedTuple

PLACE_RULES = ("place", "change", "one-sign", "no-outline", "spread")
"""Names of the rules that a group must pass, in the order of its shares."""
ALL_Q16 = 65535
NOT_MEASURED = -1


class Group(NamedTuple):
    """What kernels.judge_places measured of the group that decides; zeros: there is none.

    area_px : pixels under the mask
    duty    : share of the time that one of its places was masked, Q16 as all shares
    change  : what flickers of its mean square
    balance : |mean difference| of mean |difference|, 1 where it has one sign
    clear   : share of its outline that is no thing's, or NOT_MEASURED
    spread  : share of its difference that one pixel would not make, or NOT_MEASURED
    is_kept : it may be gas
    """

    area_px: int = 0
    duty: int = 0
    change: int = 0
    balance: int = 0
    clear: int = 0
    spread: int = 0
    is_kept: bool = False

    @property
    def shares(self) -> tuple[float | None, ...]:
        """One for each of PLACE_RULES, 0..1; None: not measured."""
        return tuple(None if share < 0 else share / ALL_Q16 for share in self[1:-1])


NO_GROUP = Group()
