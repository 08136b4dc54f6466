# SPDX-License-Identifier: Apache-2.0
"""Who it is, what it does, who may: IDN, self-test, state, levels, PINs, log."""

import json

from edgeleak import __version__
from edgeleak.console import bundle, checks
from edgeleak.console.desk import Desk
from edgeleak.console.jobs import Job
from edgeleak.console.pins import LEAST, MOST, Refused
from edgeleak.console.scpi import ScpiError, block, number, quoted
from edgeleak.console.session import Session
from edgeleak.console.tree import Choice, Command, Level, NumberOf, Switch, Text
from edgeleak.durable import replace_file
from edgeleak.errors import UnsettledError

LEVELS = ("LOOK", "OPERate", "SERVice")
LEVEL_OF = {"look": Level.LOOK, "operate": Level.OPERATE, "service": Level.SERVICE}
PIN = Text("pin", MOST)
BUNDLE_NAME = "bundle.zip"
LEVEL, KEYED = Choice("level", LEVELS), Choice("level", LEVELS[1:])


def identify(session: Session) -> str:
    on = session.desk.instrument
    fields = ("EdgeLeak", on.board.name, on.config.instrument.serial, __version__)
    return ",".join(field.replace(",", " ").replace(";", " ") for field in fields)


def reset(session: Session) -> None:
    """As the settings files say; faults, levels and corrections stay."""
    desk = session.desk
    on = desk.instrument
    desk.live.restore()
    session.held = None
    if on.recorder is not None:
        on.recorder.stop()
    may_drive = on.health.latched is None and not on.is_safe
    if on.light is not None:
        _reset_light(desk, may_drive)
    if may_drive and on.cooler is not None:
        _reset_cooler(desk)


def _reset_light(desk: Desk, may_drive: bool) -> None:
    """Dark in between: neither old light with the new exposure nor the other way round has to be
    allowed.  The exposure is no actuator: it is put back in fault and safe state too."""
    desk.instrument.light.request("off", 0.0)
    desk.live.set_exposure(desk.live.filed("sensor").integration_us)
    if may_drive:
        desk.live.set_light()


def _reset_cooler(desk: Desk) -> None:
    """A cooler that is off stays off."""
    config = desk.live.filed("cooler")
    if not config.is_on_at_start:
        desk.live.warm_up()
    elif desk.live.is_cooler_on():
        desk.live.cool(config.set_point_degc)


def test(session: Session) -> str:
    failed = [c for c in checks.run(session.desk.instrument) if c.is_needed and not c.has_passed]
    return str(len(failed))


def test_results(session: Session) -> bytes:
    found = checks.run(session.desk.instrument)
    return block(("\n".join(map(str, found)) + "\n").encode())


def state(session: Session) -> str:
    return str(session.desk.instrument.health.state).upper()


def code(session: Session) -> str:
    trouble = session.desk.instrument.health.answer.trouble
    return f"{trouble.code},{quoted(trouble.text)}"


def note(session: Session) -> str:
    found = session.desk.instrument.health.note
    return f"{found.code},{quoted(found.text)}"


def uptime(session: Session) -> str:
    on = session.desk.instrument
    return number((on.clock.monotonic_ns() - on.start_ns) / 1e9, 9)


def status(session: Session) -> bytes:
    return block(json.dumps(session.desk.instrument.status()).encode())


def tasks(session: Session) -> bytes:
    rows = [row for loop in session.desk.instrument.loops for row in loop.report()]
    return block(json.dumps(rows).encode())


def level(session: Session) -> str:
    return LEVEL.short(session.level.name.lower())


def set_level(session: Session, wanted: str, pin: str = "") -> Job | None:
    """Down at once, up with the level's PIN; the floor of the connection needs none, but one that
    is given there has to be right, and counts as a log-in."""
    target, pins = LEVEL_OF[wanted], session.desk.pins
    is_shown = bool(pin) and session.level <= target == session.floor and pins.has(wanted)
    if target <= max(session.floor, session.level) and not is_shown:
        session.has_shown_pin = session.has_shown_pin and target == session.level
        session.level = target
        return None

    def work() -> None:
        try:
            pins.check(wanted, pin, session.client)
        except Refused as error:
            session.note_refusal(f"level {wanted} refused: {error}", "PINs")
            raise
        session.level, session.has_shown_pin = target, True
        session.note(f"level {wanted} granted")

    return session.begin(work)


def choose_pin(session: Session, wanted: str, new: str, old: str = "") -> Job:
    """The first one at the cable or by root, and once there is any PIN at a level that was logged
    in to; a later one with the old one, or at level service."""
    if not (LEAST <= len(new) <= MOST and new.isprintable()) or " " in new:
        raise ScpiError(-224, f"pin: {LEAST} to {MOST} printable characters, no blank")
    pins, level = session.desk.pins, session.level
    is_owner, is_logged_in = session.is_owner, level > session.floor or session.has_shown_pin

    def work() -> None:
        try:
            pins.look()
            if pins.has(wanted):
                if level < Level.SERVICE:
                    pins.check(wanted, old, session.client)
            elif not (is_logged_in if pins.has_any else is_owner):
                where = "after a log-in" if pins.has_any else "at the cable, or by root"
                raise Refused(f"the first PIN of level {wanted} is chosen {where}")
        except Refused as error:
            session.note_refusal(f"PIN of level {wanted} not chosen: {error}", "PINs")
            raise
        try:
            pins.choose(wanted, new)
        except UnsettledError as error:
            session.note(f"PIN of level {wanted} chosen: {error}")
            raise
        session.note(f"PIN of level {wanted} chosen")

    return session.begin(work)


def has_pin(session: Session, wanted: str) -> str:
    return str(int(session.desk.pins.has(wanted)))


def log_out(session: Session) -> None:
    session.log_out()


def safe(session: Session, is_on: bool) -> None:
    session.desk.instrument.set_safe_mode(is_on)


def is_safe(session: Session) -> str:
    return str(int(session.desk.instrument.is_safe))


def log(session: Session, count: int = 100) -> bytes:
    lines = session.desk.lines()[-count:]
    return block(("\n".join(lines) + "\n" if lines else "").encode("ascii", "replace"))


def pack(session: Session) -> Job:
    work = bundle.gather(session.desk)
    return session.begin(lambda: block(work()))


def store_bundle(session: Session) -> Job:
    """Beside the settings; the frames loop does not wait for the storage."""
    path, work = session.desk.instrument.folders.state / BUNDLE_NAME, bundle.gather(session.desk)

    def store() -> None:
        replace_file(path, work())

    return session.begin(store)


def save(session: Session) -> Job:
    live = session.desk.live
    return session.begin(live.saving(), live.saved)


COMMANDS = (
    Command("*IDN?", identify, "maker, board, serial number, version", answer="words"),
    Command("*RST", reset, "live settings, exposure, light and set-point as the settings files"
            " say, with what was saved; a cooler that is off stays off; a recording ends, nothing"
            " is held any more", Level.OPERATE),
    Command("*TST?", test, "checks that failed, 0 is good; takes no frame", answer="count"),
    Command("TEST:RESults?", test_results, "each check with value, limit, verdict",
            answer="block of text"),
    Command("SYSTem:STATe?", state, "what it is doing", answer="word"),
    Command("SYSTem:CODE?", code, "why there is no answer, and what to do; 0 when there is one",
            answer="number,text"),
    Command("SYSTem:NOTE?", note, "what degrades it without changing the answer",
            answer="number,text"),
    Command("SYSTem:UPTime?", uptime, "since the start", answer="s"),
    Command("SYSTem:GLANce?", status, "everything at a glance", answer="block of JSON"),
    Command("SYSTem:TASKs?", tasks, "tasks with runs, overruns and lateness",
            answer="block of JSON"),
    Command("SYSTem:LEVel?", level, "what this connection may do", answer="word"),
    Command("SYSTem:LEVel", set_level, "log in with the level's PIN, or step down",
            parameters=(LEVEL, PIN), needed=1),
    Command("SYSTem:PIN", choose_pin, "choose a PIN: the first at the cable, later with the old",
            parameters=(KEYED, Text("new", MOST), Text("old", MOST)), needed=2),
    Command("SYSTem:PIN?", has_pin, "whether a PIN was chosen", parameters=(KEYED,),
            answer="0 or 1"),
    Command("SYSTem:LOGout", log_out, "back to the level of the connection"),
    Command("SYSTem:SAFE", safe, "no actuator moves while on; the strap cannot be overruled",
            Level.OPERATE, (Switch("safe"),)),
    Command("SYSTem:SAFE?", is_safe, "safe mode is wished", answer="0 or 1"),
    Command("SYSTem:SAVE", save, "keep live settings, exposure, light, set-point and gains",
            Level.OPERATE),
    Command("SYSTem:BUNDle?", pack, "one zip file for a bug report, nothing secret in it",
            answer="block"),
    Command("SYSTem:BUNDle:STORe", store_bundle, "keep it as a file beside the settings",
            Level.OPERATE),
    Command("LOG?", log, "the last lines of the log", answer="block of text", needed=0,
            parameters=(NumberOf("lines", "", 1, 1000, 100, is_whole=True),)),
)  # fmt: skip
