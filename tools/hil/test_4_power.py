# SPDX-License-Identifier: Apache-2.0
"""What a person saved survives; what a loss of power interrupts is whole, old or new."""

import pytest

DELAYS_S = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2)
"""From the command to the loss of power; saving takes a few turns of 20 ms, so the last of these
is late enough."""


@pytest.fixture
def answering(strategy, console, power):
    """A console that answers, after a start from power off, logged in."""
    strategy.transition("off")
    strategy.transition("console")
    if not console.log_in("operate"):
        pytest.skip("no PIN for level operate in the environment file")
    return console


def restart(strategy, console):
    """Power off and on; back at level operate."""
    strategy.transition("off")
    strategy.transition("console")
    console.log_in("operate")


def test_saved_settings_survive_a_loss_of_power(answering, strategy, measure):
    console = answering
    console.write("SENS 1.5;:PAL IRON")
    console.write("SYST:SAVE")
    console.write("SENS 2")
    restart(strategy, console)
    measure("sensitivity kept", console.number("SENS?"), "1", 1.5, 1.5)
    assert console.query("PAL?") == "IRON"
    console.write("SENS 1;:PAL GREY;:SYST:SAVE")


def test_power_loss_in_the_middle_of_a_save(answering, strategy, measure):
    """The file is never half: the instrument starts with the old value or with the new one."""
    console, kept, new, whole = answering, 1.0, 0, 0
    console.write("SENS 1;:SYST:SAVE")
    for count, delay_s in enumerate(DELAYS_S):
        wish = 1.25 + count / 8
        console.send(f"SENS {wish};:SYST:SAVE")
        for _ in console.tries(delay_s, delay_s or 1.0):
            continue
        restart(strategy, console)
        found = console.number("SENS?")
        print(f"after {delay_s} s: {found}, saved were {kept} and {wish}")
        whole += found in (kept, wish)
        new += found == wish
        kept = found
    measure("power losses that left a whole file", whole, "", len(DELAYS_S), len(DELAYS_S))
    measure("of them saved in time", new, "", low=1)
    assert kept == wish, f"{DELAYS_S[-1]} s were not enough to save {wish}: {kept} came back"
    console.write("SENS 1;:SYST:SAVE")


def test_an_acknowledged_save_is_kept(answering, strategy):
    console = answering
    console.write("SENS 1.75")
    assert console.query("SYST:SAVE;*OPC?") == "1"
    restart(strategy, console)
    assert console.number("SENS?") == 1.75
    console.write("SENS 1;:SYST:SAVE")
