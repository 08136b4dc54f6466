# SPDX-License-Identifier: Apache-2.0
"""Every command on a whole instrument: what it answers, changes, and refuses."""

import io
import json
import zipfile

import numpy as np
import pytest
from console_bench import Bench, unpacked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instrument_rig import small_config

from edgeleak import config
from edgeleak.console import commands, shortcuts
from edgeleak.console.pins import FREE_TRIES
from edgeleak.console.tree import Block, Choice, Level, NumberOf, Switch, Text
from edgeleak.errors import ConfigError
from edgeleak.services import tuned
from edgeleak.services.health import State
from edgeleak.services.setup import Options
from edgeleak.sim import faults

LOOK, OPERATE, SERVICE = Level.LOOK, Level.OPERATE, Level.SERVICE


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Shared by tests that only look, or put back what they change."""
    return Bench(tmp_path_factory.mktemp("bench")).ready()


@pytest.fixture
def fresh(tmp_path):
    return Bench(tmp_path)


def test_identity_and_state(ready):
    assert ready.ask("*IDN?", LOOK) == ("EdgeLeak,el1-a,0000,0.1.0", [])
    assert ready.ask("SYST:STAT?;CODE?") == ('DETECTING;0,"every input fresh and in range"', [])
    assert ready.ask("VERD?;:SYST:LEV?") == ("NO GAS;SERVICE", [])
    assert float(ready.ask("EVID?")[0]) == ready.instrument.pipeline.evidence
    assert ready.ask("*TST?") == ("0", [])
    assert "pass  detector" in unpacked(ready.ask("TEST:RES?")[0]).decode()


def test_measurements_are_the_services_own(ready):
    status, light = ready.instrument.cooler.status, ready.instrument.light.status
    found = ready.ask("MEAS:TEMP?;TEMP:HOTS?;:MEAS:TEC:CURR?;VOLT?;:MEAS:SUPP?;FPS?")[0].split(";")
    wanted = (status.cold_degc, status.hot_degc, status.current_a, status.voltage_v,
              light.supply_v, ready.instrument.path.fps)  # fmt: skip
    assert [float(x) for x in found] == pytest.approx(wanted, rel=1e-5)
    truth = ready.plant.truth
    assert float(ready.ask("MEAS:TEMP:HOUS?")[0]) == pytest.approx(truth.housing_degc, abs=0.5)
    assert float(ready.ask("MEAS:HUM?")[0]) == pytest.approx(100 * truth.humidity, abs=3)
    assert ready.ask("MEAS:LED:CURR?")[0] != ""


@pytest.mark.parametrize(("plane", "member", "kind"), [
    ("CORR", "counts", "<u2"), ("PICT", "grey", "u1"), ("MASK", "mask", "u1"),
    ("BACK", "background", "<u2"), ("GAS", "gas", "u1"),
])  # fmt: skip
def test_frames_are_the_pipelines_own(ready, plane, member, kind):
    shape = tuple(map(int, ready.ask("FRAM:SHAP?")[0].split(",")))
    found = np.frombuffer(unpacked(ready.ask(f"FRAM:DATA? {plane}")[0]), kind).reshape(shape)
    assert np.array_equal(found, ready.instrument.pipeline.arena[member])
    dtype = np.dtype(kind).newbyteorder("=").name.upper()
    assert ready.ask(f"FRAM:DTYP? {plane}")[0] == dtype


def test_raw_counts_need_the_recorders_ring(ready):
    assert ready.ask("FRAM:DATA? RAW") == ("", [-230])


def test_raw_counts_are_the_sensors(tmp_path):
    options = Options(has_recorder=True, recorder=())
    bench = Bench(tmp_path, options=options).ready()
    seen = []
    bench.instrument.nuc.see = lambda raw, info: seen.append((info.sequence, raw.copy()))
    bench.run_s(3)
    session = bench.session(LOOK)
    assert bench.ask("FRAM:HOLD ON", session=session)[1] == []
    raw = unpacked(bench.ask("FRAM:DATA? RAW", session=session)[0])
    assert bench.ask("FRAM:INFO?", session=session)[0].startswith(f"{seen[-1][0]},")
    assert raw == seen[-1][1].tobytes()
    assert raw != bench.instrument.pipeline.counts.tobytes()
    bench.instrument.shutdown()


def test_a_held_frame_stays_whole_while_frames_go_on(fresh):
    fresh.ready()
    session = fresh.session(LOOK)
    assert fresh.ask("FRAM:HOLD ON;HOLD?", session=session) == ("1", [])
    counts = fresh.instrument.pipeline.counts.copy()
    info = fresh.ask("FRAM:INFO?", session=session)[0]
    fresh.run_s(1.0)
    assert not np.array_equal(counts, fresh.instrument.pipeline.counts)
    found = unpacked(fresh.ask("FRAM:DATA? CORR", session=session)[0])
    assert found == counts.tobytes()
    assert fresh.ask("FRAM:INFO?", session=session)[0] == info
    fresh.ask("FRAM:HOLD OFF", session=session)
    newest = fresh.instrument.pipeline.counts.tobytes()
    assert unpacked(fresh.ask("FRAM:DATA? CORR", session=session)[0]) == newest
    for _ in range(2):
        fresh.run_s(1.0)
        newest = f"{fresh.instrument.path.info.sequence},"
        assert fresh.ask("FRAM:INFO?", session=session)[0].startswith(newest)


def test_histogram_and_statistics(ready):
    counts = ready.instrument.pipeline.counts
    bins = np.frombuffer(unpacked(ready.ask("HIST:DATA?")[0]), "<u4")
    assert np.array_equal(bins, np.histogram(counts, 256, (0, 16384))[0])
    levels = np.frombuffer(unpacked(ready.ask("HIST:DATA? PICT")[0]), "<u4")
    assert levels.sum() == counts.size
    names = [name.strip('"') for name in ready.ask("STAT:NAM?")[0].split(",")]
    rows = np.frombuffer(unpacked(ready.ask("STAT:DATA? 5")[0]), "<f8").reshape(-1, len(names))
    assert rows.shape[0] == 5
    assert np.allclose(np.diff(rows[:, names.index("t_s")]), 1.0, atol=0.03)
    cold = ready.instrument.cooler.status.cold_degc
    assert rows[-1, names.index("cold_degc")] == pytest.approx(cold, abs=1)


def test_registers_follow_the_instrument(fresh):
    cable = fresh.cable
    cable.sent += b"STAT:OPER:COND?;:STAT:QUES:COND?\n"
    fresh.run_to(State.COOLING)
    assert cable.got.split(b"\n")[0] in (b"2048;16384", b"2048;0")  # starting
    fresh.ready().run_s(0.1)
    cable.got.clear()
    cable.sent += b"STAT:OPER:COND?;:STAT:QUES:COND?;:STAT:OPER?;:STAT:QUES?\n"
    fresh.run_s(0.1)
    now, bad, risen, was_bad = map(int, cable.got.split(b"\n")[0].split(b";"))
    assert (now & 16, bad) == (16, 0)
    assert risen & (1 | 2 | 16 | 2048) == 1 | 2 | 16 | 2048
    assert was_bad & (16 | 256) == 16 | 256
    fresh.plant.inject(faults.ThermistorOpen())
    fresh.run_to(State.FAULT).run_s(0.1)
    cable.got.clear()
    cable.sent += b"STAT:QUES:COND?\n"
    fresh.run_s(0.1)
    assert int(cable.got.split(b"\n")[0]) & 17 == 17


def test_levels_say_who_may(ready):
    for line in ("COOL:SETP 15", "LED:MODE ON", "AGC:LOCK ON", "SYST:SAFE ON", "CAL:RUN", "*RST"):
        assert ready.ask(line, LOOK) == ("", [-203]), line
    for line in ("FAUL:CLE", "COOL:TUNE", "CAL:DATA #11x"):
        assert ready.ask(line, OPERATE) == ("", [-203]), line
    assert "refused COOLer:SETPoint at level look" in ready.lines


def test_pins_are_chosen_at_the_cable_kept_hashed_and_slow_down_guesses(fresh):
    stranger, cable = fresh.session(LOOK), fresh.session(LOOK, is_cable=True)
    assert fresh.ask("SYST:LEV OPER", session=cable)[1] == [-203]
    assert fresh.ask("SYST:PIN OPER,'1234'", session=stranger)[1] == [-203]
    assert fresh.ask("SYST:PIN OPER,'123'", session=cable)[1] == [-224]
    assert fresh.ask("SYST:PIN OPER,'1234';PIN? OPER;PIN? SERV", session=cable) == ("1;0", [])
    assert fresh.ask("SYST:PIN OPER,'9999'", session=cable)[1] == [-203]
    assert fresh.ask("SYST:LEV OPER,'1234';LEV?", session=stranger) == ("OPERATE", [])
    fresh.ask("SYST:LOG", session=stranger)
    assert stranger.level == LOOK
    path = fresh.folder / "pins.json"
    assert "1234" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    for _ in range(FREE_TRIES):
        assert fresh.ask("SYST:LEV OPER,'0000'", session=stranger)[1] == [-203]
    assert fresh.ask("SYST:LEV OPER,'1234'", session=stranger)[1] == [-203]
    fresh.run_s(1.1)
    assert fresh.ask("SYST:LEV OPER,'1234';LEV?", session=stranger) == ("OPERATE", [])
    said = "\n".join(fresh.lines)
    assert "1234" not in said
    assert "level operate granted" in said
    assert "level operate refused" in said
    again = Bench(fresh.folder)
    assert again.ask("SYST:LEV OPER,'1234';LEV?", session=again.session(LOOK))[0] == "OPERATE"


def test_once_there_is_a_pin_another_first_one_needs_a_level(fresh, quick_hashes):
    cable = fresh.session(LOOK, is_cable=True)
    assert fresh.ask("SYST:PIN OPER,'owner'", session=cable)[1] == []
    assert fresh.ask("SYST:PIN SERV,'evil'", session=cable)[1] == [-203]
    assert "PIN of level service not chosen" in fresh.lines[-1]
    assert fresh.ask("SYST:PIN OPER,'stolen','wrong'", session=cable)[1] == [-203]
    assert "PIN of level operate not chosen" in fresh.lines[-1]
    assert fresh.ask("SYST:LEV OPER,'owner';:SYST:PIN SERV,'good'", session=cable)[1] == []
    assert not any(word in line for line in fresh.lines for word in ("owner", "evil", "good"))


def test_of_two_first_pins_one_is_chosen(fresh, quick_hashes):
    first, second = (fresh.session(LOOK, is_cable=True) for _ in range(2))
    first.feed(b"SYST:PIN OPER,'aaaa'\n")
    second.feed(b"SYST:PIN OPER,'bbbb'\n")
    for session in (first, second):
        assert session._job.wait(20)
        session.resume()
    assert (first.status.errors, second.status.errors) == (0, 1)
    second.status.clear()
    assert fresh.ask("SYST:LEV OPER,'aaaa'", session=second)[1] == []
    assert second.level is OPERATE


def test_cooler_obeys_and_keeps_its_limits(fresh):
    fresh.ready()
    assert fresh.ask("COOL:SETP 22;SETP?;STAB?") == ("22;1", [])
    fresh.run_s(1)
    assert fresh.instrument.cooler.status.wish_degc == 22
    assert fresh.ask("COOL:SETP -200")[1] == [-222]
    assert fresh.ask("COOL:STAT OFF")[1] == []
    fresh.run_s(60)
    assert fresh.ask("COOL:STAT?;PHAS?") == ("0;OFF", [])
    assert not fresh.plant.truth.tec_enabled
    assert fresh.ask("COOL:STAT ON")[1] == []
    fresh.run_s(2)
    assert fresh.plant.truth.tec_enabled
    assert fresh.plant.judge.violations == []


def test_light_is_asked_for_in_amperes_and_refused_beyond_its_limits(fresh):
    fresh.ready()
    assert fresh.ask("LED:CURR 300 mA;CURR?;MODE?") == ("0.3;OFF", [])
    assert fresh.ask("LED:MODE ALT;MODE?") == ("ALTERNATE", [])
    fresh.run_s(3)
    assert fresh.ask("LED:MODE?")[0] == "ALTERNATE"
    assert float(fresh.ask("MEAS:LED:CURR?")[0]) == pytest.approx(0.3, rel=0.1)
    assert fresh.ask("LED:CURR 1.9")[1] == [-222]
    assert fresh.ask("LED:CURR?")[0] == "0.3"
    assert fresh.ask("SENS:INT 4 ms")[1] == []
    fresh.run_s(1)
    assert fresh.ask("SENS:INT?")[0] == "0.004"
    assert fresh.ask("SYST:SAVE;*OPC?")[0] == "1"
    assert config.load([fresh.folder / config.TUNED_NAME]).config.sensor.integration_us == 4000
    assert fresh.ask("*RST;:SENS:INT?;:LED:MODE?") == ("0.008;OFF", [])
    fresh.run_s(1)
    assert fresh.instrument.sensor.integration_us == 8000
    assert fresh.ask("SENS:INT 4 ms")[1] == []
    fresh.run_s(1)
    assert fresh.ask("SENS:INT 2")[1] == [-222]
    assert fresh.plant.judge.violations == []


@pytest.mark.parametrize("line", ["COOL:SETP 20", "COOL:STAT ON", "COOL:TUNE", "LED:MODE ON",
                                  "LED:CURR 0.1", "CAL:RUN"])  # fmt: skip
def test_nothing_drives_in_safe_mode_or_fault(ready, line):
    bench = ready
    bench.ask("SYST:SAFE ON")
    bench.run_to(State.SAFE).run_s(8)
    before = bench.edges()
    assert bench.ask(line)[1] == [-221]
    assert bench.ask("SYST:SAFE?;STAT?") == ("1;SAFE", [])
    bench.run_s(1)
    assert bench.edges() == before
    bench.ask("SYST:SAFE OFF")
    bench.ready()
    assert bench.ask("SYST:SAFE?")[0] == "0"


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
    assert fresh.ask("*RST;:AGC:MODE?;:CLAH:TILE?")[0] == "AUTO;0"


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


def test_a_fault_is_kept_with_what_led_to_it(fresh):
    fresh.ready().run_s(6)
    assert fresh.ask("FAUL:LAST?")[0].startswith("0,")
    fresh.plant.inject(faults.ThermistorOpen())
    fresh.run_to(State.FAULT).run_s(0.2)
    code = fresh.instrument.health.latched.code
    assert fresh.ask("FAUL:LAST?")[0].startswith(f"{code},")
    ring = unpacked(fresh.ask("FAUL:RING?")[0]).decode()
    assert ring.startswith("t_s,state,code")
    assert ring.count("detecting") > 20
    assert f"fault {code}" in ring
    assert fresh.ask("*TST?")[0] != "0"
    fresh.plant.clear("thermistor-open")
    assert fresh.ask("FAUL:CLE")[1] == []
    fresh.ready().run_s(6)
    assert fresh.ask("FAUL:LAST?")[0].startswith(f"{code},")


def test_log_status_and_tasks(ready):
    log = unpacked(ready.ask("LOG? 500")[0]).decode().splitlines()
    assert log == ready.lines[-500:]
    status = json.loads(unpacked(ready.ask("SYST:GLAN?")[0]))
    assert status["state"] == "detecting"
    tasks = json.loads(unpacked(ready.ask("SYST:TASK?")[0]))
    assert {"frame", "console"} <= {row["task"] for row in tasks}


def test_the_bundle_holds_everything_but_secrets(fresh):
    fresh.run_s(3)
    cable = fresh.session(LOOK, is_cable=True)
    for said in ("SYST:PIN SERV,'geheim-77'", "SYST:LEV SERV,'geheim-78'", "SYST:PIN 'geheim-77'",
                 "SYST:LEV SERV,'geheim-77", "SYST:LEVL SERV,'geheim-77'", "'geheim-77'",
                 "geheim-77", "SYST:LEV SERV,geheim-77", "SYST:LEV SERV,'geheim-77'"):  # fmt: skip
        fresh.ask(said, session=cable)
    assert cable.level is SERVICE
    human = shortcuts.make_human(fresh.desk, cable)
    human.enter()
    human.feed(b"logout\rlogin service geheim-77\rlogin geheim-77\r")
    data = unpacked(fresh.ask("SYST:BUND?")[0])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert any(name.endswith("status.json") for name in texts)
    assert "[cooler]" in texts["edgeleak-bundle/settings.toml"]
    whole = "\n".join(texts.values())
    assert "level service granted" in whole
    kept = json.loads((fresh.folder / "pins.json").read_text())["pins"]["service"]
    for secret in ("geheim", kept["salt"], kept["hash"]):
        assert secret not in whole


def test_a_bundle_is_kept_by_a_command_with_its_line(fresh):
    fresh.run_s(1)
    human = shortcuts.make_human(fresh.desk, fresh.session(LOOK))
    assert "needs level operate" in human.run("bundle")
    assert fresh.ask("SYST:BUND:STOR", OPERATE)[1] == []
    assert zipfile.is_zipfile(fresh.folder / "bundle.zip")
    assert "SYSTem:BUNDle:STORe at level operate" in fresh.lines


def test_the_histogram_for_people_leaves_out_a_few_dead_pixels():
    found = np.zeros(16384, np.uint32)
    found[[0, 16383]], found[7000:7100] = 3, 1000
    assert shortcuts.middle(found) == (7000, 7100)
    assert shortcuts.middle(np.zeros(16384, np.uint32)) == (0, 0)


def test_recording_needs_the_ring(ready):
    for line in ("REC:STAT ON", "REC:SNAP", "REC:INFO?"):
        assert ready.ask(line)[1] == [-241]


def test_a_defect_in_a_command_ends_neither_the_loop_nor_the_connection(ready, monkeypatch):
    monkeypatch.setattr(ready.instrument.health, "answer", None)
    session = ready.session()
    text, errors = ready.ask("VERD:REAS?", session=session)
    assert (text, errors, session.defects) == ("", [-310], 1)
    assert ready.ask("*IDN?", session=session)[0].startswith("EdgeLeak")


def argument(draw, parameter):
    """Something near what the parameter takes, or anything."""
    if isinstance(parameter, NumberOf):
        near = [parameter.low, parameter.high, parameter.low - 1, parameter.high * 2 + 1, 0, 1]
        return f"{draw(st.sampled_from(near)):.6g}"
    if isinstance(parameter, Choice):
        return draw(st.sampled_from([*parameter.words, "NONSENSE"]))
    if isinstance(parameter, Switch):
        return draw(st.sampled_from(["ON", "OFF", "2"]))
    if isinstance(parameter, Text):
        return draw(st.sampled_from(['"1234"', '""', "'it''s'"]))
    assert isinstance(parameter, Block)
    return draw(st.sampled_from(["#13abc", "#0", "1"]))


EVERY = [command for _, subject in commands.SUBJECTS for command in subject]


@st.composite
def lines(draw):
    command = draw(st.sampled_from(EVERY))
    header = command.header.replace("[", "").replace("]", "")
    count = draw(st.integers(0, len(command.parameters)))
    given_ = [argument(draw, parameter) for parameter in command.parameters[:count]]
    return f"{header} {','.join(given_)}".strip()


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(st.tuples(lines(), st.sampled_from(list(Level)), st.integers(0, 3)), max_size=6))
def test_no_command_in_any_state_is_a_defect_or_breaks_a_limit(ready, steps):
    for line, level, tenths in steps:
        session = ready.session(level)
        _, errors = ready.ask(line, session=session)
        assert session.defects == 0, line
        assert -310 not in errors, line
        ready.run_s(tenths / 10)
    assert ready.instrument.failure is None
    assert ready.plant.judge.violations == []
