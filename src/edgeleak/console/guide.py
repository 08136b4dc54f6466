# SPDX-License-Identifier: Apache-2.0
"""Bring-up of a new board in small proofs, judged while it is done: what holds by now, what was
measured, and what to type next."""

from collections.abc import Callable
from typing import Any, NamedTuple

from edgeleak.codes import Kind
from edgeleak.console import checks
from edgeleak.console.desk import Desk

APART_MOST_K = 3.0
"""Detector and hot side of a cooler that rests are both the room."""
LED_SHARE = 0.2


class Proof(NamedTuple):
    """One step.

    what, type : what is shown by it, and what to type
    judge      : desk -> (holds by now, what was measured)
    """

    what: str
    type: str
    judge: Callable[[Desk], tuple[bool, str]]


def _nodes(desk: Desk) -> tuple[bool, str]:
    control = desk.instrument.control
    code = control.phase.code
    return bool(control.proofs) and not code, f"{len(control.proofs)} proofs, code {code}"


def _checks(desk: Desk) -> tuple[bool, str]:
    found = checks.run(desk.instrument)
    bad = [check.name for check in found if check.is_needed and not check.has_passed]
    return not bad, f"{len(found) - len(bad)} of {len(found)}" + (f", not {bad[0]}" if bad else "")


def _room(desk: Desk) -> tuple[bool, str]:
    status = desk.cooler().status
    said = f"{status.cold_degc:.2f} and {status.hot_degc:.2f} degC, {status.current_a:.3f} A"
    apart_k = abs(status.cold_degc - status.hot_degc)
    return apart_k <= APART_MOST_K or (status.current_a > 0.01 and status.is_stable), said


def _cools(desk: Desk) -> tuple[bool, str]:
    status = desk.cooler().status
    return status.is_stable, f"{status.cold_degc:.2f} of {status.set_point_degc:.2f} degC"


def _tuned(desk: Desk) -> tuple[bool, str]:
    found = desk.cooler().tuning
    return found is not None and found.gains is not None, "none yet" if found is None else (
        found.reason)  # fmt: skip


def _corrected(desk: Desk) -> tuple[bool, str]:
    status = desk.instrument.nuc.status
    return status.taken > 0, f"{status.taken} taken, {status.refused} refused, {status.phase}"


def _lit(desk: Desk) -> tuple[bool, str]:
    status = desk.light().status
    asked_ma, got_ma = status.current_ma, status.measured_ma
    is_near = asked_ma > 0 and abs(got_ma - asked_ma) <= LED_SHARE * asked_ma
    return is_near, f"{got_ma:.0f} of {asked_ma:.0f} mA"


def _sees(desk: Desk) -> tuple[bool, str]:
    answer = desk.instrument.health.answer
    return answer.kind == Kind.GAS, str(answer)


PROOFS = (
    Proof("nodes, chips, rest", "stop the instrument, then on the board: edgeleak bringup", _nodes),
    Proof("everything measured is in range", "selftest", _checks),
    Proof("detector and hot side agree", "SYST:SAFE ON; wait; MEAS:TEMP?", _room),
    Proof("the detector is cooled and held", "SYST:SAFE OFF; tec 20; watch", _cools),
    Proof("gains of this cooler", "tec tune; then save", _tuned),
    Proof("the picture is even", "nuc", _corrected),
    Proof("the LED draws what it is told", "LED:CURR 0.05; led on", _lit),
    Proof("gas is seen", "a lighter, not lit, at two metres; VERD?", _sees),
)


def guide(desk: Desk) -> str:
    """All steps as they stand, and the first that is open."""
    lines, first = [], None
    for number, proof in enumerate(PROOFS, 1):
        holds, said = _judged(proof, desk)
        lines.append(f"{'holds' if holds else 'open':<6}{number}  {proof.what:<34}{said}")
        if not holds and first is None:
            first = proof
    end = "all proofs hold now" if first is None else f"next: {first.type}; then bringup again"
    return "\n".join([*lines, end])


def _judged(proof: Proof, desk: Desk) -> tuple[bool, Any]:
    from edgeleak.console.scpi import ScpiError

    try:
        return proof.judge(desk)
    except ScpiError as error:  # a board without that part
        return True, error.detail
