# SPDX-License-Identifier: Apache-2.0
"""The whole firmware on an emulated board: plant and `edgeleak run` as two processes.

The plant's own truth is sampled beside the run, so that what the firmware said can be put next
to what was so: verdicts against gas, temperatures against the set-point, limits by the judge.
"""

import argparse
import itertools
import json
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeleak import schema
from edgeleak.cli.sim_firmware import firmware_command, seconds_of
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, NotReadyError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim import spoken
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.pacer import Pacer, Stop, in_words
from edgeleak.sim.scenario import LEAK

SAMPLE_S = 0.2
GRACE_S = 20.0
EARLY_S = 0.5
"""A verdict may name a frame that was exposed before the plant's next sample."""
HOLD_S = 15.0
"""So long after the end released gas may still be in view and within the window of a decision."""
PICTURES = "pictures"
SOCKET = "scpi"
TOLD = re.compile(r"(?:STATE \w+ \w+|NOTE \w+) ([1-9]\d*) t=(\d+) frame=-?\d+ ([\w-]+):")
MOST_TOLD = 8


@dataclass(slots=True)
class History:
    """What was so, sampled from the plant, and what the firmware said, from its log.

    truth    : (seconds of the scenario, values) of each sample
    states   : (seconds, state)
    verdicts : (seconds, GAS | NO GAS | INHIBIT | FAULT)
    told     : (seconds, code and name) of what stood against an answer or was worth a note
    stops    : moments in which the machine itself stood still
    began_s  : time 0 of the log: no line was heard earlier than its own time after it
    """

    truth: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    states: list[tuple[float, str]] = field(default_factory=list)
    verdicts: list[tuple[float, str]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[float, str]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
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


def run_board(args: argparse.Namespace) -> int:
    """Run; exit code of the firmware, 65 when the plant's judge found a limit broken, 75 when
    the machine stood still in a run that was to be judged.
    """
    course = scenarios.load(args.scenario)
    seconds = seconds_of(args, course.seconds)
    say = sys.stderr if args.json else sys.stdout
    print(f"scenario {course.name}: {course.summary}", file=say, flush=True)
    with tempfile.TemporaryDirectory(prefix="edgeleak-") as scratch:
        folder = args.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        settings = own_settings(args.config, Path(scratch))
        print(f"talk     edgeleak console {Path(scratch) / SOCKET}", file=say)
        if args.pty is not None:
            print(f"         edgeleak console {args.pty}, or pyvisa: ASRL{args.pty}::INSTR",
                  file=say)  # fmt: skip
        print(f"         edgeleak status --run {Path(scratch) / 'run'}", file=say, flush=True)
        history, report, code = _run(args, seconds, settings, folder, Path(scratch))
        summary = judge(history, report, course, seconds)
        if args.out is not None:
            _save(args, history, summary, course)
    if args.json:
        print(json.dumps(summary, indent=2))
    _say(args, summary, say)
    _require(summary, code, args.check)
    return code


def _require(summary: dict[str, Any], code: int, is_checked: bool) -> None:
    """Raises for what must not be; a machine that stood still may have been the reason."""
    limits = summary["violations"]
    wrong = f"the plant's judge saw {len(limits)} limits broken" if limits else ""
    if not wrong and is_checked and not is_right(summary):
        wrong = f"{summary['scenario']}: {sentence(summary)}"
    if code or not wrong:
        return
    if summary["stops"]:
        raise NotReadyError(f"{wrong}; but this machine stood still"
                            f" {in_words(summary['stops'])}, so a run in real time proves nothing:"
                            " run it again on a machine that has time")  # fmt: skip
    raise DataError(wrong)


def is_right(summary: dict[str, Any]) -> bool:
    """Found where there is a leak, silent where there is none, and an answer at all."""
    has_leak, was_found = summary["leak_began_s"] is not None, summary["found_s"] is not None
    is_told = summary["is_shown"] and summary["first_answer_s"] is not None
    return is_told and has_leak == was_found and not summary["false_alarms"]


def _run(args: argparse.Namespace, seconds: float, settings: Path, out: Path,
         scratch: Path) -> tuple[History, dict[str, Any], int]:  # fmt: skip
    history = History()
    for name in ("state", "run"):
        (scratch / name).mkdir()
    (out / "run.log").unlink(missing_ok=True)  # of an earlier run: nobody says those words now
    pacer = Pacer()
    with pacer, RunningPlant(args.board, args.scenario, seed=args.seed) as plant:
        command = firmware_command(args, seconds, settings, out, scratch)
        plant.control.ask("promise", **promise_of(settings))
        firmware = subprocess.Popen(command, env=plant.environment(), stdout=subprocess.PIPE,
                                    text=True, start_new_session=True)  # fmt: skip
        try:
            _watch(plant, firmware, history, Ear(out / "run.log"), seconds + GRACE_S)
            text = firmware.communicate(timeout=GRACE_S)[0]
        except KeyboardInterrupt:
            firmware.send_signal(signal.SIGTERM)
            text = firmware.communicate(timeout=GRACE_S)[0]
        finally:
            if firmware.poll() is None:
                firmware.kill()
                firmware.wait()
        history.violations = plant.control.ask("violations")["violations"]
        history.counters = plant.control.ask("counters")
    history.stops = pacer.stops
    report = json.loads(text) if text.strip().startswith("{") else {}
    _read_log(out / "run.log", history, _began_s(history))
    history.exit_code = firmware.returncode
    return history, report, firmware.returncode


def own_settings(given: Path | None, scratch: Path) -> Path:
    """The user's settings, with the console beside the run instead of at the machine's ports."""
    from edgeleak import config

    table: dict[str, Any] = {}
    if given is not None:
        config.load([given])  # errors name the user's file, not ours
        table = schema.read(given)[0]
    ports = {"serial_device": "", "socket": str(scratch / SOCKET)}
    table["console"] = ports | table.get("console", {})
    path = scratch / "edgeleak.toml"
    path.write_text("".join(
        f"[{section}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
                                   for key, value in values.items())
        for section, values in table.items()), encoding="utf-8")  # fmt: skip
    return path


def _began_s(history: History) -> float:
    """Of the log; where nothing was heard while it ran, of the plant."""
    return history.began_s if math.isfinite(history.began_s) else 0.0


def promise_of(settings: Path | None) -> dict[str, float]:
    """What the plant's judge may expect of the firmware's words; see `sim.spoken.Promise`."""
    from edgeleak import config

    chosen = config.load([settings] if settings else []).config
    return {"set_point_degc": chosen.cooler.set_point_degc, "hold_s": chosen.alarm.hold_s}


class Ear:
    """Reads a log that is still being written, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def heard(self) -> list[str]:
        """Lines since the last call; none before the file is there."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._at)
                new = stream.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


def _watch(plant: RunningPlant, firmware: Any, history: History, ear: Ear, limit_s: float) -> None:
    """Let the plant's judge hear the log and sample the truth, until the firmware ends."""
    end_s = time.monotonic() + limit_s
    while firmware.poll() is None and time.monotonic() < end_s:
        lines = ear.heard()
        for line in lines:
            plant.control.ask("hear", line=line)
        where = plant.control.ask("scenario")
        for line in lines:
            history.hear(line, where["elapsed_s"])
        values = plant.control.ask("truth")["truth"]
        values["gas_g_per_h"] = where["world"]["gas_g_per_h"]
        history.truth.append((where["elapsed_s"], values))
        time.sleep(SAMPLE_S)


def _read_log(path: Path, history: History, started_s: float) -> None:
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


def judge(history: History, report: dict[str, Any], course: Any, seconds: float) -> dict[str, Any]:
    """What was found, missed and falsely called, by the plant's truth."""
    end_s = history.truth[-1][0] if history.truth else 0.0
    leaks, calls = history.leaks(), history.spans("GAS", end_s)
    begun_s = leaks[0][0] if leaks else None
    first_s = next((a for a, _ in calls if any(
        begin - EARLY_S <= a <= end for begin, end in leaks)), None)  # fmt: skip
    false = [span for span in calls if not is_called_for(span, leaks)]
    clear = history.spans("NO GAS", end_s)
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
        "first_answer_s": min((a for a, _ in clear + calls), default=None),
        "told": [{"at_s": round(at_s, 1), "code": code} for at_s, code in history.told],
        "exit_code": history.exit_code,
        "no_gas_s": round(sum(b - a for a, b in clear), 1),
        "gas_s": round(sum(b - a for a, b in calls), 1),
        "violations": history.violations,
        "stops": history.stops,
        "words_judged": history.counters.get("heard", 0),
        "extremes": history.counters.get("extremes", {}),
        "last": report,
    }


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


def _save(args: argparse.Namespace, history: History, summary: dict[str, Any], course: Any) -> None:
    from edgeleak.cli.sim_plot import draw

    title = f"scenario {course.name}: {sentence(summary)}"
    draw(history, summary, title, args.out / "timeline.png", course.happenings())
    replace_text(args.out / "summary.json", json.dumps(summary, indent=1) + "\n")
    if alarm := _alarm_recording(args.out, summary):
        _draw_pictures(alarm, args.out / PICTURES)


def _alarm_recording(out: Path, summary: dict[str, Any]) -> Path | None:
    """The last recording of the run: it holds the leak where there was one."""
    recordings = sorted(out.glob("*.mcap"))
    return recordings[-1] if recordings and summary["gas_s"] else None


def _draw_pictures(recording: Path, folder: Path) -> None:
    """What the camera saw, by `edgeleak replay` on what it recorded itself."""
    correction = recording.with_suffix(".elcal")
    given = ["--calibration", str(correction)] if correction.is_file() else []
    subprocess.run([sys.executable, "-m", "edgeleak", "replay", str(recording), *given, "--out",
                    str(folder), "--no-video", "--quiet"], stdout=subprocess.DEVNULL)  # fmt: skip


def _say(args: argparse.Namespace, summary: dict[str, Any], say: Any) -> None:
    last = summary["last"]
    print(f"\n{sentence(summary)}", file=say)
    answer = summary["first_answer_s"]
    ready = "never gave an answer" if answer is None else f"first answer at {answer:.1f} s"
    code = f", exit code {summary['exit_code']}" if summary["exit_code"] else ""
    print(f"firmware {ready}; ended {last.get('state', 'without a report')},"
          f" {last.get('verdict', '-')}{code}", file=say)  # fmt: skip
    if told := _told(summary):
        print(f"told     {told}", file=say)
    limits = summary["violations"]
    found = f"{len(limits)} limits broken, first {limits[0]}" if limits else "no limit broken"
    coldest = summary["extremes"].get("min_cold_degc", float("nan"))
    print(f"plant    {found}, {summary['words_judged']} words judged; detector down to"
          f" {coldest:.1f} degC", file=say)  # fmt: skip
    if summary["stops"]:
        print(f"machine  stood still {in_words(summary['stops'])}", file=say)
    if args.out is None:
        print("         add --out DIR for time plots, recording and log", file=say)
        return
    print(f"look at  {args.out / 'timeline.png'}", file=say)
    if (args.out / PICTURES / "index.html").is_file():
        print(f"         {args.out / PICTURES / 'index.html'}", file=say)
    if alarm := _alarm_recording(args.out, summary):
        made = alarm.with_suffix(".elcal")
        given = f" --calibration {made}" if made.is_file() else ""
        print(f"again    edgeleak replay {alarm}{given} --show", file=say)


def _told(summary: dict[str, Any]) -> str:
    """Codes after the first answer, each when it was first said."""
    answer_s = summary["first_answer_s"]
    rows = [row for row in summary["told"] if answer_s is not None and row["at_s"] > answer_s]
    first = {row["code"]: row["at_s"] for row in reversed(rows)}
    words = [f"{code} at {at_s:g} s" for code, at_s in sorted(first.items(), key=lambda r: r[1])]
    more = f" and {len(words) - MOST_TOLD} more" if len(words) > MOST_TOLD else ""
    return ", ".join(words[:MOST_TOLD]) + more


def list_scenarios() -> None:
    """Every scenario with its sentence."""
    for name in scenarios.names():
        print(f"{name:<18}{scenarios.load(name).summary}")
