# SPDX-License-Identifier: Apache-2.0
"""Wind with eddies of many sizes: what carries and tears a plume.

A sum of waves whose velocity is at right angles to their wave vector, so it neither gathers nor
thins out gas; amplitudes follow Kolmogorov's -5/3 law, and the whole field drifts with the mean
wind while each wave turns over in its own time (kinematic simulation, Kraichnan 1970, Fung 1992).
"""

import numpy as np

WAVES = 36
LARGEST_OVER_SMALLEST = 50.0


class Wind:
    """Mean wind, gusts and eddies.

    mean_m_per_s  : (3,) mean velocity: right, up, away from the camera
    intensity     : deviation of the eddies' speed over the mean speed
    eddy_m        : size of the largest eddies, m
    """

    def __init__(self, rng: np.random.Generator, mean_m_per_s: np.ndarray, intensity: float,
                 eddy_m: float = 0.8) -> None:  # fmt: skip
        self._rng = rng
        self.mean = np.asarray(mean_m_per_s, np.float64)
        speed = float(np.linalg.norm(self.mean))
        self.rms = max(0.06, intensity * speed)
        self._gust = np.zeros(3)
        self._gust_rms = 0.7 * self.rms * np.array([1.0, 0.45, 0.8])
        self._gust_s = max(1.0, 3.0 * eddy_m / max(speed, 0.15))
        self._drift = np.zeros(3)
        self._draw_waves(rng, eddy_m)

    def _draw_waves(self, rng: np.random.Generator, eddy_m: float) -> None:
        size = 2 * np.pi / eddy_m * np.geomspace(1, LARGEST_OVER_SMALLEST, WAVES)
        way = rng.normal(size=(WAVES, 3))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        across = np.cross(way, rng.normal(size=(WAVES, 3)))
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        power = size ** (-2 / 3)  # -5/3, on a logarithmic grid
        strength = self.rms * np.sqrt(6 * power / power.sum())  # of 3 components, each of mean 1/2
        self._vector = (way * size[:, None]).astype(np.float32)
        self._velocity = (across * strength[:, None]).astype(np.float32)
        self._turn_per_s = (0.5 * strength * size).astype(np.float32)
        self._phase = rng.uniform(0, 2 * np.pi, WAVES).astype(np.float32)

    @property
    def now(self) -> np.ndarray:
        """(3,) mean wind with the gust of the moment, m/s."""
        return self.mean + self._gust

    def step(self, dt_s: float) -> None:
        """Let gusts change, the field drift and its eddies turn."""
        keep = np.exp(-dt_s / self._gust_s)
        kick = np.sqrt(1 - keep * keep)
        self._gust = keep * self._gust + kick * self._rng.normal(0, self._gust_rms)
        self._drift += self.now * dt_s
        self._phase += self._turn_per_s * np.float32(dt_s)

    def eddies(self, place_m: np.ndarray) -> np.ndarray:
        """(N, 3) float32 velocity beyond `now` at (N, 3) float32 places."""
        offset = self._phase - (self._vector @ self._drift.astype(np.float32))
        return np.cos(place_m @ self._vector.T + offset) @ self._velocity
