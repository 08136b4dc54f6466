# SPDX-License-Identifier: Apache-2.0
"""Who may do nothing cannot fill the log, and nothing that was done is left out of it."""

from edgeleak.console.trail import REFUSALS_MOST, WINDOW_NS, Trail


def test_refusals_of_one_client_are_counted_after_the_first_ones():
    lines, now_ns = [], [5]
    trail = Trail(lines.append, lambda: now_ns[0])
    for number in range(10_000):
        trail.refusal(f"socket {number % 7}", "user 1000", "refused GO")
    trail.refusal("cable", "cable", "refused GO")
    for _ in range(50):
        trail.order("cable", "SET 1")
    assert len([line for line in lines if "SET 1" in line]) == 50
    assert len([line for line in lines if "refused" in line]) == REFUSALS_MOST + 1
    now_ns[0] += WINDOW_NS
    trail.poll()
    assert lines[-1] == f"CONSOLE user 1000: {10_000 - REFUSALS_MOST} more refused within a minute"
    trail.poll()
    trail.refusal("socket 1", "user 1000", "refused GO")
    assert lines[-1] == "CONSOLE socket 1: refused GO"


def test_wrong_pins_are_told_whatever_else_is_refused():
    lines, now_ns = [], [5]
    trail = Trail(lines.append, lambda: now_ns[0])
    for _ in range(50):
        trail.refusal("socket", "user 1000", "refused GO")
    for _ in range(50):
        trail.refusal("socket", "user 1000", "level operate refused", "PINs")
    assert len([line for line in lines if "level operate" in line]) == REFUSALS_MOST
    now_ns[0] += WINDOW_NS
    trail.poll()
    assert "CONSOLE user 1000: 40 more PINs refused within a minute" in lines
