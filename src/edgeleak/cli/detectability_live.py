# SPDX-License-Identifier: Apache-2.0
"""`edgeleak detectability --live`: beside the running instrument, within a budget."""

import argparse
import contextlib
import json
import os
import sys
from typing import Any

from edgeleak.cli.source_options import profile_from
from edgeleak.cli.status import STATUS_NAME, read
from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.errors import UnavailableError, UsageError

RESULT_NAME = "detectability.json"
SHOWN_PPM_M = 1000.0
GONE_S = 5.0


def run_live(args: argparse.Namespace) -> int:
    """Until --seconds, the instrument's end or Ctrl-C; 69 when no instrument runs."""
    from edgeleak.recording.layout import sensor_from_json
    from edgeleak.services.shadow import NICENESS, Shadow, look_on

    if not 0 < args.core_share <= 1:
        raise UsageError(f"--core-share must be above 0 and at most 1, got {args.core_share:g}")
    clock = SystemClock()
    status = read(args.live / STATUS_NAME, clock.monotonic_ns())
    found = status["frames_at"]
    if found is None:
        raise UnavailableError("the instrument keeps no frames: it runs without a recorder")
    os.nice(NICENESS)
    options: dict[str, Any] = {"ladder": args.ppm_m} if args.ppm_m else {}
    air = Air(args, found)
    shadow = Shadow(look_on(found["ring"]), clock, profile_from(args),
                    sensor_from_json(found["sensor"]), found["fps"], air.counts, args.core_share,
                    seed=args.seed, **options)  # fmt: skip
    end_ns = None
    if args.seconds is not None:
        end_ns = clock.monotonic_ns() + round(args.seconds * NS_PER_S)
    with contextlib.suppress(KeyboardInterrupt):
        follow(args, shadow, clock, air, end_ns)
    document = document_of(shadow, air)
    if args.json:
        print(json.dumps(document, indent=2))
    if shadow.trials is None:
        raise UnavailableError("no correction was in force: nothing was measured")
    return 0


def follow(args: argparse.Namespace, shadow: Any, clock: SystemClock, air: "Air",
           end_ns: int | None) -> None:  # fmt: skip
    """Poll the ring; after each round say what is known and rest."""
    from edgeleak.services.shadow import POLL_NS

    last_frames, moved_ns = -1, clock.monotonic_ns()
    while end_ns is None or clock.monotonic_ns() < end_ns:
        has_ended = shadow.follow()
        now_ns = clock.monotonic_ns()
        if shadow.frames != last_frames:
            last_frames, moved_ns = shadow.frames, now_ns
        elif now_ns - moved_ns > GONE_S * NS_PER_S:
            print("no new frames: the instrument has stopped", file=sys.stderr)
            return
        pause_ns = POLL_NS
        if has_ended:
            keep(args, document_of(shadow, air) | {"written_ns": now_ns})
            if not args.quiet:
                print(words(shadow, args), file=sys.stderr, flush=True)
            pause_ns = max(POLL_NS, round(shadow.rest_s() * NS_PER_S))
        until_ns = now_ns + pause_ns
        clock.wait_until_ns(until_ns if end_ns is None else min(until_ns, end_ns))
        if has_ended:
            shadow.wake()
            moved_ns = clock.monotonic_ns()


class Air:
    """Counts of the air's temperature, and in words where they are from."""

    def __init__(self, args: argparse.Namespace, found: dict[str, Any]) -> None:
        self._args, self._found = args, found
        self.words = ""

    def counts(self, pipeline: Any) -> float:
        """For the correction that the pipeline has now.

        The shutter is as warm as the housing, and its corrected counts are known; without
        --air-degc the air is taken to be so warm, too.
        """
        args, found = self._args, self._found
        if args.air_counts is not None:
            self.words = "given in counts"
            return float(args.air_counts)
        shutter = found["shutter_counts"]
        if shutter is None:
            raise UsageError("nothing is known of the shutter yet: say --air-counts")
        if args.air_degc is None:
            self.words = "as warm as the housing (the shutter); say --air-degc for another"
            return float(shutter)
        response = args.counts_per_k or found["counts_per_k"]
        if response is None or found["housing_degc"] is None:
            raise UsageError("--air-degc needs the housing's temperature and --counts-per-k")
        self.words = f"{args.air_degc:g} degC, {args.air_degc - found['housing_degc']:+.1f} K off"
        self.words += " the shutter"
        return float(shutter + response * (args.air_degc - found["housing_degc"]))


def document_of(shadow: Any, air: Air) -> dict[str, Any]:
    """What is known, in plain values."""
    measured = {} if shadow.trials is None else shadow.trials.as_dict()
    return {
        **measured,
        "air": {"counts": measured.get("air_counts"), "words": air.words},
        "frames": shadow.frames,
        "frames_left_out": shadow.skipped,
        "core_share_used": round(shadow.used_share, 4),
    }


def words(shadow: Any, args: argparse.Namespace) -> str:
    """One line after each round."""
    trials = shadow.trials
    column = args.ppm_m[0] if args.ppm_m else SHOWN_PPM_M
    return (f"{trials.sentence(column)}; {trials.rounds} rounds, {trials.void} without an answer,"
            f" {100 * shadow.used_share:.0f} % of a core")  # fmt: skip


def keep(args: argparse.Namespace, document: dict[str, Any]) -> None:
    """Renew the file beside the status; lost at a reboot, so nothing is flushed."""
    path = args.live / RESULT_NAME
    part = path.with_suffix(".part")
    with contextlib.suppress(OSError):
        part.write_text(json.dumps(document))
        part.replace(path)
