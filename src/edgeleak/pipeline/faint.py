# SPDX-License-Identifier: Apache-2.0
"""Gas too faint for single pixels: means of places over seconds.

Averaged over a place and a second or two, white noise is small; what is left are level, drift,
column noise and sway.  Whole rows, columns and the picture are therefore taken out by medians,
every place is measured by its own noise, and all of them by what the picture as a whole shows.
What then stands out has to flicker by more than that noise explains, stay, and have one sign.

It needs linear counts and some looks to learn from: 8-bit video has had an unknown gain control,
and slower sources than two frames a second bring too few looks.
"""

from math import exp, nan

import numpy as np

from edgeleak import kernels
from edgeleak.pipeline.arena import Arena, Member
from edgeleak.pipeline.group import ALL_Q16, NOT_MEASURED, Group
from edgeleak.pipeline.places import cell_px
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.rules import is_on

LEAST_LOOKS = 6
"""Of learning: five differences a place, 45 with those around it, know the noise to a tenth."""
LEAST_SCALE_Q8 = 51
"""A fifth of a look's noise: a mean of 1.5 s cannot have less."""
LEAST_NOISE_Q6 = 3
"""A twentieth of a count: below it there is rounding, not noise."""
ANY_Q16 = 65536
"""Above every share."""
NOTHING = (0, 0, 0, 0, False, 0)
MOST_STRONG = 1 / 8
"""Of the cells: more were learnt with something in view, or stand behind it now."""
DARK, LIT = "dark", "lit"
BIAS_LOG2 = 13
"""Counts added to lit minus dark as a power of two, half of the range: the kernels take no sign."""
LEAST_LIGHT_COUNTS = 1
NEVER_Q6 = 1 << 20
"""Beyond all counts."""
SCALE = 1 << 12


def faint_members(cells: tuple[int, int], slots: int) -> list[Member]:
    """What the means need for a grid of (rows, columns) places, dark and lit minus dark."""
    state = (kernels.FAINT_PLANES, *cells)
    found = [Member("faint", cells, "u1", "places that stand out faintly, where they decide")]
    for name in (DARK, LIT):
        found += [
            Member(f"{name}_totals", cells, "i8", "counts of each place since the last look"),
            Member(f"{name}_means", cells, "i8", "their mean, counts Q6"),
            Member(f"{name}_state", state, "i8", "reference, noise, slow mean, change of a place"),
            Member(f"{name}_past", (slots, *cells), "i8", "its difference at the last looks"),
            Member(f"{name}_keep", cells, "u1", "places that stand out faintly and may be gas"),
        ]
    return found


class NoFaint:
    """A profile that does not ask."""

    limit = nan

    def keep(self) -> None: ...

    def close(self, dt_s: float) -> None: ...


class Faint:
    """Memory of the means; `is_kept` says that some place may be gas.

    group : facts as of Places.judge; it has one sign, outline and spread are not measured
    sigma : how far the strongest stands out; NaN before it is known
    limit : from where that may be gas; NaN where the rule is off
    """

    def __init__(self, profile: Profile, arena: Arena, name: str = DARK) -> None:
        self._arena, self._cell_px = arena, cell_px(arena.shape)
        self._totals, self._means = arena[f"{name}_totals"], arena[f"{name}_means"]
        self._state, self._past = arena[f"{name}_state"], arena[f"{name}_past"]
        self._keep, self._objects = arena[f"{name}_keep"], arena["objects"]
        self.is_on = is_on(profile, "faint")
        self.limit: float = profile["faint.root_sigma"] if self.is_on else nan
        self._every_s, self._learn_s = profile["ghost.every_s"], profile["guard.learn_s"]
        self._slots = len(self._past)
        self._pixels = _pixels_of(arena.shape, self._cell_px)
        self._times = (
            ("slow_q16", profile["faint.mean_s"]), ("memory_q16", profile["object.memory_s"]),
            ("duty_q16", profile["place.window_s"] / 2), ("learn_q16", profile["faint.noise_s"]),
        )  # fmt: skip
        self._thing_s, self._slew = profile["faint.thing_s"], profile["faint.slew_sigma_per_s"]
        self._stand_s = profile["object.memory_s"]
        self._held = self._slew * profile["background.held_share"]
        self._values = {
            "floor_q8": LEAST_SCALE_Q8,
            "cell_q8": round(256 * profile["faint.cell_sigma"]),
            "root_q8": round(256 * profile["faint.root_sigma"]),
            "flicker_q16": round(ALL_Q16 * profile["object.change"]),
            "share_q16": round(ALL_Q16 * profile["faint.share"]),
            "sign_q16": round(ALL_Q16 * profile["place.balance"] ** 2),
            "rough_q16": round(ALL_Q16 * profile["faint.rough"]),
            "outline_q16": round(ALL_Q16 * profile["object.share"]),
            "least_q6": LEAST_NOISE_Q6,
            "strong_q6": NEVER_Q6,
            "still_q16": ANY_Q16,
            "first_sign": 1,
        }
        self._area, self._signed = np.zeros((2, *self._pixels.shape), np.int64)
        self.is_eight_bit = False
        self.reset()

    def reset(self) -> None:
        """A new background: learn again."""
        self._n_frames, self._since_s, self._learnt_s = 0, 0.0, 0.0
        self._looks, self._next, self._is_settled, self._is_idle = 0, 0, False, False
        self._found = NOTHING
        self._totals.fill(0)
        self._arena["faint"].fill(0)

    @property
    def is_kept(self) -> bool:
        return self._found[4]

    @property
    def sigma(self) -> float:
        return self._found[3] / 256 if self._is_settled else nan

    @property
    def group(self) -> Group:
        area, duty, flicker, _, is_kept, _ = self._found
        return Group(area, duty, flicker, ALL_Q16, NOT_MEASURED, NOT_MEASURED, is_kept)

    def add(self, dt_s: float, strong_counts: float, is_held: bool) -> None:
        """The corrected counts of a frame that may train; looks when it is time.

        strong_counts : from where single pixels show it
        is_held       : by hand: what is so strong may be an edge that registration left
        """
        if not self.is_on or self.is_eight_bit or self._is_idle:
            return
        self._values["strong_q6"] = min(NEVER_Q6, round(64 * strong_counts))
        # Over a second after learning nobody knows what flickers.
        is_known = self._looks >= self._slots and not is_held
        self._values["still_q16"] = self._values["flicker_q16"] if is_known else ANY_Q16
        kernels.cell_totals(self._arena["counts"], self._totals, cell_px=self._cell_px)
        self._count(dt_s)

    def _count(self, dt_s: float) -> None:
        self._n_frames += 1
        self._since_s += dt_s
        # Half a frame early is nearer than half a frame late.
        if self._since_s + dt_s / 2 >= self._every_s:
            kernels.cell_means(self._totals, self._pixels, self._means, n_frames=self._n_frames)
            elapsed_s, self._since_s, self._n_frames = self._since_s, 0.0, 0
            self._look(elapsed_s)

    def _look(self, elapsed_s: float) -> None:
        if self._is_settled:
            self._judge(elapsed_s)
            return
        kernels.learn_faint(self._state, self._means, is_first=self._looks == 0)
        self._looks += 1
        self._learnt_s += elapsed_s
        if self._learnt_s < self._learn_s:
            return
        self._is_idle = self._looks < LEAST_LOOKS
        if not self._is_idle:
            least_q6 = LEAST_NOISE_Q6
            kernels.settle_faint(self._state, looks=self._looks, least_q6=least_q6)
            self._is_settled, self._looks = True, 0

    def _judge(self, elapsed_s: float) -> None:
        values = self._values
        for name, memory_s in self._times:
            values[name] = round(65536 * (1 - exp(-elapsed_s / memory_s)))
        values["follow_q16"] = min(65536, round(65536 * self._slew * elapsed_s))
        values["held_q16"] = min(65536, round(65536 * self._held * elapsed_s))
        values["thing_looks"] = round(self._thing_s / elapsed_s)
        values["stand_looks"] = max(1, round(self._stand_s / elapsed_s))
        past = self._past[self._next] if self._looks >= self._slots else None
        self._found = kernels.judge_faint(
            self._state, self._means, past, self._objects, self._pixels, self._keep, values,
        )  # fmt: skip
        self._past[self._next] = self._state[kernels.FAINT_NOW]
        self._next = (self._next + 1) % self._slots
        self._looks += 1
        if self._found[5] > MOST_STRONG * self._keep.size:
            self.reset()

    def show(self) -> None:
        """What decides is what stands out faintly: mask, kept places and their sums say so."""
        arena = self._arena
        arena["faint"][...] = arena["kept"][...] = self._keep
        arena["mask"].fill(255)
        kernels.keep_places(arena["mask"], arena["kept"], cell_px=self._cell_px)
        np.greater(self._keep, 0, out=self._area, casting="unsafe")
        np.multiply(self._area, self._pixels, out=self._area)
        np.right_shift(self._state[kernels.FAINT_SLOW], 12, out=self._signed)
        np.multiply(self._signed, self._area, out=self._signed)
        sums = arena["sums"]
        np.copyto(sums[..., 0], self._area, casting="unsafe")
        np.copyto(sums[..., 1], self._signed, casting="unsafe")
        np.abs(sums[..., 1], out=sums[..., 2])

    def hide(self) -> None:
        self._arena["faint"].fill(0)

    def follow_offset(self, moved: np.ndarray) -> None:
        """New offsets moved the counts: the reference moves with them.  Allocates.

        moved : (H, W) counts
        """
        if not self._is_settled:
            self.reset()
            return
        side, shape = self._cell_px, self._arena.shape
        rows, columns = (np.arange(0, length, side) for length in shape)
        sums = np.add.reduceat(np.add.reduceat(moved.astype(np.int64), rows, 0), columns, 1)
        self._state[0] += sums * (1 << 14) // self._pixels


class Lit(Faint):
    """The same of lit minus dark: a lock-in over pairs, for gas as warm as what is behind it.

    The LED's light crosses the gas twice and comes back weaker, never stronger: only what is
    darker may be gas.  What the scene emits by itself is in both frames.  Every pair is scaled to
    the light of the learnt ones, so that current and temperature of the LED do not matter.
    """

    def __init__(self, profile: Profile, arena: Arena) -> None:
        super().__init__(profile, arena, LIT)
        self._values["first_sign"] = -1
        self._objects = np.zeros_like(arena["objects"])  # what drifts in this light, not there
        self._first, self._dark = np.zeros_like(self._totals), np.zeros_like(self._totals)
        self._bias = self._pixels.astype(np.int64) << BIAS_LOG2

    def reset(self) -> None:
        super().reset()
        self._light = 0

    def keep(self) -> None:
        """The corrected counts of a lit frame that waits for its dark one."""
        if self.is_on and not self.is_eight_bit:
            self._first.fill(0)
            kernels.cell_totals(self._arena["counts"], self._first, cell_px=self._cell_px)

    def close(self, dt_s: float) -> None:
        """The corrected counts of the dark frame of that pair.

        dt_s : since the last dark frame
        """
        if not self.is_on or self.is_eight_bit:
            return
        self._dark.fill(0)
        kernels.cell_totals(self._arena["counts"], self._dark, cell_px=self._cell_px)
        np.subtract(self._first, self._dark, out=self._dark)
        self._scale()
        self._totals += self._dark
        self._totals += self._bias
        np.copyto(self._objects, self._arena["objects"])
        self._count(dt_s)

    def _scale(self) -> None:
        """To the light of the first pair; the sum of a dim pair says too little."""
        light = int(self._dark.sum())
        if self._light == 0:
            self._light = light
        least = LEAST_LIGHT_COUNTS * self._arena["counts"].size
        if min(light, self._light) > least:
            self._dark *= round(SCALE * self._light / light)
            self._dark //= SCALE


def _pixels_of(shape: tuple[int, int], side: int) -> np.ndarray:
    """(rows, columns) int32: pixels of each place; those at the right and lower rim are cut."""
    rows, columns = (
        np.diff(np.append(np.arange(0, length, side), length)).astype(np.int32) for length in shape
    )
    return np.ascontiguousarray(rows[:, None] * columns)
