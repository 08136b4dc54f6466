# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind: summary, events table, pictures, video, page."""

import json
import platform
from pathlib import Path
from typing import Any

from edgeleak import __version__
from edgeleak.cli.answers import Event, EventLog, strength
from edgeleak.cli.drawing import Painter
from edgeleak.cli.gallery import SHEET_NAME, VIDEO_NAME, Gallery
from edgeleak.cli.page import Timeline, render
from edgeleak.cli.watching import Seen, Watch, or_none
from edgeleak.durable import replace_text
from edgeleak.frame import FrameInfo


class Results:
    """Collects while frames pass; `finish` writes everything.

    source : what was processed (name, path, shape, fps, sensor, bits, warnings)
    gallery: None = nothing is saved
    """

    def __init__(self, source: Any, painter: Painter, gallery: Gallery | None) -> None:
        self.source, self.painter, self.gallery = source, painter, gallery
        self.log = EventLog()
        self.follower: Any = None
        self.timeline = Timeline()
        self._verdicts: dict[int, Any] = {}

    def take(self, pipeline: Any, seen: Seen, info: FrameInfo) -> Event | None:
        """One processed frame."""
        event = self.log.take(seen)
        self._follow(pipeline, info)
        self.timeline.take(seen.evidence, seen.word)
        if seen.code:
            self._verdicts[seen.code] = pipeline.verdict  # words are made only for the last one
        if self.gallery is not None:
            self.gallery.take(pipeline, seen, info, event)
        return event

    def _follow(self, pipeline: Any, info: FrameInfo) -> None:
        """Imported late: the command line is built before kernels load."""
        if self.follower is None:
            from edgeleak.events.watch import Follower

            self.follower = Follower(pipeline, self.source.fps)
        self.follower.take(info)

    @property
    def leaks(self) -> list[dict[str, Any]]:
        """Records of every leak; ends those that last."""
        if self.follower is None:
            return []
        self.follower.finish()
        return [event.as_dict() for event in self.follower.tracker.events]

    def summary(self, watch: Watch, profile: Any, **more: Any) -> dict[str, Any]:
        """Everything worth knowing, as plain values."""
        source, log = self.source, self.log
        last = log.latest
        return {
            "verdict": log.overall,
            "sentence": self.sentence(),
            "source": {
                "name": source.name,
                "path": str(source.path),
                "shape": list(source.shape),
                "bits": source.bits,
                "fps": source.fps,
                "sensor": source.sensor.name,
                "sees_methane": source.sensor.sees_methane,
                "warnings": list(source.warnings),
                "damage": getattr(source, "damage", None),
            },
            "profile": profile.name,
            "frames": sum(log.words.values()),
            "duration_s": or_none(last.time_s) if last else None,
            "verdicts": dict(log.words),
            "inhibits": [
                {"code": code, "frames": count, "last": self._verdicts[code].reason}
                for code, count in log.codes.most_common()
            ],
            "first_gas_s": or_none(log.gas[0].first.time_s) if log.gas else None,
            "gas_events": len(self.leaks),
            "answers_dropped": log.dropped,
            "speed": watch.speed(),
            "made_by": f"edgeleak {__version__}, {platform.machine()}",
            **more,
            "events": [_without_pictures(leak) for leak in self.leaks],
            "answers": [event.as_row() for event in log.events],
        }

    def sentence(self) -> str:
        """The result in words."""
        log = self.log
        frames = sum(log.words.values())
        if not frames:
            return "No frame was processed."
        if log.gas:
            peak = max((event.peak for event in log.gas), key=strength)
            return (
                f"Gas in {log.words['GAS']} of {frames} frames, {len(self.leaks)} leak(s), first"
                f" {_moment(log.gas[0].first)}, strongest {_moment(peak)}"
                f" with evidence {peak.gas_evidence:.3g}."
            )
        ruled_out = f"{log.words['NO GAS']} of {frames} frames could rule gas out"
        if log.overall == "NO GAS":
            return f"No gas: {ruled_out}."
        why = self._verdicts[log.codes.most_common(1)[0][0]].reason if log.codes else ""
        return f"No answer: only {ruled_out}. Most often because: {why or 'no reason was given'}"

    def finish(self, summary: dict[str, Any], title: str) -> list[Path]:
        """Write tables, page, sheet and video; returns the files, the page first."""
        if self.gallery is None:
            return []
        self.gallery.close(title)
        folder = self.gallery.folder
        files = [
            replace_text(folder / "events.jsonl", self._events_text()),
            replace_text(folder / "answers.csv", self.log.as_csv()),
            replace_text(folder / "answers.jsonl", self.log.as_json_lines()),
            replace_text(folder / "summary.json", json.dumps(summary, indent=2) + "\n"),
        ]
        page = render(
            title,
            summary,
            self.log,
            self.timeline,
            self.gallery.pictures,
            self._made(SHEET_NAME),
            self._made(VIDEO_NAME),
        )
        files.insert(0, replace_text(folder / "index.html", page))
        return files + self.gallery.files + [path for path, _ in self.gallery.pictures]

    def _events_text(self) -> str:
        run = {"run": str(self.source.name)}
        return "".join(json.dumps(run | leak) + "\n" for leak in self.leaks)

    def _made(self, name: str) -> Path | None:
        assert self.gallery is not None
        path = self.gallery.folder / name
        return path if path in self.gallery.files else None


def _without_pictures(leak: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in leak.items() if key != "thumbnails"}


def _moment(seen: Seen) -> str:
    at = or_none(seen.time_s)
    return f"at frame {seen.index}" if at is None else f"at {at:.2f} s (frame {seen.index})"


def live_text(seen: Seen) -> str:
    """The end of a progress line."""
    evidence = "    -" if or_none(seen.evidence) is None else f"{seen.evidence:5.2f}"
    return f"{seen.word:<7} evidence {evidence}  regions {seen.regions}"
