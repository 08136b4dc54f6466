# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for the +/-epsilon background: the definition, not the fast path."""

import numpy as np

GREY_MAX_Q8 = 255 << 8
MAX_Q2 = 16383 << 2
NOISE_MAX_Q2 = 4095  # 1023.75 counts


def _moved(state, is_up, eps, top):
    held = np.minimum(state, top)
    return np.clip(held + np.where(is_up, eps, -eps), 0, top)


def _levels(value_q8):
    return np.minimum((value_q8 + 128) >> 8, 255)


def _check(frame, background, eps, threshold, level, noise, noise_gain_q4, noise_eps):
    top = GREY_MAX_Q8 if frame.dtype == np.uint8 else MAX_Q2
    if frame.shape != background.shape:
        raise ValueError(f"background has shape {background.shape}, expected {frame.shape}")
    limits = {
        "eps": (eps, 0, top),
        "threshold": (threshold, 0, 255 if frame.dtype == np.uint8 else top),
        "level": (level, -top, top),
        "noise_gain_q4": (noise_gain_q4, 0, 255),
        "noise_eps": (noise_eps, 0, NOISE_MAX_Q2),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must be {low}..{high}, got {value}")
    if noise is not None and frame.dtype == np.uint8:
        raise ValueError("noise needs a frame of uint16 counts, got uint8 grey")


def background_step(
    frame,
    background,
    difference,
    mask,
    eps,
    threshold,
    *,
    selective=False,
    level=0,
    noise=None,
    noise_gain_q4=0,
    noise_eps=0,
):
    """See edgeleak.kernels.background_step; same contract, any speed."""
    _check(frame, background, eps, threshold, level, noise, noise_gain_q4, noise_eps)
    old = background.astype(np.int64)
    if frame.dtype == np.uint8:
        top = GREY_MAX_Q8
        target = np.clip((frame.astype(np.int64) << 8) - level, 0, top)
        difference[...] = size = np.abs(_levels(target) - _levels(old))
    else:
        top = MAX_Q2
        target = np.clip((np.minimum(frame, 16383).astype(np.int64) << 2) - level, 0, top)
        difference[...] = np.clip(target - old, -32768, 32767)
        size = np.abs(target - old)
    limit = np.full(frame.shape, threshold)
    if noise is not None:
        scaled = np.minimum(noise, NOISE_MAX_Q2).astype(np.int64) * noise_gain_q4 >> 4
        limit = np.maximum(limit, scaled)
    is_gas = size > limit
    is_free = ~is_gas if selective else np.ones(frame.shape, bool)
    mask[...] = np.where(is_gas, 255, 0)
    background[...] = _moved(old, target >= old, eps * is_free, top)
    if noise is not None and noise_eps:
        known = noise.astype(np.int64)
        noise[...] = _moved(known, size >= known, noise_eps * is_free, NOISE_MAX_Q2)
