# SPDX-License-Identifier: Apache-2.0
"""A run on the emulated board beside the truth: found, missed, falsely called, and what its
scenario expects.

Pure: it judges what was heard and sampled, whether in real time or in lockstep.
"""

import itertools
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeleak.sim import scenario as scenarios
from edgeleak.sim import spoken
from edgeleak.sim.pacer import Stop
from edgeleak.sim.scenario import LEAK

EARLY_S = 0.5
"""A verdict may name a frame that was exposed before the plant's next sample."""
HOLD_S = 15.0
"""So long after the end released gas may still be in view and within the window of a decision."""
TOLD = re.compile(r"(?:STATE \w+ \w+|NOTE \w+) ([1-9]\d*) t=(\d+) frame=-?\d+ ([\w-]+):")


@dataclass(slots=True)
class History:
    """What was so, sampled from the plant, and what the firmware said, from its log.

    truth    : (seconds of the scenario, values) of each sample
    states   : (seconds, state)
    verdicts : (seconds, GAS | NO GAS | INHIBIT | FAULT)
    told     : (seconds, code and name) of what stood against an answer or was worth a note
    stops    : moments in which the machine itself stood still
    left_on  : outputs (tec, led) that were on after the firmware had ended
    began_s  : time 0 of the log: no line was heard earlier than its own time after it
    """

    truth: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    states: list[tuple[float, str]] = field(default_factory=list)
    verdicts: list[tuple[float, str]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[float, str]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    left_on: list[str] = field(default_factory=list)
    began_s: float = math.inf
    exit_code: int = 0

    def hear(self, line: str, now_s: float) -> None:
        """A line of the log that was there at `now_s` of the scenario."""
        if found := spoken.LINE.match(line):
            self.began_s = min(self.began_s, now_s - int(found[3]) / 1000)

    def spans(self, word: str, end_s: float) -> list[tuple[float, float]]:
        """(from, to) of one verdict."""
        edges = [*self.verdicts, (end_s, "")]
        return [(a, b) for (a, found), (b, _) in itertools.pairwise(edges)
                if found == word]  # fmt: skip

    def leaks(self) -> list[tuple[float, float]]:
        """(from, to) of each time without a break in which the plant released gas."""
        runs = itertools.groupby(self.truth, lambda row: row[1]["gas_g_per_h"] > 0)
        times = [[at_s for at_s, _ in rows] for leaks, rows in runs if leaks]
        return [(run[0], run[-1]) for run in times]


def read_log(path: Path, history: History, started_s: float) -> None:
    """States and verdicts of run.log; its times count from the firmware's start.

    The log has changes only: before the first one it is boot and INHIBIT.
    """
    if not path.is_file():
        return
    history.states.append((started_s, "boot"))
    history.verdicts.append((started_s, "INHIBIT"))
    for row in path.read_text(encoding="utf-8").splitlines():
        if told := TOLD.match(row):
            history.told.append((started_s + int(told[2]) / 1000, f"{told[1]} {told[3]}"))
        found = spoken.LINE.match(row)
        if not found:
            continue
        at_s = started_s + int(found[3]) / 1000
        if found[1] == "STATE":
            history.states.append((at_s, found[2].split()[1]))
        else:
            word = found[2].split(" > ")[1].rsplit(" ", 1)[0]
            history.verdicts.append((at_s, word))


def judge(history: History, report: dict[str, Any], course: Any, seconds: float,
          besides: frozenset[str] = frozenset()) -> dict[str, Any]:  # fmt: skip
    """What was found, missed and falsely called, by the plant's truth.

    besides : codes that the machine may bring at any time, none of the scenario's
    """
    end_s = history.truth[-1][0] if history.truth else 0.0
    leaks, calls = history.leaks(), history.spans("GAS", end_s)
    begun_s = leaks[0][0] if leaks else None
    first_s = next((a for a, _ in calls if any(
        begin - EARLY_S <= a <= end for begin, end in leaks)), None)  # fmt: skip
    false = [span for span in calls if not is_called_for(span, leaks)]
    clear = history.spans("NO GAS", end_s)
    answer_s = min((a for a, _ in clear + calls), default=None)
    missing = [(at_s, what) for at_s, what in course.happenings() if at_s >= end_s]
    return {
        "scenario": course.name,
        "seconds": seconds,
        "ended_s": round(end_s, 1),
        "ended_before": [{"at_s": at_s, "what": what} for at_s, what in missing],
        "is_shown": is_shown(course, end_s),
        "leak_began_s": begun_s,
        "found_s": None if first_s is None or begun_s is None else max(0.0, first_s - begun_s),
        "false_alarms": len(false),
        "first_answer_s": answer_s,
        "expected": None if course.expect is None else str(course.expect),
        "unlike": unlike(history, course, answer_s, seconds, besides),
        "told": [{"at_s": round(at_s, 1), "code": code} for at_s, code in history.told],
        "exit_code": history.exit_code,
        "no_gas_s": round(sum(b - a for a, b in clear), 1),
        "gas_s": round(sum(b - a for a, b in calls), 1),
        "violations": history.violations,
        "left_on": history.left_on,
        "stops": history.stops,
        "words_judged": history.counters.get("heard", 0),
        "extremes": history.counters.get("extremes", {}),
        "last": report,
    }


def unlike(history: History, course: Any, answer_s: float | None, seconds: float,
           besides: frozenset[str]) -> list[str]:  # fmt: skip
    """What was not as the scenario expects; without an answer that is what is wrong."""
    if course.expect is None or answer_s is None:
        return []
    told = [(at_s, what.split()[1]) for at_s, what in history.told]
    happenings = course.happenings()
    first_s = happenings[0][0] if happenings else 0.0
    last_state = history.states[-1][1] if history.states else ""
    found: list[str] = course.expect.unlike(told, last_state, answer_s=answer_s, first_s=first_s,
                                            is_whole=seconds >= course.seconds,
                                            besides=besides)  # fmt: skip
    return found


def is_shown(course: Any, end_s: float) -> bool:
    """The leak of a scenario with one, else its first event, came before the end."""
    begins = [at_s for at_s, _ in course.happenings()]
    if course.gas.start_s < scenarios.NEVER_S:
        begins = [course.gas.start_s]
    return not begins or begins[0] < end_s


def is_called_for(call: tuple[float, float], leaks: list[tuple[float, float]]) -> bool:
    """Begun with a leak or within its hold, and not kept up long after the last gas."""
    held = [(begin - EARLY_S, end + HOLD_S) for begin, end in leaks]
    return any(begin <= call[0] <= end for begin, end in held) and call[1] <= held[-1][1]


def sentence(summary: dict[str, Any]) -> str:
    """The outcome in one line."""
    if summary["false_alarms"] and summary["leak_began_s"] is None:
        return f"FALSE ALARM: {summary['false_alarms']} where there is no gas"
    if not summary["is_shown"]:
        return f"NOTHING SHOWN: ended{_before(summary)}; run it longer: --seconds"
    if summary["first_answer_s"] is None:
        return (f"NOTHING SHOWN: no answer in {summary['ended_s']:.0f} s, INHIBIT or FAULT"
                f" throughout{_left(summary)}")  # fmt: skip
    if summary["leak_began_s"] is None:
        return (f"NO LEAK, and none was called: NO GAS for {summary['no_gas_s']:.0f} s"
                f"{_left(summary)}")  # fmt: skip
    if summary["found_s"] is None:
        since_s = summary["ended_s"] - summary["leak_began_s"]
        return f"MISSED: the leak was not found in {since_s:.0f} s{_false(summary)}"
    return f"FOUND {summary['found_s']:.1f} s after the leak began{_false(summary)}"


def _before(summary: dict[str, Any]) -> str:
    """The next thing the scenario had in store; of a leak scenario the leak."""
    rows = summary["ended_before"]
    next_one = next((row for row in rows if row["what"] == LEAK), rows[0])
    return f" before {next_one['what']} at {next_one['at_s']:g} s"


def _left(summary: dict[str, Any]) -> str:
    return f"; ended{_before(summary)}" if summary["ended_before"] else ""


def _false(summary: dict[str, Any]) -> str:
    return f", {summary['false_alarms']} false" if summary["false_alarms"] else ""


def is_right(summary: dict[str, Any]) -> bool:
    """Found where there is a leak, silent where there is none, an answer at all, and else what
    the scenario expects, with the outputs off at the end.
    """
    has_leak, was_found = summary["leak_began_s"] is not None, summary["found_s"] is not None
    is_told = summary["is_shown"] and summary["first_answer_s"] is not None
    is_found = has_leak == was_found and not summary["false_alarms"]
    return is_told and is_found and not summary["unlike"] and not summary["left_on"]
