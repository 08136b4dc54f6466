# SPDX-License-Identifier: Apache-2.0
"""The whole firmware on an emulated board: plant and `edgeleak run` as two processes.

The plant's own truth is sampled beside the run, so that what the firmware said can be put next
to what was so: verdicts against gas, temperatures against the set-point, limits by the judge.
"""

import argparse
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from edgeleak import schema
from edgeleak.cli.sim_firmware import firmware_command, seconds_of
from edgeleak.cli.sim_judged import History, is_right, judge, read_log, sentence
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, NotReadyError
from edgeleak.sim import scenario as scenarios
from edgeleak.sim.expect import BUSY
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.pacer import Pacer, in_words

SAMPLE_S = 0.2
GRACE_S = 20.0
OFF_S = 0.3
"""The enables run out 0.2 s after the last refresh (`gpio.refresh_ms`); the rest is our turn."""
OUTPUTS = ("tec", "led")
PICTURES = "pictures"
SOCKET = "scpi"
MOST_TOLD = 8


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
        summary = judge(history, report, course, seconds, BUSY)
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
    if summary["left_on"]:
        wrong = f"left on at the end: {', '.join(summary['left_on'])}"
    if not wrong and is_checked and not is_right(summary):
        wrong = "; ".join([f"{summary['scenario']}: {sentence(summary)}", *summary["unlike"]])
    if code or not wrong:
        return
    if summary["stops"]:
        raise NotReadyError(f"{wrong}; but this machine stood still"
                            f" {in_words(summary['stops'])}, so a run in real time proves nothing:"
                            " run it again on a machine that has time")  # fmt: skip
    raise DataError(wrong)


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
        history.left_on = _left_on(plant)
        history.violations = plant.control.ask("violations")["violations"]
        history.counters = plant.control.ask("counters")
    history.stops = pacer.stops
    report = json.loads(text) if text.strip().startswith("{") else {}
    read_log(out / "run.log", history, _began_s(history))
    history.exit_code = firmware.returncode
    return history, report, firmware.returncode


def _left_on(plant: RunningPlant) -> list[str]:
    """Outputs that are on although nobody can refresh them any more."""
    end_s = time.monotonic() + OFF_S
    while True:
        truth = plant.control.ask("truth")["truth"]
        found = [name for name in OUTPUTS if truth[f"{name}_enabled"]]
        if not found or time.monotonic() > end_s:
            return found
        time.sleep(OFF_S / 10)


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
    if summary["expected"] is not None:
        unlike = "; ".join(summary["unlike"])
        print(f"expected {summary['expected']}: {f'NOT SO: {unlike}' if unlike else 'so it was'}",
              file=say)  # fmt: skip
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
