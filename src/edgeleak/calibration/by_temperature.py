# SPDX-License-Identifier: Apache-2.0
"""Offsets over the detector temperature, from flat fields at many temperatures.

Each flat is reduced to its pattern (its mean taken out), and patterns between
the measured temperatures come from a local quadratic fit over temperature
(`container.plane_weights`): the same weights for every pixel, so one number,
the bandwidth, is all that is chosen, and it is chosen by leaving out each
inner flat in turn.  Low-order polynomials per pixel over the whole range
leave two to ten times more; joining the neighbours by straight lines twice.

A flat whose pattern its neighbours cannot predict while they predict each
other (a shutter that was warmer than the housing) is left out, and named.
"""

from dataclasses import dataclass

import numpy as np

from edgeleak.calibration.defects import Criteria, find_defects, merge_defects
from edgeleak.calibration.frame_statistics import FrameStatistics, robust_sigma
from edgeleak.calibration.model import (
    MAX_PLANES,
    NAN,
    PLANE_FRACTION_BITS,
    UNITY_GAIN_Q14,
    Calibration,
    Defect,
    Kind,
    plane_weights,
)
from edgeleak.calibration.solve import Facts, assemble, base_defects, response_of
from edgeleak.errors import DataError

BANDWIDTHS_K = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
OUTLIER_RATIO = 6.0
IMPROVES_RATIO = 1.5
MIN_FLATS = 3
UNSTABLE_SIGMA = 12.0
SAMPLE_PIXELS = 8_000


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One flat predicted from the others.

    temp_degc       : its detector temperature
    inside          : there are flats on both sides of it
    nearest_k       : distance to the nearest other flat, K
    robust_counts   : robust one sigma of measured minus predicted
    std_counts      : standard deviation of the same over good pixels
    raw_counts      : robust one sigma of the flat itself
    excluded        : its pattern stands out and is not used for the others
    """

    temp_degc: float
    inside: bool
    nearest_k: float
    robust_counts: float
    std_counts: float
    raw_counts: float
    excluded: bool


def by_temperature(
    flats: list[FrameStatistics],
    temps_degc: np.ndarray,
    base: Calibration | None = None,
    *,
    facts: Facts | None = None,
    criteria: Criteria | None = None,
    bandwidth_k: float | None = None,
) -> tuple[Calibration, list[LeftOut]]:
    """Calibration with offset planes, and how well each flat is predicted by the others.

    flats       : one statistics a temperature, any order
    temps_degc  : (K,) detector temperatures, all different
    base        : its gain, response and bad pixels are kept
    bandwidth_k : None chooses it by leave-one-out
    """
    temps, order = _ordered(temps_degc, len(flats))
    flats = [flats[k] for k in order]
    gain_q14 = _gain(base, flats[0].shape)
    means = np.stack([f.mean for f in flats]) * (gain_q14 / UNITY_GAIN_Q14)
    found = merge_defects(*(find_defects(f, criteria) for f in flats))
    patterns = _patterns(means, found == 0)
    keep = _trusted(patterns, temps, found == 0)
    width = bandwidth_k or choose_bandwidth(_sample(patterns, found == 0)[keep], temps[keep])
    found[_unstable(patterns[keep], temps[keep], width) & (found == 0)] = Defect.NOISY
    if base is not None:
        found = merge_defects(found, base_defects(base))
    table = leave_one_out(patterns, temps, keep, width, found == 0)
    planes = _planes_q2(patterns[keep], found == 0)
    offset, temp_degc = _plain_offset(planes, temps[keep], float(np.median(temps)))
    calibration = assemble(
        Kind.BY_TEMPERATURE, gain_q14, offset, found, tuple(flats), facts or Facts(),
        fpa_temp_degc=temp_degc, residual_counts=_mean_inside(table), bandwidth_k=float(width),
        plane_temp_degc=temps[keep], offset_planes_q2=planes, **response_of(base),
    )  # fmt: skip
    return calibration, table


def _mean_inside(table: list[LeftOut]) -> float:
    """What the kept flats between others are predicted to; NaN without one."""
    inner = [row.robust_counts for row in table if row.inside and not row.excluded]
    return float(np.mean(inner)) if inner else NAN


def choose_bandwidth(patterns: np.ndarray, temps: np.ndarray) -> float:
    """The bandwidth that predicts left-out inner patterns best; one number for all pixels."""
    if len(temps) < 4:
        return BANDWIDTHS_K[-1]
    inner = range(1, len(temps) - 1)
    scores = [
        np.mean([robust_sigma(_miss(patterns, temps, k, width)) for k in inner])
        for width in BANDWIDTHS_K
    ]
    return BANDWIDTHS_K[int(np.argmin(scores))]


def leave_one_out(
    patterns: np.ndarray, temps: np.ndarray, keep: np.ndarray, width: float, good: np.ndarray
) -> list[LeftOut]:
    """Each flat against what the kept others say; nothing of a flat enters its prediction."""
    return [_left_out(patterns, temps, keep, width, good, k) for k in range(len(temps))]


def _left_out(
    patterns: np.ndarray,
    temps: np.ndarray,
    keep: np.ndarray,
    width: float,
    good: np.ndarray,
    k: int,
) -> LeftOut:
    others = keep.copy()
    others[k] = False
    around = temps[others]
    # one pass over the flats, without a copy of all of them
    miss = patterns[k].astype(np.float32)
    for pattern, weight in zip(
        patterns[others], plane_weights(around, temps[k], width), strict=True
    ):
        miss -= np.float32(weight) * pattern
    miss = miss[good]
    return LeftOut(
        float(temps[k]),
        bool(around.min() < temps[k] < around.max()),
        float(np.abs(around - temps[k]).min()),
        robust_sigma(miss),
        float(miss.std()),
        robust_sigma(patterns[k][good]),
        not keep[k],
    )


def _miss(patterns: np.ndarray, temps: np.ndarray, k: int, width: float) -> np.ndarray:
    others = np.arange(len(temps)) != k
    weights = plane_weights(temps[others], temps[k], width)
    return patterns[k] - np.tensordot(weights, patterns[others], 1)


def _trusted(patterns: np.ndarray, temps: np.ndarray, good: np.ndarray) -> np.ndarray:
    """False for flats that stand out and whose removal lets their neighbours be predicted."""
    sample = _sample(patterns, good)
    keep = np.ones(len(temps), bool)
    for _ in range(len(temps) // 5):
        kept = np.flatnonzero(keep)
        if len(kept) < 6:
            break
        worst, gain = _most_disturbing(sample[kept], temps[kept])
        if gain < OUTLIER_RATIO:
            break
        keep[kept[worst]] = False
    return keep


def _most_disturbing(sample: np.ndarray, temps: np.ndarray) -> tuple[int, float]:
    """The inner flat that stands out most beside neighbours that improve without it."""
    width = choose_bandwidth(sample, temps)
    error = np.array([robust_sigma(_miss(sample, temps, k, width)) for k in range(len(temps))])
    best, best_gain = 0, 0.0
    for k in range(1, len(temps) - 1):
        without = np.delete(sample, k, axis=0), np.delete(temps, k)
        inner = range(1, len(temps) - 2)
        after = np.array([robust_sigma(_miss(*without, n, width)) for n in inner])
        near = [n for n in (k - 1, k + 1) if 0 < n < len(temps) - 1]
        improves = np.prod([error[n] / max(after[n - (n > k) - 1], 1e-9) for n in near])
        gain = error[k] / np.median(after) if improves > IMPROVES_RATIO else 0.0
        if gain > best_gain:
            best, best_gain = k, float(gain)
    return best, best_gain


def _sample(patterns: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Every n-th good pixel: enough to choose one number."""
    chosen = np.flatnonzero(good)
    return patterns.reshape(len(patterns), -1)[:, chosen[:: max(1, len(chosen) // SAMPLE_PIXELS)]]


def _patterns(means: np.ndarray, good: np.ndarray) -> np.ndarray:
    return (means - means[:, good].mean(axis=1)[:, None, None]).astype(np.float32)


def _ordered(temps_degc: np.ndarray, flats: int) -> tuple[np.ndarray, np.ndarray]:
    temps = np.asarray(temps_degc, float)
    if temps.shape != (flats,) or not np.isfinite(temps).all():
        raise DataError(
            f"{flats} flats need {flats} detector temperatures in degC, found shape {temps.shape};"
            " store them as `fpa_temp_degc` beside the flats"
        )
    if not MIN_FLATS <= flats <= MAX_PLANES:
        raise DataError(
            f"calibration over temperature takes {MIN_FLATS}..{MAX_PLANES} flats, found {flats}"
        )
    order = np.argsort(temps, kind="stable")
    if (np.diff(temps[order]) <= 0).any():
        raise DataError("two flats have the same detector temperature; average or drop one")
    return temps[order], order


def _gain(base: Calibration | None, shape: tuple[int, int]) -> np.ndarray:
    if base is None:
        return np.full(shape, UNITY_GAIN_Q14, np.int16)
    if base.shape != shape:
        raise DataError(f"--base is of {base.shape} pixels, the flats are of {shape}")
    return base.gain_q14


def _planes_q2(patterns: np.ndarray, good: np.ndarray) -> np.ndarray:
    scaled = np.rint(-patterns * (1 << PLANE_FRACTION_BITS))
    return np.where(good, np.clip(scaled, -32768, 32767), 0).astype(np.int16)


def _plain_offset(
    planes_q2: np.ndarray, temps: np.ndarray, temp_degc: float
) -> tuple[np.ndarray, float]:
    """Whole counts of the plane nearest to a temperature, and that plane's own."""
    nearest = int(np.argmin(np.abs(temps - temp_degc)))
    plane = planes_q2[nearest] / (1 << PLANE_FRACTION_BITS)
    return np.rint(plane).astype(np.int16), float(temps[nearest])


def _unstable(patterns: np.ndarray, temps: np.ndarray, width: float) -> np.ndarray:
    """Pixels that leave the prediction at two temperatures or more."""
    often = np.zeros(patterns.shape[1:], np.uint8)
    for k in range(1, len(temps) - 1):
        miss = np.abs(_miss(patterns, temps, k, width))
        often += miss > UNSTABLE_SIGMA * max(robust_sigma(miss), 0.5)
    return often >= 2
