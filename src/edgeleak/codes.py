# SPDX-License-Identifier: Apache-2.0
"""The one table of codes: why there is no plain answer, and what to do about it.

Hundreds: 1 sensor link, 2 cooler, 3 LED, 4 storage, 5 time, 6 power, 7 model, 8 scene,
9 software.  Status LED, console, log, recording and documents all print from here.
"""

from dataclasses import dataclass
from enum import IntEnum

GROUPS = {
    1: "sensor link",
    2: "cooler",
    3: "LED",
    4: "storage",
    5: "time",
    6: "power",
    7: "model",
    8: "scene",
    9: "software",
}


class Kind(IntEnum):
    """The four answers."""

    NO_GAS = 0
    GAS = 1
    INHIBIT = 2
    FAULT = 3


WORDS = ("NO GAS", "GAS", "INHIBIT", "FAULT")


@dataclass(frozen=True, slots=True)
class Code:
    """One reason for INHIBIT or FAULT.

    number, name : as printed; the name is also the name of the rule
    kind         : INHIBIT clears itself, FAULT needs somebody
    what         : format string over measured and expected
    section      : profile or configuration section that sets the limit
    next_step    : what a person does now
    is_note      : the answer stands, only the flag `degraded` is shown
    is_passing   : a FAULT that ends with its cause; whoever has it decides whether it stays
    """

    number: int
    name: str
    kind: Kind
    what: str
    section: str
    next_step: str
    is_note: bool = False
    is_passing: bool = False


def _table(*rows: Code) -> dict[int, Code]:
    return {row.number: row for row in rows}


OK = 0
TORN, SHUTTER, FROZEN, STUCK, BLANK = 101, 102, 103, 104, 105
NUC_REFUSED, NUC_RUNNING, NUC_SETTLING, NUC_MISSING = 106, 107, 108, 109
BLIND_SENSOR, UNKNOWN_SENSOR = 110, 111
FPA_OPEN, FPA_SHORT, FPA_RANGE, FPA_STUCK, FPA_BIT_STUCK = 201, 202, 203, 204, 205
FPA_DETACHED, HOT_OPEN, HOT_SHORT, HOT_RANGE, HOT_STUCK = 206, 207, 208, 209, 210
TEC_WRONG_WAY, TEC_REVERSED, TEC_NO_PROGRESS, TEC_RUNAWAY, TEC_RAMP = 211, 212, 213, 214, 215
HOT_SIDE, FAN_LOST, FAN_SLOW = 216, 217, 218
TEC_OPEN, TEC_SHORT, TEC_MISMATCH, TEC_TELEMETRY, TEC_OVER_CURRENT = 219, 220, 221, 222, 223
CONDENSATION, DEW_LIMITED, BROWN_OUT, SURROUNDINGS_OLD = 224, 225, 226, 227
I2C_TEC, I2C_TEC_STUCK, TEC_READ_BACK, TEC_STALE, ENABLE_DROPPED = 228, 229, 230, 231, 232
I2C_TEC_MISSES, FPA_DIFFERS, FPA_DIFFERS_LONG = 233, 234, 235
SUPPLY_UNKNOWN, AIR_UNKNOWN, ENABLE_LINE, COOLER_STARTS = 236, 237, 238, 239
COOLER_OFF, COOLING, UNREACHABLE, UNSTABLE, TUNING = 240, 241, 242, 243, 244
TUNE_REFUSED, POWER_LIMITED, TEC_LATE = 245, 246, 247
LED_FLAG, LED_OPEN, LED_SHORT, LED_HOT = 301, 302, 303, 304
LED_THERMISTOR, LED_TELEMETRY, LED_BUS, LED_LIMIT = 305, 306, 307, 308
STORAGE_FULL, STORAGE_SLOW, STORAGE_FAILED, RECORDER_GONE = 401, 402, 403, 404
TIME_BACK, TIME_GAP, NO_TIME = 501, 502, 503
CLOCK_JUMPED, CLOCK_UNSET = 504, 505
LEARNING, LOW_CONTRAST, SATURATED, SCENE_CHANGED, LONG_SATURATED = 801, 802, 803, 804, 805
DARK, LONG_DARK, MOVING = 806, 807, 808
BLOCKED, GLARE, DARKNESS = 809, 810, 811
STARTING, SELFTEST, FRAMES_STALE, CONTROL_STALLED, SAFE_MODE = 901, 902, 903, 904, 905
RESTART_STORM, TASK_FAILED, BRING_UP, FRAMES_HUNG, CONTROL_LATE = 906, 907, 910, 911, 912

_I, _F = Kind.INHIBIT, Kind.FAULT

TABLE = _table(
    Code(
        TORN,
        "torn-frame",
        _I,
        "the source reports a torn frame",
        "sensor",
        "check cable and bus speed if this repeats",
    ),
    Code(
        SHUTTER,
        "shutter-closed",
        _I,
        "the shutter was closed during the exposure",
        "sensor",
        "wait until the shutter opens",
    ),
    Code(
        FROZEN,
        "frame-frozen",
        _I,
        "the same picture for {measured:.2f} s, at most {expected:.2f} s is live",
        "guard.frozen_s",
        "wait; restart the source if it stays",
    ),
    Code(
        STUCK,
        "sensor-stuck",
        _F,
        "the same picture for {measured:.1f} s, {expected:.1f} s is a fault",
        "guard.fault_s",
        "power-cycle the sensor, then look at the link counters",
    ),
    Code(
        BLANK,
        "sensor-blank",
        _F,
        "no contrast for {measured:.1f} s, {expected:.1f} s is a fault",
        "guard.fault_s",
        "uncover the lens; if it is open, power-cycle the sensor",
    ),
    Code(
        NUC_RUNNING,
        "nuc-running",
        _I,
        "a non-uniformity correction is being taken",
        "nuc",
        "hold still until it ends",
    ),
    Code(
        NUC_SETTLING,
        "nuc-settling",
        _I,
        "the picture settles after a non-uniformity correction",
        "nuc",
        "wait a few seconds",
    ),
    Code(
        BLIND_SENSOR,
        "blind-sensor",
        _I,
        "the sensor's band does not show methane, so nothing can be ruled in or out",
        "sensor",
        "use a 3.3 um sensor, or declare the right one",
    ),
    Code(
        UNKNOWN_SENSOR,
        "unknown-sensor",
        _I,
        "nobody declared which sensor made this, so gas cannot be ruled out",
        "sensor",
        "declare the sensor of this recording",
    ),
    Code(
        LED_FLAG,
        "led-flag-mismatch",
        _F,
        "{measured:.0f} frames in a row contradict the LED mode, {expected:.0f} are a fault",
        "led",
        "check the gate wiring between sensor and LED driver, then clear the fault",
    ),
    Code(
        LED_OPEN,
        "led-open",
        _I,
        "the LED takes {measured:.0f} mA of {expected:.0f} mA commanded: no illumination",
        "led",
        "check the LED's connector; it is tried again by itself",
    ),
    Code(
        LED_SHORT,
        "led-short",
        _F,
        "the LED takes {measured:.0f} mA where {expected:.0f} mA were commanded",
        "led",
        "replace the LED, then clear the fault",
    ),
    Code(
        LED_HOT,
        "led-hot",
        _I,
        "the LED is at {measured:.1f} degC, at most {expected:.1f} allowed: no illumination",
        "led",
        "let it cool; check its heat path if this repeats",
    ),
    Code(
        LED_THERMISTOR,
        "led-thermistor",
        _I,
        "the LED thermistor reads {measured:.3f} V, which is no temperature: no illumination",
        "led",
        "check the thermistor's wires",
    ),
    Code(
        LED_TELEMETRY,
        "led-telemetry-stale",
        _I,
        "no LED telemetry for {measured:.1f} s, at most {expected:.1f} s: no illumination",
        "led",
        "check the second ADS1115 on the I2C bus",
    ),
    Code(
        LED_BUS,
        "led-command-lost",
        _I,
        "the LED current could not be written and read back: no illumination",
        "led",
        "check the LED's AD5693R on the I2C bus",
    ),
    Code(
        LED_LIMIT,
        "led-exposure-too-long",
        _I,
        "a pulse of {measured:.1f} ms breaks a limit of the LED ({expected:.1f} ms at most)",
        "led",
        "shorten the integration time or lower the LED's duty",
    ),
    Code(
        TIME_BACK,
        "time-not-advancing",
        _I,
        "the time stamp moved by {measured:.3f} s, expected more than {expected:.3f} s",
        "guard",
        "check the source's clock",
    ),
    Code(
        TIME_GAP,
        "time-gap",
        _I,
        "{measured:.2f} s without a frame, at most {expected:.2f} s keeps the background",
        "guard.max_gap_s",
        "hold still while the background is learnt again",
    ),
    Code(
        NO_TIME,
        "no-time-base",
        _I,
        "no time stamps and no frame rate",
        "guard",
        "say --fps (in Python: fps=), or give frames with time stamps",
    ),
    Code(
        LEARNING,
        "learning",
        _I,
        "the background was learnt for {measured:.2f} of {expected:.2f} s",
        "guard.learn_s",
        "hold still",
    ),
    Code(
        LOW_CONTRAST,
        "low-contrast",
        _I,
        "the scene spans {measured:.0f} counts, at least {expected:.0f} needed",
        "guard.min_span_counts",
        "aim at a background warmer or colder than the air, or check the lens",
    ),
    Code(
        SATURATED,
        "saturated",
        _I,
        "{measured:.1f} % of the picture is saturated, at most {expected:.1f} % allowed",
        "guard.max_saturated_percent",
        "shorten the integration time or turn away from the bright source",
    ),
    Code(
        SCENE_CHANGED,
        "scene-changed",
        _I,
        "{measured:.0f} % of the picture changed at once, at most {expected:.0f} % is a plume",
        "guard.scene_change_percent",
        "hold still while the background is learnt again",
    ),
    Code(
        LONG_SATURATED,
        "saturated-long",
        _F,
        "saturated for {measured:.1f} s, {expected:.1f} s is a fault",
        "guard.fault_s",
        "turn away from the bright source; if it stays, check sensor bias",
    ),
    Code(
        DARK,
        "dark-clipped",
        _I,
        "{measured:.1f} % of the picture is at 0 counts, at most {expected:.1f} % allowed",
        "guard.max_saturated_percent",
        "lengthen the integration time or take the calibration again",
    ),
    Code(
        LONG_DARK,
        "dark-clipped-long",
        _F,
        "at 0 counts for {measured:.1f} s, {expected:.1f} s is a fault",
        "guard.fault_s",
        "power-cycle the sensor; if it stays, check its bias and the calibration",
    ),
    Code(
        MOVING,
        "scene-moving",
        _I,
        "the picture moved by {measured:.2f} pixels, at most {expected:.2f} keeps edges in place",
        "guard.motion_px",
        "hold still or use a tripod; the background is learnt again afterwards",
    ),
)

TABLE.update(_table(
    Code(NUC_REFUSED, "nuc-refused", _I,
         "the shutter moved the picture by {measured:.1f} counts, at least {expected:.1f} show that"
         " it is closed", "nuc", "check the shutter; without one put the cap on and ask again"),
    Code(NUC_MISSING, "nuc-missing", _I, "no non-uniformity correction has been taken yet",
         "nuc", "wait for the shutter, or put the cap on where there is none"),
    Code(STORAGE_FULL, "storage-full", _I,
         "{measured:.0f} MiB are free, {expected:.0f} MiB are kept: recording stopped",
         "recorder.keep_free_mib", "free some space; measuring goes on", is_note=True),
    Code(STORAGE_SLOW, "storage-slow", _I,
         "the recording lost {measured:.0f} frames of {expected:.0f}, the file says which",
         "recorder.ring_s", "use a faster card or record for less time", is_note=True),
    Code(STORAGE_FAILED, "storage-failed", _I,
         "the storage refused a write (errno {measured:.0f}): recording stopped, whole frames kept",
         "recorder.folder", "look at the card: it is tried again every 5 s; measuring goes on",
         is_note=True),
    Code(RECORDER_GONE, "recorder-gone", _I,
         "the recorder ended {measured:.0f} times, at most {expected:.0f} are tried",
         "recorder", "look at the log; what it wrote is kept as .part and can be replayed",
         is_note=True),
    Code(CLOCK_JUMPED, "clock-jumped", _I,
         "the wall clock moved by {measured:.1f} s in one step, at most {expected:.1f} s is drift",
         "instrument", "nothing: intervals do not use it; times of day changed here", is_note=True),
    Code(CLOCK_UNSET, "clock-unset", _I,
         "the wall clock says {measured:.0f}, nothing before {expected:.0f} can be right",
         "instrument", "connect a network or GPS; frames carry no time of day meanwhile",
         is_note=True),
    Code(BLOCKED, "view-blocked", _I,
         "no contrast for {measured:.1f} s, {expected:.1f} s means a covered lens or a flat scene",
         "guard.fault_s", "uncover the lens or aim at something with contrast"),
    Code(GLARE, "view-glare", _I, "saturated for {measured:.1f} s, {expected:.1f} s is too long",
         "guard.fault_s", "turn away from the bright source; if it stays, check sensor bias"),
    Code(DARKNESS, "view-dark", _I,
         "at 0 counts for {measured:.1f} s, {expected:.1f} s is too long", "guard.fault_s",
         "look at integration time and correction; power-cycle if it stays"),
    Code(STARTING, "starting", _I, "the instrument starts", "instrument", "wait"),
    Code(SELFTEST, "selftest", _I, "the self-test runs", "instrument", "wait"),
    Code(FRAMES_STALE, "frames-stale", _I,
         "no whole frame for {measured:.2f} s, at most {expected:.2f} s is live",
         "sensor.stale_ms", "look at the link counters, cable and sensor power"),
    Code(CONTROL_LATE, "control-late", _F,
         "no control step for {measured:.2f} s, at most {expected:.2f} s is safe: outputs are off",
         "cooler", "wait; look for an overloaded processor if it repeats", is_passing=True),
    Code(CONTROL_STALLED, "control-stalled", _F,
         "no control step for {measured:.2f} s, {expected:.2f} s is a hang: outputs are off",
         "cooler", "look for a stuck I2C bus; power-cycle the board"),
    Code(SAFE_MODE, "safe-mode", _I, "safe mode is on: no actuator moves", "instrument",
         "remove the strap, or leave safe mode by command"),
    Code(RESTART_STORM, "restart-storm", _F,
         "{measured:.0f} starts in the last minute, {expected:.0f} are a fault: outputs stay off",
         "instrument", "read the log of the last run, mend the cause, then clear the fault"),
    Code(TASK_FAILED, "task-failed", _F, "a task of the firmware failed: outputs are off",
         "instrument", "send the log to the maintainers; a restart may help"),
    Code(BRING_UP, "bring-up-failed", _F, "the board is not what its file says: outputs are off",
         "board", "read the error in the log; `edgeleak selftest` goes through it step by step"),
    Code(FRAMES_HUNG, "frames-hung", _F,
         "nobody has judged anything for {measured:.1f} s, {expected:.1f} s is a hang",
         "instrument", "the watchdog restarts it; switch off and on if it does not"),
))  # fmt: skip

TABLE.update(_table(
    Code(FPA_OPEN, "thermistor-open", _F,
         "the FPA thermistor's divider is at {measured:.3f} of its supply, at most {expected:.3f}"
         " is a temperature", "board fpa_thermistor",
         "look for a broken wire or an unplugged cable"),
    Code(FPA_SHORT, "thermistor-short", _F,
         "the FPA thermistor's divider is at {measured:.3f} of its supply, at least {expected:.3f}"
         " is a temperature", "board fpa_thermistor", "look for a short or water in the plug"),
    Code(FPA_RANGE, "thermistor-range", _F,
         "the FPA thermistor says {measured:.1f} degC, {expected:.1f} is the end of what can be",
         "board fpa_thermistor", "check the thermistor and its pull-up"),
    Code(FPA_STUCK, "thermistor-stuck", _F,
         "the FPA thermistor gave the same number {measured:.0f} times although the current was"
         " moved, {expected:.0f} is a fault", "board fpa_thermistor",
         "power-cycle the board; if it stays, replace the ADC"),
    Code(FPA_DIFFERS, "thermistor-differs", _I,
         "the sensor's own detector temperature is {measured:.1f} K off the thermistor, at most"
         " {expected:.1f} K is an error of measurement", "cooler",
         "check the thermistor and its contact with the plate"),
    Code(FPA_DIFFERS_LONG, "thermistor-differs-long", _F,
         "the sensor's own detector temperature stays {measured:.1f} K off the thermistor, at most"
         " {expected:.1f} K is an error of measurement", "cooler",
         "check the thermistor and its contact with the plate, then clear the fault"),
    Code(FPA_BIT_STUCK, "thermistor-bit-stuck", _F,
         "bit {measured:.0f} of the FPA reading never changed over a span of {expected:.0f} codes",
         "board fpa_thermistor", "replace the ADC"),
    Code(FPA_DETACHED, "thermistor-detached", _F,
         "the FPA thermistor moved by {measured:.2f} K against the cooling, {expected:.2f} K cannot"
         " be: it lost its plate", "board fpa_thermistor", "have the thermistor bonded again"),
    Code(HOT_OPEN, "hot-open", _F,
         "the hot-side divider is at {measured:.3f} of its supply, at most {expected:.3f} is a"
         " temperature", "board hot_thermistor", "look for a broken wire or an unplugged cable"),
    Code(HOT_SHORT, "hot-short", _F,
         "the hot-side divider is at {measured:.3f} of its supply, at least {expected:.3f} is a"
         " temperature", "board hot_thermistor", "look for a short or water in the plug"),
    Code(HOT_RANGE, "hot-range", _F,
         "the hot side says {measured:.1f} degC, {expected:.1f} is the end of what can be",
         "board hot_thermistor", "check the thermistor and its pull-up"),
    Code(HOT_STUCK, "hot-stuck", _F,
         "the hot side gave the same number {measured:.0f} times, {expected:.0f} is a fault",
         "board hot_thermistor", "power-cycle the board; if it stays, replace the ADC"),
    Code(TEC_WRONG_WAY, "cooler-wrong-way", _F,
         "the FPA moved by {measured:.2f} K against the current, {expected:.2f} K is too much",
         "cooler", "check thermistor and cooler wiring"),
    Code(TEC_REVERSED, "cooler-reversed", _F,
         "the FPA moved by {measured:.2f} K against the current, {expected:.2f} K is too much: the"
         " cooler's wires are swapped", "board tec", "swap the two wires of the cooler"),
    Code(TEC_NO_PROGRESS, "cooler-no-progress", _F,
         "{measured:.2f} K in the last seconds at the current limit, at least {expected:.2f} K is"
         " cooling", "cooler.no_progress_s", "check cooler, its bond and the sink"),
    Code(TEC_RUNAWAY, "cooler-runaway", _F,
         "the FPA is at {measured:.1f} degC while it is cooled, {expected:.1f} degC is the most",
         "cooler", "check sink, fan and cooler"),
    Code(TEC_RAMP, "cooler-ramp", _F,
         "the FPA moved by {measured:.2f} K in a second, at most {expected:.2f} K is allowed",
         "board tec.max_ramp_k_per_s", "tune the cooler again"),
    Code(HOT_SIDE, "hot-side-limit", _F,
         "the hot side is at {measured:.1f} degC, at most {expected:.1f} degC is allowed",
         "board tec.max_hot_degc", "check fan and sink; let it cool, then clear the fault"),
    Code(FAN_LOST, "fan-lost", _F,
         "the fan turns at {measured:.0f} rpm, at least {expected:.0f} rpm keeps the sink cool",
         "cooler.min_fan_rpm", "free or replace the fan"),
    Code(FAN_SLOW, "fan-slow", _I,
         "the fan turns at {measured:.0f} rpm, {expected:.0f} rpm is usual",
         "cooler.usual_fan_rpm", "clean the fan; cooling still works", is_note=True),
    Code(TEC_OPEN, "cooler-open", _F,
         "{measured:.3f} A flow, {expected:.3f} A were commanded: the cooler's circuit is open",
         "board tec", "look for a broken wire or an unplugged cable"),
    Code(TEC_SHORT, "cooler-short", _F,
         "{measured:.2f} V across the cooler, at least {expected:.2f} V belong to its current",
         "board tec", "look for a short between the cooler's wires"),
    Code(TEC_MISMATCH, "cooler-mismatch", _F,
         "{measured:.3f} A flow, {expected:.3f} A were commanded", "board tec",
         "check driver and supply; if it stays, replace the driver"),
    Code(TEC_TELEMETRY, "cooler-telemetry", _F,
         "the driver's telemetry is at {measured:.2f} V, {expected:.2f} V is the end of its range",
         "board tec", "replace the driver"),
    Code(TEC_OVER_CURRENT, "cooler-over-current", _F,
         "{measured:.3f} A flow, at most {expected:.3f} A are allowed", "board tec",
         "cut the supply and replace the driver"),
    Code(CONDENSATION, "condensation", _I,
         "the window is {measured:.1f} K above the dew point, at least {expected:.1f} K keep it"
         " dry: cooling stopped", "cooler.dew_margin_k",
         "replace the desiccant, close the housing"),
    Code(DEW_LIMITED, "dew-limited", _I,
         "humidity allows {measured:.1f} degC, {expected:.1f} degC is the set-point",
         "cooler.dew_margin_k", "replace the desiccant, close the housing"),
    Code(BROWN_OUT, "brown-out", _I,
         "the supply is at {measured:.2f} V, at least {expected:.2f} V carry the cooler",
         "cooler.min_supply_v", "charge the battery or use a stronger supply"),
    Code(SURROUNDINGS_OLD, "surroundings-old", _I,
         "housing temperature, humidity or supply is {measured:.0f} s old, at most {expected:.0f} s"
         " is usual",
         "cooler", "check the TMP117 and SHT4x on the I2C bus", is_note=True),
    Code(SUPPLY_UNKNOWN, "supply-unknown", _I,
         "the supply has not been measured for {measured:.0f} s, {expected:.0f} s stop the cooling",
         "cooler", "check the second ADS1115 on the I2C bus"),
    Code(AIR_UNKNOWN, "air-unknown", _I,
         "housing temperature or humidity is {measured:.0f} s old, {expected:.0f} s stop cooling",
         "cooler", "check the TMP117 and SHT4x on the I2C bus"),
    Code(I2C_TEC, "i2c-tec", _F,
         "{measured:.0f} control periods without the bus, {expected:.0f} are a fault", "board i2c",
         "check cable and pull-ups; then clear the fault"),
    Code(I2C_TEC_MISSES, "i2c-tec-misses", _I,
         "{measured:.0f} control periods without the bus, {expected:.0f} are no glitch any more",
         "board i2c", "nothing yet; check cable and pull-ups if it repeats"),
    Code(I2C_TEC_STUCK, "i2c-tec-stuck", _F,
         "the I2C bus held the control loop for {measured:.2f} s, at most {expected:.2f} s is safe",
         "board i2c", "power-cycle the board; look for a chip that holds the bus"),
    Code(TEC_READ_BACK, "cooler-read-back", _F,
         "the cooler's DAC does not hold what was written ({measured:.0f} of {expected:.0f} tries)",
         "board address.tec_dac", "check cable and supply of the DAC"),
    Code(TEC_STALE, "cooler-stale", _F,
         "{measured:.0f} control periods came late within a minute, {expected:.0f} are a fault",
         "cooler", "look for an overloaded processor; then clear the fault"),
    Code(TEC_LATE, "cooler-late", _I,
         "the last command is {measured:.2f} s old, at most {expected:.2f} s is one: switched off,"
         " it starts again by itself", "cooler", "wait; look for an overloaded processor"),
    Code(ENABLE_DROPPED, "cooler-enable-dropped", _I,
         "the enable was not refreshed for {measured:.2f} s, {expected:.2f} s switch it off: it"
         " starts again by itself", "board gpio.refresh_ms",
         "wait; look for an overloaded processor"),
    Code(ENABLE_LINE, "cooler-enable-line", _F,
         "the GPIO line of the enable answers errno {measured:.0f}; without an edge the board"
         " switches the cooler off within {expected:.1f} s", "board gpio",
         "look for the GPIO chip in /dev and in the kernel's log, power-cycle the board; then clear"
         " the fault"),
    Code(COOLER_STARTS, "cooler-starts", _I,
         "the cooler is still off and starts by itself once its inputs are read", "cooler",
         "wait"),
    Code(COOLER_OFF, "cooler-off", _I, "the cooler was not asked to cool", "cooler",
         "switch the cooler on"),
    Code(COOLING, "cooling", _I, "the FPA is at {measured:.1f} degC on its way to {expected:.1f}",
         "cooler.set_point_degc", "wait"),
    Code(UNREACHABLE, "set-point-unreachable", _I,
         "the FPA stays at {measured:.1f} degC, {expected:.1f} degC is the set-point",
         "cooler.set_point_degc", "free the air of the sink, or choose a warmer set-point"),
    Code(UNSTABLE, "cooler-unstable", _I,
         "the FPA is at {measured:.2f} degC, not yet steady at {expected:.2f} degC",
         "cooler.tolerance_k", "wait; if it stays, tune the cooler again"),
    Code(TUNING, "cooler-tuning", _I, "the cooler is being tuned", "cooler", "wait"),
    Code(TUNE_REFUSED, "cooler-tune-refused", _I, "the tuning was not sure enough; gains are kept",
         "cooler", "let the camera rest in still air, then tune again", is_note=True),
    Code(POWER_LIMITED, "cooler-power-limited", _I,
         "the cooler takes {measured:.2f} W, {expected:.2f} W is its limit", "cooler.max_power_w",
         "wait, or raise the limit", is_note=True),
))  # fmt: skip

LINK_CRC, LINK_SYNC, LINK_ORDER, LINK_FLAGS, LINK_SHORT = 112, 113, 114, 115, 116
LINK_BUS, LINK_TELEMETRY, LINK_SILENT, LINK_STARTING = 117, 118, 119, 120
LINK_DEAD, LINK_GONE, FRAME_REPEATED, FRAME_LOOP, COUNTER_STUCK = 121, 122, 123, 124, 125
FPA_BAND = 126

_BAD = "{measured:.0f} frames in a row are "
_CABLE = "check the sensor's cable; lower spi.max_hz in board.toml if it repeats"
TABLE.update(_table(
    Code(LINK_CRC, "link-crc", _I, _BAD + "damaged (CRC), {expected:.0f} are too many", "board spi",
         _CABLE),
    Code(LINK_SYNC, "link-sync", _I, _BAD + "out of step, {expected:.0f} are too many", "board spi",
         _CABLE),
    Code(LINK_ORDER, "link-order", _I, _BAD + "missing lines, {expected:.0f} are too many",
         "board spi", "look for an overloaded processor; check spidev.bufsiz"),
    Code(LINK_FLAGS, "link-flags", _I,
         _BAD + "of two minds about LED or shutter, {expected:.0f} are too many", "sensor",
         "power-cycle the sensor"),
    Code(LINK_SHORT, "link-short-read", _I, _BAD + "cut short, {expected:.0f} are too many",
         "board spi", "check spidev.bufsiz against board.toml"),
    Code(LINK_BUS, "link-bus", _I,
         "{measured:.0f} transfers in a row failed, {expected:.0f} are too many", "board spi",
         "check that the SPI node exists and nobody else has it open"),
    Code(LINK_TELEMETRY, "link-telemetry", _I,
         _BAD + "with a telemetry line of another frame, {expected:.0f} are too many", "sensor",
         "power-cycle the sensor"),
    Code(LINK_SILENT, "link-silent", _I,
         "no frame for {measured:.2f} s, {expected:.2f} s is too long",
         "sensor.stale_ms", "wait: the link is being resynchronised"),
    Code(LINK_STARTING, "link-starting", _I, "the sensor is being started", "sensor", "wait"),
    Code(LINK_DEAD, "link-dead", _I,
         "no frame after {measured:.0f} resynchronisations; the sensor's supply is switched off"
         " and on, {expected:.0f} times at most", "board sensor",
         "check the sensor's cable and supply"),
    Code(LINK_GONE, "link-gone", _F,
         "no frame after {measured:.0f} power cycles of the sensor, {expected:.0f} is the limit",
         "board sensor", "check the sensor's cable and supply, then restart"),
    Code(FRAME_REPEATED, "frame-repeated", _F,
         "the same pixels {measured:.0f} times in a row, {expected:.0f} times is a fault", "sensor",
         "power-cycle the sensor; a live picture has noise"),
    Code(FRAME_LOOP, "frame-loop", _F,
         "{measured:.0f} frames in a row were seen before, {expected:.0f} is a fault", "sensor",
         "power-cycle the sensor; a live picture has noise"),
    Code(COUNTER_STUCK, "frame-counter-stuck", _F,
         "the frame number stood still for {measured:.0f} frames, {expected:.0f} is a fault",
         "sensor", "power-cycle the sensor"),
    Code(FPA_BAND, "fpa-out-of-band", _I,
         "the sensor says its detector is at {measured:.1f} degC, {expected:.1f} degC is the end of"
         " what can be", "sensor", "power-cycle the sensor; if it stays, replace it"),
))  # fmt: skip

SEGMENT_MODEL, SEGMENT_WRONG, SEGMENT_RUNTIME = 701, 702, 703
SEGMENT_SLOW, SEGMENT_GONE = 704, 705

TABLE.update(_table(
    Code(SEGMENT_MODEL, "segment-model-refused", _I,
         "the network's model is missing, damaged or not the one its card names; detection works"
         " without it", "segment.model", "copy model and card again; the log names the file",
         is_note=True),
    Code(SEGMENT_WRONG, "segment-model-wrong", _I,
         "the network's model answers wrongly: {measured:.0f} where {expected:.0f} is right",
         "segment.model", "install the model that belongs to this release", is_note=True),
    Code(SEGMENT_RUNTIME, "segment-runtime-missing", _I,
         "no TFLite runtime is installed; detection works without the network", "segment.is_on",
         "pip install 'edgeleak[segment]', or switch the network off", is_note=True),
    Code(SEGMENT_SLOW, "segment-slow", _I,
         "the network took {measured:.2f} s, at most {expected:.2f} s is of use",
         "segment.deadline_ms", "look for an overloaded processor, or allow more time",
         is_note=True),
    Code(SEGMENT_GONE, "segment-gone", _I,
         "the network's process ended {measured:.0f} times, {expected:.0f} times it is started"
         " again", "segment.is_on", "look at the log; detection works without it", is_note=True),
))  # fmt: skip

SEQUENCE_BACK, NUC_MISMATCH, NUC_OLD, FPA_UNKNOWN, FPA_FAR = 130, 131, 132, 133, 134
SOURCE_SATURATED, SOURCE_CLIPPED, UNCALIBRATED, NUC_DRIFTED = 135, 136, 137, 138
NUC_LEVEL = 139
LED_PHASE, TOO_SLOW, MOTION_UNSURE, GHOST, NO_SCENE = 309, 506, 812, 813, 814

TABLE.update(_table(
    Code(SEQUENCE_BACK, "sequence-not-advancing", _I,
         "frame number {measured:.0f} after {expected:.0f}", "guard",
         "restart the source if this stays"),
    Code(NUC_MISMATCH, "nuc-mismatch", _I,
         "the frame was made under correction {measured:.0f}, the pipeline applies {expected:.0f}",
         "nuc", "give the calibration that belongs to this recording"),
    Code(NUC_OLD, "nuc-old", _I,
         "the correction is {measured:.1f} h old, at most {expected:.1f} h is trusted",
         "guard.max_nuc_age_h", "take a new correction"),
    Code(FPA_UNKNOWN, "detector-temperature-unknown", _I,
         "the correction depends on the detector temperature, and the frame has none", "nuc",
         "check the sensor's telemetry"),
    Code(NUC_LEVEL, "nuc-level", _I,
         "the closed shutter looks {measured:+.1f} K warmer than its housing, at most"
         " {expected:.0f} K are likely", "nuc",
         "check the shutter; if it closes, make the factory calibration again"),
    Code(NUC_DRIFTED, "nuc-drifted", _I,
         "the detector is {measured:.1f} K from where the correction was taken, {expected:.1f} K"
         " leave too much fixed pattern", "nuc.drift_k",
         "check the shutter; without one put the cap on and ask for a correction"),
    Code(FPA_FAR, "detector-temperature-far", _I,
         "the detector is at {measured:.1f} degC, the correction reaches to {expected:.1f} degC",
         "nuc", "wait for the detector's temperature, or calibrate over a wider range"),
    Code(SOURCE_SATURATED, "source-saturated", _I,
         "the source says that too much of this frame is saturated", "sensor",
         "shorten the integration time or turn away from the bright source"),
    Code(SOURCE_CLIPPED, "source-clipped", _I,
         "the source held values above 14 bits and they were cut off", "sensor",
         "open the recording with shift_bits=2 (--shift 2)"),
    Code(UNCALIBRATED, "uncalibrated", _I,
         "raw counts without a correction: their fixed pattern hides whether the view is open",
         "sensor", "give a calibration, or declare that the source corrects (is_corrected)"),
    Code(LED_PHASE, "led-phase-changed", _I,
         "the LED's phase is not the one the background was learnt in", "led",
         "hold still while the background is learnt again"),
    Code(TOO_SLOW, "frame-rate-too-low", _I,
         "frames come {measured:.2f} s apart, less than {expected:.2f} s fill the evidence window",
         "evidence.window_s", "use a faster source, or a longer window"),
    Code(MOTION_UNSURE, "motion-not-measurable", _I,
         "the picture changes as if the camera moved, but no shift explains it: unexplained"
         " {measured:.2f} of the structure, at most {expected:.2f}", "guard",
         "hold still or use a tripod; aim at something with edges"),
    Code(GHOST, "ghost", _I,
         "something that stood in the learnt background has left: {measured:.2f} of an outline is"
         " gone, a ghost from {expected:.2f}", "ghost",
         "wait; the place is learnt again by itself"),
    Code(NO_SCENE, "no-scene", _I,
         "the picture has {measured:.1f} counts of structure; a covered lens or a wall shows as"
         " much, a scene at least {expected:.1f}", "docs/detection.md",
         "uncover the lens; aim at something with edges"),
))  # fmt: skip
