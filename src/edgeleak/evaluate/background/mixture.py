# SPDX-License-Identifier: Apache-2.0
"""Mixture of Gaussians after Stauffer and Grimson (2000), plain, in NumPy.

Per pixel K Gaussians (weight, mean, variance), grey level only.  A sample
matches the most probable Gaussian within 2.5 standard deviations; weights
move by alpha; the matched mean and variance move by rho.  rho = alpha, the
usual choice: the original rho = alpha * density is far smaller still, which
would make the method look worse.  Without a match the least probable Gaussian
is replaced.  The background is the mean of the Gaussian with the largest
weight / standard deviation.
"""

import numpy as np

N_GAUSSIANS = 3
MATCH_SIGMAS = 2.5
NEW_WEIGHT = 0.05
START_SIGMA_LEVELS = 4.0  # as OpenCV's initial variance of 15 levels^2
LEAST_SIGMA_LEVELS = 1.0
LEVEL_COUNTS = 4.0  # a scene of about 1000 counts on 256 levels


class GaussianMixture:
    """K Gaussians a pixel; *unit* is one display level in the unit of the frames."""

    key = "mog-sg"
    label = "MoG, Stauffer-Grimson"
    implementation = "NumPy"

    def __init__(self, bits: int, alpha: float = 0.005) -> None:
        unit = 1.0 if bits == 8 else LEVEL_COUNTS
        self._alpha = np.float32(alpha)
        self._start_variance = np.float32((START_SIGMA_LEVELS * unit) ** 2)
        self._least_variance = np.float32((LEAST_SIGMA_LEVELS * unit) ** 2)
        name = "levels" if bits == 8 else "counts"
        self.parameters = (
            f"K = {N_GAUSSIANS}, alpha = rho = {alpha}, match {MATCH_SIGMAS} sigma,"
            f" first sigma {START_SIGMA_LEVELS * unit:g} {name},"
            f" least sigma {LEAST_SIGMA_LEVELS * unit:g} {name}, new weight {NEW_WEIGHT}"
        )

    def start(self, frame: np.ndarray) -> None:
        stack = (N_GAUSSIANS, *frame.shape)
        self._weight = np.zeros(stack, np.float32)
        self._mean = np.zeros(stack, np.float32)
        self._variance = np.full(stack, self._start_variance)
        self._weight[0] = 1
        self._mean[0] = frame

    def step(self, frame: np.ndarray) -> None:
        value = frame.astype(np.float32)
        distance = value - self._mean
        distance *= distance
        near = (distance < MATCH_SIGMAS**2 * self._variance) & (self._weight > 0)
        rank = self._weight / np.sqrt(self._variance)
        matched = self._first_match(near, rank)
        self._replace(value, rank, np.logical_not(matched.any(axis=0)))
        alpha = self._alpha
        self._weight *= 1 - alpha
        self._weight += alpha * matched
        self._weight /= self._weight.sum(axis=0)
        rho = alpha * matched.astype(np.float32)
        self._mean += rho * (value - self._mean)
        self._variance += rho * (distance - self._variance)
        np.maximum(self._variance, self._least_variance, out=self._variance)

    @staticmethod
    def _first_match(near: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """(K, H, W) bool, at most one a pixel: the highest-ranked Gaussian that is near."""
        score = np.where(near, rank, np.float32(-1))
        best = score.max(axis=0)
        first = (score == best) & near
        for k in range(1, len(first)):
            first[k] &= ~first[:k].any(axis=0)
        return first

    def _replace(self, value: np.ndarray, rank: np.ndarray, unmatched: np.ndarray) -> None:
        """Where nothing matched, the least probable Gaussian starts anew at the sample."""
        if not unmatched.any():
            return
        y, x = np.nonzero(unmatched)
        k = rank[:, y, x].argmin(axis=0)
        self._mean[k, y, x] = value[y, x]
        self._variance[k, y, x] = self._start_variance
        self._weight[k, y, x] = NEW_WEIGHT

    def estimate(self) -> np.ndarray:
        best = (self._weight / np.sqrt(self._variance)).argmax(axis=0)
        return np.take_along_axis(self._mean, best[None], axis=0)[0]

    def state_bytes(self) -> int:
        return self._weight.nbytes + self._mean.nbytes + self._variance.nbytes
