# SPDX-License-Identifier: Apache-2.0
"""`edgeleak status` and `edgeleak selftest` as a person uses them."""

import json
import subprocess
import sys

import pytest

from edgeleak.app import main
from edgeleak.cli.status import read
from edgeleak.clock import SystemClock
from edgeleak.errors import UnavailableError
from edgeleak.sim.launch import RunningPlant

pytestmark = pytest.mark.realtime

NS = 10**9


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"written_ns": "soon"}'])
def test_without_a_running_instrument_it_says_so(tmp_path, content):
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnavailableError, match="is it running"):
        read(path, 5 * NS)


@pytest.mark.parametrize("now_ns", [5 * NS, 0])
def test_an_old_status_is_none(tmp_path, now_ns):
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"written_ns": 1 * NS}))
    with pytest.raises(UnavailableError, match="stopped or hangs"):
        read(path, now_ns)
    assert read(path, 3 * NS) == {"written_ns": 1 * NS}


def shown(folder, status, capsys):
    """`edgeleak status` of an instrument that wrote this a moment ago."""
    status["written_ns"] = SystemClock().monotonic_ns()
    (folder / "status.json").write_text(json.dumps(status))
    assert main(["status", "--run", str(folder)]) == 0
    return capsys.readouterr().out


def test_what_cooling_takes_is_shown_to_people(running, tmp_path, capsys):
    status, cooler = running.instrument.status(), running.instrument.cooler.status
    words = f"{cooler.holding_w:.2f} W, cooling down took {cooler.energy_to_set_point_j:.0f} J"
    assert f"cooler     holding takes {words} in " in shown(tmp_path, status, capsys)
    status["cooler"] |= {"holding_w": None, "energy_to_set_point_j": None, "cool_down_s": None}
    assert "cooler     holding power not known before" in shown(tmp_path, status, capsys)
    status["cooler"] = None
    assert "holding" not in shown(tmp_path, status, capsys)


def state_in(path):
    """State that the file tells; it is replaced as a whole, so it is never half."""
    return json.loads(path.read_text())["state"] if path.exists() else ""


def edgeleak(plant, *words):
    command = [sys.executable, "-m", "edgeleak", *map(str, words)]
    return subprocess.run(command, env=plant.environment(), capture_output=True, text=True,
                          timeout=60)  # fmt: skip


def test_status_of_a_run_and_a_selftest_before_it(tmp_path):
    settings = tmp_path / "edgeleak.toml"
    settings.write_text("[sensor]\nbinning = true\n[console]\nserial_device = ''\nsocket = ''\n")
    common = ["--config", settings, "--state", tmp_path]
    with RunningPlant() as plant:
        done = edgeleak(plant, "selftest", *common, "--json")
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        assert facts["passed"]
        found = {check["what"]: check for check in facts["checks"]}
        assert found["I2C 0x49"]["value"] == "TMP117"
        assert found["sensor el640"]["measured"] == 4
        assert "tec_enable.edges" not in plant.control.ask("counters")["counters"]
        command = [sys.executable, "-m", "edgeleak", "run", *common, "--run", tmp_path,
                   "--seconds", "60", "--safe"]  # fmt: skip
        running = subprocess.Popen(list(map(str, command)), env=plant.environment(),
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        try:
            while state_in(tmp_path / "status.json") != "safe":
                assert running.poll() is None
            done = edgeleak(plant, "status", "--run", tmp_path)
            assert done.returncode == 0, done.stderr
            assert "degC" in done.stdout
            assert "INHIBIT" in done.stdout
            assert "905 safe-mode" in done.stdout
        finally:
            running.terminate()
            _, said = running.communicate(timeout=30)
        done = edgeleak(plant, "status", "--run", tmp_path)
        assert done.returncode == 69, said
