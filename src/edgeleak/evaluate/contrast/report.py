# SPDX-License-Identifier: Apache-2.0
"""Tables, CSV and JSON of a contrast comparison."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgeleak.evaluate.background.claims import Claim, claim_text
from edgeleak.evaluate.contrast.claims import mean_table
from edgeleak.evaluate.contrast.comparison import MappingResult, StillResult
from edgeleak.evaluate.contrast.figures import (
    draw_clahe_grid,
    draw_curves,
    draw_pictures,
    draw_summary,
)
from edgeleak.evaluate.tables import text_table, to_json, write_csv, write_text

MEASURE_COLUMNS = (
    "picture", "method", "label", "parameters", "implementation", "cnr", "cnr_counts",
    "discordant_share", "tied_share", "entropy_bits", "ns_per_px",
)  # fmt: skip
HISTOGRAM_COLUMNS = ("picture", "method", "value", "pixels")


def write_report(
    results: list[StillResult], claims: list[Claim], out: Path, with_figures: bool
) -> list[Path]:
    """Write contrast.csv, histograms.csv, claims.json and the figures; gives the paths."""
    paths = [out / "contrast.csv", out / "histograms.csv", out / "claims.json"]
    write_text(paths[2], to_json([claim.as_dict() for claim in claims]))
    write_csv(paths[0], MEASURE_COLUMNS, (row for r in results for row in measure_rows(r)))
    write_csv(paths[1], HISTOGRAM_COLUMNS, (row for r in results for row in histogram_rows(r)))
    if with_figures:
        paths += [draw_pictures(r, out / f"pictures-{r.still.name}.png") for r in results]
        paths.append(draw_curves(results[-1], out / f"curves-{results[-1].still.name}.png"))
        paths.append(draw_summary(results, out / "summary.png"))
        paths.append(draw_clahe_grid(results, out / "clahe-grid.png"))
    return paths


def measure_rows(r: StillResult) -> Iterator[tuple]:
    for m in r.mappings:
        yield (
            r.still.name, m.mapping.key, m.mapping.label, m.mapping.parameters,
            m.mapping.implementation, f"{m.cnr:.4f}", f"{r.counts_cnr:.4f}",
            f"{m.discordant:.6f}", f"{m.tied:.6f}", f"{m.entropy_bits:.4f}", f"{m.ns_per_px:.3f}",
        )  # fmt: skip


def histogram_rows(r: StillResult) -> Iterator[tuple]:
    """Filled bins only; method "counts" is the 14-bit input."""
    pictures = [("counts", r.still.counts), *((m.mapping.key, m.grey) for m in r.mappings)]
    for key, picture in pictures:
        for value, pixels in zip(*np.unique(picture, return_counts=True), strict=True):
            yield r.still.name, key, int(value), int(pixels)


def _cells(m: MappingResult, counts_cnr: float) -> tuple[str, ...]:
    return (
        m.mapping.label,
        f"{m.cnr:.2f}",
        f"{100 * m.cnr / counts_cnr:.0f}",
        f"{100 * m.discordant:.2f}",
        f"{100 * m.tied:.2f}",
        f"{m.entropy_bits:.2f}",
        f"{m.ns_per_px:.2f}",
        m.mapping.parameters,
    )


def text_report(results: list[StillResult], claims: list[Claim]) -> str:
    columns = (
        "mapping", "CNR", "% of counts", "wrong order %", "tied %", "entropy bits", "ns/px",
        "parameters",
    )  # fmt: skip
    parts = []
    for r in results:
        parts.append(f"\n{r.still.name}: {r.still.note}; plume CNR in counts {r.counts_cnr:.2f}")
        parts.append(text_table(columns, [_cells(m, r.counts_cnr) for m in r.mappings]))
    parts.append(f"\nMean of {len(results)} pictures\n{mean_table(results)}")
    parts.append("\nThe paper's statements, judged on every picture")
    return "\n".join([*parts, claim_text(claims)])


def as_json(results: list[StillResult], claims: list[Claim], paths: list[Path]) -> dict:
    return {
        "claims": [claim.as_dict() for claim in claims],
        "pictures": [
            {
                "picture": r.still.name,
                "note": r.still.note,
                "shape": list(r.still.counts.shape),
                "cnr_counts": r.counts_cnr,
                "methods": [_method_dict(m) for m in r.mappings],
            }
            for r in results
        ],
        "files": [str(path) for path in paths],
    }


def _method_dict(m: MappingResult) -> dict:
    return {
        "method": m.mapping.key,
        "label": m.mapping.label,
        "parameters": m.mapping.parameters,
        "implementation": m.mapping.implementation,
        "cnr": m.cnr,
        "discordant_share": m.discordant,
        "tied_share": m.tied,
        "entropy_bits": m.entropy_bits,
        "ns_per_px": m.ns_per_px,
    }
