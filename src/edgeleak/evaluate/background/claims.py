# SPDX-License-Identifier: Apache-2.0
"""The paper's claims on its background method, each judged by a stated rule.

Judged in the paper's own setting: 8-bit frames, epsilon of one level.  Every
verdict carries the numbers it rests on, per sequence, so that another rule
can be applied to the same table.
"""

from dataclasses import asdict, dataclass

import numpy as np

from edgeleak.evaluate.background.comparison import MethodResult, SequenceResult

PAPER_KEY = "eps-c"  # one level of 8 bits
AVERAGE_KEY = "mean"
MIXTURE_KEYS = ("mog-sg", "mog2-auto", "mog2-fixed")
SETTLED_WITHIN_DB = 1.0
FAST_FRAMES = 100
NEAR_AVERAGE_DB = 3.0
TAIL_SHARE = 8  # the last eighth of the curve is its end level
SMALL_STATE_BYTES = 4
SMALL_NS_RATIO = 10


@dataclass(frozen=True)
class Claim:
    """verdict: "confirmed", "denied" or "mixed" (numbers differ between sequences)."""

    claim: str
    rule: str
    verdict: str
    numbers: list[str]

    def as_dict(self) -> dict:
        return asdict(self)


def claim_text(claims: list[Claim]) -> str:
    """Claims with verdict, rule and numbers, for the terminal."""
    parts = []
    for claim in claims:
        parts.append(f"{claim.verdict.upper():9}  {claim.claim}\n           rule: {claim.rule}")
        parts += [f"           {line}" for line in claim.numbers]
    return "\n".join(parts)


def end_level_db(curve: np.ndarray) -> float:
    """Mean of the last eighth, dB."""
    return float(np.mean(curve[-max(1, len(curve) // TAIL_SHARE) :]))


def settling_frame(curve: np.ndarray, end_db: float | None = None) -> int:
    """First frame (from 1) from which the curve stays within 1 dB of its end level."""
    end_db = end_level_db(curve) if end_db is None else end_db
    outside = np.flatnonzero(np.abs(curve - end_db) > SETTLED_WITHIN_DB)
    return 1 if outside.size == 0 else int(outside[-1]) + 2


def verdict_of(holds: list[bool]) -> str:
    if all(holds):
        return "confirmed"
    return "mixed" if any(holds) else "denied"


def judge(results: list[SequenceResult]) -> list[Claim]:
    """All claims that the given sequences can speak to."""
    grey = [r for r in results if r.domain == "grey"]
    if not grey:
        return []
    claims = [
        _fast(grey),
        _reaches_average(grey),
        _beats_mixtures(grey),
        _average_best(grey),
        *_contrast_change(grey),
        *_noise_slows(grey),
        _average_memory(grey),
        _little_memory(grey),
        _little_computation(grey),
    ]
    return claims


def _curve(result: SequenceResult, key: str, reference: str) -> np.ndarray:
    return result.method(key).psnr_db[reference]


def _fast(results: list[SequenceResult]) -> Claim:
    holds, numbers = [], []
    for r in results:
        curve = _curve(r, PAPER_KEY, "unseen")
        frame = settling_frame(curve)
        risen = end_level_db(curve) - curve[0]
        holds.append(frame <= FAST_FRAMES and risen > 0)
        numbers.append(
            f"{r.sequence.name}: settled at frame {frame}, {risen:+.1f} dB since frame 1"
        )
    return Claim(
        "the proposed method rises very quickly",
        f"within {SETTLED_WITHIN_DB:g} dB of its end level by frame {FAST_FRAMES},"
        " and that level above the first frame's, reference (b)",
        verdict_of(holds),
        numbers,
    )


def _reaches_average(results: list[SequenceResult]) -> Claim:
    holds, numbers = [], []
    for r in results:
        gaps = [
            end_level_db(_curve(r, PAPER_KEY, ref)) - end_level_db(_curve(r, AVERAGE_KEY, ref))
            for ref in ("paper", "unseen")
        ]
        holds.append(gaps[0] >= -NEAR_AVERAGE_DB)
        numbers.append(f"{r.sequence.name}: {gaps[0]:+.1f} dB (a), {gaps[1]:+.1f} dB (b)")
    return Claim(
        "the proposed method approaches the average values",
        f"end level not more than {NEAR_AVERAGE_DB:g} dB below the average's, reference (a)",
        verdict_of(holds),
        numbers,
    )


def _beats_mixtures(results: list[SequenceResult]) -> Claim:
    holds, numbers = [], []
    for r in results:
        own = _curve(r, PAPER_KEY, "unseen")
        leads = []
        for key in MIXTURE_KEYS:
            if not r.has(key):
                continue
            lead = own - _curve(r, key, "unseen")
            leads.append(f"{key} {np.mean(lead):+.1f} dB (last {lead[-1]:+.1f})")
            holds.append(float(np.mean(lead)) > 0)
        numbers.append(f"{r.sequence.name}: " + ", ".join(leads))
    return Claim(
        "the proposed method beats the mixture of Gaussians, which rises very slowly",
        "mean over all scored frames of the difference in PSNR above 0, reference (b)",
        verdict_of(holds),
        numbers,
    )


def _average_best(results: list[SequenceResult]) -> Claim:
    holds, numbers = [], []
    for r in results:
        for ref, mark in (("paper", "a"), ("unseen", "b")):
            ends = {m.key: end_level_db(m.psnr_db[ref]) for m in r.methods}
            best = max(ends, key=ends.__getitem__)
            holds.append(best == AVERAGE_KEY)
            behind = ends[AVERAGE_KEY] - ends[best]
            said = "average best" if not behind else f"{best} best, average {behind:+.1f} dB"
            numbers.append(f"{r.sequence.name} ({mark}): {said}")
    return Claim(
        "in all cases the results of the ordinary average are the best",
        "highest end level of all methods, both references",
        verdict_of(holds),
        numbers,
    )


def _contrast_change(results: list[SequenceResult]) -> list[Claim]:
    changed = [(r, e[0]) for r in results for e in r.sequence.events if e[1] == "contrast change"]
    changed = [(r, at) for r, at in changed if at < r.split.n_scored]
    if not changed:
        return []
    holds, numbers = [], []
    for r, at in changed:
        for method in r.methods:
            curve = method.psnr_db["unseen"]
            fall, back = _fall_and_recovery(curve, at)
            said = "not back by the last frame" if back is None else f"back after {back} frames"
            numbers.append(f"{r.sequence.name}: {method.key} falls {fall:.1f} dB, {said}")
            if method.key == AVERAGE_KEY:
                holds.append(fall > NEAR_AVERAGE_DB and end_level_db(curve) > curve[at - 1])
    rule = "average falls by more than 3 dB at the change and ends above the low point, ref. (b)"
    claim = "a sudden contrast change lowers the PSNR, which then rises again"
    return [Claim(claim, rule, verdict_of(holds), numbers)]


def _noise_slows(results: list[SequenceResult]) -> list[Claim]:
    """Same scene, little and much noise: `still` and `noisy`."""
    known = {r.sequence.name: r for r in results}
    if not {"still", "noisy"} <= set(known):
        return []
    quiet, noisy = (
        settling_frame(_curve(known[name], PAPER_KEY, "unseen")) for name in ("still", "noisy")
    )
    return [
        Claim(
            "substantial noise makes the rise slow",
            "`noisy` settles at a later frame than `still`, reference (b)",
            verdict_of([noisy > quiet]),
            [f"still: frame {quiet}", f"noisy: frame {noisy}"],
        )
    ]


def _fall_and_recovery(curve: np.ndarray, at: int) -> tuple[float, int | None]:
    """(dB lost at frame *at*, frames until within 3 dB of the level before, or None)."""
    before = float(np.mean(curve[max(0, at - 21) : at - 1]))
    back = np.flatnonzero(curve[at - 1 :] >= before - NEAR_AVERAGE_DB)
    return before - float(curve[at - 1]), int(back[0]) if back.size else None


def _bytes(methods: list[MethodResult]) -> list[str]:
    return [f"{m.key}: {m.state_bytes_per_px:g} bytes per pixel" for m in methods]


def _average_memory(results: list[SequenceResult]) -> Claim:
    average = results[0].method(AVERAGE_KEY)
    return Claim(
        "the average needs a lot of memory, in proportion to the number of frames",
        f"more than {SMALL_STATE_BYTES} bytes per pixel when written as a running sum",
        verdict_of([average.state_bytes_per_px > SMALL_STATE_BYTES]),
        [*_bytes([average]), "a buffer of 500 frames of 8 bits would be 500 bytes per pixel"],
    )


def _little_memory(results: list[SequenceResult]) -> Claim:
    own = results[0].method(PAPER_KEY)
    least = min(m.state_bytes_per_px for m in results[0].methods)
    return Claim(
        "the proposed method requires little memory",
        "fewest state bytes per pixel of all methods",
        verdict_of([own.state_bytes_per_px <= least]),
        _bytes(results[0].methods),
    )


def _little_computation(results: list[SequenceResult]) -> Claim:
    holds, numbers = [], []
    for r in results:
        own = r.method(PAPER_KEY)
        ratios = {m.key: m.ns_per_px / own.ns_per_px for m in r.methods if m.key in MIXTURE_KEYS}
        holds.append(min(ratios.values()) >= SMALL_NS_RATIO)
        said = ", ".join(f"{key} {ratio:.0f}x" for key, ratio in ratios.items())
        numbers.append(f"{r.sequence.name}: {own.ns_per_px:.2f} ns per pixel; {said}")
    return Claim(
        "the proposed method requires little computation, the mixture excessive",
        f"every mixture takes at least {SMALL_NS_RATIO} times its time per pixel",
        verdict_of(holds),
        numbers,
    )
