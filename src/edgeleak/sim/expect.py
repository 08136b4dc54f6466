# SPDX-License-Identifier: Apache-2.0
"""What the firmware must say in a scenario, beside the scenario, and how a run is held to it.

    [expect]
    comes = ["fan-slow", "fan-lost"]
    may = ["cooler-unstable"]
    ends = "fault"

Gas needs no words here: a leak is to be found and nothing else called.  Codes of the scene (8xx)
may come in any scenario, because what passes the picture is another seed's choice.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeleak import codes
from edgeleak.errors import ConfigError

NUMBERS = {code.name: number for number, code in codes.TABLE.items()}
SCENE_GROUP = 8
BUSY = frozenset({"link-silent", "frames-stale", "time-gap", "surroundings-old", "storage-slow",
                  "cooler-late", "cooler-starts", "cooling", "cooler-unstable"})  # fmt: skip
"""In real time a processor that was away makes these too; in lockstep nothing does."""
ENDS = ("detecting", "inhibit", "fault")
PASSING = ("inhibit", "ready", "cooling")
"""States that end by themselves."""
KEYS = ("comes", "may", "ends")


@dataclass(frozen=True, slots=True)
class Expect:
    """Names of codes and the last state.

    comes : each must be told, first in this order
    may   : may be told besides after the first answer; any other code is one too many
    ends  : state at the end
    """

    comes: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    ends: str = "detecting"

    def unlike(
        self,
        told: Sequence[tuple[float, str]],
        last_state: str,
        *,
        answer_s: float,
        first_s: float,
        is_whole: bool,
        besides: frozenset[str] = frozenset(),
    ) -> list[str]:
        """What is not as expected, in words; empty is as it must be.

        told       : (seconds, name) of each code, in order of time
        last_state : when it ended
        answer_s   : first answer; codes before it belong to the start
        first_s    : when the first thing of the scenario happens; before it nothing is told
        is_whole   : it ran to the scenario's end; else only what came too much counts
        besides    : names that are nobody's fault at any time
        """
        own = [(at_s, name) for at_s, name in told
               if at_s > answer_s and not _is_excused(name, besides)]  # fmt: skip
        known = {*self.comes, *self.may}
        found = [f"{name} at {at_s:.0f} s is none of its codes"
                 for at_s, name in own if name not in known]  # fmt: skip
        found += [f"{name} at {at_s:.0f} s, before anything happens at {first_s:.0f} s"
                  for at_s, name in own if name in known and at_s < first_s]  # fmt: skip
        late = [name for at_s, name in told if at_s >= first_s]
        return found + (self._missing(late, last_state, besides) if is_whole else [])

    def _missing(self, names: list[str], last_state: str, besides: frozenset[str]) -> list[str]:
        order = list(dict.fromkeys(name for name in names if name in self.comes))
        found = [f"{name} never came" for name in self.comes if name not in order]
        if not found and tuple(order) != self.comes:
            found.append(f"{', '.join(order)} came in this order")
        is_excused = bool(names) and _is_excused(names[-1], besides)
        is_interrupted = last_state in PASSING and is_excused
        if last_state != self.ends and not (is_interrupted and self.ends == "detecting"):
            found.append(f"it ended in {last_state or 'no state'}, not in {self.ends}")
        return found

    def __str__(self) -> str:
        return ", ".join((*self.comes, self.ends))


def _is_excused(name: str, besides: frozenset[str]) -> bool:
    return NUMBERS.get(name, 0) // 100 == SCENE_GROUP or name in besides


def parse(table: dict[str, Any], origin: str) -> Expect:
    """`[expect]` of a scenario; ConfigError with the nearest name."""
    where = f"{origin}: expect"
    for key in table:
        if key not in KEYS:
            raise ConfigError(f"{where}: unknown setting '{key}'; {_nearest(key, KEYS)}")
    ends = table.get("ends", Expect().ends)
    if ends not in ENDS:
        raise ConfigError(f"{where}: ends = {ends!r}; expected one of {', '.join(ENDS)}")
    return Expect(_names(table, "comes", where), _names(table, "may", where), ends)


def _names(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'{where}: {key} = {names!r}; expected a list, as ["fan-lost"]')
    for name in names:
        if name not in NUMBERS:
            raise ConfigError(f"{where}: {key}: no code '{name}'; {_nearest(name, NUMBERS)}")
    return tuple(names)


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"nearest is '{near[0]}'" if near else "see docs/codes.md"
