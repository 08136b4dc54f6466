# SPDX-License-Identifier: Apache-2.0
"""`edgeleak selftest` as a program, over the real spidev and smbus2 on an emulated board."""

import json
import re
import subprocess
import sys

import pytest

from edgeleak import board as boards
from edgeleak.bus.protocols import Buses
from edgeleak.cli.selftest import Table, leave
from edgeleak.services.checks import Bench
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

HOLDER = """
from edgeleak import board
from edgeleak.bus.linux import open_buses
buses = open_buses(board.load("el1-a"))
print("held", flush=True)
input()
"""


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "edgeleak.toml"
    path.write_text(f"[recorder]\nfolder = '{tmp_path}'\n[sensor]\nbinning = true\n")
    return ["--config", path, "--state", tmp_path]


def selftest(plant, *words):
    command = [sys.executable, "-m", "edgeleak", "selftest", *map(str, words)]
    return subprocess.run(command, env=plant.environment(), capture_output=True, text=True,
                          timeout=60)  # fmt: skip


def never_driven(plant):
    counters = plant.control.ask("counters")["counters"]
    return not [name for name in counters if name.endswith("enable.edges")]


def test_a_person_reads_a_table_and_the_outputs_stay_off(settings):
    with RunningPlant() as plant:
        done = selftest(plant, *settings)
        truth = plant.control.ask("truth")["truth"]
        assert never_driven(plant)
        assert plant.control.ask("violations")["violations"] == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("PASSED: 3")
    assert re.search(r"^I2C 0x49 +TMP117 +TMP117 +ok$", done.stdout, re.MULTILINE)
    assert not truth["tec_enabled"]
    assert not truth["led_enabled"]
    rows = [line for line in done.stdout.splitlines() if not line.startswith("  ->")]
    assert max(map(len, rows)) <= 100


def with_other_chips(folder):
    """A board on which TMP117 and one ADS1115 have changed places."""
    text = boards.find("el1-a").read_text()
    swapped = text.replace("0x4A", "0x4?").replace("0x49", "0x4A").replace("0x4?", "0x49")
    assert swapped != text
    path = folder / "board.toml"
    path.write_text(swapped)
    return path


def test_a_wrong_chip_is_exit_code_69_and_named(settings, tmp_path):
    with RunningPlant(str(with_other_chips(tmp_path))) as plant:
        done = selftest(plant, *settings, "--json")
        assert never_driven(plant)
    assert done.returncode == 69
    facts = json.loads(done.stdout)
    assert not facts["passed"]
    failed = {c["what"]: c for c in facts["checks"] if c["verdict"] == "FAIL"}
    assert set(failed) == {"I2C 0x49", "I2C 0x4a"}
    assert "expected TMP117" in failed["I2C 0x49"]["value"]
    assert failed["I2C 0x49"]["next_step"] == "check which chip is fitted there"


@pytest.mark.parametrize(("fault", "said"), [("gpio-unplugged", "/dev/gpiochip0"),
                                             ("spi-unplugged", "/dev/spidev0.0")])  # fmt: skip
def test_a_missing_node_is_a_failed_check_too(settings, fault, said):
    with RunningPlant() as plant:
        plant.control.ask("inject", fault=fault)
        done = selftest(plant, *settings, "--json")
    facts = json.loads(done.stdout)
    assert done.returncode == facts["exit_code"] == 69
    assert facts["checks"][0]["what"] == "nodes"
    assert said in facts["checks"][0]["value"]


def test_a_board_in_use_is_left_alone(settings):
    with RunningPlant() as plant:
        command = [sys.executable, "-c", HOLDER]
        holder = subprocess.Popen(command, env=plant.environment(), text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        try:
            assert holder.stdout.readline() == "held\n"
            done = selftest(plant, *settings)
        finally:
            holder.communicate("\n", timeout=20)
    assert done.returncode == 75
    assert "another program holds it" in done.stdout


class Disobedient:
    """Lines that read back active whatever is written."""

    def set(self, name, is_active):
        pass

    def get(self, name):
        return True


def test_an_output_that_does_not_obey_is_a_failed_row(capsys):
    table = Table()
    bench = Bench(boards.load("el1-a"), None, Buses(None, None, Disobedient()), None, table.add)
    leave(bench, table)
    (check,) = table.failed
    assert "tec_enable, led_enable: reads back high" in check.value
    assert "cut the supply" in capsys.readouterr().out
