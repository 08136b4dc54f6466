# SPDX-License-Identifier: Apache-2.0
"""What is known about one frame besides its pixels."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

MAX_COUNTS = 16383
"""Largest 14-bit value."""

EIGHT_BIT_SHIFT = 6
"""8-bit video is moved to the top of the 14-bit range by this shift."""


class FrameFlag(IntFlag):
    """Facts that weaken or explain a frame."""

    NONE = 0
    EIGHT_BIT = 1  # already gain-controlled by another camera; shifted left 6
    TORN = 2  # the source knows that rows are missing
    SATURATED = 4
    SHUTTER = 8  # the shutter was closed
    FPS_ASSUMED = 16  # the source gave no time stamps
    CLIPPED_TO_14_BIT = 32  # the source held larger values
    PAIRED = 64  # dark, and with the lit frame before it made a lit-minus-dark picture


class UtcQuality(IntEnum):
    """How far utc_ns can be trusted."""

    UNKNOWN = 0
    FREE_RUNNING = 1  # a clock nobody set in this session
    NETWORK = 2
    GPS = 3


class NucState(IntEnum):
    """What the non-uniformity correction is doing."""

    NONE = 0  # no calibration is loaded
    VALID = 1
    RUNNING = 2  # the shutter is closed or the cap is on
    SETTLING = 3  # just done: frames must not train anything yet


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """Facts that travel with one frame.

    sequence       : number of the frame at its source, gaps are drops
    monotonic_ns   : start of exposure on a clock that never jumps, ns; -1 unknown
    utc_ns         : the same moment as UTC, ns since 1970; -1 unknown
    utc_quality    : how far utc_ns can be trusted
    fpa_temp_degc  : detector temperature, degC; NaN unknown
    led_on         : the 3.3 um LED was lit during the exposure
    led_channel    : 0 = 3.3 um, others reserved
    nuc_id         : number of the calibration in use; -1 none
    ms_since_nuc   : age of that calibration, ms; -1 unknown
    nuc_state      : see NucState
    drops          : frames lost by the source so far
    flags          : see FrameFlag
    """

    sequence: int = 0
    monotonic_ns: int = -1
    utc_ns: int = -1
    utc_quality: UtcQuality = UtcQuality.UNKNOWN
    fpa_temp_degc: float = float("nan")
    led_on: bool = False
    led_channel: int = 0
    nuc_id: int = -1
    ms_since_nuc: int = -1
    nuc_state: NucState = NucState.NONE
    drops: int = 0
    flags: FrameFlag = FrameFlag.NONE
