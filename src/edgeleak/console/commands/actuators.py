# SPDX-License-Identifier: Apache-2.0
"""Cooler, light and exposure.  Every limit is below, in services and drivers; a command only asks,
and where actuators rest it is refused."""

from dataclasses import replace

from edgeleak.console.scpi import ScpiError, number, quoted
from edgeleak.console.session import Session
from edgeleak.console.tree import Choice, Command, Level, NumberOf, Switch
from edgeleak.services.cooler_wish import COLDEST_DEGC, WARMEST_DEGC
from edgeleak.services.thermal_status import CoolerState

RUNNING = (CoolerState.DRIVE, CoolerState.TUNE)
MODES = ("OFF", "ON", "ALTernate")
MODE = Choice("mode", MODES)


def set_point(session: Session) -> str:
    return number(session.desk.live.wish("degc", session.desk.cooler().status.wish_degc))


def reach_set_point(session: Session, degc: float) -> None:
    session.desk.may_drive()
    session.desk.cooler()
    session.desk.live.cool(degc)


def cooler_state(session: Session) -> str:
    return str(int(session.desk.cooler().status.state in RUNNING))


def switch_cooler(session: Session, is_on: bool) -> None:
    """Off warms up on the ramp first."""
    cooler, live = session.desk.cooler(), session.desk.live
    if is_on:
        session.desk.may_drive()
        live.cool(live.wish("degc", cooler.status.wish_degc))
    else:
        live.warm_up()


def cooler_phase(session: Session) -> str:
    return str(session.desk.cooler().status.state).upper()


def is_stable(session: Session) -> str:
    return str(int(session.desk.is_at_set_point()))


def tune(session: Session) -> None:
    session.desk.may_drive()
    session.desk.cooler().request("tune")


def tuning(session: Session) -> str:
    cooler = session.desk.cooler()
    gains, found = cooler.gains, cooler.tuning
    word = "running" if cooler.status.state is CoolerState.TUNE else "none yet"
    reason = word if found is None else found.reason
    return f"{number(gains.kp)},{number(gains.ki)},{number(gains.kd)},{quoted(reason)}"


def led_mode(session: Session) -> str:
    wished = round(session.desk.live.wish("mode", session.desk.light().status.mode))
    return MODE.short(MODES[wished].lower())


def set_led_mode(session: Session, mode: str) -> None:
    light = session.desk.light()
    if mode == "off":
        light.request("off", 0.0)
    else:
        session.desk.may_drive()
        _check_light(session, mode, session.desk.live.led.current_ma)
    session.desk.live.set_light(mode=mode)


def led_current(session: Session) -> str:
    session.desk.light()
    return number(session.desk.live.led.current_ma / 1000)


def set_led_current(session: Session, current_a: float) -> None:
    session.desk.light()
    session.desk.may_drive()
    _check_light(session, session.desk.live.led.mode, 1000 * current_a)
    session.desk.live.set_light(current_ma=1000 * current_a)


def limited(command: Command, most_ma: float) -> Command:
    """The command of the current with a board's peak current as its end; any other as it is."""
    if command.run is not set_led_current:
        return command
    amperes = NumberOf("current", "A", 0, most_ma / 1000, min(0.2, most_ma / 1000))
    return replace(command, parameters=(amperes,))


def _check_light(session: Session, mode: str, current_ma: float) -> None:
    """ScpiError where light is wished without a current."""
    least_ma = session.desk.light().least_ma
    if mode != "off" and current_ma < least_ma:
        raise ScpiError(-221, f"light needs {least_ma:g} mA or more; dark is LED:MODE OFF")


def led_drive(session: Session) -> str:
    return number(session.desk.light().status.current_ma / 1000)


def integration(session: Session) -> str:
    return number(session.desk.live.exposure_us() / 1e6, 9)


def integrate(session: Session, seconds: float) -> None:
    session.desk.light()
    session.desk.live.set_exposure(round(seconds * 1e6))


OPERATE, SERVICE = Level.OPERATE, Level.SERVICE
COMMANDS = (
    Command("COOLer:SETPoint", reach_set_point, "cool or warm the detector to", OPERATE,
            (NumberOf("set-point", "degC", COLDEST_DEGC, WARMEST_DEGC, -20.0),)),
    Command("COOLer:SETPoint?", set_point, "what was asked for", answer="degC"),
    Command("COOLer:STATe", switch_cooler, "drive to the set-point; off warms up first", OPERATE,
            (Switch("cooler"),)),
    Command("COOLer:STATe?", cooler_state, "driving to a set-point", answer="0 or 1"),
    Command("COOLer:PHASe?", cooler_phase, "what the cooler does", answer="word"),
    Command("COOLer:STABle?", is_stable, "within tolerance for long enough", answer="0 or 1"),
    Command("COOLer:TUNE", tune, "find gains by a relay experiment at the set-point", SERVICE),
    Command("COOLer:TUNE?", tuning, "gains kp, ki, kd, and what the experiment said",
            answer="A/K,A/(K s),A s/K,text"),
    Command("LED:MODE", set_led_mode, "light in no, every or every second frame", OPERATE,
            (MODE,)),
    Command("LED:MODE?", led_mode, "in which frames light is wished, or lit by now", answer="word"),
    Command("LED:CURRent", set_led_current, "peak current; the board's four limits stand above",
            OPERATE, (NumberOf("current", "A", 0, 2, 0.2),)),
    Command("LED:CURRent?", led_current, "peak current that was asked for", answer="A"),
    Command("LED:DRIVe?", led_drive, "peak current after derating, 0 while dark", answer="A"),
    Command("SENSe:INTegration", integrate, "exposure of a frame", OPERATE,
            (NumberOf("integration", "s", 10e-6, 0.06, 8e-3),)),
    Command("SENSe:INTegration?", integration, "exposure of a frame", answer="s"),
)  # fmt: skip
