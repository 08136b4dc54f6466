# SPDX-License-Identifier: Apache-2.0
"""The instrument's state as plain values: for the status line, `edgeleak status`, JSON, logs."""

import dataclasses
import math
import os
from enum import Enum
from typing import Any

from edgeleak import codes
from edgeleak.clock import NS_PER_S
from edgeleak.codes import TABLE
from edgeleak.recording.layout import sensor_to_json
from edgeleak.services.health import Trouble

HUNG_S = 0.5
"""Ten periods of the task that looks at everything."""


def plain(value: Any) -> Any:
    """For JSON: NaN becomes None, enums their words, dataclasses and named tuples dicts."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    return value


def glance(instrument: Any) -> dict[str, Any]:
    """One picture; every part is a snapshot that its owner replaced as a whole."""
    health, path = instrument.health, instrument.path
    recorder = instrument.recorder
    now_ns = instrument.clock.monotonic_ns()
    return {
        **_answer(health, now_ns),
        "degraded": health.is_degraded,
        "note": health.note.text if health.note.code else "",
        "recording": recorder is not None and recorder.is_recording,
        "uptime_s": round((now_ns - instrument.start_ns) / NS_PER_S, 3),
        "frames": path.frames,
        "fps": round(path.fps, 2),
        "frame": plain(path.info),
        "link": plain(instrument.acquisition.status),
        "cooler": None if instrument.cooler is None else plain(instrument.cooler.status),
        "pair": _pair(instrument.pipeline.pair),
        "light": None if instrument.light is None else plain(instrument.light.status),
        "nuc": plain(instrument.nuc.status),
        "recorder": plain(instrument.recorded()),
        "network": _network(instrument.segmenter),
        "frames_at": _frames_at(instrument),
        "alarms": instrument.panel.alarms,
        "leaks": instrument.leaks.facts(),
        "clock": {"quality": instrument.utc.quality.name.lower(), "jumps": instrument.utc.jumps},
        "watchdog": {"feeds": instrument.watchdog.feeds, "refusals": instrument.watchdog.refusals},
        "life": instrument.life.values(),
        "counts": {f"{code} {name_of(code)}": n for code, n in sorted(health.counts.items())},
        "proofs": [f"{proof.what}: {proof.found}" for proof in instrument.control.proofs],
    }


def _frames_at(instrument: Any) -> dict[str, Any] | None:
    """Where another program may look on at raw frames, and what it has to know of them."""
    recorder = instrument.recorder
    if recorder is None:
        return None
    climate = instrument.actuators.climate
    return {
        "ring": f"/proc/{os.getpid()}/fd/{recorder.ring.descriptor}",
        "sensor": sensor_to_json(instrument.sensor.info),
        "fps": instrument.fps,
        "shutter_counts": plain(float(instrument.pipeline.shutter_counts)),
        "housing_degc": None if climate is None else plain(climate.surroundings().housing_degc),
        "counts_per_k": plain(float(instrument.base.response_counts_per_k)),
    }


def _pair(pair: Any) -> dict[str, Any]:
    """Lit-minus-dark pictures with alternating light."""
    return {"state": plain(pair.state), "ready": pair.ready, "refused": pair.refused}


def _network(segmenter: Any) -> dict[str, Any] | None:
    """The second opinion; None where it is off."""
    if segmenter is None:
        return None
    opinion = segmenter.opinion
    found = {} if opinion is None else plain(opinion) | {"is_gas": opinion.is_gas}
    counters = {name: getattr(segmenter, name) for name in ("asked", "skipped", "late", "deaths")}
    return counters | {"opinion": found or None}


def _answer(health: Any, now_ns: int) -> dict[str, Any]:
    """State and verdict; what was decided long ago by a loop that hangs is no answer."""
    silent_s = (now_ns - health.ticked_ns) / NS_PER_S
    if silent_s > HUNG_S:
        trouble = Trouble(codes.FRAMES_HUNG, silent_s, HUNG_S)
        return {"state": "fault", "verdict": "FAULT", "code": trouble.code,
                "reason": trouble.text}  # fmt: skip
    answer = health.answer
    trouble = answer.trouble
    return {"state": str(health.state), "verdict": str(answer), "code": trouble.code,
            "reason": trouble.text if trouble.code else answer.reason}  # fmt: skip


def name_of(code: int) -> str:
    """Name of a code; "ok" for 0."""
    return TABLE[code].name if code in TABLE else "ok"
