# SPDX-License-Identifier: Apache-2.0
"""index.html of a result folder: one file, pictures embedded, opens without a network."""

import base64
import html
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeleak.cli.answers import COLUMNS, EventLog

INK_OF = {"GAS": "#d62828", "NO GAS": "#228646", "INHIBIT": "#c8820a", "FAULT": "#883caa"}
PLOT_WIDTH, PLOT_HEIGHT, PLOT_POINTS = 1000, 150, 1000
LISTED_EVENTS = 200
STYLE = """
body { background: #121418; color: #e8eaed; font: 15px/1.5 system-ui, sans-serif;
       margin: 2rem auto; max-width: 1320px; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
img, video { max-width: 100%; border-radius: 4px }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #333 }
.chip { color: #fff; border-radius: 5px; padding: .1rem .6rem; font-weight: 600 }
.faint, figcaption { color: #9aa0a8 } a { color: #7ac7ff }
.row { display: flex; flex-wrap: wrap; gap: 1rem } .row figure { margin: 0; flex: 1 1 400px }
.warn { border-left: 4px solid #c8820a; padding-left: .8rem }
svg text { fill: #9aa0a8; font-size: 12px } .scroll { overflow-x: auto }
"""


class Timeline:
    """Largest evidence and the answers over the whole run, in bounded memory."""

    def __init__(self) -> None:
        self._bins: list[tuple[float, str]] = []
        self._stride = 1
        self._in_bin = 0

    def take(self, evidence: float, word: str) -> None:
        if self._in_bin == 0:
            self._bins.append((evidence, word))
        else:
            had, had_word = self._bins[-1]
            best = (
                evidence if math.isnan(had) else had if math.isnan(evidence) else max(had, evidence)
            )
            self._bins[-1] = (best, "GAS" if "GAS" in (word, had_word) else word)
        self._in_bin = (self._in_bin + 1) % self._stride
        if len(self._bins) > 2 * PLOT_POINTS and self._in_bin == 0:
            pairs = zip(self._bins[::2], self._bins[1::2], strict=False)
            self._bins = [_joined(a, b) for a, b in pairs]
            self._stride *= 2

    def as_svg(self, duration_s: float) -> str:
        """Evidence as a line on a root scale, the answer as a coloured band below."""
        known = [e for e, _ in self._bins if not math.isnan(e)]
        if not known:
            return "<p class=faint>No frame had evidence to plot.</p>"
        top = max(max(known), 1e-9)
        ends = f"{duration_s:.1f} s" if not math.isnan(duration_s) else "last frame"
        foot = PLOT_HEIGHT + 28
        return "".join(
            (
                f'<svg viewBox="0 0 {PLOT_WIDTH} {foot + 6}" role="img">',
                f'<rect width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}" fill="#1b1e24"/>',
                f'<polyline points="{self._points(top)}" fill="none" stroke="#7ac7ff"/>',
                *self._band(),
                f'<text x="4" y="14">evidence, peak {top:.3g} (root scale)</text>',
                f'<text x="0" y="{foot}">0</text>',
                f'<text x="{PLOT_WIDTH}" y="{foot}" text-anchor="end">{ends}</text></svg>',
            )
        )

    def _points(self, top: float) -> str:
        step = PLOT_WIDTH / len(self._bins)
        return " ".join(
            f"{step * (i + 0.5):.1f},{PLOT_HEIGHT * (1 - math.sqrt(max(e, 0) / top)):.1f}"
            for i, (e, _) in enumerate(self._bins)
            if not math.isnan(e)
        )

    def _band(self) -> Iterator[str]:
        step = PLOT_WIDTH / len(self._bins)
        for start, end, word in self._stretches():
            place = f'x="{step * start:.2f}" width="{max(step * (end - start), 1):.2f}"'
            ink = INK_OF.get(word, "#777")
            yield f'<rect {place} y="{PLOT_HEIGHT + 3}" height="9" fill="{ink}">'
            yield f"<title>{word}</title></rect>"

    def _stretches(self) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        for i, (_, word) in enumerate(self._bins):
            if found and found[-1][2] == word:
                found[-1] = (found[-1][0], i + 1, word)
            else:
                found.append((i, i + 1, word))
        return found


def _joined(a: tuple[float, str], b: tuple[float, str]) -> tuple[float, str]:
    known = [e for e in (a[0], b[0]) if not math.isnan(e)]
    word = "GAS" if "GAS" in (a[1], b[1]) else b[1]
    return (max(known) if known else math.nan), word


def embedded(path: Path) -> str:
    """A picture as JPEG data URI."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(out, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def render(
    title: str,
    summary: dict,
    log: EventLog,
    timeline: Timeline,
    pictures: Sequence[tuple[Path, str]],
    sheet: Path | None,
    video: Path | None,
) -> str:
    """The page as text; pictures are (path, caption), sheet and video are left out when None."""
    word, said = summary["verdict"], html.escape(title)
    counts = ", ".join(f"{n} {w}" for w, n in summary["verdicts"].items())
    ink = INK_OF.get(word, "#777")
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{said}</title>",
        f'<style>{STYLE}</style><h1>{said} <span class=chip style="background:{ink}">',
        f"{word}</span></h1><p>{html.escape(summary['sentence'])}<br>",
        f"<span class=faint>Frames: {counts}</span></p>",
    ]
    if "truth" in summary:
        parts.append(f"<p>Against the truth: {html.escape(summary['truth']['sentence'])}</p>")
    parts += [f"<p class=warn>{html.escape(text)}</p>" for text in summary["source"]["warnings"]]
    parts += ["<h2>Evidence over time</h2>", timeline.as_svg(summary["duration_s"] or math.nan)]
    if sheet is not None:
        parts.append(f'<h2>Contact sheet</h2><img src="{embedded(sheet)}" alt="contact sheet">')
    if video is not None:
        parts.append(f'<h2>Video</h2><video controls src="{html.escape(video.name)}"></video>')
    parts += [
        _leaks_table(summary["events"]),
        _events_table(log),
        *_figures(pictures),
        _facts(summary),
    ]
    return "\n".join(parts)


def _figures(pictures: Sequence[tuple[Path, str]]) -> Iterator[str]:
    if pictures:
        yield "<h2>Event pictures</h2><div class=row>"
        for path, caption in pictures:
            text = html.escape(f"{caption}: {path.name}")
            yield f'<figure><img src="{embedded(path)}" alt="{text}">'
            yield f"<figcaption>{text}</figcaption></figure>"
        yield "</div>"


def _facts(summary: dict) -> str:
    facts = json.dumps({k: v for k, v in summary.items() if k != "events"}, indent=2)
    shown = f"<summary>summary.json</summary><pre>{html.escape(facts)}</pre>"
    return f"<h2>How it was made</h2><details>{shown}</details>"


def _leaks_table(leaks: Sequence[dict]) -> str:
    """One row a leak; everything else of it is in events.jsonl."""
    if not leaks:
        return "<h2>Leaks</h2><p>None.</p>"
    heads = ("id", "first s", "last s", "ended because", "source x, y", "+/- px", "goes deg",
             "evidence", "peak", "polarity", "again at")  # fmt: skip
    rows = []
    for leak in leaks[:LISTED_EVENTS]:
        x, y = leak["origin_xy"]
        source = "-" if x is None else f"{x:.0f}, {y:.0f}"
        cells = (leak["id"], leak["first"]["time_s"], (leak["last"] or {}).get("time_s"),
                 leak["end_reason"], source, leak["origin_error_px"], leak["direction_deg"],
                 leak["evidence"]["mean"], leak["evidence"]["peak"], leak["polarity"],
                 leak["same_place_as"])  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{_shown(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<h2>Leaks</h2><div class=scroll><table><tr>{head}</tr>{''.join(rows)}</table></div>"


def _events_table(log: EventLog) -> str:
    if not log.events:
        return "<h2>Answers besides NO GAS</h2><p>None.</p>"
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in COLUMNS)
    rows = []
    for event in log.events[:LISTED_EVENTS]:
        cells = event.as_row()
        rows.append("<tr>" + "".join(f"<td>{_shown(cells[c])}</td>" for c in COLUMNS) + "</tr>")
    more = ""
    if len(log.events) > LISTED_EVENTS:
        more = f"<p class=faint>{len(log.events) - LISTED_EVENTS} more in answers.csv</p>"
    body = f"<table><tr>{head}</tr>{''.join(rows)}</table>"
    return f"<h2>Answers besides NO GAS</h2><div class=scroll>{body}</div>{more}"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
