# SPDX-License-Identifier: Apache-2.0
"""Run the instrument: cool the detector, correct the picture, look for gas, until told to stop.

This is what the service unit starts on the board.  It needs the board's SPI, I2C and GPIO nodes;
without hardware use `edgeleak sim`, which starts this very program against an emulated board.

  edgeleak run                       with /etc/edgeleak/edgeleak.toml
  edgeleak run --seconds 60 --json   a minute, then one JSON document
"""

import argparse
import contextlib
import faulthandler
import gc
import itertools
import json
import os
import signal
import sys
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from edgeleak.cli.status import STATUS_NAME, line_of
from edgeleak.clock import NS_PER_MS, NS_PER_S, SystemClock
from edgeleak.errors import UsageError

HELP = "run the instrument on its board"
LOOK_NS = 200 * NS_PER_MS
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Told to stop; the last one when the terminal it was started on is closed."""
JOIN_S = {"control": 1.0, "capture": 2.0, "frames": 2.0, "storage": 2.0}
KEPT_LINES, KEPT_CLIENTS = 800, 200
"""Of the instrument's own lines and of its clients': those do not push out these."""
CLIENT = "CONSOLE "
LOG_NAME, REPORT_NAME = "run.log", "report.json"
PRIORITIES = (("FAILED", 3), (" fault ", 3), ("VERDICT", 4), ("NOTE", 4), ("STATE", 5))
"""journald priority of a line by what it contains; anything else is information, 6."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--board", help="board by name or board.toml; default from the settings")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings instead of /etc's")
    parser.add_argument("--state", type=Path, metavar="DIR", help="calibration, tuned values")
    parser.add_argument("--run", type=Path, metavar="DIR", dest="run_folder",
                        help="start times and status; lost at a reboot")  # fmt: skip
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so long")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="recordings, log and report go here")  # fmt: skip
    parser.add_argument("--pty", type=Path, metavar="PATH",
                        help="a console port for rigs and tests: a pty of this name")  # fmt: skip
    parser.add_argument("--safe", action="store_true", help="safe mode: no actuator moves")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM, Ctrl-C, --seconds or a failure; the exit code says which."""
    if args.seconds is not None and not args.seconds > 0:
        raise UsageError(f"--seconds must be above 0, got {args.seconds:g}")
    faulthandler.enable()  # the watchdog's SIGABRT then says where every thread was
    lines = Lines(args.out)
    tap = make_tap()
    instrument = make_instrument(args, lines, tap)
    console = open_console(args, instrument, lines, tap)
    program = Program(instrument, lines, args.seconds, console, tap)
    code = program.run()
    report = program.report()
    if args.out is not None:
        code = code or keep_report(args.out / REPORT_NAME, report)
    if args.json:
        print(json.dumps(report, indent=2))
    return code


def keep_report(path: Path, report: dict[str, Any]) -> int:
    """0, or the exit code that says that it could not be written; all else is done by then."""
    try:
        path.write_text(json.dumps(report, indent=2) + "\n")
    except OSError as error:
        print(f"edgeleak run: report {path} was not written: {error.strerror}; free space or bring"
              " the folder back, the recording beside it is whole", file=sys.stderr)  # fmt: skip
        return os.EX_IOERR
    return os.EX_OK


def config_paths(args: argparse.Namespace) -> list[Path]:
    """Files of the settings, in the order they are applied."""
    from edgeleak import config as settings

    state = args.state or settings.STATE_FOLDER
    if args.config is None:
        return [*settings.files(state=state)]
    tuned = state / settings.TUNED_NAME
    return [args.config, *([tuned] if tuned.is_file() else [])]


def settings_of(args: argparse.Namespace) -> tuple[Any, Any]:
    """(Config, Board) as files and arguments say."""
    from edgeleak import board as boards
    from edgeleak import config as settings

    config = settings.load(config_paths(args)).config
    return config, boards.load(args.board or config.instrument.board)


def make_tap() -> Any:
    """Of the black box where one records, else one that does nothing."""
    from edgeleak.blackbox import tap

    return tap.Tap(SystemClock(), tap.marker())


def make_instrument(args: argparse.Namespace, lines: "Lines", tap: Any = None) -> Any:
    """Settings, board, buses, instrument; each way this can fail is one error of its own."""
    tap = tap or make_tap()
    from edgeleak import board as boards
    from edgeleak.blackbox.tap import facts
    from edgeleak.bus import linux
    from edgeleak.config import STATE_FOLDER
    from edgeleak.instrument import Folders, Instrument, Options
    from edgeleak.services.boot_test import BootTest
    from edgeleak.services.setup import RUN_FOLDER, STARTS_NAME
    from edgeleak.services.watchdog import STORM_STARTS, Notifier, Starts

    config, board = settings_of(args)
    if args.out is not None:
        config = replace(config, recorder=replace(config.recorder, folder=str(args.out)))
    folders = Folders(args.state or STATE_FOLDER, args.run_folder or RUN_FOLDER)
    starts = Starts(folders.run / STARTS_NAME).begin(SystemClock().monotonic_ns())
    options = Options(log=tap.log(lines.add), notifier=Notifier.from_environment(),
                      safe_mode=args.safe, starts=starts)  # fmt: skip
    if rows := BootTest(folders.run).failed():
        lines.add(f"FAILED self-test at boot: {rows}")
    is_storm = starts > STORM_STARTS
    buses = linux.open_present(board, lines.add) if is_storm else linux.open_buses(board)
    tap.note(lambda: facts(boards.find(args.board or config.instrument.board), config_paths(args),
                           folders.state, starts=starts, safe=args.safe,
                           watchdog_us=options.notifier.watchdog_us))  # fmt: skip
    try:
        with tap.part("main"):
            instrument = Instrument(board, config, tap.buses(buses), tap.clock, folders=folders,
                                    options=options)  # fmt: skip
        tap.loosen(instrument)
        return instrument
    except BaseException:
        buses.close()
        raise


def open_console(args: argparse.Namespace, instrument: Any, lines: "Lines", tap: Any) -> Any:
    """The console in the instrument's poll; a port that cannot be had is left out."""
    from edgeleak.console.open import InstrumentConsole, open_links

    try:
        links, listener = open_links(instrument.config.console, args.pty, lines.add)
        console = InstrumentConsole(instrument, links, listener, lines.newest, lines.add)
    except BaseException:
        instrument.shutdown()
        raise
    instrument.on_poll = tap.aside(console.poll)
    return console


PRIORITY_OF = {"control": 30, "capture": 20, "frames": 10, "storage": 5}
"""Real-time priorities: all above other programs, because a thread that is kept waiting while it
holds the interpreter keeps control waiting too."""


class Lines:
    """What the instrument says: from its threads without waiting, to stderr by the main thread.

    out : folder that also gets them as run.log; None only prints
    """

    def __init__(self, out: Path | None) -> None:
        self._waiting: deque[str] = deque(maxlen=KEPT_LINES + KEPT_CLIENTS)
        self._kept: deque[tuple[int, str]] = deque(maxlen=KEPT_LINES)
        self._clients: deque[tuple[int, str]] = deque(maxlen=KEPT_CLIENTS)
        self._numbers = itertools.count()
        self._is_journal = "JOURNAL_STREAM" in os.environ
        self._file: TextIO | None = None
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            self._file = open(out / LOG_NAME, "w", encoding="utf-8")  # noqa: SIM115
        self._has_reader = True
        self.said = 0

    def add(self, line: str) -> None:
        """From any thread; never waits."""
        self._waiting.append(line)
        kept = self._clients if line.startswith(CLIENT) else self._kept
        kept.append((next(self._numbers), line))

    def newest(self) -> list[str]:
        """The end of the log, for the console."""
        return [line for _, line in sorted([*self._kept.copy(), *self._clients.copy()])]

    def drain(self, clear: str = "") -> None:
        """Write what has come; `clear` wipes the status line first.  A log that cannot be written
        is given up: it stops no camera."""
        while self._waiting:
            line = self._waiting.popleft()
            self.said += 1
            prefix = f"<{priority_of(line)}>" if self._is_journal else clear
            self.show(f"{prefix}{line}\n")
            self._keep(line)

    def show(self, text: str) -> None:
        """To stderr as it is, for as long as somebody is there to read it."""
        if self._has_reader:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except (OSError, ValueError):  # a terminal or a pipe that is gone
                self._has_reader = False

    def _keep(self, line: str) -> None:
        if self._file is None:
            return
        try:
            print(line, file=self._file, flush=True)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Never tried again: what is missing in a log must be at its end."""
        file, self._file = self._file, None
        with contextlib.suppress(OSError):
            if file is not None:
                file.close()
        self.add(f"NOTE the log {LOG_NAME} ends here: {error.strerror}; the camera goes on, its"
                 " lines are on stderr only; free space and start again")  # fmt: skip

    def close(self) -> None:
        self.drain()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def priority_of(line: str) -> int:
    """journald priority of one line."""
    return next((priority for word, priority in PRIORITIES if word in line), 6)


def claim_processor(priority: int) -> bool:
    """Real-time priority for the calling thread; False where the system does not allow it."""
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK  # the recorder must not inherit it
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return False
    return True


class Program:
    """A thread for each loop; this one prints, watches and ends.

    instrument : made, not running
    lines      : its log
    seconds    : None runs until somebody stops it
    console    : polled by the instrument, closed at the end
    tap        : of the black box
    """

    def __init__(self, instrument: Any, lines: Lines, seconds: float | None,
                 console: Any = None, tap: Any = None) -> None:  # fmt: skip
        self.instrument, self._lines, self._console = instrument, lines, console
        self._tap = tap or make_tap()
        self._seconds = seconds
        self._clock = SystemClock()
        self._stop = threading.Event()
        self._is_terminal = sys.stderr.isatty()
        self._status_path = instrument.folders.run / STATUS_NAME
        self._written_ns = 0
        self._threads = [
            threading.Thread(target=self._loop, args=(loop,), name=loop.name, daemon=True)
            for loop in instrument.loops
        ]

    def run(self) -> int:
        """Until the end; 0, or the exit code of what failed."""
        for number in ENDS:
            signal.signal(number, self._told)
        sys.setswitchinterval(0.0001)  # control must not wait 5 ms for a busy interpreter
        gc.collect()
        gc.freeze()
        start_ns = self._clock.monotonic_ns()
        end_ns = None if self._seconds is None else start_ns + round(self._seconds * NS_PER_S)
        try:
            for thread in self._threads:
                thread.start()
            while not self._is_over(end_ns):
                self._clock.wait_until_ns(self._clock.monotonic_ns() + LOOK_NS)
                self._show()
        finally:
            self._end()
        failure = self.instrument.failure
        if failure is not None:
            print(f"edgeleak run: {failure}", file=sys.stderr)
            return int(failure.exit_code)
        return 0

    def report(self) -> dict[str, Any]:
        """What the run came to; expected against measured for each task."""
        tasks = [row for loop in self.instrument.loops for row in loop.report()]
        return {**self.instrument.status(), "tasks": tasks}

    def _loop(self, loop: Any) -> None:
        if not claim_processor(PRIORITY_OF[loop.name]):
            self._lines.add(f"NOTE no real-time priority for {loop.name}; a busy machine may delay"
                            " it: allow it with LimitRTPRIO, as the unit does")  # fmt: skip
        with self._tap.part(loop.name):
            try:
                loop.run_forever(self._stop.is_set)
            except BaseException as error:  # the top of a thread: outputs off, the program ends
                self.instrument.fail(error)

    def _told(self, number: int, _frame: object) -> None:
        """Any of ENDS: actuators first, whatever the threads are doing."""
        self._stop.set()
        self._tap.over()
        self.instrument.outputs_off()

    def _is_over(self, end_ns: int | None) -> bool:
        is_late = end_ns is not None and self._clock.monotonic_ns() >= end_ns
        return self._stop.is_set() or is_late or self.instrument.failure is not None

    def _end(self) -> None:
        """Loops first, each for a bounded time: a thread on a stuck bus is left behind."""
        self._stop.set()
        self._tap.over()
        self.instrument.outputs_off()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(JOIN_S[thread.name])
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            self._lines.add(f"FAILED to stop in time: {', '.join(left)}")
        self.instrument.shutdown(is_stuck="control" in left)
        if self._console is not None and "frames" not in left:
            self._console.close()
        if self._is_terminal:
            self._lines.show("\n")
        with contextlib.suppress(OSError):
            self._status_path.unlink()
        self._lines.close()

    def _show(self) -> None:
        clear = "\r\x1b[K" if self._is_terminal else ""
        self._lines.drain(clear)
        status = self.instrument.status()
        if self._is_terminal:
            self._lines.show(clear + line_of(status))
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._written_ns >= NS_PER_S:
            self._written_ns = now_ns
            self._write(status | {"written_ns": now_ns})

    def _write(self, status: dict[str, Any]) -> None:
        """Renew the status file; it is lost at a reboot, so nothing is flushed."""
        part = self._status_path.with_suffix(".part")
        with contextlib.suppress(OSError):  # a full tmpfs stops nothing
            part.write_text(json.dumps(status))
            part.replace(self._status_path)
