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
    false_frames    : GAS frames before that, or without a leak: no region lies on gas
    held_frames     : GAS frames after it in which no region lies on gas that shows
    hit_frames      : GAS frames with a region on the plume
    boxes, off_boxes : red boxes of all frames, and those not on the plume
    visible_frames  : frames in which the plume is visible at all
    was_alarmed     : something else had raised GAS when the plume was first boxed
    """

    leak_start_s: float | None
    found_s: float | None = None
    false_frames: int = 0
    held_frames: int = 0
    hit_frames: int = 0
    boxes: int = 0
    off_boxes: int = 0
    visible_frames: int = 0
    was_alarmed: bool = False
    _last: str = "quiet"
    false_at_s: list[float] = field(default_factory=list)

    def take(
        self, seen: Seen, regions: np.ndarray, mask: np.ndarray, truth_mask: np.ndarray
    ) -> str:
        """Judge one frame; returns hit, held, false, missed or quiet.

        regions, mask : what the red boxes are drawn round, and its pixels
        truth_mask    : pixels of gas that shows, all uint8 0/255
        """
        self._last = self._judge(seen, regions, mask, truth_mask)
        return self._last

    def _judge(
        self, seen: Seen, regions: np.ndarray, mask: np.ndarray, truth_mask: np.ndarray
    ) -> str:
        visible = bool(np.count_nonzero(truth_mask) > VISIBLE_SHARE * truth_mask.size)
        self.visible_frames += visible
        if seen.word != "GAS":
            return "missed" if visible else "quiet"
        hits = sum(_is_on_plume(region, mask, truth_mask) for region in regions)
        self.boxes += len(regions)
        self.off_boxes += len(regions) - hits
        if hits:
            self.hit_frames += 1
            if self.found_s is None and self.leak_start_s is not None:
                self.found_s = seen.time_s - self.leak_start_s
                self.was_alarmed = self._last == "false"
            return "hit"
        if self.found_s is not None:
            self.held_frames += 1
            return "held"
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
            "held_frames": self.held_frames,
            "boxes": self.boxes,
            "boxes_off_the_plume": self.off_boxes,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """The judgement in words."""
        alarms = "no false alarm"
        if self.false_frames:
            alarms = _of(self.false_frames, "false alarm frame")
        if self.leak_start_s is None:
            return f"No leak was simulated: {alarms}."
        if self.found_s is None:
            shown = f"{self.visible_frames} frames showed it"
            return f"MISSED: the leak was never found ({shown}), {alarms}."
        before = " (something else had raised the alarm already)" if self.was_alarmed else ""
        share = 100 * self.hit_frames / max(1, self.visible_frames)
        return (
            f"FOUND {self.found_s:.1f} s after the leak began{before};"
            f" seen in {share:.0f} % of the frames that show gas, {alarms}{self._held()};"
            f" {self.off_boxes} of {_of(self.boxes, 'red box', 'es')} off the plume."
        )

    def _held(self) -> str:
        """The answer outlasts a puff by the window of the decision."""
        if not self.held_frames:
            return ""
        return f", GAS held for {_of(self.held_frames, 'frame')} without a box on gas that shows"


def _of(count: int, what: str, plural: str = "s") -> str:
    return f"{count} {what}{plural if count != 1 else ''}"


def _is_on_plume(region: np.void, mask: np.ndarray, truth_mask: np.ndarray) -> bool:
    x, y, w, h = (int(region[name]) for name in "xywh")
    claimed = mask[y : y + h, x : x + w] > 0
    on_gas = np.count_nonzero(claimed & (truth_mask[y : y + h, x : x + w] > 0))
    return bool(on_gas > 0 and on_gas >= ON_PLUME_SHARE * np.count_nonzero(claimed))
