# SPDX-License-Identifier: Apache-2.0
"""The figures of a calibration, for people and for programs."""

import math

from edgeleak.calibration.maps import offset_uniformity_counts, response_uniformity_percent
from edgeleak.calibration.model import Calibration
from edgeleak.cli.nuc_input import text


def figures(calibration: Calibration) -> dict:
    """Plain values for --json; NaN becomes None, units are in the names."""
    per_k = calibration.response_counts_per_k
    response = response_uniformity_percent(calibration)
    good = ~calibration.bad_mask
    values: dict = {
        "kind": calibration.kind.name.lower().replace("_", "-"),
        "shape": list(calibration.shape),
        "nuc_id": calibration.nuc_id,
        "created_utc": calibration.created_utc,
        "sensor": calibration.sensor,
        "frames_used": calibration.frames_used,
        "before_counts": calibration.before_counts,
        "residual_counts": calibration.residual_counts,
        "before_mk": 1e3 * calibration.before_counts / per_k,
        "residual_mk": 1e3 * calibration.residual_counts / per_k,
        "noise_counts": calibration.noise_counts,
        "drift_counts": calibration.drift_counts,
        "netd_mk": calibration.netd_mk,
        "response_counts_per_k": per_k,
        "response_error_percent": 100 * calibration.response_error,
        "offset_uniformity_counts": float(offset_uniformity_counts(calibration)[good].std()),
        "response_uniformity_percent": (
            math.nan if response is None else float(response[good].std())
        ),
        "fpa_temp_degc": calibration.fpa_temp_degc,
        "plane_temp_degc": [round(float(t), 2) for t in calibration.plane_temp_degc],
        "bandwidth_k": calibration.bandwidth_k,
        "bad_pixels": len(calibration.bad_pixels),
        "bad_pixels_by_class": calibration.defect_count(),
    }
    return {key: None if _is_nan(value) else value for key, value in values.items()}


def lines(calibration: Calibration) -> list[str]:
    """One figure a line, with units."""
    known: dict = {k: math.nan if v is None else v for k, v in figures(calibration).items()}
    classes = ", ".join(f"{n} {c}" for n, c in known["bad_pixels_by_class"].items() if c)
    share = 100 * known["bad_pixels"] / calibration.gain_q14.size
    height, width = calibration.shape
    made = f"{known['kind']}, {width} x {height}, nuc_id {known['nuc_id']}"
    return [
        f"calibration           {made}, {known['frames_used']} frames used",
        f"spatial residual      {_both(known, 'before')} before, {_both(known, 'residual')} after"
        " (frames the fit did not see)",
        f"temporal noise        {text(known['noise_counts'], 'counts')}"
        f"{_netd(known['netd_mk'])}; frame level drifts by"
        f" {text(known['drift_counts'], 'counts')}",
        f"response              {_response(known)}",
        f"offset uniformity     {text(known['offset_uniformity_counts'], 'counts')} std",
        f"response uniformity   {text(known['response_uniformity_percent'], '%')} std",
        f"bad pixels            {known['bad_pixels']} ({share:.3f} %)"
        + (f": {classes}" if classes else ""),
        *_temperature_lines(calibration),
    ]


def _temperature_lines(calibration: Calibration) -> list[str]:
    temps = calibration.plane_temp_degc
    if not temps.size:
        return []
    return [
        f"detector temperature  {temps[0]:.1f} .. {temps[-1]:.1f} degC in {temps.size} planes,"
        f" fitted over {calibration.bandwidth_k:g} K"
    ]


def _response(known: dict) -> str:
    if math.isnan(known["response_counts_per_k"]):
        return "unknown: no temperatures of two references were given"
    error = text(known["response_error_percent"], "%", 1)
    return f"{text(known['response_counts_per_k'], 'counts/K')} +/- {error}"


def _both(known: dict, which: str) -> str:
    mk = known[f"{which}_mk"]
    counts = text(known[f"{which}_counts"], "counts")
    return f"{counts} ({_kelvin(mk)})" if math.isfinite(mk) else counts


def _netd(mk: float) -> str:
    return f" = NETD {_kelvin(mk)}" if math.isfinite(mk) else "; NETD needs two references"


def _kelvin(mk: float) -> str:
    """mK below a kelvin, K from there on."""
    return f"{mk / 1000:.2f} K" if abs(mk) >= 1000 else f"{mk:.1f} mK"


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
