# SPDX-License-Identifier: Apache-2.0
"""Words for people: what a command is called when a hand types it, and what a screen shows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from edgeleak import __version__, kernels
from edgeleak.console import checks
from edgeleak.console.commands.settings import FIELDS
from edgeleak.console.commands.system import BUNDLE_NAME
from edgeleak.console.desk import Desk
from edgeleak.console.guide import guide
from edgeleak.console.human import HumanMode, Shortcut
from edgeleak.console.outcome import Correction
from edgeleak.console.scpi import quoted
from edgeleak.console.session import Session
from edgeleak.errors import EdgeLeakError
from edgeleak.pipeline.live import span_of
from edgeleak.services import life
from edgeleak.services.thermal_status import effort_line

LIVE = ("AGC", "CLAHe", "BACKground", "SENS", "PALette", "LED", "COOLer:SETPoint")
"""Beginnings of the headers of live settings, which are echoed with the histogram."""
OUTER = 0.001


def make_human(desk: Desk, session: Session) -> HumanMode:
    """Human mode of one connection."""
    return HumanMode(session, lambda: banner(desk), table(desk), lambda: live(desk),
                     lambda header: agc(desk) if header.startswith(LIVE) else "",
                     {"CALibration:RUN": lambda: Correction(desk.instrument)})  # fmt: skip


def banner(desk: Desk) -> str:
    on = desk.instrument
    lines = [f"EdgeLeak {__version__}  {on.board.name}  serial {on.config.instrument.serial}",
             f"state {on.health.state}, answer {on.health.answer}"]  # fmt: skip
    trouble = on.health.answer.trouble
    if trouble.code:
        lines.append(f"{trouble.code} {trouble.text}")
    return "\n".join(lines)


def live(desk: Desk) -> str:
    """One calm line."""
    on = desk.instrument
    parts = [f"{on.health.state:<9} {on.health.answer!s:<7} {on.path.fps:5.1f} fps"]
    if on.cooler is not None:
        status = on.cooler.status
        parts.append(f"cold {status.cold_degc:7.2f} ({status.set_point_degc:.2f})"
                     f" hot {status.hot_degc:6.2f} degC {status.current_a:6.3f} A")  # fmt: skip
    return "  ".join((*parts, f"drops {on.acquisition.drops}"))


def screen(desk: Desk) -> str:
    """Everything on one screen of 80 columns."""
    on = desk.instrument
    status, picture = on.nuc.status, desk.live.picture
    rows = [("state", f"{on.health.state}, answer {on.health.answer}"),
            ("reason", on.health.answer.reason)]  # fmt: skip
    if on.health.note.code:
        rows.append(("note", f"{on.health.note.code} {on.health.note.text}"))
    rows += _cooler_rows(on) + _light_rows(on)
    age_s = (on.clock.monotonic_ns() - status.taken_ns) / 1e9
    taken = "none yet" if status.taken_ns < 0 else f"{status.nuc_id}, {age_s:.0f} s old"
    rows += [
        ("correction", f"{taken}, {status.phase}"),
        ("frames", f"{on.path.frames} at {on.path.fps:.1f}/s, {on.acquisition.drops} dropped,"
                   f" {on.acquisition.status.counters.crc} bad CRCs"),
        ("picture", f"gain {picture.agc_mode}, {span(desk)}, sensitivity {picture.sensitivity:g}"),
        ("recorder", _recorder(on)),
        ("life", life.line_of(on.life.values())),
        ("up", f"{(on.clock.monotonic_ns() - on.start_ns) / 1e9:.0f} s,"
               f" clock {on.utc.quality.name.lower()}"),
    ]  # fmt: skip
    return "\n".join(_wrapped(name, text) for name, text in rows)


def _cooler_rows(on: Any) -> list[tuple[str, str]]:
    if on.cooler is None:
        return [("cooler", "none on this board")]
    s, around = on.cooler.status, on.cooler.surroundings
    return [
        ("cooler", f"{s.state}, detector {s.cold_degc:.2f} of {s.set_point_degc:.2f} degC,"
                   f" {'stable' if s.is_stable else 'not stable'}"),
        ("", f"hot side {s.hot_degc:.2f} degC, {s.current_a:.3f} A {s.voltage_v:.2f} V"
             f" {s.power_w:.2f} W, fan {s.fan_rpm:.0f} rpm"),
        ("", effort_line(s.energy_to_set_point_j, s.cool_down_s, s.holding_w)),
        ("housing", f"{around.housing_degc:.2f} degC, {around.humidity_percent:.0f} % humidity"),
    ]  # fmt: skip


def _light_rows(on: Any) -> list[tuple[str, str]]:
    if on.light is None:
        return []
    s = on.light.status
    mode = ("off", "on", "alternate")[s.mode]
    return [("light", f"{mode}, {s.current_ma:.0f} mA commanded, {s.measured_ma:.0f} measured,"
                      f" LED {s.led_degc:.1f} degC"),
            ("supply", f"{s.supply_v:.2f} V")]  # fmt: skip


def _recorder(on: Any) -> str:
    if on.recorder is None:
        return "off"
    found = on.recorder.ring.progress()
    word = "recording" if on.recorder.is_recording else "idle"
    free = "room not looked at yet" if found.free_mib < 0 else f"{found.free_mib} MiB free"
    return f"{word}, {found.written} frames written, {found.lost} lost, {free}"


def _wrapped(name: str, text: str) -> str:
    lines, width = [], 66
    while len(text) > width and (at := text.rfind(" ", 0, width)) > 0:
        lines.append(text[:at])
        text = text[at + 1 :]
    lines.append(text)
    return "\n".join(f"{name if not k else '':<11} {line}" for k, line in enumerate(lines))


def span(desk: Desk) -> str:
    black, white = desk.live.span_counts()
    return f"black {black:.0f}, white {white:.0f} counts"


def agc(desk: Desk) -> str:
    """Settings and the histogram of the counts, sixteen lines."""
    on = desk.instrument
    found = np.empty(16384, np.uint32)
    kernels.histogram(on.pipeline.counts, found)
    low, high = middle(found)
    picture = desk.live.picture
    head = (f"gain {picture.agc_mode}, {span(desk)}; tiles {picture.clahe_tiles or 'profile'},"
            f" slew x {picture.background_slew:g}")  # fmt: skip
    if not high:
        return f"{head}\nno frame yet"
    edges = np.unique(np.linspace(low, high, 17).astype(int))
    sums = np.add.reduceat(found[:high], edges[:-1])
    rows = [f"{a:6d} {'#' * round(48 * n / sums.max()):<48} {n}"
            for a, n in zip(edges, sums, strict=False)]  # fmt: skip
    return "\n".join([head, *rows])


def middle(found: np.ndarray) -> tuple[int, int]:
    """(first, behind the last) level without the outermost 0.1 % at either end; a few dead pixels
    are at 0 and 16383.  (0, 0) where nothing was counted."""
    below = np.cumsum(found, dtype=np.int64)
    if not below[-1]:
        return 0, 0
    low, last = np.searchsorted(below, np.array((OUTER, 1 - OUTER)) * below[-1])
    return int(low), int(last) + 1


def selftest(desk: Desk) -> str:
    found = checks.run(desk.instrument)
    verdicts = [check.verdict for check in found]
    end = f"{verdicts.count('pass')} of {len(found)} good"
    end += "".join(f", {n} {word}" for word in ("note", "FAIL") if (n := verdicts.count(word)))
    return "\n".join([*map(str, found), end])


def fault(desk: Desk) -> str:
    """The last fault, what led to it, what was said."""
    found = desk.history.last_fault
    if found is None:
        return "no fault since the start"
    lines = [f"{found.code} {found.text}", f"{found.at_s:.1f} s after the start; before it:",
             "      t s   cold    hot    A      V     supply  fps"]  # fmt: skip
    lines += [f"{r[0]:9.1f} {r[7]:6.2f} {r[8]:6.2f} {r[9]:6.3f} {r[10]:6.2f} {r[13]:6.2f}"
              f" {r[4]:5.1f}" for r in found.rows[-20:]]  # fmt: skip
    return "\n".join([*lines, *found.lines[-10:]])


def log_in(words: list[str]) -> str:
    """`login operate PIN` as the command that does it."""
    if not words:
        return "login operate PIN, or login service PIN"
    if len(words) > 2:
        return "nothing done: a level and its PIN, which has no blank"
    return f":SYST:LEV {words[0]},{quoted(words[1] if len(words) > 1 else '')}"


def table(desk: Desk) -> dict[str, Shortcut]:
    """All of them by the word that is typed."""
    return {**_looks(desk), **_settings(desk), **_actions(desk)}


def _show(text: Callable[[Desk], str], desk: Desk) -> Callable[[Session, list[str]], str]:
    return lambda session, words: text(desk)


def _say(line: str) -> Callable[[Session, list[str]], str]:
    return lambda session, words: line


def _looks(desk: Desk) -> dict[str, Shortcut]:
    return {
        "status": Shortcut("everything on one screen", _show(screen, desk)),
        "selftest": Shortcut("each check with value, limit, verdict", _show(selftest, desk)),
        "bringup": Shortcut("small proofs for a new board: what holds, what to do next",
                            _show(guide, desk)),
        "fault last": Shortcut("the last fault and what led to it", _show(fault, desk)),
        "log": Shortcut("the last lines of the log", _say(":LOG? 20")),
    }  # fmt: skip


def _settings(desk: Desk) -> dict[str, Shortcut]:
    return {
        "agc": Shortcut("histogram; agc auto, agc lock, agc LEVEL SPAN in counts",
                        lambda session, words: agc_line(words, desk) or agc(desk),
                        takes=("AGC:LEVel", "AGC:SPAN"), also=("auto", "lock")),
        "clahe": Shortcut("local contrast: clahe TILES, clahe TILES CLIP",
                          lambda session, words: _with(":CLAH:TILE", words, ";CLIP"),
                          takes=("CLAHe:TILE", "CLAHe:CLIP")),
        "background": Shortcut("speed of the background: background FACTOR",
                               lambda session, words: _with(":BACK:SLEW", words),
                               takes=("BACKground:SLEW",)),
        "tec": Shortcut("tec DEGC sets the set-point", lambda session, words: _with(
            ":COOL:SETP", words), takes=("COOLer:SETPoint",)),
        "led": Shortcut("led off, led on, led alternate", lambda session, words: _with(
            ":LED:MODE", words), takes=("LED:MODE",)),
        "save": Shortcut("keep the live settings over a restart", _say(":SYST:SAVE")),
    }  # fmt: skip


def _actions(desk: Desk) -> dict[str, Shortcut]:
    return {
        "grab": Shortcut("the newest frame as a file on the instrument; from the host, with a"
                         " name: edgeleak console --grab", _say(":REC:SNAP"),
                         lambda: f"being written in {desk.instrument.config.recorder.folder}"),
        "nuc": Shortcut("take a correction now, and say what came of it", _say(":CAL:RUN")),
        "tec tune": Shortcut("find the cooler's gains", _say(":COOL:TUNE")),
        "fault clear": Shortcut("forget a latched fault", _say(":FAUL:CLE")),
        "bundle": Shortcut("one file for a bug report; from the host: edgeleak console --bundle",
                           _say(":SYST:BUND:STOR"),
                           lambda: f"written: {desk.instrument.folders.state / BUNDLE_NAME}"),
        "login": Shortcut("login operate PIN, or login service PIN",
                          lambda session, words: log_in(words), takes=("SYSTem:LEVel",)),
        "logout": Shortcut("back to the level of this connection", _say(":SYST:LOG")),
    }  # fmt: skip


def _with(header: str, words: list[str], second: str = "") -> str:
    """Command with what was typed behind it, or its query; `second` takes the other words."""
    if second and len(words) > 1:
        return f"{header} {words[0]}{second} {','.join(words[1:])}"
    return f"{header} {','.join(words)}" if words else f"{header}?"


def agc_line(words: list[str], desk: Desk) -> str:
    """`agc lock` and the like as commands; nothing for `agc` alone."""
    if not words:
        return ""
    if (word := words[0].lower()) in ("auto", "lock"):
        return f":AGC:LOCK {'ON' if word == 'lock' else 'OFF'}"
    if len(words) > 1 and (trouble := _span_trouble(words[:2], desk)):
        return trouble
    return _with(":AGC:LEV", words, ";SPAN") + ";MODE LOCK"


def _span_trouble(words: list[str], desk: Desk) -> str:
    """Why level and span cannot be had together; one without the other is nobody's wish."""
    try:
        level, width = map(float, words)
    except ValueError:
        return ""  # MIN, MAX, units: the commands tell
    wanted = {"agc_level_counts": level, "agc_span_counts": width}
    for name, value in wanted.items():
        low, high = FIELDS[name].metadata["low"], FIELDS[name].metadata["high"]
        if not low <= value <= high:
            return f"nothing changed: {name} is {low:g} to {high:g}"
    try:
        picture = desk.live.picture
        span_of(replace(picture, agc_level_counts=level, agc_span_counts=width))
    except EdgeLeakError as error:
        return f"nothing changed: {error}"
    return ""
