# SPDX-License-Identifier: Apache-2.0
"""Settings of a running pipeline: called between two frames, by the thread that steps it."""

from math import log2, nan

from edgeleak.calibration.model import Calibration
from edgeleak.config import PictureConfig
from edgeleak.errors import UsageError
from edgeleak.pipeline.chain import Pipeline
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.stages import Correction, GreyStage

LEAST_OCTAVES = 0.11
TOP_COUNTS = 16383.0


def profile_with(base: Profile, wanted: PictureConfig) -> Profile:
    """The profile with live settings over it; ConfigError where it allows no such value."""
    changes: dict[str, object] = {}
    if wanted.clahe_tiles:
        changes["clahe.tiles_x"] = changes["clahe.tiles_y"] = wanted.clahe_tiles
    if wanted.clahe_clip >= 0:
        changes["clahe.clip_limit"] = wanted.clahe_clip
    is_grey = base["chain.detector"] == "grey"
    slew = "background.eps_levels" if is_grey else "background.slew_sigma_per_s"
    if wanted.background_slew != 1:
        changes[slew] = base[slew] * wanted.background_slew
    limit = "threshold.levels" if is_grey else "threshold.noise_factor"
    if wanted.sensitivity != 1:
        value = base[limit] / wanted.sensitivity
        changes[limit] = round(value) if is_grey else value
    return base.replace(changes) if changes else base


def span_of(wanted: PictureConfig) -> tuple[float, float]:
    """(black, white) counts of level and span; UsageError where they leave the range."""
    low = wanted.agc_level_counts - wanted.agc_span_counts / 2
    high = wanted.agc_level_counts + wanted.agc_span_counts / 2
    low, high = max(low, 1.0), min(high, TOP_COUNTS)
    if log2(high) - log2(low) < LEAST_OCTAVES:
        raise UsageError(
            f"level {wanted.agc_level_counts:g} with span {wanted.agc_span_counts:g} counts leaves"
            f" {low:g} to {high:g}: widen the span, white must be {2**LEAST_OCTAVES:.2f} x black"
        )
    return low, high


def apply(pipeline: Pipeline, base: Profile, wanted: PictureConfig, old: PictureConfig) -> None:
    """Take settings over; an error leaves everything as it was.

    base : the profile that was configured
    old  : settings in force
    """
    profile, span = profile_with(base, wanted), span_of(wanted)
    stage = pipeline._stage
    if profile.settings != pipeline.profile.settings:
        pipeline.profile = profile
        stage.adjust(profile)
    is_locked = wanted.agc_mode == "locked"
    if is_locked:
        alpha = 255 / (log2(span[1]) - log2(span[0]))
        pipeline.gain.lock(alpha, -alpha * log2(span[0]))
        stage.new_table()
    elif pipeline.gain.locked:
        pipeline.gain.unlock()
    if isinstance(stage, GreyStage) and wanted != old:
        pipeline._guard.relearn()  # its background is a picture: another gain is another picture


def recalibrate(pipeline: Pipeline, calibration: Calibration) -> None:
    """Take another gain, bad pixels, offsets and planes; gain control and background begin again.

    calibration : of the pipeline's shape, else UsageError, as for a pipeline made without one
    """
    fix = pipeline._fix
    if fix.offset is None or tuple(calibration.shape) != tuple(pipeline.shape):
        raise UsageError(
            f"the calibration is for {calibration.shape}, the frames are {pipeline.shape}, or the"
            " pipeline was made without one; use the calibration of this sensor"
        )
    fresh = Correction(pipeline.shape, calibration)
    fix.gain_q14, fix.offset, fix.bad_pixels = fresh.gain_q14, fresh.offset, fresh.bad_pixels
    pipeline.calibration = calibration
    pipeline._has_planes = pipeline._own_offset()
    pipeline._stage.adjust(pipeline.profile)  # the paper's chain is bound to its arrays
    pipeline._tiles.structure.shutter_counts = nan
    pipeline._guard.expect_nuc(calibration.nuc_id)
    pipeline._guard.relearn()
    pipeline._has_looked = False
