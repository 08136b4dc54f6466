# SPDX-License-Identifier: Apache-2.0
"""`edgeleak tune tec` on the simulated board."""

import json
import subprocess
import sys
import tomllib

import pytest

from edgeleak import config
from edgeleak.app import main
from edgeleak.cli import tune
from edgeleak.errors import ConfigError, StorageError, UnavailableError
from edgeleak.sim.launch import RunningPlant


def test_tunes_draws_and_writes(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    state = tmp_path / "state"
    code = main(["tune", "tec", "--simulated", "--json", "--out", str(tmp_path / "out"),
                 "--state", str(state)])  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["step"]["overshoot_up_k"] < 0.1
    assert said["step"]["rms_k"] < 0.02
    tuned = tomllib.loads((state / "tuned.toml").read_text())["cooler"]
    assert tuned == said["gains"]
    assert config.load([state / "tuned.toml"]).config.cooler.kp_a_per_k == tuned["kp_a_per_k"]
    assert (tmp_path / "out" / "cooler-tuning.png").stat().st_size > 10_000


GAINS = {"kp_a_per_k": 0.4, "ki_a_per_k_s": 0.05, "kd_a_s_per_k": 0.0}


@pytest.fixture
def quick(monkeypatch):
    """An experiment that ends at once with GAINS; how often it ran."""
    ran = []

    def experiment(*_):
        ran.append(1)
        return {"gains": GAINS, "reason": "quick", "gain_k_per_s_a": 1.0, "delay_s": 1.0,
                "step": {"overshoot_up_k": 0.0, "overshoot_down_k": 0.0, "rms_k": 0.0}}  # fmt: skip

    monkeypatch.setattr(tune, "_tune", experiment)
    return ran


def test_without_matplotlib_a_picture_is_refused_before_anything_is_driven(
    monkeypatch, quick, tmp_path, capsys
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    command = ["tune", "tec", "--simulated", "--state", str(tmp_path)]
    assert main([*command, "--out", str(tmp_path / "out")]) == UnavailableError.exit_code
    assert "leave --out away" in capsys.readouterr().err
    assert not quick
    assert main(command) == 0
    assert (tmp_path / "tuned.toml").is_file()


def test_gains_outlast_a_picture_that_fails(monkeypatch, quick, tmp_path):
    pytest.importorskip("matplotlib")

    def fails(*_):
        raise StorageError(28, "full")

    monkeypatch.setattr(tune, "draw", fails)
    code = main(["tune", "tec", "--simulated", "--state", str(tmp_path),
                 "--out", str(tmp_path / "out")])  # fmt: skip
    assert code != 0
    assert config.load([tmp_path / "tuned.toml"]).config.cooler.kp_a_per_k == 0.4


def test_simulated_gains_stay_out_of_the_state_of_this_machine(
    monkeypatch, quick, tmp_path, capsys
):
    monkeypatch.setattr(config, "STATE_FOLDER", tmp_path)
    assert main(["tune", "tec", "--simulated"]) == 0
    assert "dry run  tuned.toml was not written" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_set_point_out_of_reach_is_refused_and_nothing_written(tmp_path, capsys):
    settings = tmp_path / "edgeleak.toml"
    settings.write_text("[cooler]\nset_point_degc = -40\n")
    code = main(["tune", "tec", "--simulated", "--ambient", "50", "--config", str(settings),
                 "--state", str(tmp_path / "state")])  # fmt: skip
    assert code == tune.REFUSED
    assert "refused" in capsys.readouterr().out
    assert not (tmp_path / "state").exists()


def test_other_sections_of_the_tuned_file_stay(tmp_path):
    path = tmp_path / "tuned.toml"
    path.write_text("[nuc]\nframes = 32\n\n[cooler]\nset_point_degc = -15.0\nkp_a_per_k = 9\n")
    tune.write_gains(path, {"kp_a_per_k": 0.4, "ki_a_per_k_s": 0.05, "kd_a_s_per_k": 0.0})
    loaded = config.load([path]).config
    assert loaded.nuc.frames == 32
    assert (loaded.cooler.set_point_degc, loaded.cooler.kp_a_per_k) == (-15.0, 0.4)


def test_a_damaged_tuned_file_is_not_overwritten(tmp_path):
    path = tmp_path / "tuned.toml"
    path.write_text("[cooler\n")
    with pytest.raises(ConfigError, match="move it away"):
        tune.write_gains(path, {"kp_a_per_k": 0.4})
    assert path.read_text() == "[cooler\n"


@pytest.mark.realtime
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_the_safe_strap_keeps_the_cooler_still(tmp_path, when):
    settings = tmp_path / "edgeleak.toml"
    settings.write_text("")
    command = [sys.executable, "-m", "edgeleak", "tune", "tec", "--config", settings,
               "--state", tmp_path, "--dry-run"]  # fmt: skip
    with RunningPlant() as plant:
        ask = plant.control.ask
        if when == "before":
            ask("press", line="safe_strap", for_s=3600)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=plant.environment(), text=True, **pipes) as tuning:
            if when == "meanwhile":
                while not ask("truth")["truth"]["tec_enabled"]:
                    assert tuning.poll() is None
                ask("press", line="safe_strap", for_s=3600)
            said = tuning.communicate(timeout=60)[1]
        edges = ask("counters")["counters"].get("tec_enable.edges", 0)
        truth, violations = ask("truth")["truth"], ask("violations")["violations"]
    assert tuning.returncode == 69
    assert "safe strap is set" in said
    assert not truth["tec_enabled"]
    assert (edges > 0) == (when == "meanwhile")
    assert not violations
