# SPDX-License-Identifier: Apache-2.0
"""One calibration: what was measured of a sensor, and how to correct it.

The arrays are the ones the kernels take, so that what is saved, reported and
run is the same thing bit for bit.  calibration.container loads and saves it.
"""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum

import numpy as np

from edgeleak.errors import DataError, UnavailableError

UNITY_GAIN_Q14 = 1 << 14
MIN_GAIN_Q14 = UNITY_GAIN_Q14 // 8
"""Less turns a good pixel into a constant, and a constant scene has no gas in it."""
PLANE_FRACTION_BITS = 2
MAX_SIDE_PX = 4096
MAX_PIXELS = 1 << 22
MAX_PLANES = 64
EXTRAPOLATION_K = 5.0
"""How far beyond the measured sensor temperatures an offset is predicted."""

NAN = float("nan")


class Kind(IntEnum):
    """How a calibration was made."""

    ONE_POINT = 1
    TWO_POINT = 2
    BY_TEMPERATURE = 3
    SCENE = 4
    BAD_PIXELS = 5  # only the table; gain one, offset zero


class Defect(IntEnum):
    """Why a pixel is in the table; the first that applies, in this order."""

    STUCK = 1
    DEAD = 2
    HOT = 3
    FLICKERING = 4
    NOISY = 5
    LISTED = 6  # the maker's or the user's list


@dataclass(frozen=True, eq=False)
class Calibration:
    """Correction of one sensor and the figures that go with it.

    kind                  : how it was made
    gain_q14, offset      : (H, W) int16 each, as `kernels.nuc` takes them
    bad_pixels            : (N, 5) int32, as `kernels.replace_bad_pixels` takes them
    defects               : (N,) uint8, a Defect for each row of the table
    noise_q8              : (H, W) uint16, temporal noise of each pixel, 1/256 count; 0 unknown
    nuc_id                : number that frames carry in FrameInfo.nuc_id
    created_utc_ns        : ns since 1970, UTC; -1 unknown
    sensor                : name for reports, at most 32 bytes of UTF-8
    cold_degc, hot_degc   : temperatures of the references, degC; NaN unknown
    cold_counts, hot_counts : corrected array means at those references
    response_counts_per_k : array mean; NaN unknown
    response_error        : one sigma of the response, relative
    reference_error_k     : one sigma of the reference temperatures, K
    noise_counts          : median temporal noise without drift of the whole frame
    drift_counts          : one sigma of the level of whole frames
    before_counts         : spatial residual before correction, robust one sigma
    residual_counts       : the same after it, on frames that the fit did not see; NaN unknown
    frames_used           : frames averaged, of both references
    fpa_temp_degc         : detector temperature this correction is for; NaN unknown
    plane_temp_degc       : (K,) float64, detector temperatures of the planes, ascending
    offset_planes_q2      : (K, H, W) int16, offsets at these, quarter counts
    bandwidth_k           : width of the local fit between the planes, K
    """

    kind: Kind
    gain_q14: np.ndarray = field(repr=False)
    offset: np.ndarray = field(repr=False)
    bad_pixels: np.ndarray = field(repr=False)
    defects: np.ndarray = field(repr=False)
    noise_q8: np.ndarray = field(repr=False)
    nuc_id: int = -1
    created_utc_ns: int = -1
    sensor: str = ""
    cold_degc: float = NAN
    hot_degc: float = NAN
    cold_counts: float = NAN
    hot_counts: float = NAN
    response_counts_per_k: float = NAN
    response_error: float = NAN
    reference_error_k: float = NAN
    noise_counts: float = NAN
    drift_counts: float = NAN
    before_counts: float = NAN
    residual_counts: float = NAN
    frames_used: int = 0
    fpa_temp_degc: float = NAN
    bandwidth_k: float = NAN
    plane_temp_degc: np.ndarray = field(default_factory=lambda: np.empty(0))
    offset_planes_q2: np.ndarray = field(default=None, repr=False)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        shape = self.gain_q14.shape
        if self.offset_planes_q2 is None:
            object.__setattr__(self, "offset_planes_q2", np.empty((0, *shape), np.int16))
        check_shape(shape)
        rows, planes = len(self.bad_pixels), len(self.plane_temp_degc)
        for name, dtype, expected in (
            ("gain_q14", np.int16, shape),
            ("offset", np.int16, shape),
            ("noise_q8", np.uint16, shape),
            ("bad_pixels", np.int32, (rows, 5)),
            ("defects", np.uint8, (rows,)),
            ("plane_temp_degc", np.float64, (planes,)),
            ("offset_planes_q2", np.int16, (planes, *shape)),
        ):
            self._freeze(name, dtype, expected)
        self._check_values()

    def _freeze(self, name: str, dtype: type, shape: tuple[int, ...]) -> None:
        array = getattr(self, name)
        if array.dtype != dtype or array.shape != shape:
            raise DataError(
                f"calibration: {name} must be {shape} {np.dtype(dtype)},"
                f" found {array.shape} {array.dtype}; make the calibration again"
            )
        # a copy only when the caller's array could still be written to
        array = np.ascontiguousarray(array) if not array.flags.writeable else array.copy("C")
        array.flags.writeable = False
        object.__setattr__(self, name, array)

    def _check_values(self) -> None:
        pixels = self.gain_q14.size
        _check_table(self.bad_pixels, pixels)
        least = int(self.gain_q14[~self.bad_mask].min(initial=UNITY_GAIN_Q14))
        if least < MIN_GAIN_Q14 or self.gain_q14.min() < 0:
            raise DataError(
                f"calibration: a pixel has gain {least / UNITY_GAIN_Q14:.3f}, at least"
                f" {MIN_GAIN_Q14 / UNITY_GAIN_Q14:g} is possible; make the calibration again"
            )
        if self.response_counts_per_k <= 0:
            raise DataError(
                f"calibration: its response is {self.response_counts_per_k:g} counts/K: the"
                " references were swapped; make it again with the colder one first"
            )
        if self.defects.size and not (
            self.defects.min() >= Defect.STUCK and self.defects.max() <= Defect.LISTED
        ):
            raise DataError("calibration: unknown kind of bad pixel; update EdgeLeak")
        temps = self.plane_temp_degc
        if temps.size and not (np.isfinite(temps).all() and (np.diff(temps) > 0).all()):
            raise DataError("calibration: plane temperatures must ascend; make it again")
        if temps.size and not self.bandwidth_k > 0:
            raise DataError("calibration: planes need a bandwidth above 0 K; make it again")

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the frames this calibration fits."""
        return self.gain_q14.shape

    @property
    def created_utc(self) -> str:
        """Time of making, ISO 8601; empty when unknown."""
        if self.created_utc_ns < 0:
            return ""
        return datetime.fromtimestamp(self.created_utc_ns // 10**9, UTC).isoformat()

    @property
    def bad_mask(self) -> np.ndarray:
        """(H, W) bool, True where a pixel is replaced."""
        mask = np.zeros(self.gain_q14.size, bool)
        mask[self.bad_pixels[:, 0]] = True
        return mask.reshape(self.shape)

    @property
    def netd_mk(self) -> float:
        """Temporal noise as a temperature, mK; NaN where the response is unknown."""
        return 1e3 * self.noise_counts / self.response_counts_per_k

    def defect_count(self) -> dict[str, int]:
        """Number of bad pixels of each kind, by lower-case name."""
        return {d.name.lower(): int(np.count_nonzero(self.defects == d)) for d in Defect}

    def at_fpa_temp(self, degc: float) -> "Calibration":
        """This calibration for one detector temperature.

        Without planes it is returned as it is.  Between the planes the offsets
        come from a local quadratic fit; beyond them by at most
        EXTRAPOLATION_K, then they are held.  `fpa_temp_degc` of the result
        says which temperature was used.
        """
        if not self.plane_temp_degc.size:
            return self
        if not math.isfinite(degc):
            raise DataError("calibration over temperature needs the detector temperature, got NaN")
        low, high = self.plane_temp_degc[[0, -1]]
        used = float(np.clip(degc, low - EXTRAPOLATION_K, high + EXTRAPOLATION_K))
        weights = plane_weights(self.plane_temp_degc, used, self.bandwidth_k)
        return replace(
            self,
            offset=_mix(self.offset_planes_q2, weights),
            fpa_temp_degc=used,
            plane_temp_degc=np.empty(0),
            offset_planes_q2=np.empty((0, *self.shape), np.int16),
        )

    def apparent_degc(self, counts: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apparent (black-body) temperature of corrected counts, and its one sigma.

        counts : corrected 14-bit counts of single pixels of one frame

        Linear between and beyond the references: the error grows with the
        distance from them only by the error of the response.  Raises
        UnavailableError where no response was measured.
        """
        self._need_response()
        middle_counts = (self.cold_counts + self.hot_counts) / 2
        middle_degc = (self.cold_degc + self.hot_degc) / 2
        delta = (np.asarray(counts, float) - middle_counts) / self.response_counts_per_k
        random = self._pixel_error_counts(1) / self.response_counts_per_k
        level = _known(self.drift_counts) / self.response_counts_per_k
        scale = delta * self.response_error
        error = np.sqrt(random**2 + level**2 + scale**2 + _known(self.reference_error_k) ** 2 / 2)
        return middle_degc + delta, error

    def delta_k(
        self, counts_difference: float | np.ndarray, pixels: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Temperature difference for a difference of corrected counts, and its one sigma, K.

        counts_difference : between two places of one frame
        pixels            : pixels averaged at each of the two places

        Drift of the whole frame cancels.  Raises UnavailableError where no
        response was measured.
        """
        self._need_response()
        value = np.asarray(counts_difference, float) / self.response_counts_per_k
        random = math.sqrt(2) * self._pixel_error_counts(pixels) / self.response_counts_per_k
        return value, np.hypot(random, value * self.response_error)

    def _pixel_error_counts(self, pixels: int) -> float:
        error = math.hypot(_known(self.noise_counts), _known(self.residual_counts))
        return error / math.sqrt(pixels)

    def _need_response(self) -> None:
        if not math.isfinite(self.response_counts_per_k):
            raise UnavailableError(
                "this calibration holds no response (counts per kelvin), so no temperature can be"
                " given; make one with `edgeleak nuc two-point --cold-degc T --hot-degc T`"
            )


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuse frame sizes that no sensor of this project has."""
    if (
        len(shape) != 2
        or not all(1 <= side <= MAX_SIDE_PX for side in shape)
        or shape[0] * shape[1] > MAX_PIXELS
    ):
        raise DataError(
            f"calibration: size {shape} is not a frame of 1..{MAX_SIDE_PX} pixels a side"
            f" and at most {MAX_PIXELS} in all; the file is damaged or of another kind"
        )


def plane_weights(plane_temp_degc: np.ndarray, degc: float, bandwidth_k: float) -> np.ndarray:
    """Weights of the planes in a local quadratic fit at *degc*; their sum is 1."""
    step = np.asarray(plane_temp_degc, float) - degc
    nearest = np.sort(np.abs(step))[min(2, step.size - 1)]
    width = max(bandwidth_k, nearest / 2)  # three planes always carry weight
    closeness = np.exp(-0.5 * (step / width) ** 2)
    terms = np.vander(step / width, min(3, step.size), increasing=True)
    root = np.sqrt(closeness)
    return (np.linalg.pinv(terms * root[:, None]) * root)[0]


def _mix(planes_q2: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = np.zeros(planes_q2.shape[1:], np.float32)
    for plane, weight in zip(planes_q2, weights, strict=True):
        if abs(weight) > 1e-5:  # below a tenth of a count for any offset
            total += plane * np.float32(weight)
    total /= 1 << PLANE_FRACTION_BITS
    return np.clip(np.rint(total), -32768, 32767).astype(np.int16)


def _check_table(table: np.ndarray, pixels: int) -> None:
    if not table.size:
        return
    if table.min() < 0 or table.max() >= pixels:
        raise DataError("calibration: the bad-pixel table points outside the frame; make it again")
    bad = np.zeros(pixels, bool)
    bad[table[:, 0]] = True
    if (np.diff(table[:, 0]) <= 0).any() or bad[table[:, 1:]].any():
        raise DataError(
            "calibration: the bad-pixel table is unsorted or takes a bad pixel as a source;"
            " make the calibration again"
        )


def _known(value: float) -> float:
    return value if math.isfinite(value) else 0.0
