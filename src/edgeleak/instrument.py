# SPDX-License-Identifier: Apache-2.0
"""The instrument: every service on one set of buses, as three loops over one clock.

The same object runs in three threads on the board and under a scheduler over a simulated one.
*frames* judges and talks, *capture* reads the sensor, *control* moves heat and light.  They
share single slots only, so a stuck I2C bus stops control and nothing else: the enables run out
by themselves within the board's refresh time, and the frames loop says what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgeleak import codes
from edgeleak.board import Board
from edgeleak.bus.protocols import Buses
from edgeleak.calibration import container
from edgeleak.calibration.model import UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.clock import NS_PER_S, Clock
from edgeleak.config import STATE_FOLDER, Config
from edgeleak.drivers.enables import Enable
from edgeleak.drivers.lines import Press, roles
from edgeleak.drivers.link import Steps
from edgeleak.errors import BusError, EdgeLeakError, UnavailableError
from edgeleak.loop import Loop, Task
from edgeleak.pipeline import Pipeline
from edgeleak.pipeline.verdict import Limits
from edgeleak.services import bringup, parts
from edgeleak.services.acquisition import Acquisition
from edgeleak.services.bringup import Proof
from edgeleak.services.frame_path import Followers, FramePath
from edgeleak.services.health import FINE, Freshness, Health, Source, State, Trouble
from edgeleak.services.life import LifeCounters
from edgeleak.services.nuc import Nuc
from edgeleak.services.panel import Panel
from edgeleak.services.recorder import Recorder, Stream
from edgeleak.services.thermal import Cooler
from edgeleak.services.thermal_status import CoolerState
from edgeleak.services.utc import Utc
from edgeleak.services.watchdog import STORM_STARTS, Notifier, Starts, Watchdog

CALIBRATION_NAME, LIFE_NAME = "calibration.elcal", "life.json"
CONTROL_LIMIT_S = 0.25
"""Five control periods without a step: the enables have run out by themselves already."""
CLEAR_S = 1.0
AT_REST = (State.FAULT, State.SAFE)
PHASES = {State.BOOT: 0, State.SELFTEST: 1, State.COOLING: 2, State.NUC: 3, State.READY: 4,
          State.DETECTING: 5}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files are.

    state : survives a reboot: calibration, tuned values, counters
    run   : does not: start times, status
    """

    state: Path = STATE_FOLDER
    run: Path = Path("/run/edgeleak")


@dataclass(slots=True)
class Options:
    """What differs between a board, a test bench and a test.

    log          : gets each line of change; must not block
    notifier     : service manager
    has_recorder : False keeps memory small where nothing is recorded
    recorder     : command of the recorder process; () keeps the ring without a process
    safe_mode    : no actuator moves
    """

    log: Callable[[str], None] = lambda line: None
    notifier: Notifier = field(default_factory=Notifier)
    has_recorder: bool = True
    recorder: tuple[str, ...] = Recorder.COMMAND
    safe_mode: bool = False


class Instrument:
    """Everything between the buses and the answer.

    board, config : what is wired, what is wanted
    buses, clock  : real or simulated
    folders       : state and run
    options       : see Options

    `loops` are run by threads or a scheduler; then `shutdown`.  A task that raises ends in
    `fail`, which puts the outputs to rest.
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
        self.proofs: list[Proof] = []
        self.failure: EdgeLeakError | None = None
        self._phase = Trouble(codes.STARTING)
        self._safe = self.options.safe_mode
        self._at_rest = False
        self._starts = Starts(self.folders.run / "starts.json")
        bringup.outputs_off(board, buses)
        self._roles = roles(buses.lines, board.gpio)
        self._make_sensor_side()
        self._make_actuators()
        self._make_answers()
        self._bring_up = Steps(clock)
        self._bring_up.begin(bringup.steps(board, buses, self.proofs.append))
        self.acquisition.start()
        self.loops = self._make_loops()
        self._note_start()

    # --- composition -----------------------------------------------------------------------------

    def _make_sensor_side(self) -> None:
        board, config = self.board, self.config
        self.sensor = parts.sensor(board, config.sensor, self.buses, self.clock)
        self.acquisition = Acquisition(self.sensor, self.clock, config.sensor.stale_ms)
        base = self._base_calibration()
        self.pipeline = Pipeline(self.sensor.shape, config.detection.profile, config.sensor.fps,
                                 base, sensor=self.sensor.info)  # fmt: skip
        self.utc = Utc(self.clock, self._note_jump)
        self._base = base
        self.nuc = Nuc(self.pipeline, base, config.nuc, may_run=self._may_correct,
                       next_id=self._next_nuc_id)  # fmt: skip
        self._shutter_is, self._has_shutter = False, hasattr(self.sensor, "set_shutter")

    def _make_actuators(self) -> None:
        board, buses, clock = self.board, self.buses, self.clock
        self.enables = {name: Enable(buses.lines, name) for name in bringup.ENABLES
                        if name in board.gpio.lines}  # fmt: skip
        self.life = LifeCounters(self.folders.state / LIFE_NAME)
        self.cooler = parts.cooler(board, self.config, buses, clock, self.life)
        self.light = parts.illumination(board, buses, clock, self.sensor)
        self.climate = parts.climate(board, buses, clock, self.light)

    def _make_answers(self) -> None:
        clock, config = self.clock, self.config
        now_ns = clock.monotonic_ns
        self.freshness = Freshness(codes.FRAMES_STALE, config.sensor.stale_ms / 1000, now_ns)
        self.control = Freshness(codes.CONTROL_STALLED, CONTROL_LIMIT_S, now_ns)
        self.recorder = self._make_recorder()
        sources: list[Source] = [lambda: self._phase, self.control.report, self._safe_report,
                              lambda: self.acquisition.status, self.freshness.report]  # fmt: skip
        notes: list[Source] = [self.utc.report]
        if (cooler := self.cooler) is not None:
            sources.append(lambda: cooler.status)
            notes.append(lambda: cooler.status.note)
        if (light := self.light) is not None:
            sources.append(lambda: light.status)
        sources.append(lambda: self.nuc.status)
        if self.recorder is not None:
            notes.append(self.recorder.report)
        self.health = Health(sources, notes, clear_s=CLEAR_S, start_ns=self.start_ns,
                             log=self.options.log, states=parts.STATES)  # fmt: skip
        self.watchdog = Watchdog(self.options.notifier, self._outputs_are_off)
        self.panel = Panel(self._roles, config.alarm.hold_s, self._pressed)
        self.path = FramePath(self.pipeline, self.acquisition, Followers(
            self.nuc, self.utc, self.health, self.freshness, self.panel, self.watchdog,
            self.recorder, None if light is None else light.note_frame), clock)  # fmt: skip
        self.on_poll: Callable[[int], None] | None = None

    def _make_recorder(self) -> Recorder | None:
        if not self.options.has_recorder:
            return None
        limits: Limits = self.pipeline.verdict.limits
        stream = Stream(self.sensor.shape, self.config.sensor.fps, self.sensor.info,
                        self.config.instrument.serial, limits)  # fmt: skip
        return Recorder(stream, self.config.recorder, self.utc.label_ns, self.options.recorder)

    def _base_calibration(self) -> Calibration:
        """The factory calibration; gain one where there is none yet."""
        path, shape = self.folders.state / CALIBRATION_NAME, self.sensor.shape
        if path.is_file():
            return container.read(path)
        return Calibration(
            Kind.ONE_POINT, np.full(shape, UNITY_GAIN_Q14, np.int16), np.zeros(shape, np.int16),
            np.empty((0, 5), np.int32), np.empty(0, np.uint8), np.zeros(shape, np.uint16),
        )  # fmt: skip

    def _make_loops(self) -> tuple[Loop, ...]:
        frame_ms = 1000 / self.config.sensor.fps
        feed_ms = min(500.0, self.options.notifier.watchdog_us / 4000 or 500.0)
        frames = [
            Task("frame", self.path.step, max(2.0, frame_ms / 16), frame_ms / 2,
                 "a sixteenth of a frame: little latency, few wake-ups"),
            Task("panel", self._step_panel, 20, 2, "a press is noticed, a flash is even"),
            Task("console", self._poll_console, 20, 5, "an answer feels immediate"),
            Task("health", self._step_health, 50, 2, "stale inputs show within 300 ms"),
            Task("watchdog", self._feed, feed_ms, 2, "a quarter of the manager's period"),
            Task("second", self._each_second, 1000, 20, "clock, recorder process, frame rate"),
        ]  # fmt: skip
        capture = [Task("capture", self._capture, 1, 1500, "as fast as frames come, which it"
                        " waits for itself", after_end=True)]  # fmt: skip
        control = [
            *self._cooler_tasks(),
            Task("light", self._step_light, 50, 25, "20 Hz: LED telemetry and enable refresh"),
            Task("shutter", self._step_shutter, 50, 10, "one frame at the highest usual rate"),
            Task("climate", self._step_climate, 1000, 25, "slower than the air changes"),
            Task("beat", self._beat, 50, 25, "bring-up; the proof that control is alive"),
        ]  # fmt: skip
        return (Loop("control", self.clock, control), Loop("capture", self.clock, capture),
                Loop("frames", self.clock, frames))  # fmt: skip

    # --- control loop ----------------------------------------------------------------------------

    def _cooler_tasks(self) -> list[Task]:
        """The cooler's own table, held back until bring-up has ended."""
        if self.cooler is None:
            return []
        return [replace(task, run=self._after_bring_up(task.run)) for task in self.cooler.tasks()]

    def _after_bring_up(self, run: Callable[[int], object]) -> Callable[[int], None]:
        def gated(due_ns: int) -> None:
            if not self._phase.code:
                run(due_ns)

        return gated

    def _beat(self, _due_ns: int) -> None:
        """Last of the table: everything before it has ended, so control is alive."""
        if self._phase.code:
            self._guarded(self._advance_bring_up)
        self.control.note(self.clock.monotonic_ns())
        self.watchdog.note_control()

    def _advance_bring_up(self) -> None:
        self._phase = Trouble(codes.SELFTEST)
        if self._bring_up.advance():
            self._phase = FINE

    def _step_light(self, _due_ns: int) -> None:
        if self.light is not None and not self._phase.code:
            self.light.step(self.clock.monotonic_ns())

    def _step_climate(self, due_ns: int) -> None:
        if self.climate is None or self._phase.code:
            return
        self.climate.step(due_ns)
        if self.cooler is not None:
            self.cooler.surroundings = self.climate.surroundings()

    def _step_shutter(self, _due_ns: int) -> None:
        """Obey the correction's wish; the flag of the frames tells it what the shutter did."""
        wanted = self.nuc.shutter_wanted
        if wanted == self._shutter_is or not self._has_shutter or self._phase.code:
            return
        try:
            self.sensor.set_shutter(wanted)
            self._shutter_is = wanted
        except BusError:
            return  # tried again with the next step; the correction runs out of patience

    # --- capture loop ----------------------------------------------------------------------------

    def _capture(self, _due_ns: int) -> None:
        self._guarded(self.acquisition.step)

    # --- frames loop -----------------------------------------------------------------------------

    def _step_panel(self, _due_ns: int) -> None:
        trouble = self.health.answer.trouble
        self.panel.step(self.clock.monotonic_ns(), self.health.state, trouble.code)

    def _poll_console(self, due_ns: int) -> None:
        if self.on_poll is not None:
            self.on_poll(due_ns)
        self.watchdog.note_console()

    def _step_health(self, _due_ns: int) -> None:
        self.health.tick(self.clock.monotonic_ns())
        is_at_rest = self.health.state in AT_REST
        if is_at_rest and not self._at_rest:
            self._rest()
        if is_at_rest and self.control.report().code:
            self._force_off()
        self._at_rest = is_at_rest

    def _feed(self, _due_ns: int) -> None:
        is_at_rest = self.health.state in AT_REST
        if not self.watchdog.is_ready:
            steps = PHASES.get(self.health.state, 0)
            self.watchdog.progress(steps, parts.distance_k(self.cooler))
            has_picture = self.path.frames > 0 and self.nuc.status.taken > 0
            if has_picture or (is_at_rest and self._outputs_are_off()):
                self.watchdog.ready(str(self.health.state))
        self.watchdog.feed(is_at_rest)

    def _each_second(self, _due_ns: int) -> None:
        now_ns = self.clock.monotonic_ns()
        self.utc.step(now_ns)
        self.path.measure_fps(now_ns)
        if self.recorder is not None:
            self.recorder.supervise(now_ns)

    # --- facts for the parts ---------------------------------------------------------------------

    def _may_correct(self) -> bool:
        is_ok = not self._phase.code and self.health.state not in AT_REST
        return is_ok and parts.is_stable(self.cooler)

    def _next_nuc_id(self) -> int:
        """Numbers grow, over restarts too where the clock is right."""
        utc_ns = self.utc.label_ns(self.clock.monotonic_ns())
        last = max(self._base.nuc_id, self.nuc.status.nuc_id)
        return max(last + 1, utc_ns // NS_PER_S)

    def _safe_report(self) -> Trouble:
        return Trouble(codes.SAFE_MODE) if self._safe else FINE

    def _outputs_are_off(self) -> bool:
        try:
            return not bringup.enables_on(self.board, self.buses)
        except BusError:
            return False

    def _note_jump(self, moved_s: float) -> None:
        self.options.log(f"CLOCK jumped {moved_s:+.1f} s; intervals do not use it")
        if self.recorder is not None:
            self.recorder.event({"event": "clock-jumped", "s": moved_s})

    def _note_start(self) -> None:
        count = self._starts.begin(self.start_ns)
        if count > STORM_STARTS:
            self.health.trip(Trouble(codes.RESTART_STORM, count, STORM_STARTS))
        if self._roles.strap is not None and self._roles.strap.is_set():
            self._safe = True
        if self._safe or self.health.latched is not None:
            self._rest()  # before the first control step could drive anything

    # --- commands --------------------------------------------------------------------------------

    def _pressed(self, press: Press) -> None:
        if press is Press.NUC:
            self.nuc.request("button")
        elif self.recorder is not None and press is Press.RECORD:
            self.recorder.toggle()
        elif self.recorder is not None:
            self.recorder.snapshot()

    def clear_fault(self) -> None:
        """Forget a latched fault; a cause that stays trips again at once."""
        if self.cooler is not None:
            is_its_own = self.cooler.status.state == CoolerState.FAULT
            self.cooler.request("clear" if is_its_own else self.cooler.status.wish_degc)
        if self.light is not None:
            self.light.clear()
        self.health.clear()

    def _rest(self) -> None:
        """Fault or safe state: current ramps to zero, light off, shutter open."""
        self.nuc.cancel()
        if self.cooler is not None and self.cooler.status.state != CoolerState.FAULT:
            self.cooler.request("stop")
        if self.light is not None:
            self.light.request("off", 0.0)

    def _force_off(self) -> None:
        """Control hangs: the enables go low from here, which no I2C bus can block."""
        for enable in self.enables.values():
            try:
                enable.off()
            except BusError:
                continue  # the monostable is off already without edges

    # --- the end ---------------------------------------------------------------------------------

    def _guarded(self, act: Callable[[], object]) -> None:
        """Bring-up errors end the program with their exit code; later ones are the service's."""
        try:
            act()
        except EdgeLeakError as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """A task cannot go on: outputs off, and whoever runs the loops learns why."""
        self._force_off()
        self.health.trip(Trouble(codes.TASK_FAILED))
        if self.failure is None:
            is_ours = isinstance(error, EdgeLeakError)
            self.failure = error if is_ours else UnavailableError(f"a task failed: {error!r}")  # type: ignore[assignment]
        self.options.log(f"FAILED {error!r}")

    def shutdown(self) -> None:
        """Actuators first, then everything else; harmless when repeated."""
        self._force_off()
        for service in (self.cooler, self.light):
            if service is not None:
                service.shutdown() if isinstance(service, Cooler) else service.off()
        self._force_off()
        self.acquisition.stop()
        self.panel.dark()
        self.watchdog.stopping()
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None
        if self.failure is None and self.health.state is not State.FAULT:
            self._starts.end_well()
