# SPDX-License-Identifier: Apache-2.0
"""The instrument: every service on one set of buses, as four loops over one clock.

The same object runs in four threads on the board and under a scheduler over a simulated one.
*frames* judges and talks, *capture* reads the sensor, *control* moves heat and light, *storage*
may wait for a card.  They share single slots only, so a stuck I2C bus stops control and nothing
else: the enables run out within the board's refresh time, and the frames loop says what happened.
"""

from collections.abc import Callable
from math import nan
from typing import Any

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.calibration.model import Calibration
from edgeleak.clock import NS_PER_MS, NS_PER_S, Clock
from edgeleak.config import Config
from edgeleak.drivers.lepton import Lepton
from edgeleak.drivers.lines import Press, roles
from edgeleak.errors import BusError, EdgeLeakError, LinkLost, TaskError
from edgeleak.loop import Loop, Task
from edgeleak.pipeline import Pipeline
from edgeleak.segment.segmenter import Segmenter
from edgeleak.services import bringup, parts
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.control_side import Actuators, ControlSide
from edgeleak.services.frame_path import Followers, FramePath
from edgeleak.services.glance import glance
from edgeleak.services.health import FINE, Freshness, Health, Source, State, Trouble
from edgeleak.services.leaks import Leaks
from edgeleak.services.life import LifeCounters
from edgeleak.services.nuc import Nuc
from edgeleak.services.outputs import Outputs
from edgeleak.services.panel import Panel
from edgeleak.services.readiness import AT_REST, Readiness
from edgeleak.services.recorder import Recorder, Stream
from edgeleak.services.ring import Progress
from edgeleak.services.safe_mode import SafeMode
from edgeleak.services.sensor_nuc import SensorNuc
from edgeleak.services.setup import LIFE_NAME, STARTS_NAME, Folders, Options, base_calibration
from edgeleak.services.utc import Utc
from edgeleak.services.watchdog import STORM_STARTS, Starts, Watchdog

__all__ = ["Folders", "Instrument", "Options"]

CONTROL_LIMIT_S, CONTROL_HUNG_S = 0.22, 1.0
"""Four periods without a step: the enables have run out (0.2 s), and within 300 ms it is said."""
CLEAR_S = 1.0
CLEAR_NS = 150 * NS_PER_MS
"""Three control periods: until then a service may still report the fault it was told to forget."""


class Instrument:
    """Everything between the buses and the answer.

    board, config : what is wired, what is wanted
    buses, clock  : real or simulated
    folders, options : see Folders and Options

    `loops` (control, capture, frames, storage) are run by threads or a scheduler; then `shutdown`.
    `failure` is what ended it, None while all is well.  Raises UnavailableError when an enable
    cannot be put to rest, and whatever a part of the board refuses.
    """

    def __init__(
        self,
        board: Board,
        config: Config,
        buses: Buses,
        clock: Clock,
        *,
        folders: Folders | None = None,
        options: Options | None = None,
    ) -> None:
        self.board, self.config, self.buses, self.clock = board, config, buses, clock
        self.folders, self.options = folders or Folders(), options or Options()
        self.start_ns = clock.monotonic_ns()
        self.failure: EdgeLeakError | None = None
        self._clear_ns: int | None = None
        self._recorded = Progress()
        self._starts = Starts(self.folders.run / STARTS_NAME)
        self.on_poll: Callable[[int], None] | None = None
        self._rest_outputs()
        self._make_picture_side()
        self._make_actuators()
        self._make_health()
        self._make_frame_path()
        self.loops = self._make_loops()
        self._note_start()
        self.acquisition.start()

    def _rest_outputs(self) -> None:
        """A line that cannot be read ends the start, unless nothing is going to be driven."""
        try:
            bringup.outputs_off(self.board, self.buses)
        except BusError as error:
            if self.options.starts <= STORM_STARTS:
                raise
            self.options.log(f"FAILED {error}")

    # --- composition -----------------------------------------------------------------------------

    def _make_picture_side(self) -> None:
        config, clock = self.config, self.clock
        self.sensor = parts.sensor(self.board, config.sensor, self.buses, clock)
        self.acquisition = Acquisition(self.sensor, clock, config.sensor.stale_ms)
        self._base = base_calibration(self.folders.state, self.sensor.shape)
        self.fps = parts.fps(self.sensor, config.sensor)
        base = parts.as_named(self.sensor, self._base)
        self.pipeline = Pipeline(self.sensor.shape, config.detection.profile, self.fps, base,
                                 sensor=self.sensor.info)  # fmt: skip
        self.pipeline.draw_when_asked()
        self.utc = Utc(clock, self._note_jump)
        self._corrects_itself = parts.corrects_itself(self.sensor)
        self.nuc = self._make_nuc()
        self.recorder = self._make_recorder()
        self.segmenter = self._make_segmenter()

    def _make_nuc(self) -> Nuc | SensorNuc:
        if isinstance(self.sensor, Lepton):
            return SensorNuc(self._base, self.config.nuc.settle_s, self.sensor.request_ffc)
        return Nuc(self.pipeline, self._base, self.config.nuc, may_run=self._may_correct,
                   next_id=self._next_nuc_id, housing_degc=self._housing_degc,
                   on_refusal=lambda why, kept: self.health.tell("NUC refused", why, kept),
                   )  # fmt: skip

    def _make_actuators(self) -> None:
        board, buses, clock = self.board, self.buses, self.clock
        self.life = LifeCounters(self.folders.state / LIFE_NAME, self.options.log)
        self.cooler = parts.cooler(board, self.config, buses, clock, self.life)
        least_v = self.config.cooler.min_supply_v
        self.light = parts.illumination(board, buses, clock, self.sensor, self.config.led,
                                        least_supply_v=least_v, life=self.life)  # fmt: skip
        self.fpa_check = parts.fpa_check(self.cooler)
        climate = parts.climate(board, buses, clock, self.light)
        self.actuators = Actuators(self.cooler, self.light, climate)
        driven = [part for part in (self.cooler, self.light) if part is not None]
        self._outputs = Outputs(board, buses, [part.enable for part in driven])
        self.control = ControlSide(board, buses, clock, self.actuators, self.sensor, self.nuc,
                                   self._beat, self.fail)  # fmt: skip
        self.control.may_begin = lambda: not self._is_storm()

    def _make_health(self) -> None:
        self._roles = roles(self.buses.lines, self.board.gpio)
        self.safe_mode = SafeMode(self._roles.strap, self.options.safe_mode, self.options.log)
        now_ns, cooler, light = self.clock.monotonic_ns, self.cooler, self.light
        stale_s = self.config.sensor.stale_ms / 1000
        self.frame_age = Freshness(codes.FRAMES_STALE, stale_s, now_ns)
        self.control_age = Freshness(codes.CONTROL_LATE, CONTROL_LIMIT_S, now_ns,
                                     hang=(codes.CONTROL_STALLED, CONTROL_HUNG_S))  # fmt: skip
        sources: list[Source] = [
            lambda: self.control.phase, self._control_report, self.safe_mode.report,
            lambda: self.acquisition.status, self.frame_age.report,
        ]  # fmt: skip
        notes: list[Source] = [self.utc.report, self.life.report]
        if cooler is not None:
            sources += [lambda: cooler.status, self.fpa_check.report]
            notes.append(lambda: cooler.status.note)
        if light is not None:
            sources.append(lambda: light.status)
        if not self._corrects_itself:
            sources.append(lambda: self.nuc.status)
        if self.recorder is not None:
            notes.append(self.recorder.report)
        if self.segmenter is not None:
            notes.append(self.segmenter.report)
        self.health = Health(sources, notes, clear_s=CLEAR_S, start_ns=self.start_ns,
                             log=self.options.log, states=parts.STATES)  # fmt: skip

    def _make_frame_path(self) -> None:
        self.panel = Panel(self._roles, self.config.alarm.hold_s, self._pressed)
        self.watchdog = Watchdog(self.options.notifier, self.outputs_are_off)
        self.readiness = Readiness(self.watchdog, self._starts, self.health, self.options.log)
        light = self.light
        self.path = FramePath(self.pipeline, self.acquisition, Followers(
            self.nuc, self.utc, self.health, self.frame_age, self.panel, self.watchdog,
            self.recorder, None if light is None else light.note_frame, self.segmenter),
            self.clock)  # fmt: skip
        self.leaks = Leaks(self.pipeline, self.path, self.health, self.recorder, self.options.log)

    def _make_recorder(self) -> Recorder | None:
        if not self.options.has_recorder:
            return None
        stream = Stream(self.sensor.shape, self.fps, self.sensor.info,
                        self.config.instrument.serial, self.pipeline.verdict.limits)  # fmt: skip
        return Recorder(stream, self.config.recorder, self.utc.label_ns, self.options.recorder)

    def _make_segmenter(self) -> Segmenter | None:
        if not self.config.segment.is_on or not self.options.segmenter:
            return None
        return Segmenter(self.pipeline, self.config.segment, self.options.segmenter, self.start_ns)

    def _make_loops(self) -> tuple[Loop, ...]:
        frame_ms = 1000 / self.fps
        feed_ms = min(500.0, self.options.notifier.watchdog_us / 10_000 or 500.0)
        frames = [
            Task("frame", self.path.step, max(2.0, frame_ms / 16), frame_ms / 2,
                 "a sixteenth of a frame: little latency, few wake-ups"),
            Task("panel", self._step_panel, 20, 2, "a press is noticed, a flash is even"),
            Task("console", self._poll_console, 20, 5, "an answer feels immediate"),
            Task("health", self._step_health, 50, 2, "stale inputs show within 300 ms"),
            Task("watchdog", self._feed, feed_ms, 2, "a tenth of the manager's period"),
            Task("second", self._each_second, 1000, 20, "clock, recorder process, frame rate"),
        ]  # fmt: skip
        capture = Task("capture", self._capture, 1, 1500, "frames come when they come; it waits"
                       " for them in the driver", after_end=True)  # fmt: skip
        return (
            Loop("control", self.clock, self.control.tasks()),
            Loop("capture", self.clock, [capture]),
            Loop("frames", self.clock, frames),
            Loop("storage", self.clock, [self.life.task()]),
        )

    def _note_start(self) -> None:
        """Before any loop runs: what forbids that anything is driven; bring-up needs nothing."""
        count = self.options.starts or self._starts.begin(self.start_ns)
        if count > STORM_STARTS:
            self.health.trip(Trouble(codes.RESTART_STORM, count, STORM_STARTS))
        self.safe_mode.look()
        self.actuators.permit(False)

    # --- control and capture loops ---------------------------------------------------------------

    def _beat(self) -> None:
        self.control_age.note(self.clock.monotonic_ns())
        self.watchdog.note_control()

    def _capture(self, _due_ns: int) -> bool:
        """True when the sensor may have more: the next frame is not to wait for a pause."""
        if self._is_storm():
            return False
        try:
            return self.acquisition.capture()
        except EdgeLeakError as error:  # wrong chip, or a link that nothing brought back
            self.fail(error)
            return False

    # --- frames loop -----------------------------------------------------------------------------

    def _step_panel(self, _due_ns: int) -> None:
        trouble = self.health.answer.trouble
        self.panel.step(self.clock.monotonic_ns(), self.health.state, trouble.code)

    def _poll_console(self, due_ns: int) -> None:
        if self.on_poll is not None:
            self.on_poll(due_ns)
        self.watchdog.note_console()

    def _step_health(self, _due_ns: int) -> None:
        self.fpa_check.note(self.path.info)
        self.health.tick(self.clock.monotonic_ns())
        if self._clear_ns is not None and self.clock.monotonic_ns() >= self._clear_ns:
            self._clear_ns = None
            self.health.clear()
            self.health.tick(self.clock.monotonic_ns())
        is_at_rest = self.health.state in AT_REST
        if is_at_rest:
            self.nuc.cancel()
        self.actuators.permit(not (is_at_rest or self.safe_mode.is_on or self.control.phase.code))
        if self._control_report().code:
            self.outputs_off()

    def _feed(self, _due_ns: int) -> None:
        if self.watchdog.is_ready and self.acquisition.has_climbed():
            self.watchdog.note_frame()
        is_fed = self.watchdog.feed(self.health.state in AT_REST)
        is_corrected = self.nuc.status.taken > 0 or self._corrects_itself
        self.readiness.step(parts.distance_k(self.cooler),
                            has_picture=self.path.frames > 0 and is_corrected,
                            is_alive=is_fed and not self.control.phase.code)  # fmt: skip

    def _each_second(self, _due_ns: int) -> None:
        now_ns = self.clock.monotonic_ns()
        self.utc.step(now_ns)
        self.path.measure_fps(now_ns)
        self.leaks.look()
        self.safe_mode.look()
        if self.recorder is not None:
            self.recorder.supervise(now_ns)
        if self.segmenter is not None:
            self.segmenter.supervise(now_ns)

    def _is_storm(self) -> bool:
        """Start after start failed: bring-up and sensor wait for a person at the console."""
        latched = self.health.latched
        return latched is not None and latched.code == codes.RESTART_STORM

    # --- facts for the parts ---------------------------------------------------------------------

    def _may_correct(self) -> bool:
        may_drive = not self.control.phase.code and self.health.state not in AT_REST
        return may_drive and parts.is_stable(self.cooler)

    def _housing_degc(self) -> float:
        climate = self.actuators.climate
        return nan if climate is None else climate.surroundings().housing_degc

    def _next_nuc_id(self) -> int:
        """Numbers grow, over restarts too where the clock is right."""
        utc_ns = self.utc.label_ns(self.clock.monotonic_ns())
        last = max(self._base.nuc_id, self.nuc.status.nuc_id)
        return max(last + 1, utc_ns // NS_PER_S)

    def _control_report(self) -> Trouble:
        """Before bring-up has ended nothing is driven, and a slow bus has its own errors."""
        return FINE if self.control.phase.code else self.control_age.report()

    def _note_jump(self, moved_s: float) -> None:
        self.options.log(f"CLOCK jumped {moved_s:+.1f} s; intervals do not use it")
        if self.recorder is not None:
            self.recorder.event({"event": "clock-jumped", "s": moved_s})

    # --- commands --------------------------------------------------------------------------------

    def _pressed(self, press: Press) -> None:
        self.options.log(f"BUTTON {press}")
        if press is Press.NUC:
            self.request_nuc("button")
        elif self.recorder is not None and press is Press.RECORD:
            self.recorder.toggle()
        elif self.recorder is not None:
            self.recorder.snapshot()

    def request_nuc(self, why: str) -> None:
        """A correction as soon as may be: shutter, cap, or the sensor's own."""
        self.nuc.request(why)

    def clear_fault(self) -> None:
        """Forget a latched fault, once the services had time to forget theirs; a cause that
        stays trips again before anything is driven."""
        self.actuators.clear()
        self._clear_ns = self.clock.monotonic_ns() + CLEAR_NS

    def set_safe_mode(self, is_on: bool) -> None:
        """No actuator moves while it is on; the strap cannot be overruled."""
        self.safe_mode.set(is_on)

    def outputs_off(self) -> None:
        """Both enables low, now, from any thread."""
        self._outputs.off()

    def outputs_are_off(self) -> bool:
        """Both enables read back low."""
        return self._outputs.are_off()

    # --- the end ---------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """A task cannot go on: outputs off, and whoever runs the loops learns why."""
        self.outputs_off()
        self.actuators.permit(False)
        link = self.acquisition.status
        if isinstance(error, LinkLost):
            self.health.trip(Trouble(link.code, link.measured, link.expected))
        is_ours = isinstance(error, EdgeLeakError)
        self.health.trip(Trouble(codes.BRING_UP if is_ours else codes.TASK_FAILED))
        if self.failure is None:
            self.failure = error if is_ours else TaskError(f"a task failed: {error!r}")  # type: ignore[assignment]
        self.options.log(f"FAILED {error!r}")

    def shutdown(self, is_stuck: bool = False) -> None:
        """Actuators first, then everything else; after the loops have ended.

        is_stuck : the control thread never came back, so nobody may touch its bus
        """
        self.outputs_off()
        if not is_stuck:
            self._shut_actuators()
        self.panel.dark()
        if self.failure is not None:  # the loops ended before they could say it
            self.health.tick(self.clock.monotonic_ns())
        self.watchdog.stopping()
        self.leaks.close()
        if self.recorder is not None:
            self._recorded = self.recorder.close()
            self.recorder = None
        if self.segmenter is not None:
            self.segmenter.close()
            self.segmenter = None
        if self.failure is None and self.health.state is not State.FAULT:
            self.readiness.end_well()
        self.life.save()
        self.buses.close()

    def _shut_actuators(self) -> None:
        self.actuators.shutdown()
        self.outputs_off()
        try:
            self.acquisition.stop()
        except BusError as error:
            self.options.log(f"FAILED to switch the sensor off: {error}")

    @property
    def is_safe(self) -> bool:
        """Safe mode is wished, or the strap is set."""
        return self.safe_mode.is_on

    @property
    def base(self) -> Calibration:
        """The factory calibration it started with."""
        return self._base

    # --- what it says ----------------------------------------------------------------------------

    def recorded(self) -> Progress:
        """What the recorder says, or said last."""
        return self._recorded if self.recorder is None else self.recorder.ring.progress()

    def status(self) -> dict[str, Any]:
        """Everything at a glance as plain values; from any thread."""
        return glance(self)
