# SPDX-License-Identifier: Apache-2.0
"""The real spidev, smbus2 and gpiod, unmodified, on the plant's nodes.

Expected values are the kernel's rules (spidev.c, i2c-dev.c, gpiolib-cdev.c), not the emulator's.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeleak import board as boards
from edgeleak.errors import UnavailableError
from edgeleak.sim.launch import RunningPlant
from edgeleak.sim.native import library

pytestmark = pytest.mark.realtime

PROGRAMS = Path(__file__).with_name("programs.py")


@pytest.fixture(scope="module")
def plant():
    with RunningPlant() as running:
        yield running


def run(plant, *words, **environment):
    result = subprocess.run(
        [sys.executable, str(PROGRAMS), *words], env={**plant.environment(), **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_spi_settings_are_kept_and_impossible_ones_refused(plant):
    assert run(plant, "settings") == {
        "mode": 0, "hz": 1_000_000, "bits": 8, "lsb": errno.EINVAL, "sixteen_bits": errno.EINVAL,
        "loop": errno.EINVAL, "three_wire": errno.EINVAL, "no_cs": 0, "mode_after": 0,
    }  # fmt: skip


def test_every_way_of_spidev_to_transfer(plant):
    idle = "454c7fff"
    assert run(plant, "transfers") == {
        "xfer": idle, "xfer2": idle, "xfer3": [70_000, idle], "readbytes": idle, "read": idle,
        "writebytes": None, "writebytes2": None, "write": 4,
    }  # fmt: skip


def test_chip_select_of_reads_iovecs_and_segments(plant):
    found = run(plant, "chip_select")
    assert found["readv"] == 200
    assert found["parts"] == ["454c7fff"] * 2  # each iovec is a message of its own
    assert found["held"] is True  # within a message CS stays low
    assert found["raised"] == [200, ["454c7fff"] * 2]  # unless cs_change says otherwise
    assert found["skipped"][0] == 6
    assert found["skipped"][1].startswith("7fff")  # bytes clocked by a tx segment are gone
    assert found["wrong_mode"] == "22a63fff"  # sampled a bit late


def test_message_limits_are_those_of_the_kernel(plant):
    too_long = errno.EMSGSIZE
    assert run(plant, "limits") == {
        "read": 0, "read_longer": too_long, "write_longer": too_long, "readv_first": too_long,
        "readv_second": 8, "readv_sum": 131072, "rounded": 0, "rounded_exact": 0,
        "rounded_beyond": too_long, "both_ways": 0, "tx_beyond": too_long, "rx_beyond": too_long,
        "no_segment": 0,
    }  # fmt: skip


def test_registers_through_every_smbus2_call(plant):
    assert run(plant, "registers") == {
        "funcs": 0x0EFF0009, "rdwr": "0117", "split": "0117", "four": ["1234", "0117"],
        "word": 0x1701, "block": "1234", "written_word": "5678", "byte": 0x01, "quick": 0,
        "nobody": errno.EREMOTEIO, "nobody_quick": errno.EREMOTEIO, "ten_bit": 0,
        "seven_bit": 0,
        "bad_address": errno.EINVAL, "unknown": errno.ENOTTY, "spi_ioctl": errno.ENOTTY,
    }  # fmt: skip


def test_plain_read_and_write_of_i2c_dev(plant):
    assert run(plant, "plain_i2c") == {"wrote": 1, "read": "0117"}


def test_nodes_exist_as_character_devices_and_nothing_else_changes(plant):
    found = run(plant, "paths")
    assert found.pop("stat_root") == found.pop("root_ino")
    assert found == {
        "exists": [True, True, True, False], "char": True, "device": [153, 0], "fstat": True,
        "lstat": True, "access": [True, True, False], "realpath": "/dev/gpiochip0",
        "bufsiz": "65536\n", "missing": errno.ENOENT, "tool": 0, "others": [True, False],
    }  # fmt: skip


def test_threads_fork_dup_and_exec_share_a_descriptor(plant):
    assert run(plant, "many_users") == {
        "wrong": [], "fork": 0, "dup": "0117", "heir": "0117", "closed": errno.EBADF,
    }  # fmt: skip


def test_kernel_developers_gpio_library_works_unmodified(plant):
    pytest.importorskip("gpiod")
    assert run(plant, "foreign_gpio") == {
        "is_chip": True, "lines": 54, "values": [False, True], "info": [True, "one", True],
        "busy": errno.EBUSY, "edge": True, "event": [True, 1], "free_again": [False, True],
    }  # fmt: skip


def test_gpio_refusals(plant):
    assert run(plant, "raw_gpio") == {
        "both": errno.EINVAL, "edges_out": errno.EINVAL, "far": errno.EINVAL,
        "info_far": errno.EINVAL,
        "twice": errno.EBUSY, "set_input": errno.EPERM, "beyond_mask": errno.EINVAL,
        "no_mask": errno.EINVAL, "short_read": errno.EINVAL, "read_chip": errno.EINVAL,
        "wire_high": 1,
    }  # fmt: skip


def test_without_a_server_the_nodes_are_not_there(tmp_path):
    environment = {**os.environ, "LD_PRELOAD": str(library.build()),
                   "EDGELEAK_SIM_SOCKET": str(tmp_path / "nobody")}  # fmt: skip
    code = "import os; print(os.path.exists('/dev/i2c-1')); os.open('/dev/i2c-1', os.O_RDWR)"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                            text=True, timeout=60, check=False)  # fmt: skip
    assert result.stdout == "False\n"
    assert "FileNotFoundError" in result.stderr


def test_without_the_variable_nothing_is_touched():
    environment = {**os.environ, "LD_PRELOAD": str(library.build())}
    environment.pop("EDGELEAK_SIM_SOCKET", None)
    code = "import os; print(os.path.exists('/dev/spidev0.0'), os.read(os.open('/dev/zero', 0), 2))"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                            text=True, timeout=60, check=True)  # fmt: skip
    real = Path("/dev/spidev0.0").exists()
    assert result.stdout == f"{real} b'\\x00\\x00'\n"


def test_library_is_built_once_for_each_source_and_compiler(tmp_path):
    first = library.build(folder=tmp_path)
    made_ns = first.stat().st_mtime_ns
    assert library.build(folder=tmp_path) == first
    assert first.stat().st_mtime_ns == made_ns
    assert library.build("cc -DOTHER", folder=tmp_path) != first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {first.name, library.build("cc -DOTHER", folder=tmp_path).name}
    )


def test_missing_compiler_is_named(tmp_path):
    with pytest.raises(UnavailableError, match="'no-such-cc' is not there; run: sudo apt"):
        library.build("no-such-cc", folder=tmp_path)
    with pytest.raises(UnavailableError, match="does not compile"):
        library.build("cc -include no-such.h", folder=tmp_path)


def test_library_compiles_for_the_board(tmp_path):
    cross = shutil.which("aarch64-linux-gnu-gcc")
    if cross is None:
        pytest.skip("no aarch64-linux-gnu-gcc; install gcc-aarch64-linux-gnu")
    head = library.build(cross, folder=tmp_path).read_bytes()[:20]
    assert head[:5] == b"\x7fELF\x02"
    assert int.from_bytes(head[18:20], "little") == 183  # EM_AARCH64


def test_an_aarch64_program_under_qemu_user_sees_the_same_board(plant, tmp_path):
    cross, qemu = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if cross is None or qemu is None:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    source, program = PROGRAMS.with_name("board_client.c"), tmp_path / "client"
    subprocess.run([cross, "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    preload = library.build(cross, folder=tmp_path)
    wired = boards.load("el1-a").gpio.lines
    result = subprocess.run(
        [qemu, "-L", "/usr/aarch64-linux-gnu", "-E", f"LD_PRELOAD={preload}", program,
         str(wired["fan"].line), str(wired["fan_tacho"].line)],
        env={**os.environ, "EDGELEAK_SIM_SOCKET": str(plant.socket)}, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout.splitlines() == [
        "1", "2 0117", str(errno.EREMOTEIO), "3 2000", str(errno.EMSGSIZE), "128", "0", "1 48 1",
    ]  # fmt: skip
