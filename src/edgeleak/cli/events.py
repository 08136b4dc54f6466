# SPDX-License-Identifier: Apache-2.0
"""List leaks: of a recording (the detector runs over it) or of a journal that was kept.

  edgeleak events clip.mcap --sensor methane
  edgeleak events clip.mcap --trace              why each was confirmed, rule by rule
  edgeleak events clip.mcap --out events.jsonl --thumbnails pictures
  edgeleak events events.jsonl --json            a journal; what a power cut left is counted
  edgeleak events out/run                        the journal in the folder of a run
  edgeleak events clip.mcap --range-m 10,0.5 --wind-m-per-s 2,0.5 --pixel-mrad 0.65 \\
                  --counts-per-ppm-m 0.02,0.005  a rate in g/h with its error
  edgeleak events --rules                        the knowledge base, with numbers and reasons

A leak is confirmed, lasts and ends; it keeps its id when its plume meets another's.  No rate is
given without range, wind, pixel size and response, and then with its error.
Exit code: 0 listed, 65 damaged (what was good is listed), 66 not there.
"""

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

from edgeleak.cli.source_options import (
    add_profile_options,
    add_source_options,
    frames_of,
    open_from,
    profile_from,
    say_damage,
)
from edgeleak.durable import replace_file
from edgeleak.errors import UsageError

HELP = "list leaks of a recording or a journal: when, where from, how much, why"
JOURNAL = "events.jsonl"
STATE_JOURNAL = Path("/var/lib/edgeleak", JOURNAL)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("path", nargs="?", metavar="PATH", default=str(STATE_JOURNAL),
                        help="recording, folder, video, sim:..., or events.jsonl;"
                        f" default {STATE_JOURNAL}")  # fmt: skip
    parser.add_argument("--frames", type=frames_of, default=(0, None), metavar="A:B",
                        help="only frames A up to, not including, B")  # fmt: skip
    parser.add_argument("--trace", action="store_true", help="measured facts and rules of each")
    parser.add_argument("--rules", action="store_true", help="the knowledge base, then the end")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append to this journal")
    parser.add_argument("--thumbnails", type=Path, metavar="DIR", help="save their pictures")
    parser.add_argument("--json", action="store_true", help="one JSON line a leak on stdout")
    add_rate_options(parser)
    add_source_options(parser)
    add_profile_options(parser)


def add_rate_options(parser: argparse.ArgumentParser) -> None:
    """What a rate needs; all of it or none."""
    group = parser.add_argument_group("for a rate in g/h: all four, each VALUE,ERROR (one sigma)")
    for name, what in (("range-m", "distance to the plume"),
                       ("wind-m-per-s", "speed across the line of sight"),
                       ("pixel-mrad", "angle of a pixel"),
                       ("counts-per-ppm-m", "size of the contrast of 1 ppm m here")):  # fmt: skip
        group.add_argument(f"--{name}", type=measured, metavar="V,E", help=what)


def measured(text: str) -> tuple[float, float]:
    """`10,0.5` -> (10.0, 0.5); the error may be left out for none."""
    value, _, error = text.partition(",")
    try:
        found = float(value), float(error or 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': write VALUE,ERROR, e.g. 10,0.5") from None
    if not (found[0] > 0 and found[1] >= 0):
        raise argparse.ArgumentTypeError(f"'{text}': the value must be above 0")
    return found


def run(args: argparse.Namespace) -> int:
    """List them; the exit code says whether the source was whole."""
    if args.rules:
        print(rules_text(profile_from(args)))
        return 0
    site = site_of(args)
    journal = Path(args.path, JOURNAL)
    if args.path.endswith(".jsonl") or journal.is_file():
        return _list_journal(journal if journal.is_file() else Path(args.path), args, site)
    return _list_recording(args, site)


def site_of(args: argparse.Namespace) -> Any:
    """What turns an index into a rate; None when nothing was given."""
    from edgeleak.events.rate import Site

    given = [args.range_m, args.wind_m_per_s, args.pixel_mrad, args.counts_per_ppm_m]
    if not any(given):
        return None
    if not all(given):
        raise UsageError("a rate needs --range-m, --wind-m-per-s, --pixel-mrad and"
                         " --counts-per-ppm-m; without one of them there is no rate")  # fmt: skip
    return Site(*given)


def _list_journal(path: Path, args: argparse.Namespace, site: Any) -> int:
    from edgeleak.events.journal import read

    found = read(path)
    for record in found.events:
        _say(args, record, site)
    note = f"{len(found.events)} leaks in {found.records} records"
    if found.damaged:
        note += f"; {found.damaged} lines were cut or are no events"
    print(note, file=sys.stderr)
    return 0


def _list_recording(args: argparse.Namespace, site: Any) -> int:
    from edgeleak.events.journal import Journal
    from edgeleak.events.watch import watch
    from edgeleak.pipeline import Pipeline

    with open_from(args, args.path) as source:
        pipeline = Pipeline(source.shape, profile_from(args), fps=source.fps,
                            calibration=args.calibration, sensor=source.sensor)  # fmt: skip
        pipeline.draw_when_asked()
        journal = None if args.out is None else Journal(args.out, str(source.name))
        followed = watch(source, pipeline, source.fps, args.frames,
                         journal.append if journal else lambda record: None)  # fmt: skip
        for event in followed.tracker.events:
            _say(args, event.as_dict(), site)
        _summary(followed)
        for sentence in source.warnings:
            print(f"note: {sentence}", file=sys.stderr)
        damage = getattr(source, "damage", None)
    return say_damage("events", args.path, damage) if damage else 0


def _summary(followed: Any) -> None:
    tracker = followed.tracker
    print(f"{tracker.confirmed} leaks; {tracker.candidates} candidates, of which {tracker.dropped}"
          f" came to nothing; {followed.frames} frames", file=sys.stderr)  # fmt: skip


def _say(args: argparse.Namespace, record: dict[str, Any], site: Any) -> None:
    if site is not None:
        from edgeleak.events.rate import rate_of

        record = {**record, "rate": rate_of(record, site)}
    if args.thumbnails is not None:
        record = {**record, "thumbnails": save_thumbnails(record, args.thumbnails)}
    if args.json:
        print(json.dumps(record))
        return
    print(line_of(record))
    if args.trace:
        print("\n".join(f"    {line}" for line in trace_lines(record)))


def save_thumbnails(record: dict[str, Any], folder: Path) -> dict[str, str]:
    """Write the pictures of a record as PNG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for what, data in record["thumbnails"].items():
        path = folder / f"{record['id']}_{what}.png"
        replace_file(path, base64.b64decode(data))
        names[what] = str(path)
    return names


def line_of(record: dict[str, Any]) -> str:
    """One leak in one line."""
    until = record["end_reason"] or "still there when it was written"
    source = "unknown"
    if record["origin_xy"][0] is not None:
        x, y = record["origin_xy"]
        source = f"{x:.0f},{y:.0f} +/- {record['origin_error_px']:.0f} px"
    way = record["direction_deg"]
    toward = "" if way is None else f", goes {way:.0f} deg"
    evidence, index = record["evidence"], record["plume_index"]["mean"]
    begin, end = (_at(record[name]) for name in ("first", "last"))
    again = f", again at {record['same_place_as']}" if record.get("same_place_as") else ""
    rate = record.get("rate")
    return (f"{record['id']}  {begin} to {end} ({until}){again}  source {source}{toward}"
            f"  evidence {evidence['mean']:.3g} (peak {evidence['peak']:.3g})  {record['polarity']}"
            f"  index {'-' if index is None else f'{index:.3g}'}"
            f"{'' if rate is None else '  ' + rate['words']}")  # fmt: skip


def _at(moment: dict[str, Any] | None) -> str:
    if moment is None:
        return "-"
    if moment["utc"]:
        return str(moment["utc"])
    return f"frame {moment['frame']}" if moment["time_s"] is None else f"{moment['time_s']:.1f} s"


def trace_lines(record: dict[str, Any]) -> list[str]:
    """Facts and rules of the confirmation in words."""
    facts = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                      for name, value in record["facts"].items() if value is not None)  # fmt: skip
    lines = [f"facts     {facts}"]
    for rule in record["rules"]:
        if rule["measured"] is not None:
            lines.append(f"{'rejected' if rule['rejects'] else 'passed':<10}{rule['words']}")
    return lines


def rules_text(profile: Any) -> str:
    """The knowledge base: what each rule asks, with its number, unit, range and reasons."""
    from edgeleak.pipeline.rules import event_settings, is_on, knowledge

    lines = []
    for known in knowledge().values():
        state = "" if is_on(profile, known.name) else "  OFF"
        lines += [f"{known.name}: {known.question}{state}", f"    measures  {known.fact}",
                  f"    speaks    {known.speaks}; {known.reason}"]  # fmt: skip
        setting = profile.settings.get(known.limit)
        if setting is not None:
            lines.append(f"    limit     {setting.key} = {setting.value} {setting.unit}"
                         f" [{setting.low:g} to {setting.high:g}]; {setting.reason}")  # fmt: skip
        if known.switch:
            lines.append(f"    off with  --set {known.key}=false")
    for setting in event_settings().values():
        lines.append(f"{setting.key} = {setting.value} {setting.unit} [{setting.low:g} to"
                     f" {setting.high:g}]; {setting.reason}")  # fmt: skip
    return "\n".join(lines)
