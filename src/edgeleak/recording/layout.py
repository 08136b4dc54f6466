# SPDX-License-Identifier: Apache-2.0
"""What a recording's messages look like; docs/formats.md says it for other programs.

Frame message: FRAME_HEADER, then one ELC1 blob.  A later version may lengthen
the header: `header_bytes` says where the blob starts.
"""

import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgeleak.errors import DataError, UsageError
from edgeleak.frame import MAX_COUNTS, FrameFlag, FrameInfo, NucState, UtcQuality
from edgeleak.kernels import pack_frame, unpack_frame
from edgeleak.sensor import EL640, LEPTON, UNKNOWN, SensorInfo

PROFILE = "edgeleak"
FRAME_MAGIC = b"ELF1"
FRAME_HEADER = struct.Struct("<4sHBBBBBxIqqqdqqq")
TOPIC_FRAMES = "/frames"
TOPIC_VERDICTS = "/verdicts"
TOPIC_EVENTS = "/events"
CHANNEL_IDS = {TOPIC_FRAMES: 1, TOPIC_VERDICTS: 2, TOPIC_EVENTS: 3}
MAX_JSON_BYTES = 1 << 16
"""Of one verdict or event: parsed JSON takes up to thirty times its text."""
CHECK_SUM = "crc32"
ELC1_SIZE = struct.Struct("<4sHH")
Buffer = bytes | memoryview

FRAME_SCHEMA = b"""edgeleak.Frame, little-endian, no padding but where named:
char[4] magic "ELF1"; uint16 header_bytes; uint8 bits (8 or 14..16);
uint8 utc_quality (0 unknown, 1 free-running, 2 network, 3 GPS); uint8 led_on; uint8 led_channel;
uint8 nuc_state (0 none, 1 valid, 2 running, 3 settling); uint8 padding; uint32 flags;
int64 sequence; int64 monotonic_ns; int64 utc_ns (-1 unknown); float64 fpa_temp_degc;
int64 nuc_id; int64 ms_since_nuc; int64 drops; uint8[] ELC1 compressed counts"""
VERDICT_SCHEMA = json.dumps(
    {
        "title": "edgeleak.Verdict",
        "type": "object",
        "properties": {
            "sequence": {"type": "integer"},
            "verdict": {"enum": ["GAS", "NO GAS", "INHIBIT", "FAULT"]},
            "code": {"type": "integer"},
            "reason": {"type": "string"},
            "evidence": {"type": ["number", "null"]},
            "rules": {"type": "array", "items": {"type": "string"}},
        },
    }
).encode()
EVENT_SCHEMA = json.dumps({"title": "edgeleak.Event", "type": "object"}).encode()


def frame_message(pixels: np.ndarray, info: FrameInfo, scratch: np.ndarray, fast: bool) -> bytes:
    """One frame as message bytes; *scratch* is uint8 of packed_bound bytes."""
    bits = 8 if pixels.dtype == np.uint8 else 16
    counts = np.ascontiguousarray(pixels, np.uint16)
    size = pack_frame(counts, scratch, fast)
    try:
        header = FRAME_HEADER.pack(
            FRAME_MAGIC,
            FRAME_HEADER.size,
            bits,
            int(info.utc_quality),
            int(info.led_on),
            info.led_channel,
            int(info.nuc_state),
            int(info.flags),
            info.sequence,
            info.monotonic_ns,
            info.utc_ns,
            info.fpa_temp_degc,
            info.nuc_id,
            info.ms_since_nuc,
            info.drops,
        )
    except struct.error as error:
        raise UsageError(f"frame {info.sequence}: a fact is out of range ({error})") from error
    return header + scratch[:size].tobytes()


def blob_shape(message: Buffer) -> tuple[int, int]:
    """(H, W) that a frame message claims."""
    start = header_bytes(message)
    if len(message) < start + ELC1_SIZE.size:
        raise DataError("a frame message ends early")
    _, height, width = ELC1_SIZE.unpack_from(message, start)
    return height, width


def header_bytes(message: Buffer) -> int:
    """Where the blob of a frame message starts."""
    if len(message) < FRAME_HEADER.size or message[:4] != FRAME_MAGIC:
        raise DataError("a frame message does not start with ELF1")
    size = int.from_bytes(message[4:6], "little")
    if not FRAME_HEADER.size <= size <= len(message):
        raise DataError(f"a frame message claims a header of {size} bytes")
    return size


def read_frame(message: Buffer, counts: np.ndarray) -> tuple[np.ndarray, FrameInfo]:
    """Decode a frame message into *counts*; uint8 pixels come back as uint8."""
    start = header_bytes(message)
    fields = FRAME_HEADER.unpack_from(message)[2:]
    bits, quality, led_on, led_channel, nuc_state, flags, *numbers = fields
    sequence, monotonic_ns, utc_ns, fpa_temp_degc, nuc_id, ms_since_nuc, drops = numbers
    try:
        unpack_frame(np.frombuffer(message, np.uint8, offset=start), counts)
    except ValueError as error:
        raise DataError(str(error)) from error
    info = FrameInfo(
        sequence=sequence,
        monotonic_ns=monotonic_ns,
        utc_ns=utc_ns,
        utc_quality=UtcQuality(quality) if quality < len(UtcQuality) else UtcQuality.UNKNOWN,
        fpa_temp_degc=fpa_temp_degc,
        led_on=bool(led_on),
        led_channel=led_channel,
        nuc_id=nuc_id,
        ms_since_nuc=ms_since_nuc,
        nuc_state=NucState(nuc_state) if nuc_state < len(NucState) else NucState.NONE,
        drops=drops,
        flags=FrameFlag(flags),
    )
    return (counts.astype(np.uint8) if bits == 8 else counts), info


def verdict_facts(verdict: Any, sequence: int) -> dict[str, Any]:
    """What is kept of a verdict; one read back from a recording passes through."""
    if isinstance(verdict, dict):
        return {**verdict, "sequence": sequence}
    evidence = float(getattr(verdict, "evidence", math.nan))
    return {
        "sequence": sequence,
        "verdict": str(verdict),
        "code": int(getattr(verdict, "code", 0)),
        "reason": str(getattr(verdict, "reason", "")),
        "evidence": evidence if math.isfinite(evidence) else None,
        "rules": [str(rule) for rule in getattr(verdict, "rules", ())],
    }


def description_sum(facts: Mapping[str, str]) -> str:
    """CRC-32 over all entries of the metadata but the sum itself: MCAP has none for them."""
    rest = sorted((key, value) for key, value in facts.items() if key != CHECK_SUM)
    return f"{zlib.crc32(json.dumps(rest).encode()):08x}"


def is_whole_description(facts: Mapping[str, str]) -> bool:
    """Recordings older than the sum are believed."""
    return CHECK_SUM not in facts or facts[CHECK_SUM] == description_sum(facts)


def sensor_to_json(sensor: SensorInfo) -> str:
    """Sensor as a metadata value; an unknown band is null."""
    band = [limit if math.isfinite(limit) else None for limit in sensor.band_um]
    return json.dumps(
        {
            "name": sensor.name,
            "band_um": band,
            "sees_methane": sensor.sees_methane,
            "top_counts": sensor.top_counts,
            "is_corrected": sensor.is_corrected,
        }
    )


def sensor_from_json(text: str) -> SensorInfo:
    """Inverse of sensor_to_json; UNKNOWN for anything else, which never says NO GAS.

    Recordings older than top_counts and is_corrected get those of the sensor of that name.
    """
    try:
        facts = json.loads(text)
        like = {"lepton": LEPTON, "el640": EL640}.get(facts["name"], UNKNOWN)
        top_counts = facts.get("top_counts", like.top_counts)
        if type(top_counts) is not int or not 1 <= top_counts <= MAX_COUNTS:
            return UNKNOWN
        band = [math.nan if limit is None else float(limit) for limit in facts["band_um"]]
        sees = facts["sees_methane"] is True
        is_corrected = facts.get("is_corrected", like.is_corrected) is True
        return SensorInfo(str(facts["name"]), (band[0], band[1]), sees, top_counts, is_corrected)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return UNKNOWN
