# SPDX-License-Identifier: Apache-2.0
"""The two ways from counts to a mask: grey (as the paper does it) and linear counts.

A stage owns no memory: everything is a member of the arena, bound once.
"""

from math import nan

import numpy as np

from edgeleak import kernels
from edgeleak.calibration.model import Calibration
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.faint import Faint, Lit, NoFaint, faint_members
from edgeleak.pipeline.gain import AutoGain, equalise_members, grid_size, grid_step
from edgeleak.pipeline.group import NO_GROUP
from edgeleak.pipeline.looks import Looks, NoLooks, look_members
from edgeleak.pipeline.places import Places, cell_px, grid_cells
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.registration import NoRegistration, Registration

REGION_CAPACITY = 256


class Stepper:
    """Whole steps out of a rate: 0.3 a frame becomes 0, 0, 0, 1, 0, 0, 1 ..."""

    def __init__(self, per_s: float, unit: float) -> None:
        self._rate = per_s * unit
        self._left = 0.0

    def take(self, dt_s: float, top: int, scale: float = 1.0) -> int:
        """Steps of this frame: rate * scale * dt_s, at most `top`."""
        self._left += self._rate * scale * dt_s
        whole = int(self._left)
        self._left -= whole
        return min(whole, top)


def common_members(shape: tuple[int, int]) -> list[Member]:
    """What every profile needs."""
    return [
        Member("counts", shape, "u2", "the frame: raw in, corrected in place, kept readable"),
        Member("grey", shape, "u1", "picture after gain control and CLAHE"),
        Member("background", shape, "u2", "slow picture the frame is compared with"),
        Member("gas", shape, "u1", "difference at fixed gain, for display and network"),
        Member("mask", shape, "u1", "255 where the picture changed"),
        Member("lut", (16384,), "u1", "counts to grey"),
        Member("keys", (grid_size(shape),), "u4", "scratch of percentiles and median"),
        Member("pair", shape, "i2", "the lit frame, then lit minus dark, with alternating light"),
        Member("bits", (kernels.mask_scratch_words(shape, 5),), "u8", "scratch of the opening"),
    ]


class Correction:
    """Gain, offset and bad pixels of a calibration; nothing when there is none."""

    def __init__(self, shape: tuple[int, int], calibration: Calibration | None) -> None:
        self.gain_q14: np.ndarray | None = None
        self.offset: np.ndarray | None = None
        self.bad_pixels: np.ndarray | None = None
        if calibration is None:
            return
        self.gain_q14 = np.ascontiguousarray(calibration.gain_q14)
        self.offset = np.ascontiguousarray(calibration.offset)
        table = calibration.bad_pixels
        self.bad_pixels = np.ascontiguousarray(table) if len(table) else None

    def apply(self, counts: np.ndarray) -> None:
        """Correct (H, W) uint16 counts in place."""
        if self.gain_q14 is not None and self.offset is not None:
            kernels.nuc(counts, self.gain_q14, self.offset)
        if self.bad_pixels is not None:
            kernels.replace_bad_pixels(counts, self.bad_pixels)


class GreyStage:
    """The paper: correction, gain control, CLAHE, 8-bit background, subtraction; fused."""

    zero_level, levels_per_count = 0, nan
    place_limits: tuple[float, ...] = ()
    contrast_counts = faint_sigma = nan
    draws_always, is_drawn, is_faint = True, True, False
    looks, faint, lit, registration = NoLooks(), NoFaint(), NoFaint(), NoRegistration()

    def __init__(self, profile: Profile, arena: Arena, fix: Correction, gain: AutoGain) -> None:
        self._arena, self._fix, self._gain = arena, fix, gain
        self.level_counts = self.noise_counts = nan
        self.evidence_px, self.group = 0, NO_GROUP
        self.adjust(profile)

    def adjust(self, profile: Profile) -> None:
        """Tiles, clip, background and threshold of a profile; between two frames."""
        arena, fix = self._arena, self._fix
        self._eps_q8 = round(256 * profile["background.eps_levels"])
        self._left = self._period = profile["background.period_frames"]
        self.chain = kernels.PaperChain(
            arena["counts"], arena["grey"], arena["background"], arena["gas"], arena["mask"],
            arena["lut"], gain_q14=fix.gain_q14, offset=fix.offset, bad_pixels=fix.bad_pixels,
            tiles=(profile["clahe.tiles_x"], profile["clahe.tiles_y"]),
            clip_limit=profile["clahe.clip_limit"], eps_q8=self._eps_q8,
            threshold=profile["threshold.levels"],
        )  # fmt: skip

    @staticmethod
    def members(shape: tuple[int, int], profile: Profile) -> list[Member]:
        if profile["gain.order"] == "equalise-then-log":
            return [*common_members(shape), *equalise_members()]
        return common_members(shape)

    def measure_noise(self) -> None: ...  # the paper knows no noise

    def draw(self) -> None: ...  # its background is made of the picture

    def new_table(self) -> None:
        self.chain.set_lut(self._gain.lut)

    def first_look(self) -> None:
        """Gain control from the first frame itself; `background` serves as scratch."""
        counts, spare = self._arena["counts"], self._arena["background"]
        spare[:] = counts
        self._fix.apply(counts)
        self._gain.update(0.0)
        counts[:] = spare
        self.new_table()

    def run(self, dt_s: float, seed: bool, may_train: bool) -> int:
        """One frame; area of the mask in pixels."""
        chain = self.chain
        self._left -= 1
        if self._left <= 0 and may_train:
            self._left = self._period
            area = chain.step()
        else:
            chain.eps_q8 = 0
            area = chain.step()
            chain.eps_q8 = self._eps_q8
        if seed:
            self._seed()
            area = 0
        self.evidence_px = area
        return area

    def _seed(self) -> None:
        arena = self._arena
        np.left_shift(arena["grey"], 8, out=arena["background"], dtype=np.uint16)
        arena["gas"].fill(0)
        arena["mask"].fill(0)


class CountsStage:
    """Linear counts: difference to a slow background, noise of each pixel, places that last.

    evidence_px : pixels of the largest group of cells that may be gas
    group       : what was measured of it, or of the largest group when none is kept
    place_limits : see Places.limits
    """

    zero_level = 128
    contrast_counts = faint_sigma = nan
    is_faint = False
    draws_always, is_drawn = True, True

    def __init__(self, profile: Profile, arena: Arena, fix: Correction, gain: AutoGain) -> None:
        self._arena, self._fix, self._gain = arena, fix, gain
        self._step = grid_step(arena.shape)
        self._tile_step = max(1, self._step // 2)
        self._size = plume_size(arena.shape, profile)
        self._clip_sigma = profile["local.clip_sigma"]
        self._opening = profile["threshold.opening_px"]
        self.levels_per_count = profile["gas.levels_per_count"]
        self._gain_q8 = round(64 * self.levels_per_count)
        self._every_s = profile["lag.span_s"] / profile["lag.slots"]
        self._slots = profile["lag.slots"]
        self.adjust(profile)
        self._places = Places(profile, arena, self._size)
        self.registration = Registration(profile, arena["counts"])
        self.looks = Looks(profile, arena, cell_px(arena.shape), self._size)
        self.place_limits = self._places.limits
        self.faint, self.lit = Faint(profile, arena), Lit(profile, arena)
        self.use_eight_bit(False)
        self._restart()

    def adjust(self, profile: Profile) -> None:
        tiles = (profile["clahe.tiles_x"], profile["clahe.tiles_y"])
        self._clahe = (tiles, profile["clahe.clip_limit"])
        self._bind_background(profile)
        self._bind_noise(profile)

    def _bind_background(self, profile: Profile) -> None:
        sigma_per_s = profile["background.slew_sigma_per_s"]
        self._slew = Stepper(sigma_per_s, 4)
        self._held = Stepper(sigma_per_s * profile["background.held_share"], 4)
        self._background_hurry = profile["background.learn_factor"]
        self._drop = Stepper(1 / profile["background.hold_s"], 255)

    def _bind_noise(self, profile: Profile) -> None:
        self._most_sigma = profile["noise.most_sigma"]
        self._sway_sigma = profile["noise.sway_sigma"]
        self._factor_q4 = min(4095, round(16 * profile["threshold.noise_factor"] / 0.6745))
        floor = profile["threshold.noise_floor_counts"]
        self._floors = (floor, profile["threshold.eight_bit_noise_counts"])
        self._noise = Stepper(profile["noise.slew_sigma_per_s"], 16)
        self._hurry, self._learn_s = profile["noise.learn_factor"], profile["guard.learn_s"]

    @staticmethod
    def members(shape: tuple[int, int], profile: Profile) -> list[Member]:
        slots = profile["lag.slots"]
        tiles = (
            min(profile["local.tiles_y"], shape[0]),
            min(profile["local.tiles_x"], shape[1]),
        )
        cells = grid_cells(shape)
        return [
            *GreyStage.members(shape, profile),
            Member("difference", shape, "i2", "counts minus background, quarter counts"),
            Member("smoothed", shape, "i2", "the same at plume scale"),
            Member("noise", shape, "u2", "each pixel's own noise, UQ12.4 counts"),
            Member("hold", shape, "u1", "time left until the background may follow here"),
            Member("lag", (slots, *shape), "i2", f"smoothed of the last {profile['lag.span_s']} s"),
            Member("local", tiles, "i2", "level of each part of the picture"),
            Member("row", (shape[1] + 16,), "i4", "scratch of smoothing and local level"),
            Member("sums", (*cells, 4), "i4", "what lies under the mask in each cell now"),
            Member("places", cells, "u2", "how long each cell was masked"),
            Member("balance", (*cells, 2), "i4", "its mean difference, signed and absolute"),
            Member("kept", cells, "u1", "cells of groups that may be gas"),
            *look_members(cells),
            *faint_members(cells, slots),
        ]

    def use_eight_bit(self, is_eight_bit: bool) -> None:
        """Noise floor of the kind of source that is connected."""
        self._least_noise = self._floors[is_eight_bit]
        self.faint.is_eight_bit = self.lit.is_eight_bit = is_eight_bit
        self._set_noise(self._least_noise)

    def measure_noise(self) -> None:
        """Typical noise of the frame: the median pixel's, at least the source's floor."""
        arena = self._arena
        found = kernels.count_range(arena["noise"], self._step, (500,), arena["keys"])[0]
        self._set_noise(max(self._least_noise, found / 16 / 0.6745))

    def _set_noise(self, noise_counts: float) -> None:
        self.noise_counts = noise_counts
        factor = self._factor_q4 / 16 * 0.6745
        self._floor_q2 = min(32767, round(4 * factor * self.noise_counts))
        self._clip_q2 = min(32767, round(4 * self._clip_sigma * self.noise_counts))
        self._pull_q2 = max(1, round(2 * noise_counts))
        unit = 16 * 0.6745 * noise_counts
        self._most_noise = min(65535, round(unit * self._most_sigma))
        self._sway_noise = min(65535, round(unit * self._sway_sigma))
        self._most_step = max(1, min(4095, round(unit / 2)))  # a larger one would overshoot

    def new_table(self) -> None:
        """The stage reads the table at every frame."""

    def first_look(self) -> None:
        """Gain control from the first frame itself."""
        arena = self._arena
        arena["background"][:] = arena["counts"]
        self._fix.apply(arena["counts"])
        self._gain.update(0.0)
        arena["counts"][:] = arena["background"]

    def _restart(self) -> None:
        self._since_slot_s, self._filled, self._next = 0.0, 0, 0
        self._learnt_s = 0.0
        self.level_counts = 0.0
        self._places.reset()
        self.looks.reset()
        self.faint.reset()
        self.lit.reset()
        self.evidence_px, self.group = 0, NO_GROUP

    def run(self, dt_s: float, seed: bool, may_train: bool) -> int:
        """One frame; area of all that changed in pixels.  The mask keeps what may be gas."""
        arena, counts = self._arena, self._arena["counts"]
        self._fix.apply(counts)
        if seed:
            self.registration.begin()
        else:
            self.registration.lay(dt_s)
        self.is_drawn = False
        if self.draws_always:
            self.draw()
        if seed:
            self._seed()
        if not may_train:
            arena["mask"].fill(0)
            arena["gas"].fill(self.zero_level)
            self.evidence_px, self.group, self.contrast_counts = 0, NO_GROUP, nan
            self.faint_sigma, self.is_faint = nan, False
            return 0
        self._compare(dt_s)
        past = self._find_change(dt_s)
        if self._opening > 1:
            kernels.open_mask(arena["mask"], arena["bits"], self._opening)
        self.registration.hide_rims(arena["mask"], self._size)
        area = kernels.area(arena["mask"])
        self.looks.look(past, dt_s, self.noise_counts)
        self.group = self._places.judge(dt_s)
        self._look_for_faint(dt_s)
        self.evidence_px = self.group.area_px if self.group.is_kept else 0
        is_there = self.group.area_px > 0
        self.contrast_counts = self._places.contrast_counts(self.group.is_kept) if is_there else nan
        self._remember(dt_s, seed)
        return area

    def _look_for_faint(self, dt_s: float) -> None:
        """Where no single pixels prove gas, means over places and seconds may, dark or lit."""
        self.faint.add(dt_s, self._floor_q2 / 4, self.registration.is_held)
        faint = self.lit if self.lit.is_kept and not self.faint.is_kept else self.faint
        is_strong = self.group.is_kept
        self.faint_sigma = nan if is_strong else faint.sigma
        self.is_faint = faint.is_kept and not is_strong
        if self.is_faint:
            faint.show()
            self.group = faint.group
        else:
            faint.hide()

    def _seed(self) -> None:
        arena = self._arena
        np.minimum(arena["counts"], 16383, out=arena["background"])
        np.left_shift(arena["background"], 2, out=arena["background"])
        self._set_noise(self._least_noise)
        arena["noise"].fill(min(65535, round(16 * 0.6745 * self.noise_counts)))
        self._restart()

    def draw(self) -> None:
        """The picture of `counts`; only people look at it, nothing is decided by it."""
        arena = self._arena
        kernels.agc(arena["counts"], self._gain.lut, arena["grey"])
        kernels.clahe(arena["grey"], *self._clahe)
        self.is_drawn = True

    def _compare(self, dt_s: float) -> None:
        """Difference to the background, without frame level and local level, smoothed."""
        arena = self._arena
        counts, background = arena["counts"], arena["background"]
        difference, smoothed = arena["difference"], arena["smoothed"]
        level_q2 = kernels.median_shift(counts, background, self._step, arena["keys"])
        self.level_counts = level_q2 / 4
        is_learning = self._learnt_s < self._learn_s
        scale = self.noise_counts * (self._background_hurry if is_learning else 1.0)
        if is_learning:
            arena["hold"].fill(0)
        # The background is pulled half a sigma toward the frame's own level: ties go up and the
        # lower median rounds down, so without a pull both would drift apart for ever.  The
        # local level takes the pull out of the difference again.  Larger steps than half a sigma
        # would only shake the background, which then looks like noise.
        pull_q2 = max(-self._pull_q2, min(self._pull_q2, level_q2))
        kernels.follow_step(
            counts, background, difference, arena["hold"], level=level_q2 - pull_q2,
            step=self._slew.take(dt_s, self._pull_q2, scale),
            held_step=self._held.take(dt_s, self._pull_q2, scale),
        )  # fmt: skip
        kernels.local_level(difference, arena["local"], self._clip_q2, self._tile_step)
        kernels.remove_local_level(difference, arena["local"], arena["row"])
        kernels.smooth(difference, smoothed, self._size, arena["row"])

    def _find_change(self, dt_s: float) -> np.ndarray:
        """Mask, noise and hold; returns the picture of the lag ago."""
        arena = self._arena
        # While learning all is scene: any pixel may learn as much as a swaying one.
        is_learning = self._learnt_s < self._learn_s
        hurry, most = (self._hurry, self._sway_noise) if is_learning else (1.0, self._most_noise)
        self._learnt_s += dt_s
        past = arena["lag"][self._next if self._filled == self._slots else 0]
        if not self._filled:
            past = arena["smoothed"]
        kernels.change_step(
            arena["smoothed"], past, arena["noise"], arena["gas"], arena["mask"], arena["hold"],
            factor_q4=self._factor_q4, floor_q2=self._floor_q2,
            noise_step=self._noise.take(dt_s * hurry, self._most_step, self.noise_counts),
            most_noise=most, sway_noise=self._sway_noise,
            hold_drop=self._drop.take(dt_s, 255), gain_q8=self._gain_q8,
        )  # fmt: skip
        return past

    def _remember(self, dt_s: float, seed: bool) -> None:
        """Keep this picture when its turn in the ring has come."""
        self._since_slot_s += dt_s
        # Half a frame early is nearer than half a frame late.
        if not seed and self._since_slot_s + dt_s / 2 < self._every_s:
            return
        self._since_slot_s = 0.0
        if dt_s >= self._every_s * self._slots:
            self._next, self._filled = 0, 0  # one frame a second: the last frame is the past
        self._arena["lag"][self._next] = self._arena["smoothed"]
        if dt_s < self._every_s * self._slots:
            self._next = (self._next + 1) % self._slots
            self._filled = min(self._filled + 1, self._slots)
        else:
            self._filled = 1


def plume_size(shape: tuple[int, int], profile: Profile) -> int:
    """Odd number of pixels of the plume scale at this picture size, 1..11."""
    pixels = shape[0] * profile["smooth.height_percent"] / 100
    return int(min(11, max(1, 2 * round((pixels - 1) / 2) + 1)))
