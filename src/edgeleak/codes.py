# SPDX-License-Identifier: Apache-2.0
"""The one table of codes: why there is no plain answer, and what to do about it.

`codes.toml` is the data; a constant here names each number for the source.  Status LED, console,
log, recording and documents all print from this table.
"""

import tomllib
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("codes.toml")
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
    """One reason for INHIBIT or FAULT; fields as codes.toml says, `number` is the heading."""

    number: int
    name: str
    kind: Kind
    what: str
    section: str
    next_step: str
    is_note: bool = False
    is_passing: bool = False


def read_table(text: str) -> dict[int, Code]:
    """Codes by number; ValueError where a number is given twice."""
    return {int(number): _code(int(number), row) for number, row in tomllib.loads(text).items()}


def _code(number: int, row: dict[str, Any]) -> Code:
    return Code(number=number, **{**row, "kind": Kind[row["kind"]]})


TABLE = read_table(PATH.read_text(encoding="utf-8"))

OK = 0

TORN = 101
SHUTTER = 102
FROZEN = 103
STUCK = 104
BLANK = 105
NUC_REFUSED = 106
NUC_RUNNING = 107
NUC_SETTLING = 108
NUC_MISSING = 109
BLIND_SENSOR = 110
UNKNOWN_SENSOR = 111
LINK_CRC = 112
LINK_SYNC = 113
LINK_ORDER = 114
LINK_FLAGS = 115
LINK_SHORT = 116
LINK_BUS = 117
LINK_TELEMETRY = 118
LINK_SILENT = 119
LINK_STARTING = 120
LINK_DEAD = 121
LINK_GONE = 122
FRAME_REPEATED = 123
FRAME_LOOP = 124
COUNTER_STUCK = 125
FPA_BAND = 126
NUC_SILENT = 127
NUC_EARLY = 128
NUC_NOT_FLAT = 129
SEQUENCE_BACK = 130
NUC_MISMATCH = 131
NUC_OLD = 132
FPA_UNKNOWN = 133
FPA_FAR = 134
SOURCE_SATURATED = 135
SOURCE_CLIPPED = 136
UNCALIBRATED = 137
NUC_DRIFTED = 138
NUC_LEVEL = 139
NUC_CANCELLED = 140
NUC_OVERDUE = 141
PUT_CAP_ON = 142
CONFIRM_CAP = 143
HOLD_CAP = 144
TAKE_CAP_OFF = 145
OPEN_SCENE = 146
CAP_MOVED = 147

FPA_OPEN = 201
FPA_SHORT = 202
FPA_RANGE = 203
FPA_STUCK = 204
FPA_BIT_STUCK = 205
FPA_DETACHED = 206
HOT_OPEN = 207
HOT_SHORT = 208
HOT_RANGE = 209
HOT_STUCK = 210
TEC_WRONG_WAY = 211
TEC_REVERSED = 212
TEC_NO_PROGRESS = 213
TEC_RUNAWAY = 214
TEC_RAMP = 215
HOT_SIDE = 216
FAN_LOST = 217
FAN_SLOW = 218
TEC_OPEN = 219
TEC_SHORT = 220
TEC_MISMATCH = 221
TEC_TELEMETRY = 222
TEC_OVER_CURRENT = 223
CONDENSATION = 224
DEW_LIMITED = 225
BROWN_OUT = 226
SURROUNDINGS_OLD = 227
I2C_TEC = 228
I2C_TEC_STUCK = 229
TEC_READ_BACK = 230
TEC_STALE = 231
ENABLE_DROPPED = 232
I2C_TEC_MISSES = 233
FPA_DIFFERS = 234
FPA_DIFFERS_LONG = 235
SUPPLY_UNKNOWN = 236
AIR_UNKNOWN = 237
ENABLE_LINE = 238
COOLER_STARTS = 239
COOLER_OFF = 240
COOLING = 241
UNREACHABLE = 242
UNSTABLE = 243
TUNING = 244
TUNE_REFUSED = 245
POWER_LIMITED = 246
TEC_LATE = 247

LED_FLAG = 301
LED_OPEN = 302
LED_SHORT = 303
LED_HOT = 304
LED_THERMISTOR = 305
LED_TELEMETRY = 306
LED_BUS = 307
LED_LIMIT = 308
LED_PHASE = 309

STORAGE_FULL = 401
STORAGE_SLOW = 402
STORAGE_FAILED = 403
RECORDER_GONE = 404
LIFE_UNSAVED = 405
LIFE_BEGUN_ANEW = 406

TIME_BACK = 501
TIME_GAP = 502
NO_TIME = 503
CLOCK_JUMPED = 504
CLOCK_UNSET = 505
TOO_SLOW = 506

SEGMENT_MODEL = 701
SEGMENT_WRONG = 702
SEGMENT_RUNTIME = 703
SEGMENT_SLOW = 704
SEGMENT_GONE = 705

LEARNING = 801
LOW_CONTRAST = 802
SATURATED = 803
SCENE_CHANGED = 804
LONG_SATURATED = 805
DARK = 806
LONG_DARK = 807
MOVING = 808
BLOCKED = 809
GLARE = 810
DARKNESS = 811
MOTION_UNSURE = 812
GHOST = 813
NO_SCENE = 814

STARTING = 901
SELFTEST = 902
FRAMES_STALE = 903
CONTROL_STALLED = 904
SAFE_MODE = 905
RESTART_STORM = 906
TASK_FAILED = 907
BRING_UP = 910
FRAMES_HUNG = 911
CONTROL_LATE = 912
