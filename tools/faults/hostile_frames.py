# SPDX-License-Identifier: Apache-2.0
"""Frames that no scene makes, through the whole chain; prints a digest of all results.

    hostile_frames.py COUNT SEED [clean]

Run by row V5 on the sanitizer build and on the usual one: both must print the same.
"""

import hashlib
import sys

import numpy as np

from edgeleak.frame import FrameInfo
from edgeleak.pipeline import Pipeline
from edgeleak.sensor import EL640

SHAPE, FPS = (48, 64), 10.0
FULL = 0x3FFF
KINDS = ("zeros", "full", "beyond", "saturated", "checkered", "noise", "one", "ramp")


def frame_of(kind: str, rng: np.random.Generator) -> np.ndarray:
    """(H, W) uint16; most of it is nothing a 14-bit sensor can send."""
    live = np.clip(rng.normal(5000, 40, SHAPE), 0, FULL).astype(np.uint16)
    if kind == "zeros":
        return np.zeros(SHAPE, np.uint16)
    if kind == "full":
        return np.full(SHAPE, FULL, np.uint16)
    if kind == "beyond":
        return rng.integers(0, 1 << 16, SHAPE).astype(np.uint16)
    if kind == "saturated":
        live[rng.random(SHAPE) < rng.uniform(0.3, 1)] = FULL
    elif kind == "checkered":
        live[::2, ::2], live[1::2, 1::2] = 0xFFFF, 0
    elif kind == "one":
        live[rng.integers(SHAPE[0]), rng.integers(SHAPE[1])] = rng.integers(1 << 16)
    elif kind == "ramp":
        live[:] = np.linspace(0, 0xFFFF, live.size).reshape(SHAPE)
    return live


def main() -> None:
    count, rng = int(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
    is_clean = sys.argv[3:] == ["clean"]
    chain = Pipeline(SHAPE, "sensitive", FPS, sensor=EL640, is_corrected=True)
    digest, wrong = hashlib.sha256(), 0
    for n in range(count):
        # Whole stretches of one kind, so that its state builds up; then a few live ones.
        kind = "noise" if is_clean or n % 40 > 30 else KINDS[n // 40 % len(KINDS)]
        degc = float(rng.choice((-20.0, -300.0, 1e30, np.nan))) if n % 40 == 7 else -20.0
        info = FrameInfo(sequence=n, monotonic_ns=n * 100_000_000, fpa_temp_degc=degc,
                         led_on=bool(n & 1), nuc_id=0)  # fmt: skip
        verdict = chain.step(frame_of(kind, rng), info)
        wrong += kind in ("zeros", "full") and str(verdict) == "NO GAS"
        digest.update(f"{verdict} {verdict.code} {verdict.evidence!r}".encode())
        for name in chain.arena if n % 10 == 0 else ():
            digest.update(np.ascontiguousarray(chain.arena[name]).tobytes())
    print(count, wrong, digest.hexdigest())


if __name__ == "__main__":
    main()
