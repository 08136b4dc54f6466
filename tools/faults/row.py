# SPDX-License-Identifier: Apache-2.0
"""One row of the fault table: what is broken how often, and what the plant says happened."""

from collections.abc import Callable
from dataclasses import dataclass, field

MOST_AGAIN, MOST_AGAIN_SHARE = 5, 0.05
"""Cases that met a machine that stood still: more, and what is left proves little."""


@dataclass(slots=True)
class Outcome:
    """Result of one row; every count comes from the plant or the file system, not the firmware.

    executed    : faults injected (or attacks made) that really struck
    trips       : of these, how often the demanded reaction came in time
    clean       : clean twin runs (or frames, seconds: see `clean_unit`)
    false_trips : reactions in the clean twins
    worst_ms    : longest time from fault to safe; negative where there is no such time
    again       : cases in real time that failed while the machine stood still, and ran again
    problems    : sentences; the row is red when there is one
    broken      : sentences about what kept the row from judging; red too, but nothing was found
    notes       : sentences to print below the row, good or bad
    """

    executed: int = 0
    trips: int = 0
    clean: int = 0
    clean_unit: str = "runs"
    false_trips: int = 0
    worst_ms: float = -1.0
    again: int = 0
    problems: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def expect(self, is_good: bool, problem: str) -> bool:
        """Note a problem unless `is_good`; at most twenty are kept."""
        if not is_good and len(self.problems) < 20:
            self.problems.append(problem)
        return is_good

    def need(self, is_there: bool, sentence: str) -> bool:
        """Note what the row cannot judge without; no seeded defect is found by it."""
        if not is_there and len(self.broken) < 20:
            self.broken.append(sentence)
        return is_there

    def add(self, part: "Outcome") -> None:
        """Account what one case counted."""
        self.executed += part.executed
        self.trips += part.trips
        self.clean += part.clean
        self.false_trips += part.false_trips
        self.worst_ms = max(self.worst_ms, part.worst_ms)
        self.again += part.again
        for problem in part.problems:
            self.expect(False, problem)
        for sentence in part.broken:
            self.need(False, sentence)
        self.notes += part.notes

    def safe_after(self, ms: float, limit_ms: float, what: str) -> None:
        """Account one time to safe against its limit."""
        self.worst_ms = max(self.worst_ms, ms)
        self.expect(ms <= limit_ms, f"{what}: safe after {ms:.0f} ms, at most {limit_ms:.0f}")


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign.

    name     : as in the fault table, T1 .. F3
    what     : fault and reaction in a few words
    tier     : "lockstep", "real time", "both", "process" or "real pty"
    count    : faults in CI
    full     : faults in the long campaign
    run      : (count, seed) -> Outcome
    defect   : patch that must turn the row red, a file of defects/
    probe    : faults that are enough to see the defect
    kernels  : extensions to build again in the copy, for defects in C
    more     : further patches, each of which must turn the row red by itself
    control  : faults in the copy without a defect, `probe` by default; 0: none, it takes too long
    """

    name: str
    what: str
    tier: str
    count: int
    full: int
    run: Callable[[int, int], Outcome]
    defect: str
    probe: int
    kernels: str = ""
    more: tuple[str, ...] = ()
    control: int | None = None

    @property
    def patches(self) -> tuple[str, ...]:
        return self.defect, *self.more


def findings(outcome: Outcome) -> list[str]:
    """What the row's own judgement says against the firmware."""
    found = list(outcome.problems)
    if outcome.trips < outcome.executed:
        found.append(f"{outcome.executed - outcome.trips} faults without the demanded reaction")
    if outcome.false_trips:
        found.append(f"{outcome.false_trips} false trips in {outcome.clean} clean")
    return found


def gaps(outcome: Outcome, count: int) -> list[str]:
    """Why the row could not judge what it was to judge."""
    missing = list(outcome.broken)
    if outcome.executed < count:
        missing.append(f"only {outcome.executed} of {count} faults were executed")
    if outcome.clean == 0:
        missing.append("no clean twin was run")
    if outcome.again > max(MOST_AGAIN, MOST_AGAIN_SHARE * outcome.executed):
        missing.append(f"{outcome.again} cases ran again: too many to judge by the rest")
    return missing


def verdict(outcome: Outcome, count: int) -> list[str]:
    """Why the row is red; empty when it is green."""
    return findings(outcome) + gaps(outcome, count)
