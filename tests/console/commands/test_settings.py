# SPDX-License-Identifier: Apache-2.0
"""Settings of the picture: applied between frames, kept over a restart, refused as a whole."""

import threading

import numpy as np
import pytest
from console_bench import Bench
from instrument_rig import small_config

from edgeleak import config
from edgeleak.errors import ConfigError, StorageError
from edgeleak.services import tuned


def test_settings_apply_between_frames_and_survive_a_restart(fresh):
    fresh.ready()
    pipeline = fresh.instrument.pipeline
    assert fresh.ask("AGC:LEV 6000;SPAN 2000;MODE LOCK;RANG?;LOCK?") == ("5000,7000;1", [])
    fresh.run_s(0.3)
    lut = pipeline.arena["lut"]
    assert (lut[4900], lut[7100]) == (0, 255)
    assert fresh.ask("CLAH:TILE 4;CLIP 3.5;:SENS 2;:BACK:SLEW 0.5;:PAL GREY_INVERTED")[1] == []
    assert pipeline.profile["clahe.tiles_x"] == 4
    assert pipeline.profile["threshold.noise_factor"] == 2.5
    assert pipeline.profile["background.slew_sigma_per_s"] == 0.25
    fresh.run_s(0.3)
    assert fresh.ask("COOL:SETP 19;:SYST:SAVE;*OPC?")[0] == "1"
    fresh.run_s(0.2)
    assert fresh.ask("SYST:SAVE")[1] == []
    kept = config.load([fresh.folder / config.TUNED_NAME]).config
    assert kept.picture == fresh.desk.live.picture
    assert kept.cooler.set_point_degc == 19
    assert fresh.ask("SENS 1;:SYST:SAVE")[1] == []
    assert config.load([fresh.folder / config.TUNED_NAME]).config.picture.sensitivity == 1
    again = Bench(fresh.folder, config=kept)
    assert again.ask("AGC:RANG?;:PAL?")[0] == "5000,7000;GREY_INVERTED"
    assert fresh.ask("AGC:MODE AUTO;:CLAH:TILE 0")[1] == []
    assert fresh.ask("*RST;:AGC:MODE?;:CLAH:TILE?")[0] == "LOCK;4"


def saved(bench):
    assert bench.ask("SYST:SAVE;*OPC?") == ("1", [])
    return config.load([bench.folder / config.TUNED_NAME]).config


def test_reset_goes_back_to_what_was_saved_and_the_next_save_keeps_it(fresh):
    fresh.ready()
    assert fresh.ask("COOL:SETP 19;:SENS 2;:LED:CURR 300 mA;:SENS:INT 4 ms")[1] == []
    kept = saved(fresh)
    fresh.run_s(0.5)
    assert fresh.ask("COOL:SETP 20;:SENS 1;:LED:CURR 100 mA;:SENS:INT 8 ms")[1] == []
    fresh.run_s(0.5)
    asked = "*RST;:COOL:SETP?;:SENS?;:LED:CURR?;:SENS:INT?"
    assert fresh.ask(asked) == ("19;2;0.3;0.004", [])
    fresh.run_s(0.5)
    assert fresh.ask(asked.removeprefix("*RST;")) == ("19;2;0.3;0.004", [])
    assert saved(fresh) == kept


def test_a_save_that_failed_is_nothing_to_go_back_to(fresh, monkeypatch):
    def full(*_):
        raise StorageError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(tuned, "replace_text", full)
        assert fresh.ask("SENS 2;:SYST:SAVE")[1] == [-250]
    assert fresh.ask("*RST;:SENS?") == ("1", [])


def test_a_save_that_is_in_place_is_what_reset_goes_back_to(fresh, loose_folders):
    session = fresh.session()
    session.feed(b"SENS 2;:SYST:SAVE\n")
    assert session._job.wait(20)
    session.resume()
    number, words = session.status.take_error()[:2]
    assert number == -250
    assert "the new file is in place" in words
    assert config.load([fresh.folder / config.TUNED_NAME]).config.picture.sensitivity == 2
    assert fresh.ask("SENS 1;*RST;:SENS?") == ("2", [])


def test_a_value_that_returns_before_the_save_before_it_is_done_is_saved(fresh):
    gate = threading.Event()
    fresh.desk.clerk.begin("storage", lambda: gate.wait(20))
    first, second = fresh.session(client="a"), fresh.session(client="b")
    first.feed(b"SENS 2;:SYST:SAVE\n")
    second.feed(b"SENS 1;:SYST:SAVE\n")
    gate.set()
    assert second._job.wait(20)
    assert config.load([fresh.folder / config.TUNED_NAME]).config.picture.sensitivity == 1


def test_a_save_before_the_cooler_knows_its_set_point_leaves_it_out(fresh):
    """Not known yet is not a value: a file with it would keep the next start from coming up."""
    assert fresh.ask("COOL:SETP?;:SENS 2;:SYST:SAVE;*OPC?") == ("9.91E37;1", [])
    kept = config.load([fresh.folder / config.TUNED_NAME]).config
    assert (kept.picture.sensitivity, kept.cooler) == (2, config.CoolerConfig())
    with pytest.raises(ConfigError, match="no file can hold"):
        tuned.write(fresh.folder / config.TUNED_NAME, {"cooler": {"set_point_degc": float("nan")}})
    assert config.load([fresh.folder / config.TUNED_NAME]).config == kept


@pytest.mark.parametrize("profile", ["sensitive", "paper", "paper-log-after-he"])
def test_settings_reach_every_profile(tmp_path, profile):

    bench = Bench(tmp_path, config=small_config(tmp_path, detection={"profile": profile}))
    bench.ready()
    before = bench.instrument.pipeline.grey.copy()
    assert bench.ask("AGC:LOCK ON;:CLAH:CLIP 20;TILE 3;:SENS 0.5;:BACK:SLEW 2")[1] == []
    bench.run_s(0.3)
    assert not np.array_equal(before, bench.instrument.pipeline.grey)
    bench.ready()
    assert bench.plant.judge.violations == []


def test_settings_that_make_no_picture_change_nothing(ready):
    before = ready.desk.live.picture
    assert ready.ask("AGC:SPAN 4")[1] == [-222]
    assert ready.ask("AGC:LEV 0;:CLAH:TILE 17;:SENS 0")[1] == [-222]
    assert ready.desk.live.picture == before
