# SPDX-License-Identifier: Apache-2.0
"""board.toml, overlay.dts, README and the plant tell the same story about every board.

The overlays are compiled with dtc and applied to Debian's own device tree; where dtc or that
file is missing the test says what to install; EDGELEAK_NEED_TARGETS=1 (CI) makes that an error.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from math import exp
from pathlib import Path

import pytest
from PIL import Image

from edgeleak import board as boards
from edgeleak import board_rules, schema
from edgeleak.board import FanPart, HousingModel
from edgeleak.cooler_bench import Around
from edgeleak.drivers.ad5693r import Ad5693r
from edgeleak.drivers.ads1115 import Ads1115
from edgeleak.drivers.lines import Fan
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError, EdgeLeakError
from edgeleak.sim.bus import open_buses
from edgeleak.sim.faults import Nack
from edgeleak.sim.plant import Plant
from edgeleak.sim.sim_clock import SimClock

ROOT = Path(__file__).resolve().parents[2]
DTB = "bcm2837-rpi-zero-2-w.dtb"
SPI, I2C, GPIO = "/soc/spi@7e204000", "/soc/i2c@7e804000", "/soc/gpio@7e200000"
KINDS = {  # chips of [address] -> name of the device-tree node
    "tmp117": "temperature", "sht4x": "humidity", "tec_dac": "dac", "led_dac": "dac",
}  # fmt: skip


def absent(reason):
    """What cannot be tested here: an error where every target is needed, else skipped."""
    if os.environ.get("EDGELEAK_NEED_TARGETS"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def dtb():
    """Debian's device tree, fetched once."""
    if not all(shutil.which(tool) for tool in ("dtc", "fdtoverlay", "fdtget")):
        absent("dtc is missing; run: sudo apt install device-tree-compiler")
    folder = ROOT / "build" / "cross" / "devicetree"
    if not (folder / DTB).is_file():
        got = subprocess.run([ROOT / "tools/cross/fetch_dtb.sh", folder], capture_output=True)
        if got.returncode:
            absent(f"{DTB} is not here and cannot be fetched; run tools/cross/fetch_dtb.sh")
    return folder / DTB


class Tree:
    """A device tree blob, read with fdtget."""

    def __init__(self, path):
        self._path = path

    def _run(self, *words):
        done = subprocess.run(["fdtget", *words], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def text(self, node, name):
        return self._run(self._path, node, name)

    def number(self, node, name):
        return int(self._run("-t", "u", self._path, node, name))

    def has(self, node, name):
        return name in self._run("-p", self._path, node).split()

    def children(self, node):
        return self._run("-l", self._path, node).split()


@pytest.fixture(scope="module")
def tree(name, dtb, tmp_path_factory):
    """Debian's tree with the board's overlay; compiling and applying must say nothing."""
    folder = tmp_path_factory.mktemp(name)
    compiled, applied = folder / "overlay.dtbo", folder / "board.dtb"
    source = ROOT / "board" / name / "overlay.dts"
    for command in (
        ["dtc", "-@", "-I", "dts", "-O", "dtb", "-o", compiled, source],
        ["fdtoverlay", "-i", dtb, "-o", applied, compiled],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return Tree(applied)


@pytest.mark.parametrize(("needed", "outcome"), [("1", "Failed"), (None, "Skipped")])
def test_a_missing_device_tree_is_an_error_where_targets_are_needed(monkeypatch, needed, outcome):
    monkeypatch.delenv("EDGELEAK_NEED_TARGETS", raising=False)
    if needed is not None:
        monkeypatch.setenv("EDGELEAK_NEED_TARGETS", needed)
    with pytest.raises(BaseException, match="no dtb here") as ended:
        absent("no dtb here")
    assert type(ended.value).__name__ == outcome


def test_there_are_two_boards_and_each_has_a_budget():
    files = "board.toml", "budget.toml"
    named, budgets = ({path.parent.name for path in ROOT.glob(f"board/*/{file}")} for file in files)
    assert {"el1-a", "lepton-pi-a"} <= named == budgets


# --- overlay ---------------------------------------------------------------------------------


def test_overlay_is_for_the_machine_it_names(tree, name):
    source = (ROOT / "board" / name / "overlay.dts").read_text()
    machine = re.search(r'^\tcompatible = "([^"]+)"', source, re.MULTILINE)[1]
    assert machine in tree.text("/", "compatible").split()


def test_overlay_has_the_sensors_spi_wiring(tree, board):
    [sensor] = tree.children(SPI)
    node = f"{SPI}/{sensor}"
    assert tree.text(SPI, "status") == "okay"
    mode = 1 * tree.has(node, "spi-cpha") + 2 * tree.has(node, "spi-cpol")
    assert mode == board.spi.mode
    assert tree.number(node, "spi-max-frequency") == board.spi.max_hz
    assert tree.text("/aliases", "spi0") == SPI
    assert board.spi.device == f"/dev/spidev0.{tree.number(node, 'reg')}"


RASPBERRY_PI_OS = """/dts-v1/;
/plugin/;
/ { fragment@0 { target-path = "/soc/spi@7e204000"; __overlay__ {
    #address-cells = <1>;
    #size-cells = <0>;
    spidev@0 { compatible = "spidev"; reg = <0>; spi-max-frequency = <125000000>; };
    spidev@1 { compatible = "spidev"; reg = <1>; spi-max-frequency = <125000000>; };
}; }; };
"""
"""What its tree of the Zero 2 W has on this bus, bcm2710-rpi-zero-2-w.dts."""


def test_overlay_takes_the_chip_select_over_where_the_tree_uses_it(name, board, dtb, tmp_path):
    before, after = tmp_path / "before.dtb", tmp_path / "after.dtb"
    (tmp_path / "raspberry.dts").write_text(RASPBERRY_PI_OS)
    for blob, source in (("raspberry.dtbo", tmp_path / "raspberry.dts"),
                         ("ours.dtbo", ROOT / "board" / name / "overlay.dts")):  # fmt: skip
        subprocess.run(["dtc", "-@", "-O", "dtb", "-o", tmp_path / blob, source], check=True)
    for base, result, blob in ((dtb, before, "raspberry.dtbo"), (before, after, "ours.dtbo")):
        subprocess.run(["fdtoverlay", "-i", base, "-o", result, tmp_path / blob], check=True)
    merged = Tree(after)
    users = [child for child in merged.children(SPI) if merged.number(f"{SPI}/{child}", "reg") == 0]
    assert users == ["spidev@0"], "two nodes of one chip select: the kernel takes the first"
    assert merged.text(f"{SPI}/spidev@0", "compatible") == "rohm,dh2228fv"
    assert merged.number(f"{SPI}/spidev@0", "spi-max-frequency") == board.spi.max_hz


def test_overlay_has_the_i2c_bus_and_every_chip(tree, board):
    assert (tree.text(I2C, "status"), tree.text("/aliases", "i2c1")) == ("okay", I2C)
    assert board.i2c.device == "/dev/i2c-1"
    assert tree.number(I2C, "clock-frequency") == board.i2c.hz
    found = {}
    for child in tree.children(I2C):
        kind, _, unit = child.partition("@")
        address = tree.number(f"{I2C}/{child}", "reg")
        assert address == int(unit, 16)
        assert tree.text(f"{I2C}/{child}", "status") == "disabled"  # user space drives it
        found[address] = kind
    assert found == chips_of(board)


def chips_of(board):
    """I2C address -> kind of chip, from board.toml."""
    chips = {board.sensor.i2c_address: "sensor"}
    if board.adc is not None:
        for part in board.adc.__dataclass_fields__:
            chips[getattr(board.adc, part).address] = "adc"
    if board.address is not None:
        chips |= {getattr(board.address, part): kind for part, kind in KINDS.items()}
    return chips


def test_overlay_names_the_lines_and_only_them(tree, board, dtb):
    before = Tree(dtb).text(GPIO, "gpio-line-names").split()
    after = tree.text(GPIO, "gpio-line-names").split()
    assert len(after) == len(before) == 54
    renamed = {name: number for number, name in enumerate(after) if name != before[number]}
    assert renamed == {name: line.line for name, line in board.gpio.lines.items()}


def test_lines_avoid_pins_that_debians_tree_uses(board, dtb):
    """The tree's own names agree with what board.py refuses, and our lines are plain GPIOs."""
    names = Tree(dtb).text(GPIO, "gpio-line-names").split()
    expected = {2: "SDA1", 3: "SCL1", 8: "SPI_CE0_N", 9: "SPI_MISO", 10: "SPI_MOSI", 11: "SPI_SCLK"}
    assert {number: names[number] for number in board_rules.BUS_PINS} == expected
    for line in board.gpio.lines.values():
        assert names[line.line] == f"GPIO{line.line}"


# --- plant -----------------------------------------------------------------------------------


@pytest.fixture
def plant(board):
    return Plant(board)


class PlantBus:
    """I2cBus straight into a plant; time goes on with each transfer."""

    def __init__(self, plant):
        self._plant = plant

    def transfer(self, address, data, read_length=0):
        self._plant.advance_to(self._plant.now_ns + 200_000)
        try:
            return self._plant.i2c(address, data, read_length)
        except Nack:
            raise BusError(f"0x{address:02x}: not acknowledged") from None

    def reopen(self):
        pass

    def close(self):
        pass


def test_plant_has_every_chip_and_no_other(plant, board):
    expected = set(chips_of(board))
    if plant.sensor is None:
        expected.remove(board.sensor.i2c_address)
    assert set(plant.chips) == expected


PROBES = {"temperature": Tmp117, "humidity": Sht4x, "dac": Ad5693r, "adc": Ads1115}


def answers_as(board, address, kind):
    """Whether the chip there, never spoken to before, passes for one of this kind."""
    fresh = Plant(board)
    fresh.advance_to(2_000_000)
    try:
        PROBES[kind](PlantBus(fresh), address).probe()
    except EdgeLeakError:
        return False
    return True


def test_every_chip_of_the_plant_is_the_one_that_the_board_names(board):
    """By the drivers' own probes: each address answers as its kind and as no other."""
    chips = {at: kind for at, kind in chips_of(board).items() if kind in PROBES}
    found = {at: {kind for kind in PROBES if answers_as(board, at, kind)} for at in chips}
    assert found == {at: {kind} for at, kind in chips.items()}
    assert bool(chips) == (board.address is not None)


def test_every_adc_input_is_wired(plant, board):
    """Each named channel reads what its part says at ambient; free ones read ground."""
    if board.adc is None:
        pytest.skip(f"{board.name} has no ADC")
    adc, ambient = board.adc, plant.truth.ambient_degc
    expected = {name: getattr(board, name).volts(ambient)
                for name in ("fpa_thermistor", "hot_thermistor", "led_thermistor")}  # fmt: skip
    expected |= {"tec_current": board.tec.zero_v, "tec_voltage": board.tec.zero_v,
                 "led_current": 0.0,
                 "supply": plant.truth.supply_v / adc.supply.divider}  # fmt: skip
    bus = PlantBus(plant)
    for name in adc.__dataclass_fields__:
        part = getattr(adc, name)
        volts = read(plant, Ads1115(bus, part.address), part.channel, part.full_scale_v)
        assert volts == pytest.approx(expected.pop(name), abs=0.01), name
    assert not expected
    used = {(getattr(adc, n).address, getattr(adc, n).channel) for n in adc.__dataclass_fields__}
    for address in {address for address, _ in used}:
        for channel in {c for c in range(4) if (address, c) not in used}:
            assert abs(read(plant, Ads1115(bus, address), channel, 4.096)) < 0.01


def read(plant, adc, channel, full_scale_v):
    adc.start(channel, full_scale_v)
    plant.advance_to(plant.now_ns + adc.conversion_ns)
    assert adc.ready()
    return adc.result_volts()


def test_our_files_state_what_has_a_default(name, board):
    """A default is for recordings of older boards; ours say what is wired."""
    table, _ = schema.read(ROOT / "board" / name / "board.toml")
    assert table["housing_model"].keys() == set(HousingModel.__dataclass_fields__)
    if "fan" in board.gpio.lines:
        assert table["fan"].keys() == set(FanPart.__dataclass_fields__)
    if board.adc is not None:
        assert "divider" in table["adc"]["supply"]


@pytest.mark.parametrize("other", [{}, {"pulses_per_turn": 3, "full_rpm": 2400.0}])
def test_driver_and_plant_know_the_same_fan(board, other):
    if "fan" not in board.gpio.lines:
        pytest.skip(f"{board.name} has no fan")
    board = replace(board, fan=replace(board.fan, **other))
    plant = Plant(board)
    lines = open_buses(plant)[0].lines
    fan = Fan(lines, pulses=board.fan.pulses_per_turn)
    fan.set(True, 0)
    plant.advance_to(round(board.fan.spin_up_s * 1e9))
    assert plant.truth.fan_speed == pytest.approx(1 - exp(-1), abs=0.01)
    plant.advance_to(5_000_000_000)
    fan.poll()
    assert fan.rpm(plant.now_ns) == pytest.approx(board.fan.full_rpm, rel=1e-3)


@pytest.mark.parametrize("other", [{}, {"tau_s": 20.0, "rise_k": 7.0}])
def test_the_plants_housing_is_the_boards(board, other):
    model = replace(board.housing_model, **other)
    plant = Plant(replace(board, housing_model=model))
    plant.advance_to(20_000_000_000)
    warmer_k = plant.truth.housing_degc - plant.truth.ambient_degc
    assert warmer_k == pytest.approx(model.rise_k * (1 - exp(-20 / model.tau_s)), rel=1e-3)


@pytest.mark.parametrize("divider", [2.0, 4.0])
def test_the_firmware_reads_the_supply_behind_the_boards_divider(board, divider):
    if board.adc is None:
        pytest.skip(f"{board.name} has no ADC")
    wired = replace(board.adc, supply=replace(board.adc.supply, divider=divider))
    board = replace(board, adc=wired)
    plant, clock = Plant(board), SimClock()
    clock.on_wait = plant.advance_to
    around = Around(board, open_buses(plant)[0], clock)
    for _ in range(10):
        clock.wait_until_ns(clock.monotonic_ns() + 50_000_000)
        found = around.read()
    assert found.supply_v == pytest.approx(plant.truth.supply_v, abs=0.01)


def test_plant_has_the_lines_with_their_directions(plant, board):
    for name, line in board.gpio.lines.items():
        assert plant.gpio_get(name) is False, name
        if line.direction == "out":
            plant.gpio_set(name, False)
        else:
            assert plant.take_edges(name) == []
    for name in set(boards.LINES) - set(board.gpio.lines):
        with pytest.raises(Exception, match=f"gpio line '{name}'"):
            plant.gpio_get(name)


# --- paper -----------------------------------------------------------------------------------


def test_every_actuator_is_off_at_reset(tools_path, board):
    import board_tables

    for name, line in board.gpio.lines.items():
        if line.direction == "out":
            level = board_tables.level_at_reset(line.line, line.active_low)
            assert level == ("active" if name == "sensor_reset" else "inactive"), name


def test_readme_and_picture_are_of_today(tools_path, name, board):
    import board_tables
    import make_board_pictures

    folder = ROOT / "board" / name
    again = "; run: python tools/make_board_pictures.py"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert board_tables.filled(text, board_tables.blocks(folder)) == text, f"README is old{again}"
    with Image.open(folder / "block-diagram.png") as picture:
        shown = picture.text["shows"]
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert shown == make_board_pictures.shows(board), f"picture is old{again}"
    assert len(colours) > 20


def test_header_pins_are_one_to_one(tools_path):
    import board_tables

    pins = board_tables.HEADER_PIN
    assert len(set(pins.values())) == len(pins) == 26
    ground_and_supply = {1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39}
    identity = {27, 28}
    assert set(pins.values()) | ground_and_supply | identity == set(range(1, 41))


def test_kernel_gets_the_bufsiz_that_the_boards_expect(board):
    options = (ROOT / "firmware" / "modprobe.d" / "edgeleak.conf").read_text()
    assert f"options spidev bufsiz={board.spi.bufsiz_bytes}" in options.splitlines()
    line = (ROOT / "firmware" / "boot" / "cmdline.add").read_text()
    assert f"spidev.bufsiz={board.spi.bufsiz_bytes}" in line.split()
    assert f"spidev.bufsiz={board.spi.bufsiz_bytes}" in (
        ROOT / "board" / board.name / "README.md"
    ).read_text(encoding="utf-8")
