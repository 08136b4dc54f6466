# SPDX-License-Identifier: Apache-2.0
"""Equalisation by tiles: AHE (no limit) and CLAHE over tiles x clip limit.

All take 8-bit input: the linear stretch, except `log, then CLAHE`, which is
the chain of the paper's figure 2.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from edgeleak.evaluate.contrast.mapping import Mapping
from edgeleak.evaluate.contrast.straight import linear_grey, log_grey
from edgeleak.kernels import clahe

TILES = (4, 8, 16)
CLIP_LIMITS = (1.0, 2.0, 4.0)
NO_LIMIT = 0.0


def tiled_grey(
    counts: np.ndarray,
    before: Callable[[np.ndarray], np.ndarray],
    tiles: tuple[int, int],
    clip_limit: float,
) -> np.ndarray:
    grey = before(counts)
    clahe(grey, tiles, clip_limit)
    return grey


def clahe_key(tiles: int, clip_limit: float) -> str:
    return f"clahe-{tiles}x{tiles}-{clip_limit:g}"


def local_mappings() -> list[Mapping]:
    def mapping(key: str, label: str, before, tiles: int, clip: float) -> Mapping:
        limit = "no clip limit" if clip <= 0 else f"clip limit {clip:g}"
        first = "linear" if before is linear_grey else "log"
        said = f"{first} first, {tiles}x{tiles} tiles, {limit}"
        apply = partial(tiled_grey, before=before, tiles=(tiles, tiles), clip_limit=clip)
        return Mapping(key, label, said, "EdgeLeak kernels", apply)

    grid = [
        mapping(clahe_key(t, c), f"CLAHE {t}x{t}, clip {c:g}", linear_grey, t, c)
        for t in TILES
        for c in CLIP_LIMITS
    ]
    return [
        mapping("ahe", "AHE 8x8", linear_grey, 8, NO_LIMIT),
        *grid,
        mapping("log-clahe", "log, then CLAHE 8x8, clip 2", log_grey, 8, 2.0),
    ]
