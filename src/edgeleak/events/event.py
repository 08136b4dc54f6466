# SPDX-License-Identifier: Apache-2.0
"""One leak as a record: when, where, how much, why; plain values with a schema version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite, nan
from typing import Any, NamedTuple

from edgeleak.frame import FrameInfo

SCHEMA = "edgeleak.event/1"
CANDIDATE, CONFIRMED, ENDED = "candidate", "confirmed", "ended"
CLEARED, SILENT, CUT = "cleared", "no answer", "end of frames"
NS_PER_S = 1e9


class Moment(NamedTuple):
    """When something was so.

    time_s   : since the first frame of the run; NaN unknown
    frame    : number in the run, from 0
    sequence : number at the source
    utc_ns   : -1 unknown
    """

    time_s: float
    frame: int
    sequence: int
    utc_ns: int = -1

    def as_dict(self) -> dict[str, Any]:
        utc = None
        if self.utc_ns >= 0:
            utc = datetime.fromtimestamp(self.utc_ns / NS_PER_S, UTC).isoformat("T", "milliseconds")
        return {"time_s": number(self.time_s), "frame": self.frame, "sequence": self.sequence,
                "utc": utc}  # fmt: skip


@dataclass(slots=True)
class Mean:
    """Mean over time and peak of one figure."""

    now: float = nan
    peak: float = nan
    _sum: float = 0.0
    _weight: float = 0.0

    def take(self, value: float, weight: float) -> bool:
        """Add one value; True when it is the new peak.  NaN changes nothing."""
        if not isfinite(value):
            return False
        self.now = value
        self._sum += value * weight
        self._weight += weight
        if abs(value) <= abs(self.peak):
            return False
        self.peak = value
        return True

    @property
    def mean(self) -> float:
        return self._sum / self._weight if self._weight else self.now

    def as_dict(self) -> dict[str, Any]:
        return {"now": number(self.now), "mean": number(self.mean), "peak": number(self.peak)}


@dataclass(slots=True)
class Event:
    """A leak, or a candidate for one.

    key       : id, the same in every record of it; number counts from 1 in a run
    state     : candidate, confirmed, ended
    first, confirmed, last, ended : moments of the first sighting, of GAS, of the newest sighting,
                of the end
    end_reason : cleared, no answer (with the code), end of frames
    box, peak_box : x, y, w, h of the newest sighting and of the peak
    origin    : x, y of the source, and how far off it may be in pixels
    direction_deg : where the plume goes, 0 right, 90 up; NaN unknown
    steadiness : 0 no direction, 1 all one way
    growth_px_per_s : slope of the area over the last seconds
    evidence, area_px, contrast_counts, plume_index : mean and peak
    frames    : looks at which it was seen
    same_place_as : id of an earlier event that came from there, "" for none
    facts, rules : of the verdict that confirmed it
    thumbnails : pictures by name: embedded PNG (base64) or paths
    """

    key: str
    number: int
    first: Moment
    state: str = CANDIDATE
    confirmed: Moment | None = None
    last: Moment | None = None
    peak_at: Moment | None = None
    ended: Moment | None = None
    end_reason: str = ""
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    peak_box: tuple[int, int, int, int] = (0, 0, 0, 0)
    origin: tuple[float, float] = (nan, nan)
    origin_error_px: float = nan
    direction_deg: float = nan
    steadiness: float = nan
    growth_px_per_s: float = nan
    drift_px_per_s: float = nan
    evidence: Mean = field(default_factory=Mean)
    area_px: Mean = field(default_factory=Mean)
    contrast_counts: Mean = field(default_factory=Mean)
    plume_index: Mean = field(default_factory=Mean)
    frames: int = 0
    same_place_as: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Mapping[str, Any], ...] = ()
    thumbnails: dict[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """From the first sighting to the last."""
        return nan if self.last is None else self.last.time_s - self.first.time_s

    @property
    def polarity(self) -> str:
        """Of its mean contrast."""
        mean = self.contrast_counts.mean
        return "unknown" if mean != mean else "warmer" if mean > 0 else "colder"

    def as_dict(self) -> dict[str, Any]:
        """One self-contained record; NaN becomes None."""
        return {
            "schema": SCHEMA,
            "id": self.key,
            "number": self.number,
            "state": self.state,
            "end_reason": self.end_reason or None,
            **{name: _moment(getattr(self, name)) for name in MOMENTS},
            "duration_s": number(self.duration_s),
            "looks": self.frames,
            "same_place_as": self.same_place_as or None,
            "box_xywh": list(self.box),
            "peak_box_xywh": list(self.peak_box),
            "origin_xy": [number(side) for side in self.origin],
            "origin_error_px": number(self.origin_error_px),
            "direction_deg": number(self.direction_deg),
            "steadiness": number(self.steadiness),
            "growth_px_per_s": number(self.growth_px_per_s),
            "drift_px_per_s": number(self.drift_px_per_s),
            "polarity": self.polarity,
            **{name: getattr(self, name).as_dict() for name in FIGURES},
            "facts": dict(self.facts),
            "rules": list(self.rules),
            "thumbnails": dict(self.thumbnails),
        }

    def line(self) -> str:
        """One line for people."""
        x, y = self.origin
        way = "" if self.direction_deg != self.direction_deg else f" toward {_way(self)}"
        until = "still there" if self.ended is None else self.end_reason
        return (f"{self.key}  {self.first.time_s:.1f} to {self.last_s:.1f} s ({until})"
                f"  source {x:.0f},{y:.0f} +/- {self.origin_error_px:.0f} px{way}"
                f"  evidence {self.evidence.mean:.3g}, peak {self.evidence.peak:.3g}"
                f"  {self.polarity}")  # fmt: skip

    @property
    def last_s(self) -> float:
        return nan if self.last is None else self.last.time_s


MOMENTS = ("first", "confirmed", "peak_at", "last", "ended")
FIGURES = ("evidence", "area_px", "contrast_counts", "plume_index")


def moment_of(info: FrameInfo, time_s: float, frame: int) -> Moment:
    """When a frame was."""
    return Moment(time_s, frame, info.sequence, info.utc_ns)


def key_of(moment: Moment, count: int) -> str:
    """The id of an event that begins now; the same live and in a replay of the recording."""
    if moment.utc_ns >= 0:
        utc = datetime.fromtimestamp(moment.utc_ns / NS_PER_S, UTC)
        return f"{utc:%Y%m%dT%H%M%S}Z-{count:02d}"
    return f"frame{moment.sequence:06d}-{count:02d}"


def number(value: float) -> float | None:
    """For JSON: six digits, None for what is not finite."""
    return float(f"{value:.6g}") if isfinite(value) else None


def _moment(moment: Moment | None) -> dict[str, Any] | None:
    return None if moment is None else moment.as_dict()


def _way(event: Event) -> str:
    names = ("right", "upper right", "up", "upper left", "left", "lower left", "down",
             "lower right")  # fmt: skip
    return names[round(event.direction_deg / 45) % 8]
