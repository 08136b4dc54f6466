# SPDX-License-Identifier: Apache-2.0
"""`edgeleak bringup` as a person uses it: it asks, it stops, it leaves the outputs off."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edgeleak.cli.bringup import save
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime


@pytest.fixture
def bringup(tmp_path):
    """Runs the command on a plant with faults; (done, plant's counters, plant's truth)."""
    settings = tmp_path / "edgeleak.toml"
    settings.write_text("[sensor]\nbinning = true\n")

    def run(*words, answers="", inject=None):
        for _ in range(3):  # where the machine stood still in the middle, the program asks for it
            done, *seen = once(*words, answers=answers, inject=inject)
            if "try again" not in done.stdout + done.stderr:
                break
        return done, *seen

    def once(*words, answers, inject):
        with RunningPlant() as plant:
            if inject is not None:
                plant.control.ask("inject", fault=inject)
            command = [sys.executable, "-m", "edgeleak", "bringup", *words, "--config", settings,
                       "--state", tmp_path, "--out", tmp_path / "pictures"]  # fmt: skip
            done = subprocess.run(command, env=plant.environment(), input=answers, text=True,
                                  capture_output=True, timeout=60)  # fmt: skip
            ask = plant.control.ask
            return done, ask("counters")["counters"], ask("truth")["truth"]

    return run


def test_a_rig_gives_every_proof_without_questions(bringup, tmp_path):
    done, counters, truth = bringup("--yes", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["passed"]
    assert set(facts["proofs"].values()) == {"given"}
    assert counters["led.pulses"] == 1
    assert not truth["tec_enabled"]
    assert (tmp_path / "pictures/bringup.png").is_file()


def test_nothing_moves_without_a_yes(bringup):
    done, counters, _ = bringup(answers="n\n\nmaybe\n")
    assert done.returncode == 0
    assert done.stdout.count("[y/N]") == 3
    assert done.stdout.count("declined; nothing was moved") == 3
    assert "4 of 7 proofs given; outputs off." in done.stdout
    assert not any(name.endswith("enable.edges") for name in counters)


def test_nobody_there_to_answer_is_no(bringup):
    done, counters, _ = bringup("--only", "tec")
    assert "declined" in done.stdout
    assert "tec_enable.edges" not in counters


def test_a_yes_moves_just_that(bringup):
    done, counters, truth = bringup("--only", "led", answers="y\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the LED shines once for 8 ms at 20 mA" in done.stdout
    assert counters["led.pulses"] == 1
    assert "tec_enable.edges" not in counters
    assert not truth["led_enabled"]


def test_the_first_failure_stops_it_with_what_to_look_at(bringup):
    done, counters, _ = bringup("--yes", inject="fan-dead")
    assert done.returncode == 69
    assert "STOPPED at 'fan'.  Look at: the fan's plug" in done.stdout
    assert "edgeleak bringup --only fan" in done.stdout
    assert "6 of 7" not in done.stdout
    assert "led.pulses" not in counters


def test_json_cannot_ask(bringup):
    done, _, _ = bringup("--json")
    assert done.returncode == 64
    assert "--yes" in done.stderr


def test_without_pillow_the_picture_is_a_16_bit_pgm(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    (path,) = save(counts, tmp_path / "new")
    data = path.read_bytes()
    assert data.startswith(b"P5 4 3 16383\n")
    assert (np.frombuffer(data[-24:], ">u2").reshape(3, 4) == counts).all()


def test_with_pillow_the_tiff_keeps_every_count(tmp_path):
    from PIL import Image

    counts = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    png, tiff = save(counts, tmp_path)
    assert (np.asarray(Image.open(tiff)) == counts).all()
    assert np.asarray(Image.open(png)).dtype == np.uint8
