# SPDX-License-Identifier: Apache-2.0
"""How much gas would be found in this scene, by this camera, with these settings.

  edgeleak detectability clip.mcap --sensor methane --air-degc 14 --calibration el1.elcal
  edgeleak detectability clip.mcap --air-counts 4660 --counts-per-k 57 --distance-m 8 --out result
  edgeleak detectability frames --fps 1 --ppm-m 500,1000,2000 --trials 60
  edgeleak detectability --live --air-degc 14    the running instrument, here and now

Two answers.  From noise and contrast: where in the picture a column (or a rate) reaches the
detector's threshold.  By trial: virtual plumes of known ppm m are put into copies of the raw frames
and the real detector has to find them; the share comes with its 95 % interval.  Virtual plumes are
as turbulent as a simple model makes them, and 20 % of the picture long.  Without --air-degc or
--air-counts the air is taken to be as warm as the middle of the picture, which is said.
Exit code: 0 measured, 65 damaged or too short, 66 not there.
"""

import argparse
import json
import sys
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from edgeleak.cli.progress import Progress
from edgeleak.cli.source_options import (
    add_profile_options,
    add_source_options,
    open_from,
    profile_from,
)
from edgeleak.durable import replace_text
from edgeleak.errors import DataError, UsageError

HELP = "measure how much gas would be found: virtual plumes, and a map of what can be seen"
RATE_G_PER_H = 60.0
"""What the camera requirement of NSPS OOOOa asks for."""
SHOWN_PPM_M = 1000.0
MOST_PASSES = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("path", nargs="?", metavar="PATH",
                        help="recording, folder, video, or sim:...")  # fmt: skip
    parser.add_argument("--live", type=Path, metavar="DIR", nargs="?",
                        const=Path("/run/edgeleak"), help="the running instrument instead: its run"
                        " folder (/run/edgeleak); writes detectability.json there")  # fmt: skip
    parser.add_argument("--core-share", type=float, default=0.2,
                        help="with --live: of one core (0.2)")  # fmt: skip
    parser.add_argument("--seconds", type=float, help="with --live: stop after so long")
    parser.add_argument("--air-degc", type=float, help="temperature of the air, with --calibration")
    parser.add_argument("--air-counts", type=float, help="the same in corrected counts")
    parser.add_argument("--counts-per-k", type=float, help="response; default the calibration's")
    parser.add_argument("--distance-m", type=float, help="to the leak, for the map in g/h")
    parser.add_argument("--rate-g-per-h", type=float, default=RATE_G_PER_H,
                        help="rate that the map asks for (60)")  # fmt: skip
    parser.add_argument("--ppm-m", type=columns_of, metavar="A,B,...",
                        help="columns to try; default 62.5 to 32000")  # fmt: skip
    parser.add_argument("--trials", type=int, default=40, help="virtual plumes at least (40)")
    parser.add_argument("--seed", type=int, default=0, help="places and turbulence (0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="map as picture, arrays, JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_source_options(parser)
    add_profile_options(parser)


def columns_of(text: str) -> list[float]:
    """`500,1000` -> [500.0, 1000.0]."""
    try:
        columns = [float(word) for word in text.split(",")]
    except ValueError:
        columns = []
    if not columns or min(columns) <= 0:
        raise argparse.ArgumentTypeError(f"'{text}': write columns above 0, e.g. 500,1000")
    return columns


def run(args: argparse.Namespace) -> int:
    """Both answers; the trials run over the recording as often as needed."""
    if args.live is not None:
        from edgeleak.cli.detectability_live import run_live

        return run_live(args)
    if args.path is None:
        raise UsageError("name a recording, or say --live for the running instrument")
    if args.trials < 1:
        raise UsageError(f"--trials must be 1 or more, got {args.trials}")
    profile = profile_from(args)
    if profile["chain.detector"] != "counts":
        raise UsageError(f"profile {profile.name} knows no noise; use one based on sensitive")
    scene = measured_scene(args, profile)
    trials = run_trials(args, profile, scene)
    document = {**scene["summary"], **trials.as_dict()}
    if args.out is not None:
        save(args.out, scene, document)
    if args.json:
        print(json.dumps(document, indent=2))
    say(args, document, trials, sys.stderr if args.json else sys.stdout)
    return 0


def made_pipeline(args: argparse.Namespace, profile: Any, source: Any) -> Any:
    """The detector as `replay` makes it; its sensor is taken to see methane, or nothing would
    ever be found."""
    from edgeleak.pipeline import Pipeline
    from edgeleak.sensor import EL640

    sensor = source.sensor if source.sensor.sees_methane else EL640
    is_corrected = None if source.sensor.sees_methane else True
    pipeline = Pipeline(source.shape, profile, fps=source.fps, calibration=args.calibration,
                        sensor=sensor, is_corrected=is_corrected)  # fmt: skip
    pipeline.draw_when_asked()
    return pipeline


def measured_scene(args: argparse.Namespace, profile: Any) -> dict[str, Any]:
    """One pass until the background is learnt: air, noise, map."""
    from edgeleak.events.limits import limits_of, pixel_noise

    with open_from(args, args.path) as source:
        pipeline = made_pipeline(args, profile, source)
        before, noise = None, []
        for pixels, info in source:
            verdict = pipeline.step(pixels, info)
            if before is not None:
                noise.append(pixel_noise(before, pipeline.counts))
            before = pipeline.counts.copy()
            if str(verdict) in ("GAS", "NO GAS"):
                break
        else:
            raise DataError(f"{args.path}: the detector gave no answer in {pipeline.frames} frames:"
                            f" {pipeline.verdict.reason}")  # fmt: skip
        warnings, name = list(source.warnings), source.name
    air = air_of(args, pipeline)
    scale = counts_per_k(args, pipeline)
    pixel_counts = float(np.median(noise))
    limits = limits_of(pipeline, air, counts_per_k=scale, pixel_noise_counts=pixel_counts,
                       distance_m=args.distance_m or nan)  # fmt: skip
    summary = {
        "source": name, "profile": profile.name, "air": air._asdict(), "warnings": warnings,
        "noise_counts": round(float(pipeline.verdict.noise_counts), 4),
        "pixel_noise_counts": round(pixel_counts, 4),
        "netd_mk": None if scale != scale else round(1e3 * limits.noise_k, 2),
        "picture_share_1000_ppm_m": round(limits.share_where(SHOWN_PPM_M), 4),
        "rate_g_per_h": args.rate_g_per_h,
        "picture_share_of_rate": _share(limits.share_of_rate(args.rate_g_per_h)),
    }  # fmt: skip
    return {"air": air, "limits": limits, "grey": pipeline.grey.copy(), "summary": summary}


def _share(share: float) -> float | None:
    return None if share != share else round(share, 4)


def counts_per_k(args: argparse.Namespace, pipeline: Any) -> float:
    """Given, else of the calibration, else NaN."""
    if args.counts_per_k is not None:
        return float(args.counts_per_k)
    return float(getattr(pipeline.calibration, "response_counts_per_k", nan))


def air_of(args: argparse.Namespace, pipeline: Any) -> Any:
    """Counts of the air, and where they are from."""
    from edgeleak.events.limits import Air

    if args.air_counts is not None:
        return Air(args.air_counts, "given in counts")
    if args.air_degc is not None:
        made = pipeline.calibration
        response, cold = counts_per_k(args, pipeline), getattr(made, "cold_counts", nan)
        counts = cold + response * (args.air_degc - getattr(made, "cold_degc", nan))
        if counts != counts:
            raise UsageError("--air-degc needs a --calibration with response and references;"
                             " give --air-counts instead")  # fmt: skip
        return Air(float(counts), f"{args.air_degc:g} degC by the calibration")
    middle = float(np.median(pipeline.background)) / 4
    return Air(middle, "assumed: as warm as the middle of the picture; say --air-degc or"
               " --air-counts")  # fmt: skip


def run_trials(args: argparse.Namespace, profile: Any, scene: dict[str, Any]) -> Any:
    """Virtual plumes, over the recording again and again."""
    from edgeleak.events.trials import LADDER_PPM_M, Trials

    trials, columns = None, args.ppm_m or LADDER_PPM_M
    with Progress("trials", args.trials, quiet=args.quiet) as progress:
        for _ in range(MOST_PASSES):
            with open_from(args, args.path) as source:
                if trials is None:
                    shadow = made_pipeline(args, profile, source)
                    trials = Trials(shadow, scene["air"].counts, ladder=columns, seed=args.seed,
                                    fps=source.fps)  # fmt: skip
                before = trials.rounds
                for pixels, info in source:
                    trials.take(pixels, info)
                    progress.update(min(trials.tried, args.trials), "")
                    if trials.tried >= args.trials:
                        return trials
            trials.give_up()
            if trials.rounds == before:
                raise DataError(f"{args.path}: too short for a round of trials, which takes 4 s to"
                                " learn and 8 s with gas at least")  # fmt: skip
    return trials


def say(args: argparse.Namespace, document: dict[str, Any], trials: Any, out: Any) -> None:
    """The answers in words."""
    for sentence in document["warnings"]:
        print(f"note: {sentence}", file=sys.stderr)
    print(f"air {document['air']['counts']:.0f} counts, {document['air']['words']}", file=out)
    share = 100 * document["picture_share_1000_ppm_m"]
    print(f"by noise and contrast: 1000 ppm m reaches the threshold in {share:.0f} % of the"
          " picture", file=out)  # fmt: skip
    if document["picture_share_of_rate"] is not None:
        print(f"{document['rate_g_per_h']:g} g/h by the published curve at {args.distance_m:g} m,"
              f" NETD {document['netd_mk']:.0f} mK: {100 * document['picture_share_of_rate']:.0f} %"
              " of the picture", file=out)  # fmt: skip
    print(f"{'ppm m':>8}{'found':>7}{'tried':>7}{'%':>6}{'95 %':>13}{'after s':>9}", file=out)
    for row in document["ladder"]:
        span = f"{100 * row['low_95']:.0f} to {100 * row['high_95']:.0f}"
        after = "-" if row["median_s"] is None else f"{row['median_s']:.1f}"
        print(f"{row['ppm_m']:>8g}{row['found']:>7}{row['tried']:>7}{100 * row['share']:>6.0f}"
              f"{span:>13}{after:>9}", file=out)  # fmt: skip
    half, most = (document[key] for key in ("ppm_m_50", "ppm_m_90"))
    print(f"half are found from {_amount(half)}, 90 % from {_amount(most)}", file=out)
    print(trials.sentence(args.ppm_m[0] if args.ppm_m else SHOWN_PPM_M), file=out)


def _amount(ppm_m: float | None) -> str:
    return "no column that was tried" if ppm_m is None else f"{ppm_m:.3g} ppm m"


def save(folder: Path, scene: dict[str, Any], document: dict[str, Any]) -> None:
    """Map, arrays, JSON."""
    from edgeleak.cli.detectability_map import drawn
    from edgeleak.cli.gallery import make_folder

    make_folder(folder)
    limits = scene["limits"]
    drawn(scene["grey"], limits, document).save(folder / "detectability.png")
    planes = {"contrast_counts": limits.contrast_counts, "needed_counts": limits.needed_counts,
              "column_ppm_m": limits.column_ppm_m}  # fmt: skip
    if limits.rate_g_per_h is not None:
        planes["rate_g_per_h"] = limits.rate_g_per_h
    np.savez_compressed(folder / "detectability.npz", **planes)
    replace_text(folder / "detectability.json", json.dumps(document, indent=2) + "\n")
