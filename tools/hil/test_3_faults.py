# SPDX-License-Identifier: Apache-2.0
"""One fault of each group of codes that hardware can cause: named, safe, mended, over.

The plant's own control channel breaks the board behind the firmware's back.  Groups without a
part that breaks on the board are said and skipped.
"""

from typing import NamedTuple

import pytest

NAMED_S, OVER_S = 15.0, 90.0


class Case(NamedTuple):
    """What is broken and what the instrument has to say.

    group, codes : of the answer, or of the note where `is_note`
    latches      : it stays a FAULT until somebody clears it
    light        : needs the LED on
    """

    group: int
    fault: str
    parameters: dict
    codes: tuple[int, ...]
    latches: bool = False
    light: bool = False


CASES = [
    Case(1, "sensor-dead", {}, (118, 119, 120, 121, 122)),
    Case(1, "crc-error", {"bits": 3}, (112, 118)),
    Case(2, "tec-open", {}, (220,), latches=True),
    Case(3, "led-open", {}, (302,), latches=True, light=True),
    Case(6, "brown-out", {"volts": 4.2}, (226,)),
    Case(8, "lens-covered", {"degc": 25.0}, (801, 802, 803, 804, 805, 806, 807, 809, 810, 811)),
]
WITHOUT = {
    4: "storage is no part of the board's buses; rows D1 to D7 of docs/faults.md break it",
    5: "time comes from the network; row D7 of docs/faults.md moves the clock",
    7: "there is no model yet",
    9: "software is not broken by a board; rows L1 to L3 of docs/faults.md break it",
}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.group}xx-{case.fault}" for case in CASES])
def test_fault_is_named_and_over_when_mended(case, service, plant, measure):
    if case.light:
        service.write("LED:MODE ALT")
        service.until(lambda: service.number("LED:DRIV?") > 0, 10)
    try:
        plant.ask("inject", fault=case.fault, **case.parameters)
        named_s = service.until(lambda: _code(service) in case.codes, NAMED_S)
        measure(f"{case.fault} named after", named_s, "s", high=NAMED_S)
        assert service.query("VERD?") == ("FAULT" if case.latches else "INHIBIT")
        if case.latches:
            assert int(service.query("FAUL:LAST?").split(",")[0]) in case.codes
    finally:
        plant.ask("clear", fault=case.fault)
    if case.latches:
        assert service.query("SYST:STAT?") == "FAULT"
        service.write("FAUL:CLE")
    if case.light:
        service.write("LED:MODE OFF")
    over_s = service.until(lambda: service.query("SYST:STAT?") == "DETECTING", OVER_S)
    measure(f"{case.fault} over after", over_s, "s", high=OVER_S)


def _code(console) -> int:
    return int(console.query("SYST:CODE?").split(",")[0])


@pytest.mark.parametrize("group", WITHOUT)
def test_group_without_a_part_that_breaks(group):
    pytest.skip(WITHOUT[group])
