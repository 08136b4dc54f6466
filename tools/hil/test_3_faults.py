# SPDX-License-Identifier: Apache-2.0
"""One fault of each group of codes that hardware can cause: named, safe, mended, over.

The plant's own control channel breaks the board behind the firmware's back.  Groups without a
part that breaks on the board are said and skipped.
"""

from typing import NamedTuple

import pytest

from edgeleak import codes

NAMED_S, OVER_S = 15.0, 90.0


class Case(NamedTuple):
    """What is broken and what the instrument has to say.

    group, codes : of the answer; one of them
    light        : needs the LED on

    A code that is a fault latches: it stays until somebody clears it.
    """

    group: int
    fault: str
    parameters: dict
    codes: tuple[int, ...]
    light: bool = False

    @property
    def latches(self) -> bool:
        return codes.TABLE[self.codes[0]].kind == codes.Kind.FAULT


SILENT = (codes.LINK_SILENT, codes.LINK_DEAD, codes.LINK_STARTING, codes.FRAMES_STALE)
CASES = [
    Case(1, "sensor-dead", {}, SILENT),
    Case(1, "crc-error", {"bits": 3}, (codes.LINK_CRC, *SILENT)),
    Case(2, "tec-open", {}, (codes.TEC_OPEN,)),
    Case(3, "led-open", {}, (codes.LED_OPEN,), light=True),
    Case(6, "brown-out", {"volts": 4.2}, (codes.BROWN_OUT,)),
    Case(8, "lens-covered", {"degc": 25.0}, (codes.LOW_CONTRAST, codes.BLOCKED,
                                             codes.SCENE_CHANGED)),
]  # fmt: skip
WITHOUT = {
    4: "storage is no part of the board's buses; rows D1 to D7 of docs/faults.md break it",
    5: "time comes from the network; row D7 of docs/faults.md moves the clock",
    7: "the network is a file of the host; tests/segment break it and its process",
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
            assert service.query("SYST:STAT?") == "FAULT"
    finally:
        plant.ask("clear", fault=case.fault)
        service.write("FAUL:CLE")
        service.write("LED:MODE OFF")
    over_s = service.until(lambda: service.query("SYST:STAT?") == "DETECTING", OVER_S)
    measure(f"{case.fault} over after", over_s, "s", high=OVER_S)


def _code(console) -> int:
    return int(console.query("SYST:CODE?").split(",")[0])


@pytest.mark.parametrize("group", WITHOUT)
def test_group_without_a_part_that_breaks(group):
    pytest.skip(WITHOUT[group])
