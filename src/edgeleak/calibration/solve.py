# SPDX-License-Identifier: Apache-2.0
"""From averaged references to the gain and offset of every pixel.

Equation 1 of the paper, solved in float64 and then rounded to the fixed point
of the kernel.  Offset is chosen after the gain is rounded, and of the gains
within two steps the one is taken whose offset falls nearest to a whole count:
a step of gain moves a pixel by a third of a count, so this takes the rounding
residual from 0.29 to about 0.1 count.

The mean over good pixels is preserved: every pixel is mapped to what the
array's mean pixel reports.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from edgeleak.calibration.bad_pixels import bad_pixel_table
from edgeleak.calibration.defects import Criteria, find_defects, merge_defects
from edgeleak.calibration.frame_statistics import FrameStatistics
from edgeleak.calibration.model import MIN_GAIN_Q14, NAN, UNITY_GAIN_Q14, Calibration, Kind
from edgeleak.errors import DataError, UsageError

GAIN_STEPS = 2
MAX_GAIN_Q14 = 32767
MIN_SPAN_COUNTS = 20.0
"""Two references nearer than this give gains made of noise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the user knows beside the frames.

    nuc_id            : number of the calibration; None = seconds since 1970
    sensor            : name for reports
    reference_error_k : one sigma of the reference temperatures, K
    fpa_temp_degc     : detector temperature, NaN unknown
    """

    nuc_id: int | None = None
    sensor: str = ""
    reference_error_k: float = 0.1
    fpa_temp_degc: float = NAN


def two_point(
    cold: FrameStatistics,
    hot: FrameStatistics,
    cold_degc: float = NAN,
    hot_degc: float = NAN,
    *,
    facts: Facts | None = None,
    criteria: Criteria | None = None,
    defects: np.ndarray | None = None,
) -> Calibration:
    """Gain and offset from two uniform references.

    defects : (H, W) uint8 known before, merged with those found; see `Defect`
    """
    facts = facts or Facts()
    _same_shape(cold, hot)
    response = hot.mean - cold.mean
    _enough_span(float(np.median(response)), cold_degc, hot_degc)
    found = merge_defects(
        find_defects(cold, criteria, response), find_defects(hot, criteria), *_given(defects)
    )
    good = found == 0
    _enough_good(good)
    cold_counts, hot_counts = float(cold.mean[good].mean()), float(hot.mean[good].mean())
    gain_q14, offset = _gain_and_offset(cold.mean, hot.mean, cold_counts, hot_counts, good)
    drift_counts = math.hypot(_level_error(cold), _level_error(hot))
    span_counts, span_k = hot_counts - cold_counts, hot_degc - cold_degc
    return assemble(
        Kind.TWO_POINT,
        gain_q14,
        offset,
        found,
        (cold, hot),
        facts,
        cold_degc=cold_degc,
        hot_degc=hot_degc,
        cold_counts=cold_counts,
        hot_counts=hot_counts,
        **_scale(span_counts, span_k, drift_counts, facts.reference_error_k),
    )


def one_point(
    flat: FrameStatistics,
    base: Calibration | None = None,
    flat_degc: float = NAN,
    *,
    facts: Facts | None = None,
    criteria: Criteria | None = None,
    defects: np.ndarray | None = None,
) -> Calibration:
    """Offsets from one uniform reference; gain and response from *base*, else gain one."""
    facts = facts or Facts()
    base_shape = flat.shape if base is None else base.shape
    if base_shape != flat.shape:
        raise DataError(
            f"--base is of {base_shape} pixels, the frames are of {flat.shape};"
            " use the calibration of the same sensor and window"
        )
    found = merge_defects(
        find_defects(flat, criteria),
        *_given(defects),
        *_given(None if base is None else base_defects(base)),
    )
    good = found == 0
    _enough_good(good)
    gain_q14 = np.full(flat.shape, UNITY_GAIN_Q14, np.int16) if base is None else base.gain_q14
    seen = flat.mean * (gain_q14 / UNITY_GAIN_Q14)
    level = float(seen[good].mean())
    offset = _rounded_offset(np.where(good, level - seen, 0))
    known = response_of(base, level, flat_degc)
    return assemble(Kind.ONE_POINT, gain_q14, offset, found, (flat,), facts, **known)


def bad_pixels_only(
    statistics: FrameStatistics,
    *,
    facts: Facts | None = None,
    criteria: Criteria | None = None,
    defects: np.ndarray | None = None,
) -> Calibration:
    """Only the table of bad pixels: gain one, offset zero."""
    found = merge_defects(find_defects(statistics, criteria), *_given(defects))
    _enough_good(found == 0)
    unity = np.full(statistics.shape, UNITY_GAIN_Q14, np.int16)
    nothing = np.zeros(statistics.shape, np.int16)
    return assemble(Kind.BAD_PIXELS, unity, nothing, found, (statistics,), facts or Facts())


def assemble(
    kind: Kind,
    gain_q14: np.ndarray,
    offset: np.ndarray,
    defects: np.ndarray,
    measured: tuple[FrameStatistics, ...],
    facts: Facts,
    **known: object,
) -> Calibration:
    """A Calibration with the figures every kind has."""
    table = bad_pixel_table(defects != 0)
    noise = np.mean([s.noise for s in measured], axis=0)
    now_ns = time.time_ns()
    values: dict = {
        "nuc_id": now_ns // 10**9 if facts.nuc_id is None else facts.nuc_id,
        "created_utc_ns": now_ns,
        "sensor": facts.sensor,
        "reference_error_k": facts.reference_error_k,
        "fpa_temp_degc": facts.fpa_temp_degc,
        "noise_counts": float(np.median(noise)),
        "drift_counts": max(s.drift_counts for s in measured) if len(measured[0].used) > 1 else NAN,
        "before_counts": spatial_residual(measured[-1].mean, table),
        "frames_used": sum(len(s.used) for s in measured),
    }
    return Calibration(
        kind=kind,
        gain_q14=gain_q14,
        offset=offset,
        bad_pixels=table,
        defects=defects.ravel()[table[:, 0]],
        noise_q8=np.rint(np.clip(np.nan_to_num(noise), 0, 255) * 256).astype(np.uint16),
        **(values | known),
    )


def corrected(mean: np.ndarray, calibration: Calibration) -> np.ndarray:
    """(H, W) float64, what the kernels make of a long average of frames."""
    frame = mean * (calibration.gain_q14 / UNITY_GAIN_Q14) + calibration.offset
    return replaced(frame, calibration.bad_pixels)


def replaced(frame: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A copy of *frame* with each bad pixel as the mean of its four sources."""
    flat = np.array(frame, float).ravel()
    flat[table[:, 0]] = flat[table[:, 1:]].mean(axis=1)
    return flat.reshape(frame.shape)


def spatial_residual(frame: np.ndarray, table: np.ndarray) -> float:
    """Standard deviation over the good pixels, counts."""
    good = np.ones(frame.size, bool)
    good[table[:, 0]] = False
    return float(frame.ravel()[good].std())


def _gain_and_offset(
    cold: np.ndarray, hot: np.ndarray, cold_counts: float, hot_counts: float, good: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    span = hot_counts - cold_counts
    response = np.where(good, hot - cold, span)
    ideal = np.rint(span / response * UNITY_GAIN_Q14)
    best_gain = np.full(cold.shape, UNITY_GAIN_Q14, np.int64)
    best_offset = np.zeros(cold.shape, np.int64)
    best_error = np.full(cold.shape, np.inf)
    for step in range(-GAIN_STEPS, GAIN_STEPS + 1):
        gain = np.clip(ideal + step, MIN_GAIN_Q14, MAX_GAIN_Q14)
        at_cold = cold_counts - cold * gain / UNITY_GAIN_Q14
        at_hot = hot_counts - hot * gain / UNITY_GAIN_Q14
        offset = np.rint((at_cold + at_hot) / 2)
        tilt = at_hot - at_cold
        # also one span below and above the references, where a wrong gain shows
        error = sum(((at_cold + k * tilt) - offset) ** 2 for k in (-1, 0, 1, 2))
        better = error < best_error
        best_gain[better], best_offset[better] = gain[better], offset[better]
        best_error = np.where(better, error, best_error)
    best_gain[~good], best_offset[~good] = UNITY_GAIN_Q14, 0
    return best_gain.astype(np.int16), _rounded_offset(best_offset)


def _rounded_offset(offset: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(offset), -32768, 32767).astype(np.int16)


def _scale(counts: float, kelvin: float, drift_counts: float, error_k: float) -> dict:
    """Response between two references, and its relative error."""
    return {
        "response_counts_per_k": counts / kelvin,
        "response_error": math.hypot(drift_counts / counts, math.sqrt(2) * error_k / kelvin),
    }


def response_of(base: Calibration | None, level: float = NAN, flat_degc: float = NAN) -> dict:
    """What stays known of *base*: the response, and where its scale of temperature lies."""
    if base is None:
        return {}
    known = {
        "response_counts_per_k": base.response_counts_per_k,
        "response_error": base.response_error,
    }
    if math.isfinite(flat_degc):
        known |= {"cold_degc": flat_degc, "hot_degc": flat_degc}
        known |= {"cold_counts": level, "hot_counts": level}
    return known


def _level_error(statistics: FrameStatistics) -> float:
    """Drift is slow, so averaging does not divide it by the root of the number of frames."""
    return statistics.drift_counts


def base_defects(base: Calibration) -> np.ndarray:
    """(H, W) uint8, the defects a calibration already knows."""
    marks = np.zeros(base.gain_q14.size, np.uint8)
    marks[base.bad_pixels[:, 0]] = base.defects
    return marks.reshape(base.shape)


def _given(defects: np.ndarray | None) -> tuple[np.ndarray, ...]:
    return () if defects is None else (defects,)


def _same_shape(cold: FrameStatistics, hot: FrameStatistics) -> None:
    if cold.shape != hot.shape:
        raise DataError(
            f"the cold frames are of {cold.shape} pixels, the hot ones of {hot.shape};"
            " both must come from the same sensor and window"
        )


def _enough_span(counts: float, cold_degc: float, hot_degc: float) -> None:
    if cold_degc >= hot_degc:
        raise UsageError(
            f"--cold-degc {cold_degc} must be below --hot-degc {hot_degc}; swap the files"
        )
    if counts <= -MIN_SPAN_COUNTS:
        raise UsageError(
            f"the hot reference lies {-counts:.1f} counts below the cold one; swap the two files"
        )
    if counts < MIN_SPAN_COUNTS:
        raise DataError(
            f"the two references differ by only {counts:.1f} counts,"
            f" at least {MIN_SPAN_COUNTS:g} are needed; move the temperatures apart"
        )


def _enough_good(good: np.ndarray) -> None:
    share = 1 - good.mean()
    if share > 0.2:
        raise DataError(
            f"{share:.0%} of the pixels look bad; is this really a uniform or still scene?"
            " Look at the frames, or loosen the criteria"
        )
