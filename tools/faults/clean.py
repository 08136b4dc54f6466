# SPDX-License-Identifier: Apache-2.0
"""What the whole instrument has to answer while nothing is broken."""

from collections.abc import Sequence
from itertools import groupby

MOST_INHIBIT_S = 10.0
"""One correction: the shutter's way, its frames and what settles after; 5 s were measured."""
LEAST_NO_GAS = 0.95
"""Of the time beyond one correction, which may fall into a short run by its timer."""


def clean_problems(answers: Sequence[str], step_s: float) -> list[str]:
    """Sentences about answers heard every `step_s` after warm-up; none when all is well.

    NO GAS, with no INHIBIT longer than a correction and seldom enough; never FAULT or GAS, and
    nothing else at all.
    """
    found = [f"clean: {odd}" for odd in sorted(set(answers) - {"NO GAS", "INHIBIT"})]
    spans_s = [step_s * len(list(span)) for answer, span in groupby(answers) if answer == "INHIBIT"]
    if max(spans_s, default=0.0) > MOST_INHIBIT_S:
        found.append(f"clean: INHIBIT for {max(spans_s):.1f} s, at most {MOST_INHIBIT_S:g}")
    all_s = step_s * len(answers)
    allowed_s = max(MOST_INHIBIT_S, (1 - LEAST_NO_GAS) * all_s)
    if sum(spans_s) > allowed_s or "NO GAS" not in answers:
        no_gas_s = step_s * list(answers).count("NO GAS")
        found.append(f"clean: NO GAS for {no_gas_s:.1f} of {all_s:.1f} s")
    return found
