# SPDX-License-Identifier: Apache-2.0
"""Set the false alarms an hour: from recordings without gas to an evidence gate.

  edgeleak gate quiet1.mcap quiet2.mcap --sensor methane --alarms-per-h 0.1 --out quiet.toml
  edgeleak replay clip.mcap --profile quiet.toml

The recordings must hold no gas.  An alarm needs half of the frames of five seconds above the gate;
peaks of what half of the frames reach are collected, their tail is fitted, and the gate is read
where the fit gives the wanted rate.  Nothing below 3 alarms in the recorded time is shown by it;
the answer says when it is an extrapolation.  --out is a profile that says where it is from.
Exit code: 0 fitted, 65 too little to fit (the count and its bound are printed), 66 not there.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edgeleak.cli.source_options import (
    add_profile_options,
    add_source_options,
    open_from,
    profile_from,
)
from edgeleak.codes import LEARNING
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, UsageError

HELP = "set the false alarms an hour from recordings without gas"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="recordings without gas")
    parser.add_argument("--alarms-per-h", type=float, default=1.0, metavar="N",
                        help="wanted false alarms an hour (1)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="profile with that gate")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_source_options(parser)
    add_profile_options(parser)


def run(args: argparse.Namespace) -> int:
    """0 when a gate was found, 65 when there is too little to fit."""
    from edgeleak.events.gate import Peaks, fit, gate_facts

    if not args.alarms_per_h > 0:
        raise UsageError(f"--alarms-per-h must be above 0, got {args.alarms_per_h:g}")
    profile = profile_from(args)
    peaks = Peaks(profile["evidence.window_s"])
    for path in args.paths:
        collect(args, path, profile, peaks)
    tail = fit(peaks.values, peaks.answered_s / 3600)
    facts = gate_facts(tail, args.alarms_per_h, profile["evidence.gas"])
    facts |= {"profile": profile.name, "recordings": [Path(path).name for path in args.paths]}
    if args.json:
        print(json.dumps(facts, indent=2))
    for line in words(facts, profile):
        print(line, file=sys.stderr if args.json else sys.stdout)
    if facts["gate"] is None:
        return DataError.exit_code
    if args.out is not None:
        replace_text(args.out, profile_text(facts, profile))
        print(f"use it with --profile {args.out}", file=sys.stderr)
    return 0


def collect(args: argparse.Namespace, path: str, profile: Any, peaks: Any) -> None:
    """Peaks of one recording; frames without an answer count no time."""
    from edgeleak.events.gate import Sustained
    from edgeleak.events.watch import Clock
    from edgeleak.pipeline import Pipeline

    with open_from(args, path) as source:
        pipeline = Pipeline(source.shape, profile, fps=source.fps, calibration=args.calibration,
                            sensor=source.sensor)  # fmt: skip
        pipeline.draw_when_asked()
        sustained = Sustained(profile["evidence.window_s"], profile["evidence.share"],
                              profile["evidence.least_frames"])  # fmt: skip
        clock, last_s = Clock(source.fps), 0.0
        for frame, (pixels, info) in enumerate(source):
            verdict = pipeline.step(pixels, info)
            now_s = clock.time_s(info, frame)
            dt_s, last_s = now_s - last_s, now_s
            if verdict.evidence == verdict.evidence:
                peaks.add(now_s, sustained.add(now_s, verdict.evidence), dt_s)
            elif verdict.code == LEARNING:
                sustained.reset()
        peaks.end()


def words(facts: dict[str, Any], profile: Any) -> list[str]:
    """What was found, and how far it can be trusted."""
    lines = [f"{facts['hours_without_gas'] * 60:.1f} minutes without gas, {facts['peaks']} peaks,"
             f" the largest {facts['largest_peak']:.3g}; the gate in force is"
             f" {profile['evidence.gas']:g}"]  # fmt: skip
    lines += [f"note: {note}" for note in facts["notes"]]
    if facts["least_rate_shown_per_h"] is not None:
        lines.append(f"so much time shows nothing below {facts['least_rate_shown_per_h']:.3g}"
                     " alarms an hour (95 %)")  # fmt: skip
    if facts["gate"] is None:
        return [*lines, "no gate: record more without gas, or keep the one in force"]
    how = "an EXTRAPOLATION of the fitted tail" if facts["is_extrapolated"] else "within the data"
    lines.append(f"gate {facts['gate']:.3g} for {facts['alarms_per_h_wanted']:g} alarms an hour:"
                 f" {how}; counted there {facts['alarms_counted_at_gate']}, at most"
                 f" {facts['upper_95_per_h']:.3g} an hour (95 %)")  # fmt: skip
    return lines


def profile_text(facts: dict[str, Any], profile: Any) -> str:
    """A profile over the one in force that says where its gate is from."""
    setting = profile.settings["evidence.gas"]
    gate = min(max(facts["gate"], setting.low), setting.high)
    how = "extrapolated" if facts["is_extrapolated"] else "within the data"
    return "\n".join([
        f"# {facts['alarms_per_h_wanted']:g} false alarms an hour, {how}: from"
        f" {facts['hours_without_gas'] * 60:.1f} minutes without gas,",
        f"# {', '.join(facts['recordings'])}",
        f"# {facts['peaks']} peaks, largest {facts['largest_peak']:.4g}; at most"
        f" {facts['upper_95_per_h']:.3g} an hour by count (95 %)",
        f'based_on = "{profile.name.removesuffix("*")}"',
        f'name = "{profile.name.removesuffix("*")}-gated"',
        "[evidence]",
        f"gas = {gate:.4g}",
        "",
    ])  # fmt: skip
