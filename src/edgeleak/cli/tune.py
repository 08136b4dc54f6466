# SPDX-License-Identifier: Apache-2.0
"""Tune the cooler's loop: cool down, relay experiment, step response as a picture, tuned.toml.

The experiment refuses when it is not sure (no steady oscillation, a model that does not explain
it); nothing is written then.  The instrument must not run meanwhile: one program owns the
bus.  With the safe strap set nothing is driven.

edgeleak tune tec                          on this board; writes tuned.toml of the state folder
edgeleak tune tec --out DIR                and the step response as a picture in DIR
edgeleak tune tec --simulated --out DIR    the simulated board; writes no gains without --state
edgeleak tune tec --dry-run                shows the gains, writes nothing
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from edgeleak import board as boards
from edgeleak import codes, config
from edgeleak.cli.config import add_file_options, load
from edgeleak.clock import NS_PER_S
from edgeleak.errors import StorageError, UnavailableError
from edgeleak.services import tuned

HELP = "tune the cooler's loop and show its step response"
COOL_S, STEADY_S, TUNE_S, STEP_S, STEP_K = 400.0, 15.0, 620.0, 60.0, 2.0
REFUSED = 75
PICTURE = "cooler-tuning.png"
NAMES = {"kp_a_per_k": "kp", "ki_a_per_k_s": "ki", "kd_a_s_per_k": "kd"}


class Session(Protocol):
    """A cooler that can be run for a while."""

    cooler: Any

    def run(self, seconds: float, until: Callable[[], bool]) -> bool: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Course:
    """What was seen, one entry a control period."""

    time_s: list[float] = field(default_factory=list)
    cold_degc: list[float] = field(default_factory=list)
    reference_degc: list[float] = field(default_factory=list)
    current_a: list[float] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    def note(self, status: Any) -> None:
        now_s = status.time_ns / 1e9
        if self.time_s and now_s <= self.time_s[-1]:
            return
        self.time_s.append(now_s)
        self.cold_degc.append(status.cold_degc)
        self.reference_degc.append(status.reference_degc)
        self.current_a.append(status.current_a)

    def mark(self, what: str) -> None:
        self.marks.append((self.time_s[-1] if self.time_s else 0.0, what))


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("what", choices=("tec",), help="tec: the detector's cooler")
    add_file_options(parser)
    parser.add_argument("--board", metavar="NAME", help="instead of the configured one")
    parser.add_argument("--simulated", action="store_true", help="on the simulated board")
    parser.add_argument("--ambient", type=float, default=25.0, metavar="DEGC",
                        help="with --simulated: air temperature (25)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="draw the step response there")
    parser.add_argument("--dry-run", action="store_true",
                        help="tuned.toml is not written, nor with --simulated without"
                             " --state")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Tune; exit code 75 when the experiment refused."""
    if args.out is not None:
        _prepare_picture(args.out)
    settings = load(args).config
    board = boards.load(args.board or settings.instrument.board)
    make = _simulated if args.simulated else _real
    session = make(board, settings, args)
    course, say = Course(), sys.stderr if args.json else sys.stdout
    try:
        summary = _tune(session, course, lambda text: print(text, file=say, flush=True))
    finally:
        session.cooler.shutdown()
        session.cooler.zero()
        session.close()
    files = []
    is_good, is_dry = summary["gains"] is not None, _is_dry(args)
    if is_good and not is_dry:
        files.append(write_gains(args.state / config.TUNED_NAME, summary["gains"]))
    if args.out is not None:
        files.append(draw(course, summary, args.out / PICTURE))
    summary |= {"files": [str(path) for path in files], "is_dry": is_dry}
    _report(summary, args.json)
    return 0 if is_good else REFUSED


def _prepare_picture(folder: Path) -> None:
    """Whatever stands against the picture is said before anything is driven.

    Raises UnavailableError without matplotlib, StorageError for a folder that cannot be.
    """
    from edgeleak.evaluate.extras import load_pyplot

    try:
        load_pyplot()
    except UnavailableError as error:
        raise UnavailableError(
            "the picture of --out needs matplotlib, which is not installed;"
            " run: pip install edgeleak[host], or leave --out away"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(error.errno, f"--out {folder}: {error.strerror}") from error


def _is_dry(args: argparse.Namespace) -> bool:
    """The gains of a simulated cooler are not this board's, unless a folder of its own is given."""
    return bool(args.dry_run or (args.simulated and args.state == config.STATE_FOLDER))


def _tune(session: Session, course: Course, say: Callable[[str], None]) -> dict[str, Any]:
    """Cool down, experiment, one step down and back; all facts in one table."""
    cooler = session.cooler

    def seen(is_over: Callable[[], bool]) -> Callable[[], bool]:
        def look() -> bool:
            course.note(cooler.status)
            return is_over() or _is_fault(cooler.status)

        return look

    say("cooling  to the set-point")
    session.run(COOL_S, seen(lambda: cooler.status.is_stable))
    if cooler.status.is_stable:
        session.run(STEADY_S, seen(lambda: False))
    course.mark("relay")
    if not _is_fault(cooler.status):
        say(f"tuning   at {cooler.status.cold_degc:.2f} degC, {cooler.status.current_a:.3f} A")
        cooler.request("tune")
        session.run(1.0, seen(lambda: False))
        session.run(TUNE_S, seen(lambda: cooler.tuning is not None))
    result = _facts(cooler)
    if result["gains"] is not None:
        say("step     2 K up and back with the new gains")
        result["step"] = _step(session, course, seen)
        if _is_fault(cooler.status):
            result |= {"gains": None, "reason": _why(cooler.status)}
    return result


def _step(session: Session, course: Course, seen: Callable[..., Any]) -> dict[str, float]:
    """Overshoot and rest of a small step, as measured."""
    cooler = session.cooler
    wish = cooler.status.wish_degc
    start = len(course.time_s)
    course.mark("+2 K")
    cooler.request(min(30.0, wish + STEP_K))
    session.run(STEP_S, seen(lambda: False))
    up = course.cold_degc[start:]
    middle = len(course.time_s)
    course.mark("-2 K")
    cooler.request(wish)
    session.run(STEP_S, seen(lambda: False))
    down = course.cold_degc[middle:]
    tail = down[-200:]
    return {
        "overshoot_up_k": max(0.0, max(up) - wish - STEP_K),
        "overshoot_down_k": max(0.0, wish - min(down)),
        "rms_k": (sum((t - wish) ** 2 for t in tail) / len(tail)) ** 0.5,
    }


def _is_fault(status: Any) -> bool:
    return bool(status.code) and codes.TABLE[status.code].kind == codes.Kind.FAULT


def _why(status: Any) -> str:
    row = codes.TABLE[status.code]
    what = row.what.format(measured=status.measured, expected=status.expected)
    return f"{status.code} {row.name}: {what}; {row.next_step}"


def _facts(cooler: Any) -> dict[str, Any]:
    tuning, status = cooler.tuning, cooler.status
    if _is_fault(status) or tuning is None:
        reason = _why(status) if status.code else "the experiment did not end"
        return {"gains": None, "reason": reason}
    gains = tuning.gains
    return {
        "gains": None if gains is None else {
            key: float(f"{getattr(gains, name):.4g}") for key, name in NAMES.items()
        },
        "reason": tuning.reason,
        "gain_k_per_s_a": tuning.gain_k_per_s_a,
        "delay_s": tuning.delay_s,
        "cycle_s": tuning.period_s,
        "amplitude_k": tuning.amplitude_k,
        "fit": tuning.fit,
        "cool_down_s": status.cool_down_s,
        "energy_to_set_point_j": status.energy_to_set_point_j,
        "holding_w": status.holding_w,
    }  # fmt: skip


def write_gains(path: Path, gains: dict[str, float]) -> Path:
    """Put gains into `tuned.toml`; see services.tuned.write."""
    return tuned.write(path, {"cooler": gains})


def draw(course: Course, summary: dict[str, Any], path: Path) -> Path:
    """Temperature and current over time, the parts of the experiment marked."""
    from edgeleak.evaluate.extras import load_pyplot
    from edgeleak.evaluate.prints import save_figure

    plt = load_pyplot()
    start = course.time_s[0]
    times = [t - start for t in course.time_s]
    figure, (upper, close, lower) = plt.subplots(3, 1, figsize=(9, 8), sharex=True,
                                                 layout="constrained")  # fmt: skip
    aim = course.reference_degc[-1]
    for axes in (upper, close):
        axes.plot(times, course.reference_degc, color="#999999", linewidth=1, label="reference")
        axes.plot(times, course.cold_degc, color="#0b6e8a", linewidth=1.2, label="detector")
        axes.set_ylabel("degC")
    close.set_ylim(aim - 1.0, aim + STEP_K + 1.0)
    close.set_title("the same, close to the set-point", fontsize=10)
    upper.legend(frameon=False)
    lower.plot(times, course.current_a, color="#b3541e", linewidth=1.0)
    lower.set_ylabel("A (above 0 cools)")
    lower.set_xlabel("s")
    for at_s, what in course.marks:
        for axes in (upper, close, lower):
            axes.axvline(at_s - start, color="#bbbbbb", linewidth=0.8, linestyle=":")
        upper.annotate(what, (at_s - start, upper.get_ylim()[1]), fontsize=8, va="top")
    for axes in (upper, close, lower):
        axes.grid(color="#e4e4e4", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    gains = summary["gains"]
    said = "refused: " + summary["reason"] if gains is None else ", ".join(
        f"{name} = {value:g}" for name, value in gains.items())  # fmt: skip
    figure.suptitle(f"Cooler tuning: {said}", fontsize=11)
    return save_figure(figure, path)


def _report(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, indent=1))
        return
    if summary["gains"] is None:
        print(f"refused  {summary['reason']}; gains are kept")
    else:
        for name, value in summary["gains"].items():
            print(f"gain     cooler.{name} = {value:g}")
        print(f"basis    {summary['reason']}; {summary['gain_k_per_s_a']:.2f} K/s per A,"
              f" {summary['delay_s']:.2f} s delay")  # fmt: skip
        step = summary["step"]
        print(
            f"step     overshoot {step['overshoot_up_k']:.3f} K up,"
            f" {step['overshoot_down_k']:.3f} K down, then {1000 * step['rms_k']:.1f} mK rms"
        )
    if summary["gains"] is not None and summary["is_dry"]:
        print(f"dry run  {config.TUNED_NAME} was not written")
    for path in summary["files"]:
        print(f"file     {path}")


class _Simulated:
    """The bench of the simulated board."""

    def __init__(self, bench: Any) -> None:
        self._bench, self.cooler = bench, bench.cooler

    def run(self, seconds: float, until: Callable[[], bool]) -> bool:
        return bool(self._bench.rig.run(seconds, until))

    def close(self) -> None:
        pass


def _simulated(board: boards.Board, settings: config.Config, args: argparse.Namespace) -> Session:
    from edgeleak.cooler_bench import Bench

    return _Simulated(Bench(board, settings.cooler, ambient_degc=args.ambient))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


class _Real:
    """The cooler of this board, run in this thread.

    Raises UnavailableError when the safe strap forbids it or the board is not what its file says.
    """

    def __init__(self, board: boards.Board, settings: config.Config, state: Path) -> None:
        from edgeleak.bus.linux import open_buses
        from edgeleak.clock import SystemClock
        from edgeleak.drivers.lines import roles
        from edgeleak.services.life import LifeCounters
        from edgeleak.services.setup import LIFE_NAME

        self._clock = SystemClock()
        self._buses = open_buses(board)
        self._strap, self._looked_ns = roles(self._buses.lines, board.gpio).strap, 0
        try:
            self._begin(board, settings, LifeCounters(state / LIFE_NAME, _tell))
        except BaseException:
            self._buses.close()
            raise

    def _begin(self, board: boards.Board, settings: config.Config, life: Any) -> None:
        from edgeleak.cooler_bench import cooler_loop
        from edgeleak.services import bringup

        self._obey_strap()
        for wait_ns in bringup.steps(board, self._buses, lambda _proof: None):
            self._clock.wait_until_ns(self._clock.monotonic_ns() + wait_ns)
        self.cooler, self._loop = cooler_loop(board, settings.cooler, self._buses, self._clock,
                                              life)  # fmt: skip
        self._life = life

    def _obey_strap(self) -> None:
        """Once a second; one that cannot be read is as good as set."""
        now_ns = self._clock.monotonic_ns()
        if self._strap is None or now_ns - self._looked_ns < NS_PER_S:
            return
        self._looked_ns = now_ns
        if self._strap.is_set():
            raise UnavailableError("the safe strap is set, so nothing may be driven; remove it")

    def run(self, seconds: float, until: Callable[[], bool]) -> bool:
        end_ns = self._clock.monotonic_ns() + round(seconds * 1e9)
        is_over = [False]

        def stop() -> bool:
            self._obey_strap()
            is_over[0] = is_over[0] or until()
            return is_over[0] or self._clock.monotonic_ns() >= end_ns

        self._loop.run_forever(stop)
        return is_over[0]

    def close(self) -> None:
        self._life.save()
        self._buses.close()


def _real(board: boards.Board, settings: config.Config, args: argparse.Namespace) -> Session:
    if board.tec is None:
        raise UnavailableError(f"board {board.name} has no cooler; nothing to tune")
    return _Real(board, settings, args.state)
