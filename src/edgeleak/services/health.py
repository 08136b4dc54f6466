# SPDX-License-Identifier: Apache-2.0
"""The one place that decides what the instrument is and may say.

Every service shows a report (code, measured, expected); the pipeline shows its verdict.  The
answer is the pipeline's only while no report objects: NO GAS needs every input proven, so a
report that is missing, old or bad speaks louder.  A FAULT latches until `clear`; an INHIBIT ends
by itself, a little after its cause (`clear_s`), so that a flickering cause is one event.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from math import nan
from typing import NamedTuple, Protocol

from edgeleak import codes
from edgeleak.clock import NS_PER_MS, NS_PER_S
from edgeleak.codes import TABLE, WORDS, Kind
from edgeleak.pipeline.verdict import Verdict

KEPT_LINES = 256


class State(StrEnum):
    """What the instrument is doing; docs/instrument.md has the picture."""

    BOOT = "boot"
    SELFTEST = "selftest"
    COOLING = "cooling"
    NUC = "nuc"
    READY = "ready"
    DETECTING = "detecting"
    INHIBIT = "inhibit"
    FAULT = "fault"
    SAFE = "safe"


STATE_OF = {
    codes.STARTING: State.BOOT,
    codes.SELFTEST: State.SELFTEST,
    codes.SAFE_MODE: State.SAFE,
    codes.NUC_MISSING: State.NUC,
    codes.NUC_RUNNING: State.NUC,
    codes.NUC_SETTLING: State.NUC,
    codes.SHUTTER: State.NUC,
    codes.PUT_CAP_ON: State.NUC,
    codes.CONFIRM_CAP: State.NUC,
    codes.HOLD_CAP: State.NUC,
    codes.TAKE_CAP_OFF: State.NUC,
    codes.LEARNING: State.READY,
}
"""States of inhibiting codes that are steps on the way up; every other one is `inhibit`."""

SCENE_FAULTS = {
    codes.BLANK: codes.BLOCKED,
    codes.LONG_SATURATED: codes.GLARE,
    codes.LONG_DARK: codes.DARKNESS,
}
"""A recording that stays blank is a broken source; an instrument that looks at a wall, with
frames that are proven live, only has nothing to see, and that ends by itself."""


class Report(Protocol):
    """What every service's status offers."""

    @property
    def code(self) -> int: ...

    @property
    def measured(self) -> float: ...

    @property
    def expected(self) -> float: ...


class Trouble(NamedTuple):
    """The smallest report."""

    code: int
    measured: float = nan
    expected: float = nan

    @property
    def text(self) -> str:
        """Name, what was measured against what, section and next step."""
        if not self.code:
            return "every input fresh and in range"
        row = TABLE[self.code]
        what = row.what.format(measured=self.measured, expected=self.expected)
        return f"{row.name}: {what} [{row.section}]; {row.next_step}"


FINE = Trouble(codes.OK)
Source = Callable[[], Report]


class Answer(NamedTuple):
    """The instrument's verdict.  `str()` is exactly GAS, NO GAS, INHIBIT or FAULT."""

    kind: Kind
    trouble: Trouble
    verdict: Verdict | None

    def __str__(self) -> str:
        return WORDS[self.kind]

    @property
    def reason(self) -> str:
        """One sentence."""
        if self.trouble.code or self.verdict is None:
            return f"{self.trouble.code} {self.trouble.text}"
        return self.verdict.reason


class Health:
    """State, verdict and their history.

    sources : reports in the order they are named when several object
    notes   : reports that never change the answer, only set `degraded`
    clear_s : how long after its cause an INHIBIT still holds
    start_ns: now
    log     : gets one line for every change; must not block
    states  : further codes that are steps on the way up
    """

    def __init__(self, sources: Sequence[Source], notes: Sequence[Source] = (), *,
                 clear_s: float, start_ns: int, log: Callable[[str], None],
                 states: dict[int, State] | None = None) -> None:  # fmt: skip
        self._sources, self._notes = tuple(sources), tuple(notes)
        self._clear_ns = round(clear_s * NS_PER_S)
        self._start_ns, self._log = start_ns, log
        self._states = STATE_OF | (states or {})
        self.state = State.BOOT
        self.answer = Answer(Kind.INHIBIT, Trouble(codes.STARTING), None)
        self.latched: Trouble | None = None
        self.note = FINE
        self.counts: Counter[int] = Counter()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.frame = 0
        self.ticked_ns = start_ns
        self._held, self._held_ns = FINE, -self._clear_ns
        self._verdict: Verdict | None = None

    @property
    def is_degraded(self) -> bool:
        return bool(self.note.code)

    def take(self, now_ns: int, verdict: Verdict, sequence: int) -> Answer:
        """The pipeline's verdict on a frame just processed."""
        self._verdict, self.frame = verdict, sequence
        return self.tick(now_ns)

    def trip(self, trouble: Trouble) -> None:
        """Latch a fault that no report shows, such as a task that raised."""
        if self.latched is None:
            self.latched = trouble

    def clear(self) -> None:
        """Forget the latched fault; whoever still has the cause reports it at once again."""
        self.latched = None

    def tick(self, now_ns: int) -> Answer:
        """Look at everything again; called for each frame and in between."""
        self.ticked_ns = now_ns
        objection = self._objection(now_ns)
        if objection is FINE and self._verdict is not None:
            verdict = self._verdict
            answer = Answer(verdict.kind, FINE, verdict)
            state = State.DETECTING
        else:
            answer = Answer(TABLE[objection.code].kind, objection, self._verdict)
            state = self._state_of(objection)
        self._note_changes(now_ns, state, answer)
        self.state, self.answer = state, answer
        return answer

    def _objection(self, now_ns: int) -> Trouble:
        """What stands against an answer of the pipeline; FINE when nothing does."""
        if self.latched is not None:
            return self.latched
        found = _worst(self._sources)
        if found.code:
            self._held, self._held_ns = found, now_ns
            row = TABLE[found.code]
            if row.kind == Kind.FAULT and not row.is_passing:
                self.latched = found
            return found
        if self._verdict is None:
            return Trouble(codes.STARTING)
        found = _of_verdict(self._verdict)
        if found.code and TABLE[found.code].kind == Kind.FAULT:
            self.latched = found
        if found.code:
            return found
        if self._held.code and now_ns - self._held_ns < self._clear_ns:
            return self._held
        return FINE

    def _state_of(self, trouble: Trouble) -> State:
        if TABLE[trouble.code].kind == Kind.FAULT:
            return State.FAULT
        return self._states.get(trouble.code, State.INHIBIT)

    def tell(self, word: str, trouble: Trouble, end: str) -> None:
        """A line about what changed neither state nor verdict, such as a refused correction."""
        self._say(f"{word} {trouble.code} {self._at(self.ticked_ns)} {trouble.text}; {end}")

    def _at(self, now_ns: int) -> str:
        return f"t={(now_ns - self._start_ns) // NS_PER_MS} frame={self.frame}"

    def _note_changes(self, now_ns: int, state: State, answer: Answer) -> None:
        old = self.answer
        at = self._at(now_ns)
        if state is not self.state or answer.trouble.code != old.trouble.code:
            self.counts[answer.trouble.code] += 1
            self._say(f"STATE {self.state} {state} {answer.trouble.code} {at}"
                      f" {answer.trouble.text}")  # fmt: skip
        if answer.kind != old.kind:
            self._say(f"VERDICT {old} > {answer} {answer.trouble.code} {at} {answer.reason}")
        note = _worst(self._notes)
        if note.code != self.note.code:
            self.counts[note.code] += 1
            word = "degraded" if note.code else "no longer degraded"
            self._say(f"NOTE {word} {note.code} {at} {note.text}")
        self.note = note

    def _say(self, line: str) -> None:
        self.lines.append(line)
        self._log(line)


def _worst(sources: tuple[Source, ...]) -> Trouble:
    """The first FAULT, else the first INHIBIT, else FINE."""
    first = FINE
    for source in sources:
        report = source()
        code = report.code
        if not code:
            continue
        if TABLE[code].kind == Kind.FAULT:
            return Trouble(code, report.measured, report.expected)
        if first is FINE:
            first = Trouble(code, report.measured, report.expected)
    return first


def _of_verdict(verdict: Verdict) -> Trouble:
    code = verdict.code
    if not code:
        return FINE
    return Trouble(SCENE_FAULTS.get(code, code), verdict.measured, verdict.expected)


class Freshness:
    """A report that objects when something has not happened for too long.

    code    : what to report
    limit_s : longest time between two `note`s
    clock_ns: reads the monotonic time
    hang    : code and limit in s of what is worse than late
    """

    __slots__ = ("_clock_ns", "_code", "_hang", "_limit_ns", "last_ns")

    def __init__(self, code: int, limit_s: float, clock_ns: Callable[[], int], *,
                 hang: tuple[int, float] | None = None) -> None:  # fmt: skip
        self._code, self._limit_ns = code, round(limit_s * NS_PER_S)
        self._hang = hang
        self._clock_ns = clock_ns
        self.last_ns = clock_ns()

    def note(self, now_ns: int) -> None:
        """It happened."""
        self.last_ns = now_ns

    def report(self) -> Trouble:
        """FINE while fresh."""
        age_ns = self._clock_ns() - self.last_ns
        if age_ns <= self._limit_ns:
            return FINE
        if self._hang is not None and age_ns > self._hang[1] * NS_PER_S:
            code, limit_s = self._hang
            return Trouble(code, age_ns / NS_PER_S, limit_s)
        return Trouble(self._code, age_ns / NS_PER_S, self._limit_ns / NS_PER_S)
