# SPDX-License-Identifier: Apache-2.0
"""Pictures of the el640 made in a thread as soon as a frame is exposed.

Only the real-time server uses it: a picture takes milliseconds, and an I2C call of the firmware
must not wait for what the real sensor does on its own.  Same exposures in the same order, so the
bytes are those of `El640Model`; frames that nobody fetches cost work here.
"""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from edgeleak.sim.el640_model import El640Model, Frame, SceneModel
from edgeleak.sim.host import Host
from edgeleak.sim.live_scene import Exposure


class RenderedAhead(El640Model):
    """El640Model that draws in one thread of its own, in the order of exposures."""

    def __init__(self, plant: Host) -> None:
        self._thread = ThreadPoolExecutor(1, "picture")
        self._jobs: dict[float, Future[np.ndarray]] = {}
        super().__init__(plant)

    @property
    def scene(self) -> SceneModel:
        """Looks at what was drawn already, or waits until it is."""
        return self._picture

    @scene.setter
    def scene(self, scene: SceneModel) -> None:
        self._scene = scene

    def draw_scene(self) -> None:
        """Make the scene itself, which takes longest."""
        self._thread.submit(lambda: super(RenderedAhead, self).scene).result()

    @property
    def is_drawn(self) -> bool:
        """See `host.SensorModel`."""
        if self._out is not None or not self._waiting:
            return True
        job = self._jobs.get(self._waiting[0].exposure.time_s)
        return job is None or job.done()

    def _picture(self, exposure: Exposure) -> np.ndarray:
        job = self._jobs.pop(exposure.time_s, None)
        return (job or self._thread.submit(self._draw, exposure)).result()

    def _draw(self, exposure: Exposure) -> np.ndarray:
        return super().scene(exposure).copy()

    def _finish(self, frame: Frame, ready_ns: int) -> None:
        super()._finish(frame, ready_ns)
        if not self._waiting or self._waiting[-1] is not frame:
            return  # overrun: the sensor lost it
        exposure = frame.exposure._replace(led_light_ma=frame.light_ma)
        self._jobs[exposure.time_s] = self._thread.submit(self._draw, exposure)
        while len(self._jobs) > self._kept:  # more belong to frames that a reset threw away
            del self._jobs[next(iter(self._jobs))]
