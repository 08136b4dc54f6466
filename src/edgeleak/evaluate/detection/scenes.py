# SPDX-License-Identifier: Apache-2.0
"""Clips from the physical scene simulator: exact masks, rates, places."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgeleak.evaluate.detection.clip import Clip, Shot
from edgeleak.frame import FrameInfo
from edgeleak.sim.scene import Scenario
from edgeleak.sim.scene.family import CameraSpec, LeakSpec, MotionSpec, WindSpec, WorldSpec
from edgeleak.sim.scene.motion import CameraMotion
from edgeleak.sim.scene.render import Stage

SHAPE = (120, 160)
FPS = 9.0
SECONDS = 13.0
START_S = 3.0
NETD_MK = 30.0
AIR_DEGC = 15.0
MADE_BY = ("evaluate/detection/scenes.py", "sim/scene")
DOWNWIND_PX, BEHIND_PX = 30, 20
FIRST_TEST_SEED = 200_000
"""Seeds from here on are the simulator's test split: nothing is trained or chosen on them."""


def scene_clip(name: str, scenario: Scenario, seed: int) -> Clip:
    """A scenario as it is; the place of its first leak is the source."""
    fps = scenario.camera.fps

    def shots() -> Iterator[Shot]:
        stage = Stage(scenario, seed)
        yield from play(stage)

    n_frames = max(1, round(scenario.seconds * fps))
    return Clip(name, scenario.shape, fps, 14, n_frames, shots, depends=MADE_BY)


def play(stage: Stage) -> Iterator[Shot]:
    """Frames of a stage with their truth."""
    leaks = stage.scenario.leaks
    places, motion = stage.backdrop.places, stage.scenario.motion
    pan_px = motion.pan_px_per_s * max(0.0, motion.pan_to_s - motion.pan_from_s)
    margin = CameraMotion.margin_px(motion.shake_px, pan_px)
    for index, frame in enumerate(stage.frames()):
        source = None
        if leaks:
            column, row = places[leaks[0].place % len(places)]
            dx, dy = frame.facts.shift_px
            source = column - margin[1] - dx, row - margin[0] - dy
        info = FrameInfo(sequence=index, monotonic_ns=round(frame.time_s * 1e9))
        yield Shot(frame.counts, info, frame.mask, source)


def leak_scene(
    backdrop: str,
    seed: int,
    *,
    rate_g_per_h: float,
    distance_m: float = 6.0,
    dt_k: float = 5.0,
    wind_m_per_s: float = 1.0,
    shake_px: float = 0.0,
) -> Scenario:
    """One leak that opens at the third second; rate 0 is the same scene without.

    dt_k : what is behind the gas (median of 30x20 pixels downwind) is so much warmer than it
    """
    scene = Scenario(
        name=backdrop,
        seconds=SECONDS,
        camera=CameraSpec(
            width=SHAPE[1], height=SHAPE[0], fps=FPS, netd_mk=NETD_MK, pattern="residual"
        ),
        world=WorldSpec(backdrop=backdrop, air_degc=AIR_DEGC, distance_m=distance_m),
        motion=MotionSpec(shake_px=shake_px),
    )
    stage = Stage(scene, seed)
    place, (column, row) = middle_place(stage)
    toward = 0.0 if column < SHAPE[1] / 2 else 180.0
    left, top = int(column) - (DOWNWIND_PX if toward else 0), int(row) - BEHIND_PX // 2
    behind = stage.backdrop.temp_degc[
        max(0, top) : top + BEHIND_PX, max(0, left) : left + DOWNWIND_PX
    ]
    leak = LeakSpec(
        rate_g_per_h=rate_g_per_h, start_s=START_S, place=place,
        gas_degc=float(np.median(behind)) - dt_k, jet_deg=abs(toward - 20.0),
    )  # fmt: skip
    wind = WindSpec(speed_m_per_s=wind_m_per_s, toward_deg=toward)
    return replace(scene, wind=wind, leaks=(leak,) if rate_g_per_h else ())


def middle_place(stage: Stage) -> tuple[int, tuple[float, float]]:
    """Number and pixel of the part that may leak nearest to the middle of the picture."""
    middle = np.array([SHAPE[1] / 2, SHAPE[0] / 2])
    places = stage.backdrop.places
    near = int(np.argmin([np.hypot(*(np.array(place) - middle)) for place in places]))
    return near, places[near]
