# SPDX-License-Identifier: Apache-2.0
"""Watch the camera find a simulated leak: no hardware needed.

The firmware runs as it does on the board, with the real spidev, smbus2 and GPIO calls, against
an emulated board in a process of its own: sensor, cooler, LED, chips, a plant yard with a leak.
Because the truth is known, the run ends with found, missed and false alarms.
Exit code 65: the board's own judge saw a limit broken or an output left on, or with --check a
wrong answer or another outcome than the scenario's `[expect]`; 75: that, while this machine stood
still, so try again.
While it runs, its first lines say how to talk to it: `edgeleak console`, `edgeleak status`.

  edgeleak sim                      scenario `leak`, in real time
  edgeleak sim hot-day --out run    another scenario, with time plots and a recording
  edgeleak sim --pty /tmp/camera    with a serial port that pyvisa opens: ASRL/tmp/camera::INSTR
  edgeleak sim --list               all scenarios

With --pipeline there is no board: a simulated sensor feeds the pipeline alone, as fast as wished.

  edgeleak sim --pipeline --fast --no-leak
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, TextIO

from edgeleak.cli.drawing import Painter
from edgeleak.cli.gallery import Gallery
from edgeleak.cli.results import Results
from edgeleak.cli.show import Pace
from edgeleak.cli.source_options import add_profile_options, profile_from, shape_of
from edgeleak.cli.truth import Judge
from edgeleak.cli.watching import Seen, Watch, or_none
from edgeleak.errors import StorageError, UsageError
from edgeleak.frame import FrameInfo

HELP = "run the camera on a simulated leak, judged against the truth"
INTERRUPTED = 130
PIPELINE_S = 60.0
LEAK_AFTER_SHARE, LEAK_AFTER_MOST_S = 0.25, 15.0
CALIBRATION_NAME = "calibration.elcal"
NUC_FRAMES, NUC_COLD_DEGC, NUC_HOT_DEGC = 32, 10.0, 35.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("scenario", nargs="?", default="leak", metavar="SCENARIO",
                        help="what happens: a name of --list, or a .toml file (leak)")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="all scenarios, then stop")
    parser.add_argument("--pipeline", action="store_true",
                        help="no board: a simulated sensor and the pipeline alone")  # fmt: skip
    parser.add_argument("--board", default="el1-a", help="with a board: which (el1-a)")
    parser.add_argument("--check", action="store_true",
                        help="with a board: exit 65 on another outcome than expected")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="with a board: settings of the firmware")  # fmt: skip
    parser.add_argument(
        "--pty",
        type=Path,
        metavar="PATH",
        help="with a board: a console port of this name, for pyvisa and rigs; until Ctrl-C",
    )
    parser.add_argument("--seconds", type=float, metavar="N",
                        help="simulated time (the scenario's; 60 with --pipeline)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="same seed, same run (1)")
    parser.add_argument("--shape", type=shape_of, default=(480, 640), help="ROWSxCOLUMNS (480x640)")
    parser.add_argument("--fps", type=float, default=14.0, help="frames a second (14)")
    parser.add_argument("--rate", type=float, default=250.0, metavar="G_PER_H",
                        help="methane release in g/h (250)")  # fmt: skip
    parser.add_argument("--movers", choices=("all", "none"), default="all",
                        help="person, cat and fan in the picture (all)")  # fmt: skip
    parser.add_argument("--no-leak", action="store_true", help="the same yard without gas")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--realtime", action="store_true", help="at the camera's speed (default)")
    pace.add_argument("--fast", action="store_true", help="as fast as the machine goes")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="save pictures, recording, tables and a page")  # fmt: skip
    parser.add_argument("--record", choices=("leak", "all", "none"), default="leak",
                        help="with --out: recording.mcap from the start to 10 s after the leak"
                        " begins (leak), of everything (5 MB a second), or none")  # fmt: skip
    parser.add_argument("--no-video", action="store_true", help="with --out: no overlay.mp4")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_profile_options(parser)


def run(args: argparse.Namespace) -> int:
    """Simulate; exit code 0 whatever was found, as long as the camera ran."""
    from edgeleak.cli import sim_board

    if args.seconds is not None and not args.seconds > 0:
        raise UsageError(f"--seconds must be above 0, got {args.seconds:g}")
    if args.pipeline and args.pty is not None:
        raise UsageError("--pty: without a board there is no console; leave out --pipeline")
    if args.list:
        sim_board.list_scenarios()
        return 0
    return run_pipeline(args) if args.pipeline else sim_board.run_board(args)


def run_pipeline(args: argparse.Namespace) -> int:
    """Sensor and pipeline without a board."""
    from edgeleak.calibration.container import write as write_calibration
    from edgeleak.pipeline import Pipeline
    from edgeleak.sim import SimulatedSensor

    say = sys.stderr if args.json else sys.stdout
    profile = profile_from(args)
    seconds = args.seconds or PIPELINE_S
    leak_start_s = min(LEAK_AFTER_MOST_S, LEAK_AFTER_SHARE * seconds)
    sensor = SimulatedSensor(args.seed, args.shape, args.fps, not args.no_leak,
                             leak_start_s=leak_start_s, rate_g_per_h=args.rate,
                             seconds=seconds, movers=args.movers == "all")  # fmt: skip
    calibration = args.calibration or _calibrate(sensor, say)
    pipeline = Pipeline(sensor.shape, profile, fps=sensor.fps, calibration=calibration,
                        sensor=sensor.sensor)  # fmt: skip
    painter = Painter(f"simulated, seed {args.seed}")
    results = Results(sensor, painter, _gallery(args, painter))
    judge = Judge(None if args.no_leak else leak_start_s)
    watch = Watch(sensor, pipeline, sensor.fps)
    recording = _recording(args, sensor)
    if args.out is not None and args.calibration is None:
        write_calibration(args.out / CALIBRATION_NAME, calibration)
    # From the first frame on: a replay that began later would learn another background.
    recorder = Recorder(recording, sensor, leak_start_s + 10 if args.record == "leak" else math.inf)
    interrupted = _watch_all(args, watch, results, judge, recorder, LiveLine(say))
    summary = results.summary(watch, profile, truth=judge.as_dict(), seed=args.seed,
                              interrupted=interrupted)  # fmt: skip
    files = results.finish(summary, f"Simulated leak, seed {args.seed}, profile {profile.name}")
    _report(args, summary, judge, files, recording, say)
    if results.gallery is not None and results.gallery.trouble is not None:
        raise results.gallery.trouble
    return INTERRUPTED if interrupted else 0


def _calibrate(sensor: Any, say: TextIO) -> Any:
    """Two-point calibration on simulated black bodies, by the code of `edgeleak nuc`."""
    from edgeleak.calibration.frame_statistics import measure
    from edgeleak.calibration.solve import Facts, two_point

    print(f"nuc      two black bodies, {NUC_COLD_DEGC:g} and {NUC_HOT_DEGC:g} degC,"
          f" {NUC_FRAMES} frames each", file=say, flush=True)  # fmt: skip
    cold = measure(sensor.blackbody(NUC_COLD_DEGC, NUC_FRAMES))
    hot = measure(sensor.blackbody(NUC_HOT_DEGC, NUC_FRAMES))
    made = two_point(cold, hot, NUC_COLD_DEGC, NUC_HOT_DEGC,
                     facts=Facts(nuc_id=1, sensor=sensor.sensor.name))  # fmt: skip
    print(f"ready    {made.response_counts_per_k:.1f} counts/K, {len(made.bad_pixels)} bad pixels"
          " replaced", file=say, flush=True)  # fmt: skip
    return made


def _gallery(args: argparse.Namespace, painter: Painter) -> Gallery | None:
    if args.out is None:
        return None
    video_fps = None if args.no_video else args.fps / 2
    return Gallery(args.out, painter, most=12, video_fps=video_fps, video_every=2)


def _recording(args: argparse.Namespace, sensor: Any) -> Any:
    """Writer of the raw counts, or None."""
    if args.out is None or args.record == "none":
        return None
    from edgeleak.recording import Writer

    path, facts = args.out / "recording.mcap", {"simulated": "yes", "seed": str(sensor.seed)}
    return Writer(path, sensor.shape, sensor.fps, sensor.sensor, metadata=facts, overwrite=True)


def _watch_all(args: argparse.Namespace, watch: Watch, results: Results, judge: Judge,
               recorder: "Recorder", line: "LiveLine") -> bool:  # fmt: skip
    """Run to the end; True when the user stopped it."""
    pace = Pace()
    sensor = results.source
    try:
        for seen, info in watch:
            results.take(watch.pipeline, seen, info)
            judge.take(seen, watch.found.gas, watch.found.mask, sensor.truth_mask())
            recorder.take(seen, info, watch.pipeline.verdict)
            line.show(seen, len(watch.step_ms) / watch.elapsed_s())
            if not args.fast:
                pace.wait_for(seen.time_s)
    except KeyboardInterrupt:
        return True
    finally:
        line.end()
        recorder.close()
    return False


class Recorder:
    """Writes the raw counts up to a moment; a full disk is said once and the run goes on.

    writer : recording.Writer, or None to record nothing
    end_s  : last moment recorded
    """

    def __init__(self, writer: Any, sensor: Any, end_s: float) -> None:
        self._writer, self._sensor, self._end_s = writer, sensor, end_s

    def take(self, seen: Seen, info: FrameInfo, verdict: Any) -> None:
        if self._writer is None or seen.time_s > self._end_s:
            return
        try:
            self._writer.write(self._sensor.counts, info, verdict)
        except StorageError as error:
            print(f"edgeleak sim: {error}", file=sys.stderr)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class LiveLine:
    """One line that is rewritten on a terminal; one line a second elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._next_s = 0.0
        self._word = ""

    def show(self, seen: Seen, fps: float) -> None:
        changed = seen.word != self._word
        if not self._live and seen.time_s < self._next_s and not changed:
            return
        self._next_s = int(seen.time_s) + 1.0
        self._word = seen.word
        evidence = "   -  " if or_none(seen.evidence) is None else f"{seen.evidence:6.2f}"
        text = (
            f"{seen.time_s:6.1f} s  {seen.word:<7}  evidence {evidence}  regions {seen.regions:2d}"
            f"  {fps:5.1f} frames/s  {seen.step_ms:5.1f} ms/frame"
        )
        ends = "\x1b[K" if self._live else "\n"
        self._stream.write(("\r" if self._live else "") + text + ends)
        self._stream.flush()

    def end(self) -> None:
        if self._live:
            self._stream.write("\n")


def _report(args: argparse.Namespace, summary: dict, judge: Judge, files: list[Path],
            recording: Any, say: TextIO) -> None:  # fmt: skip
    if args.json:
        print(json.dumps(summary, indent=2))
    speed = summary["speed"]
    print(f"\n{summary['verdict']}: {summary['sentence']}", file=say)
    print(f"truth    {judge.sentence()}", file=say)
    print(
        f"speed    {speed['step_ms_median']:.2f} ms a frame in the pipeline (95 %:"
        f" {speed['step_ms_p95']:.2f}), {speed['frames_per_s']:.1f} frames/s with simulator,"
        " pictures and recording",
        file=say,
    )
    if not files:
        print("         add --out DIR for pictures, video, recording and tables", file=say)
        return
    print(f"look at  {files[0]}", file=say)
    if recording is not None:
        made = args.calibration or args.out / CALIBRATION_NAME
        print(f"again    edgeleak replay {recording.path} --calibration {made} --show", file=say)
