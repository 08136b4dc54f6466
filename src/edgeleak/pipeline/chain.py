# SPDX-License-Identifier: Apache-2.0
"""The pipeline: one frame in, pictures, mask, regions and a verdict out."""

from math import inf, isfinite, nan
from pathlib import Path

import numpy as np

from edgeleak import codes
from edgeleak.calibration import container
from edgeleak.calibration.model import EXTRAPOLATION_K
from edgeleak.codes import Kind
from edgeleak.errors import UsageError
from edgeleak.frame import EIGHT_BIT_SHIFT, MAX_COUNTS, FrameFlag, FrameInfo
from edgeleak.kernels import RegionFinder
from edgeleak.pipeline.arena import Arena
from edgeleak.pipeline.arguments import checked_fps, checked_shape, loaded
from edgeleak.pipeline.clipping import Clipping, Tiles
from edgeleak.pipeline.decision import Persistence
from edgeleak.pipeline.gain import AutoGain
from edgeleak.pipeline.guard import Guard, SceneGuard
from edgeleak.pipeline.motion import MOST_OF_STRUCTURE, MotionGuard
from edgeleak.pipeline.pair import Pair
from edgeleak.pipeline.profile import Profile, load
from edgeleak.pipeline.rules import is_on, off_in
from edgeleak.pipeline.stages import REGION_CAPACITY, Correction, CountsStage, GreyStage
from edgeleak.pipeline.verdict import Limits, Verdict
from edgeleak.sensor import EL640, SensorInfo

# Members of an Enum are looked up by Python code at every use; bound once they cost nothing.
new_tuple = tuple.__new__
GAS, NO_GAS = Kind.GAS, Kind.NO_GAS
TEMPERATURE_STEP_K = 0.1
"""Detector temperature that brings new offsets: uncooled patterns move by counts a kelvin, so a
tenth stays below a count; a drift of 1 K a minute brings six sets a minute."""
COUNTS, VIDEO = np.dtype(np.uint16), np.dtype(np.uint8)
STAGES: dict[str, type[GreyStage] | type[CountsStage]] = {
    "grey": GreyStage,
    "counts": CountsStage,
}


class Pipeline:
    """From raw frames to verdicts, with all memory taken at the start.

    shape       : (H, W) of the frames
    profile     : name, path of a TOML file, or Profile
    fps         : frame rate where frames carry no time stamps
    calibration : Calibration or path of one; None leaves the counts as they are
    sensor      : what made the frames; None is the board's own, which sees methane
    is_corrected : the counts are corrected already; None: as the sensor says.  Without this and
                  without a calibration 14-bit counts are never NO GAS (8-bit video may be)

    `counts grey background gas mask` are read-only views, `regions` a structured array;
    all are valid until the next step.  `pair` is lit minus dark where the LED alternates; see
    `pipeline.pair`.  `gas_zero_level` and `gas_levels_per_count` say what
    `gas` shows (`paper`: |difference| in levels of the picture, so no counts: NaN).
    """

    def __init__(
        self,
        shape: tuple[int, int],
        profile: str | Path | Profile = "sensitive",
        fps: float | None = None,
        calibration: "container.Calibration | str | Path | None" = None,
        *,
        sensor: SensorInfo | None = None,
        is_corrected: bool | None = None,
    ) -> None:
        self.shape = checked_shape(shape)
        self.profile = load(profile)
        self.sensor = EL640 if sensor is None else sensor
        self.calibration = loaded(calibration, self.shape)
        is_corrected = self.sensor.is_corrected if is_corrected is None else is_corrected
        self._is_raw = self.calibration is None and not is_corrected
        stage = STAGES[self.profile["chain.detector"]]
        self.arena = Arena(self.shape, stage.members(self.shape, self.profile))
        arena = self.arena
        self.counts, self._grey = arena.view("counts"), arena.view("grey")
        self.background, self.gas = arena.view("background"), arena.view("gas")
        self.mask, self.pair = arena.view("mask"), Pair(arena)
        self._input = arena["counts"]
        self.gain = AutoGain(self.profile, arena)
        self._fix = Correction(self.shape, self.calibration)
        self._has_planes = self._own_offset()
        self._stage = stage(self.profile, arena, self._fix, self.gain)
        self._guard = Guard(self.profile, checked_fps(fps), self._input)
        self._guard.expect_nuc(getattr(self.calibration, "nuc_id", -1))
        self._scene = SceneGuard(self.profile)
        self._tiles = Tiles(arena)
        self._clipping = Clipping(self.profile, arena, self.sensor.top_counts)
        self._motion = MotionGuard(self.profile, self._input)
        self._persistence = Persistence(self.profile)
        self._bind_decision()
        self._finder = RegionFinder(self.shape, REGION_CAPACITY)
        self.frames, self._regions_of = 0, -1
        # Asking an IntFlag costs more than the guard itself, so the answer is kept.
        self._is_eight_bit, self._is_assumed, self.flags = False, False, FrameFlag.NONE
        self.verdict = self._answer(codes.LEARNING, 0.0, self.profile["guard.learn_s"])

    def _own_offset(self) -> bool:
        """Offsets change in place, with the temperature or by `replace_offset`: make them ours."""
        calibration, fix = self.calibration, self._fix
        self.offset_degc = inf
        planes = getattr(calibration, "plane_temp_degc", ())
        if fix.offset is None:
            return False
        fix.offset = fix.offset.copy()
        return len(planes) > 0

    def _bind_decision(self) -> None:
        profile = self.profile
        pixels = self.shape[0] * self.shape[1]
        least_px = profile["evidence.least_px"]
        self._gas_px = max(least_px, pixels * profile["evidence.area_permille"] / 1000)
        self._gas_from = profile["evidence.gas"]
        percent = profile["guard.scene_change_percent"] if is_on(profile, "scene-change") else 100
        self._change_px = pixels * percent / 100
        self._asks_scene, self._nuc_age_ms = is_on(profile, "scene"), -1
        self._update_s = profile["gain.update_s"]
        self._since_update_s = 0.0
        self._scene_code, self._stale_code, self._has_looked = 0, 0, False
        self._scene_facts = (nan, nan)
        stage = self._stage
        self._limits = Limits(
            self._gas_from, self._persistence.window_s, stage.place_limits, stage.looks.ghost_limit,
            off_in(profile), stage.faint.limit,
        )  # fmt: skip
        self._area_px = 0
        self._see_nothing = self._sensor_code()
        self.gas_zero_level = self._stage.zero_level
        self.gas_levels_per_count = self._stage.levels_per_count

    def _sensor_code(self) -> int:
        if self.sensor.sees_methane:
            return 0
        band = self.sensor.band_um[0]
        return codes.UNKNOWN_SENSOR if band != band else codes.BLIND_SENSOR

    @property
    def evidence(self) -> float:
        """Changed area over the area that counts as gas; NaN when there is no verdict."""
        return self.verdict.evidence

    @property
    def grey(self) -> np.ndarray:
        """The picture; drawn now where it is drawn when asked for."""
        if not self._stage.is_drawn:
            self._stage.draw()
        return self._grey

    @property
    def shutter_counts(self) -> float:
        """Corrected counts of the shutter that the correction was taken on; NaN unknown."""
        return self._tiles.structure.shutter_counts

    def relearn(self) -> None:
        """The next frame that may train becomes the background."""
        self._guard.relearn()

    def draw_when_asked(self) -> None:
        """Leave the picture to whoever reads `grey`: a quarter of the instructions of a frame.

        It then has the gain control's newest table.  The paper's profiles need it anyway.
        """
        self._stage.draws_always = False

    @property
    def regions(self) -> np.ndarray:
        """Connected regions of the mask; found when asked for, at most once a frame."""
        if self._regions_of != self.frames:
            self._regions_of = self.frames
            self._regions = self._find_regions()
        return self._regions

    def step(self, frame: np.ndarray, info: FrameInfo | None = None) -> Verdict:
        """Process one frame.

        frame : (H, W) uint16 counts or uint8 video (shifted left 6 and flagged); when it is
                `arena["counts"]` itself nothing is copied
        info  : facts of the frame; None or without time stamp: `fps` is the clock
        """
        if frame is not self._input:
            self._take(frame)
        elif self._is_eight_bit:  # only counts can be put there
            self._set_eight_bit(False)
        guard = self._guard
        self._nuc_age_ms = -1 if info is None else info.ms_since_nuc
        code = guard.check(info, self._is_eight_bit)
        if guard.is_assumed is not self._is_assumed:
            self._is_assumed = guard.is_assumed
            self._set_flags()
        if code == codes.LED_PHASE:
            return self._hold(info)
        if self._has_planes:
            code = code or self._follow_temperature(nan if info is None else info.fpa_temp_degc)
        is_whole = not code or code >= codes.NO_TIME or code == codes.TIME_GAP
        if not self._has_looked:
            self._look_first(is_whole)
        self.frames += 1
        may_train = self._may_train(is_whole)
        seed = guard.must_seed and may_train
        self._since_update_s += guard.dt_s
        is_look = is_whole and (self._since_update_s >= self._update_s or seed)
        if is_look:  # while the counts are still raw
            self._clipping.look(self._is_eight_bit)
            self._stale_code = guard.look(self._is_eight_bit, self._since_update_s)
        self._area_px = area = self._stage.run(guard.dt_s, seed, may_train)
        if is_look:
            self._look_at_scene()
        if seed:
            guard.seeded()
            self._persistence.reset()
            self._motion.reset()
        if is_whole and self._moves(guard.dt_s):
            guard.relearn()  # what this frame taught before its motion was known goes too
        self._close_pair(info, code)
        verdict = self._decide(code, area, seed)
        self.verdict = verdict
        return verdict

    def _may_train(self, is_whole: bool) -> bool:
        """Whether this frame may teach the background; the guard counts those that may not."""
        may_train = is_whole and not self._scene_code and not self._motion.is_moving
        if not may_train or self._guard.untrained_s:
            self._guard.note_training(may_train)
        return may_train

    def _moves(self, dt_s: float) -> bool:
        """In what registration left, or further than it follows."""
        return self._motion.look(dt_s) or self._stage.registration.is_beyond

    def _close_pair(self, info: FrameInfo | None, code: int) -> None:
        """After the camera's motion up to this frame is known."""
        if info is None:
            self.pair.reset()
            return
        motion = self._motion
        is_still = not (motion.is_moving or motion.is_unsure)
        is_fit = not (code or self._scene_code or self._guard.is_repeat)
        self.pair.close(info, is_fit, is_still)
        if self.pair.is_ready:
            self._stage.lit.close(self._guard.dt_s)

    def _hold(self, info: FrameInfo | None) -> Verdict:
        """A single frame of the other LED phase: corrected, but the answer stays the last one.

        A lit one waits for its dark one; a dark one between lit ones ends what waited.
        """
        self._guard.hold()
        self.frames += 1
        self._stage.run(0.0, False, False)
        self.arena["mask"].fill(0)
        self.arena["gas"].fill(self._stage.zero_level)
        if info is not None and info.led_on and not self._guard.is_repeat:
            self.pair.keep_lit(info)
            self._stage.lit.keep()
        else:
            self.pair.reset()
        return self.verdict

    def replace_offset(
        self,
        offset: np.ndarray,
        bad_pixels: np.ndarray | None = None,
        nuc_id: int = -1,
        *,
        shutter_counts: float = nan,
    ) -> bool:
        """Take a new one-point correction between two steps; allocates nothing.

        offset     : (H, W) int16, counts, copied; the gain stays
        bad_pixels : (N, 5) int32 as `kernels.replace_bad_pixels` takes it, kept by reference by
                     `sensitive` only; None leaves the table in force
        nuc_id     : number that frames under it carry; -1 does not compare
        shutter_counts : what it makes of the shutter it was taken on; NaN unknown

        Returns whether `bad_pixels` is in force.  The frames around it must say so
        (FrameInfo.nuc_state), then the background is learnt again.  Raises UsageError on a
        pipeline that was made without calibration.
        """
        if self._fix.offset is None:
            raise UsageError("this pipeline has no correction; make it with a calibration")
        self._fix.offset[:] = offset
        self._has_planes = False
        self._tiles.structure.shutter_counts = shutter_counts
        self._guard.expect_nuc(nuc_id)
        if bad_pixels is None or not isinstance(self._stage, CountsStage):
            return False
        self._fix.bad_pixels = bad_pixels if len(bad_pixels) else None
        return True

    def _look_first(self, is_whole: bool) -> None:
        """Gain from the first frame, whatever it is, and again from the first whole one."""
        if is_whole or self.frames == 0:
            self.gain.restart()
            self._stage.first_look()
            self._has_looked = is_whole

    def _follow_temperature(self, fpa_degc: float) -> int:
        """Offsets for this detector temperature, or a code when there are none.

        Allocates, but only when the temperature moved a step.
        """
        calibration, offset = self.calibration, self._fix.offset
        if abs(fpa_degc - self.offset_degc) <= TEMPERATURE_STEP_K:
            return 0
        if calibration is None or offset is None:
            return 0
        if not isfinite(fpa_degc):
            return codes.FPA_UNKNOWN
        low, high = calibration.plane_temp_degc[[0, -1]] + (-EXTRAPOLATION_K, EXTRAPOLATION_K)
        if not low <= fpa_degc <= high:
            self._guard.measured, self._guard.expected = fpa_degc, min(max(fpa_degc, low), high)
            return codes.FPA_FAR
        wanted = calibration.at_fpa_temp(fpa_degc).offset
        if isinstance(self._stage, CountsStage):
            background = self.arena["background"]
            moved = wanted.astype(np.int32) - offset
            background[:] = np.clip(4 * moved + background, 0, 4 * MAX_COUNTS)
            self._stage.faint.follow_offset(moved)
        else:  # levels of a picture cannot follow an offset in counts
            self._guard.relearn()
        offset[:] = wanted
        self.offset_degc = fpa_degc
        return 0

    def _take(self, frame: np.ndarray) -> None:
        """Copy a frame in, or say what is wrong with it."""
        if frame.shape != self.shape:
            raise UsageError(
                f"frame has shape {frame.shape}, this pipeline was made for {self.shape};"
                " make one per picture size"
            )
        kind = frame.dtype
        if kind is COUNTS or kind == COUNTS:  # the first is cheap, the second knows byte orders
            self._input[...] = frame
            if self._is_eight_bit:
                self._set_eight_bit(False)
        elif kind == VIDEO:
            self._input[...] = frame
            np.left_shift(self._input, EIGHT_BIT_SHIFT, out=self._input)
            if not self._is_eight_bit:
                self._set_eight_bit(True)
        else:
            raise UsageError(
                f"frame has dtype {frame.dtype}, expected uint16 counts or uint8 video"
            )

    def _set_eight_bit(self, is_eight_bit: bool) -> None:
        self._is_eight_bit = is_eight_bit
        self._set_flags()
        if isinstance(self._stage, CountsStage):
            self._stage.use_eight_bit(is_eight_bit)
        self._guard.relearn()

    def _set_flags(self) -> None:
        eight = FrameFlag.EIGHT_BIT if self._is_eight_bit else FrameFlag.NONE
        self.flags = eight | (FrameFlag.FPS_ASSUMED if self._is_assumed else FrameFlag.NONE)

    def _look_at_scene(self) -> None:
        gain, elapsed_s = self.gain, self._since_update_s
        self._since_update_s = 0.0
        if gain.update(elapsed_s):
            self._stage.new_table()
        self._stage.measure_noise()
        scene, guard = self._scene, self._guard
        self._scene_code = scene.check(self._clipping, gain, self._tiles.span(), elapsed_s)
        self._scene_facts = scene.measured, scene.expected
        if self._stale_code:
            self._scene_code, self._scene_facts = self._stale_code, (guard.measured, guard.expected)

    def _decide(self, code: int, area: int, seed: bool) -> Verdict:
        guard = self._guard
        if code:
            return self._answer(code, guard.measured, guard.expected)
        if self._scene_code:
            return self._answer(self._scene_code, *self._scene_facts)
        registration = self._stage.registration
        if registration.is_beyond:
            return self._answer(codes.MOVING, registration.moved_px, registration.limit_px)
        if self._motion.is_moving:
            return self._answer(codes.MOVING, self._motion.shift_px, self._motion.limit_px)
        if not seed and area > self._change_px:
            guard.relearn()
            share = 100 * area / self._input.size
            limit = 100 * self._change_px / self._input.size
            return self._answer(codes.SCENE_CHANGED, share, limit)
        code = guard.learning()
        if code:
            return self._answer(code, guard.measured, guard.expected)
        evidence = self._stage.evidence_px / self._gas_px
        structure = self._tiles.structure
        has_scene = structure.has_scene or not self._asks_scene
        # Against a covered lens means drift too; what is faint counts before a scene only.
        is_proof = evidence >= self._gas_from and (has_scene or not self._stage.is_faint)
        is_gas = self._persistence.add(guard.now_s, is_proof)
        if not is_gas and self._is_raw and not self._is_eight_bit:
            return self._answer(codes.UNCALIBRATED, nan, nan)
        looks = self._stage.looks
        if looks.waits and not is_gas:
            return self._answer(codes.GHOST, looks.ghost_share, looks.ghost_limit)
        if self._motion.is_unsure and not is_gas:
            motion = self._motion
            return self._answer(codes.MOTION_UNSURE, motion.unexplained, MOST_OF_STRUCTURE)
        if not is_gas and not has_scene:
            return self._answer(codes.NO_SCENE, structure.span_counts, structure.least_counts)
        if self._see_nothing and not (is_gas and self._see_nothing == codes.UNKNOWN_SENSOR):
            return self._answer(self._see_nothing, nan, nan)
        return self._verdict(GAS if is_gas else NO_GAS, 0, evidence, nan, nan)

    def _answer(self, code: int, measured: float, expected: float) -> Verdict:
        return self._verdict(codes.TABLE[code].kind, code, nan, measured, expected)

    def _verdict(
        self, kind: Kind, code: int, evidence: float, measured: float, expected: float
    ) -> Verdict:
        persistence, stage = self._persistence, self._stage
        # Verdict(...) would pack the tuple in Python code first; one is made at every frame.
        return new_tuple(Verdict, (
            kind, code, evidence, measured, expected, persistence.hits,
            persistence.needed, self._area_px,
            stage.level_counts, stage.noise_counts, self.flags, self._limits,
            stage.group, stage.looks.ghost_share, stage.contrast_counts, self._nuc_age_ms,
            stage.faint_sigma,
        ))  # fmt: skip

    def _find_regions(self) -> np.ndarray:
        arena, is_grey = self.arena, isinstance(self._stage, GreyStage)
        found = self._finder.find(
            arena["mask"],
            frame=arena["grey"] if is_grey else arena["counts"],
            background=arena["background"],
            level=0 if is_grey else round(4 * self._stage.level_counts),
        )
        found.flags.writeable = False
        return found
