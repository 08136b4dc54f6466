# SPDX-License-Identifier: Apache-2.0
"""Was the simulated leak found?  Verdicts against what the simulator knows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgeleak.cli.watching import Seen

ON_PLUME_SHARE = 0.25
"""A region is a hit when this share of its mask lies on gas; a person before it is not."""
VISIBLE_SHARE = 1e-4
"""A plume of fewer pixels above the truth contrast (31 at 640x480) counts as not visible yet."""


@dataclass(slots=True)
class Judge:
    """Feed every frame with the simulator's truth mask.

    found_s         : first GAS frame with a box on the plume, seconds after the leak began
    false_frames    : GAS frames in which no region lies on gas
    hit_frames      : GAS frames with a region on the plume
    visible_frames  : frames in which the plume is visible at all
    was_alarmed     : something else had raised GAS when the plume was first boxed
    """

    leak_start_s: float | None
    found_s: float | None = None
    false_frames: int = 0
    hit_frames: int = 0
    visible_frames: int = 0
    was_alarmed: bool = False
    _last: str = "quiet"
    false_at_s: list[float] = field(default_factory=list)

    def take(
        self, seen: Seen, regions: np.ndarray, mask: np.ndarray, truth_mask: np.ndarray
    ) -> str:
        """Judge one frame; returns hit, false, missed or quiet."""
        self._last = self._judge(seen, regions, mask, truth_mask)
        return self._last

    def _judge(
        self, seen: Seen, regions: np.ndarray, mask: np.ndarray, truth_mask: np.ndarray
    ) -> str:
        visible = bool(np.count_nonzero(truth_mask) > VISIBLE_SHARE * truth_mask.size)
        self.visible_frames += visible
        if seen.word != "GAS":
            return "missed" if visible else "quiet"
        if any(_is_on_plume(region, mask, truth_mask) for region in regions):
            self.hit_frames += 1
            if self.found_s is None and self.leak_start_s is not None:
                self.found_s = seen.time_s - self.leak_start_s
                self.was_alarmed = self._last == "false"
            return "hit"
        self.false_frames += 1
        if len(self.false_at_s) < 100:
            self.false_at_s.append(round(seen.time_s, 2))
        return "false"

    def as_dict(self) -> dict[str, Any]:
        return {
            "leak": self.leak_start_s is not None,
            "leak_start_s": self.leak_start_s,
            "found": self.found_s is not None,
            "seconds_to_detection": None if self.found_s is None else round(self.found_s, 3),
            "alarmed_before": self.was_alarmed,
            "visible_frames": self.visible_frames,
            "hit_frames": self.hit_frames,
            "false_alarm_frames": self.false_frames,
            "false_alarms_at_s": self.false_at_s,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """The judgement in words."""
        alarms = (
            f"{self.false_frames} false alarm frames" if self.false_frames else "no false alarm"
        )
        if self.leak_start_s is None:
            return f"No leak was simulated: {alarms}."
        if self.found_s is None:
            shown = f"{self.visible_frames} frames showed it"
            return f"MISSED: the leak was never found ({shown}), {alarms}."
        before = " (something else had raised the alarm already)" if self.was_alarmed else ""
        share = 100 * self.hit_frames / max(1, self.visible_frames)
        return (
            f"FOUND {self.found_s:.1f} s after the leak began{before};"
            f" seen in {share:.0f} % of the frames that show gas, {alarms}."
        )


def _is_on_plume(region: np.void, mask: np.ndarray, truth_mask: np.ndarray) -> bool:
    x, y, w, h = (int(region[name]) for name in "xywh")
    claimed = mask[y : y + h, x : x + w] > 0
    on_gas = np.count_nonzero(claimed & (truth_mask[y : y + h, x : x + w] > 0))
    return bool(on_gas > 0 and on_gas >= ON_PLUME_SHARE * np.count_nonzero(claimed))
