# SPDX-License-Identifier: Apache-2.0
"""Settings of a running pipeline: called between two frames, by the thread that steps it."""

from math import log2

from edgeleak.config import PictureConfig
from edgeleak.errors import UsageError
from edgeleak.pipeline.chain import Pipeline
from edgeleak.pipeline.profile import Profile
from edgeleak.pipeline.stages import GreyStage

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
