# SPDX-License-Identifier: Apache-2.0
"""The paper's statements on contrast, each judged by a stated rule on every picture.

"Kept" is the plume's contrast over noise after the mapping, as a share of the one in counts.
"""

from collections.abc import Callable

import numpy as np

from edgeleak.evaluate.background.claims import Claim, verdict_of
from edgeleak.evaluate.contrast.comparison import StillResult
from edgeleak.evaluate.tables import text_table

MUCH, ALIKE = 0.5, 0.05
PLATEAUS = ("plateau-0.1", "plateau-0.5", "plateau-1", "plateau-2")
SMALL_PLATEAU, EQUALISED = PLATEAUS[0], "equalise"
CLAHE = "clahe-8x8-2"
Rule = Callable[[StillResult], tuple[list[bool], str]]


def kept(result: StillResult, key: str) -> float:
    return result.mapping(key).cnr / result.counts_cnr


def judge(results: list[StillResult]) -> list[Claim]:
    """All statements, over the given pictures."""
    said = []
    for claim, rule, test in STATEMENTS:
        holds, numbers = [], []
        for result in results:
            here, note = test(result)
            holds += here
            numbers.append(f"{result.still.name}: {note}")
        said.append(Claim(claim, rule, verdict_of(holds), numbers))
    return said


def _too_dark(r: StillResult) -> tuple[list[bool], str]:
    found = kept(r, "linear-full")
    return [found < MUCH], f"{100 * found:.0f} % kept"


def _approaches_linear(r: StillResult) -> tuple[list[bool], str]:
    small, straight = kept(r, SMALL_PLATEAU), kept(r, "linear")
    return [abs(small - straight) <= ALIKE], f"{100 * small:.0f} against {100 * straight:.0f} %"


def _log_like_plateau(r: StillResult) -> tuple[list[bool], str]:
    log, plateaus = kept(r, "log"), [kept(r, key) for key in PLATEAUS[:3]]
    low, high = 100 * min(plateaus), 100 * max(plateaus)
    near = abs(log - float(np.mean(plateaus))) <= ALIKE
    return [near], f"log {100 * log:.0f} %, plateau 0.1 to 1 {low:.0f} to {high:.0f} %"


def _log_lifts(r: StillResult) -> tuple[list[bool], str]:
    log, straight = kept(r, "log"), kept(r, "linear")
    return [log > straight + ALIKE], f"log {100 * log:.0f}, linear {100 * straight:.0f} %"


def _distorts(r: StillResult) -> tuple[list[bool], str]:
    shares = [kept(r, key) for key in (*PLATEAUS, EQUALISED)]
    falls = shares[-1] < shares[0] - ALIKE and shares[-1] <= min(shares)
    return [falls], ", ".join(f"{100 * share:.0f}" for share in shares) + " %"


def _amplifies(r: StillResult) -> tuple[list[bool], str]:
    adaptive, limited = r.mapping("ahe"), r.mapping(CLAHE)
    less = limited.discordant < adaptive.discordant
    return [kept(r, CLAHE) > kept(r, "ahe") and less], (
        f"AHE keeps {100 * kept(r, 'ahe'):.0f} %, {100 * adaptive.discordant:.0f} % in wrong order;"
        f" CLAHE {100 * kept(r, CLAHE):.0f} and {100 * limited.discordant:.0f} %"
    )


def _better(r: StillResult) -> tuple[list[bool], str]:
    local, straight = r.mapping(CLAHE), r.mapping("linear")
    richer = local.entropy_bits > straight.entropy_bits
    clearer = kept(r, CLAHE) >= kept(r, "linear")
    return [richer, clearer], (
        f"entropy {local.entropy_bits:.2f} against {straight.entropy_bits:.2f} bits,"
        f" kept {100 * kept(r, CLAHE):.0f} against {100 * kept(r, 'linear'):.0f} %"
    )


STATEMENTS: tuple[tuple[str, str, Rule], ...] = (
    ("the 14-bit picture on a full-range scale is too dark to see anything",
     f"linear over the full range keeps less than {100 * MUCH:.0f} %", _too_dark),
    ("a small plateau approaches the linear mapping",
     f"plateau 0.1 within {100 * ALIKE:.0f} points of linear", _approaches_linear),
    ("log performs similarly to plateau",
     f"log within {100 * ALIKE:.0f} points of the mean of plateau 0.1, 0.5 and 1",
     _log_like_plateau),
    ("log improves the low levels",
     f"log with fitted ends keeps {100 * ALIKE:.0f} points more than linear", _log_lifts),
    ("a higher plateau distorts the relation of temperature and grey more",
     f"kept falls from plateau 0.1, 0.5, 1, 2 to full equalisation, by more than"
     f" {100 * ALIKE:.0f} points", _distorts),
    ("AHE amplifies noise in homogeneous areas, CLAHE limits it",
     "CLAHE 8x8, clip 2 keeps more than AHE and puts fewer pairs in the wrong order", _amplifies),
    ("CLAHE gives the better picture",
     "more entropy than linear, and at least as much of the plume kept", _better),
)  # fmt: skip


def mean_table(results: list[StillResult]) -> str:
    """Mean over the pictures of every mapping that all of them have."""
    columns = ("mapping", "plume CNR kept %", "wrong order %", "tied %", "entropy bits", "ns/px")
    rows = []
    for mapping in results[0].mappings:
        key = mapping.mapping.key
        if not all(r.has(key) for r in results):
            continue
        same = [r.mapping(key) for r in results]
        values = (
            (100 * np.mean([kept(r, key) for r in results]), 0),
            (100 * np.mean([m.discordant for m in same]), 1),
            (100 * np.mean([m.tied for m in same]), 1),
            (np.mean([m.entropy_bits for m in same]), 2),
            (np.mean([m.ns_per_px for m in same]), 1),
        )
        rows.append([mapping.mapping.label, *(f"{v:.{digits}f}" for v, digits in values)])
    return text_table(columns, rows)
