# SPDX-License-Identifier: Apache-2.0
"""Tables, CSV and JSON of a background comparison."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeleak.evaluate.background.claims import Claim, claim_text, end_level_db
from edgeleak.evaluate.background.comparison import SequenceResult
from edgeleak.evaluate.background.figures import draw_backgrounds, draw_cost, draw_psnr
from edgeleak.evaluate.background.scoring import REFERENCES
from edgeleak.evaluate.tables import text_table, to_json, write_csv, write_text

PSNR_COLUMNS = ("sequence", "domain", "reference", "method", "frame", "psnr_db")
COST_COLUMNS = (
    "sequence", "domain", "method", "label", "parameters", "implementation",
    "state_bytes_per_px", "ns_per_px",
)  # fmt: skip
LISTED_FRAMES = (1, 10, 50, 100, 200, 300, 400)


def write_report(
    results: list[SequenceResult], claims: list[Claim], out: Path, with_figures: bool
) -> list[Path]:
    """Write psnr.csv, cost.csv, claims.json and the figures; gives the paths."""
    paths = [out / "psnr.csv", out / "cost.csv", out / "claims.json"]
    write_csv(paths[0], PSNR_COLUMNS, psnr_rows(results))
    write_csv(paths[1], COST_COLUMNS, cost_rows(results))
    write_text(paths[2], to_json([claim.as_dict() for claim in claims]))
    if not with_figures:
        return paths
    for domain in ("counts", "grey"):
        chosen = [r for r in results if r.domain == domain]
        if chosen:
            paths.append(draw_psnr(chosen, out / f"psnr-{domain}.png"))
            paths.append(draw_backgrounds(chosen, out / f"backgrounds-{domain}.png"))
            paths.append(draw_cost(chosen[0], out / f"cost-{domain}.png"))
    return paths


def psnr_rows(results: list[SequenceResult]) -> Iterator[tuple]:
    for r in results:
        for reference in REFERENCES:
            for method in r.methods:
                for frame, value in enumerate(method.psnr_db[reference], start=1):
                    yield r.sequence.name, r.domain, reference, method.key, frame, f"{value:.3f}"


def cost_rows(results: list[SequenceResult]) -> Iterator[tuple]:
    for r in results:
        for m in r.methods:
            yield (
                r.sequence.name, r.domain, m.key, m.label, m.parameters, m.implementation,
                f"{m.state_bytes_per_px:g}", f"{m.ns_per_px:.3f}",
            )  # fmt: skip


def psnr_table(result: SequenceResult, reference: str) -> str:
    """PSNR in dB at chosen frames, and the end level."""
    frames = [f for f in LISTED_FRAMES if f <= result.split.n_scored]
    rows = []
    for m in result.methods:
        curve = m.psnr_db[reference]
        values = [*(curve[f - 1] for f in frames), end_level_db(curve)]
        rows.append([m.label, *(f"{value:.1f}" for value in values)])
    return text_table(["dB at frame", *map(str, frames), "end"], rows)


def cost_table(results: list[SequenceResult]) -> str:
    """State and time of each method in one domain, time as the median over sequences."""
    rows = []
    for i, m in enumerate(results[0].methods):
        ns = float(np.median([r.methods[i].ns_per_px for r in results]))
        rows.append(
            (m.label, m.implementation, f"{m.state_bytes_per_px:g}", f"{ns:.2f}", m.parameters)
        )
    return text_table(("method", "measured on", "bytes/px", "ns/px", "parameters"), rows)


def text_report(results: list[SequenceResult], claims: list[Claim]) -> str:
    """Everything for the terminal."""
    parts = []
    for r in results:
        split = r.split
        parts.append(f"\n{r.sequence.name} [{r.domain}]: {r.sequence.note}")
        parts.append(f"(a) mean of frames 1-{split.n_paper}\n{psnr_table(r, 'paper')}")
        parts.append(f"(b) {r.unseen_kind}\n{psnr_table(r, 'unseen')}")
    for domain in ("counts", "grey"):
        chosen = [r for r in results if r.domain == domain]
        if chosen:
            parts.append(f"\nState and time [{domain}]\n{cost_table(chosen)}")
    parts.append("\nThe paper's claims (8 bits, epsilon of one level)")
    return "\n".join([*parts, claim_text(claims)])


def as_json(results: list[SequenceResult], claims: list[Claim], paths: list[Path]) -> dict:
    """Machine form of the same facts."""
    return {
        "sequences": [_result_dict(r) for r in results],
        "claims": [claim.as_dict() for claim in claims],
        "files": [str(path) for path in paths],
    }


def _result_dict(r: SequenceResult) -> dict:
    return {
        "sequence": r.sequence.name,
        "note": r.sequence.note,
        "domain": r.domain,
        "shape": list(r.sequence.shape),
        "frames_scored": r.split.n_scored,
        "frames_in_reference_a": r.split.n_paper,
        "reference_b": r.unseen_kind,
        "methods": [
            {
                "method": m.key,
                "label": m.label,
                "parameters": m.parameters,
                "implementation": m.implementation,
                "state_bytes_per_px": m.state_bytes_per_px,
                "ns_per_px": m.ns_per_px,
                "end_psnr_db": {ref: end_level_db(m.psnr_db[ref]) for ref in REFERENCES},
            }
            for m in r.methods
        ],
    }
