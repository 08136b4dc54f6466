# SPDX-License-Identifier: Apache-2.0
"""Profiles: every number explained; every mistake named with file, line, range."""

import textwrap

import numpy as np
import pytest
from pipeline_scenes import Pipeline

from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.frame import FrameInfo
from edgeleak.pipeline import PROFILES, load_profile
from edgeleak.pipeline import profile as profile_module


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_has_a_reason_and_every_number_unit_and_range(name):
    for setting in load_profile(name):
        assert len(setting.reason) > 8, setting.key
        if isinstance(setting.value, int | float) and not isinstance(setting.value, bool):
            assert setting.low <= setting.value <= setting.high


def test_the_paper_has_no_element_of_ours():
    paper = load_profile("paper")
    assert paper["background.eps_levels"] == 1.0
    assert paper["chain.detector"] == "grey"
    assert not any(key.startswith(("noise.", "local.", "lag.")) for key in paper.settings)


def test_the_two_papers_differ_in_the_order_only():
    first, second = (load_profile(name).settings for name in PROFILES[:2])
    assert [k for k in first if first[k].value != second[k].value] == ["gain.order"]


def test_a_file_may_say_only_what_differs(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('based_on = "sensitive"\n[lag]\nspan_s = 2.0\n')
    mine, base = load_profile(file), load_profile("sensitive")
    assert mine["lag.span_s"] == 2.0
    assert {k for k in base.settings if base[k] != mine[k]} == {"lag.span_s"}
    assert mine.name == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('based_on = "sensitive"\n[lag]\nspan = 2.0\n', ["line 3", "lag.span_s", "0.05 to 30"]),
        ('based_on = "sensitive"\n[lag]\nspan_s = 99\n', ["line 3", "0.05 to 30 s"]),
        ('based_on = "sensitive"\n[lag]\nspan_s = "x"\n', ["no number"]),
        ('based_on = "sensitive"\n[lag]\nslots = 2.5\n', ["whole number"]),
        ('based_on = "sensitive"\n[lag]\nslots = true\n', ["no number"]),
        ('based_on = "sensitive"\n[gain]\nmode = "off"\n', ["auto, locked"]),
        ('based_on = "senstive"\n', ["line 1", "sensitive"]),
        ('based_on = "sensitive"\nlag = 3\n', ["line 2", "outside a section"]),
        ("[lag]\nspan_s = 2.0\n", ["needs a table"]),
        ("[lag.span_s]\nvalue = 2.0\nreason = 'long enough'\n", ["unit and range"]),
        ("not toml at all", ["not TOML"]),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(file)
    assert str(file) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evidence.window_s", 0),
        ("guard.learn_s", 0),
        ("evidence.least_frames", 1000),
        ("threshold.levels", 255),
        ("threshold.levels", 0),
        ("threshold.noise_factor", 1),
        ("evidence.gas", 0),
        ("evidence.gas", 1e6),
        ("place.share", 1.0),
        ("guard.max_saturated_percent", 100),
        ("clahe.tiles_x", 10**400),
        ("clahe.tiles_x", float("nan")),
        ("lag.span_s", 10**400),
        ("lag.span_s", float("inf")),
    ],
)
def test_what_would_make_an_answer_meaningless_is_out_of_range(key, value):
    for name in PROFILES:
        profile = load_profile(name)
        if key in profile.settings:
            with pytest.raises(ConfigError, match="out of range"):
                profile.replace({key: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gain.low_percent": 40, "gain.high_percent": 60}, "between black and white"),
        ({"guard.learn_s": 0.5}, "ring of past frames"),
        ({"guard.min_span_counts": 1, "guard.blank_span_counts": 2}, "blank"),
        ({"evidence.least_frames": 60}, "ten frames a second"),
        ({"evidence.gas": 200.0, "evidence.area_permille": 2.0}, "NO GAS would mean nothing"),
    ],
)
def test_settings_at_odds_with_each_other(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=words):
        load_profile("sensitive").replace(changes)
    file = tmp_path / "mine.toml"
    tables = "".join(f"{key} = {value}\n" for key, value in changes.items())
    file.write_text('based_on = "sensitive"\n' + tables)
    with pytest.raises(ConfigError, match=words):
        load_profile(file)


def test_a_complete_file_cannot_widen_a_range(tmp_path):
    text = (profile_module._FOLDER / "sensitive.toml").read_text()
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert load_profile(file)["lag.span_s"] == 1.0
    begin = text.index("[lag.span_s]")
    table = text[begin:].replace("value = 1.0", "value = 99.0", 1)
    file.write_text(text[:begin] + table.replace("range = [0.05, 30.0]", "range = [0.0, 1e9]", 1))
    with pytest.raises(ConfigError, match=r"lag\.span_s = 99\.0 is out of range"):
        load_profile(file)


def test_numbers_too_long_to_read_are_named(tmp_path):
    file = tmp_path / "mine.toml"
    for digits in (400, 5000):
        file.write_text('based_on = "sensitive"\n[clahe]\ntiles_x = ' + "9" * digits + "\n")
        with pytest.raises(ConfigError) as caught:
            load_profile(file)
        assert len(str(caught.value)) < 400


def test_whole_numbers_stay_whole():
    changed = load_profile("sensitive").replace({"lag.slots": 2.0})
    assert type(changed["lag.slots"]) is int


@pytest.mark.parametrize("name", PROFILES)
def test_both_ends_of_every_range_run(name, rng):
    """Alone, or refused beside the others; what runs takes frames without a word."""
    base, ran = load_profile(name), 0
    frames = rng.integers(4000, 9000, (4, 48, 64)).astype(np.uint16)
    for setting in base:
        if isinstance(setting.value, bool | str):
            continue
        for value in (setting.low, setting.high):
            try:
                profile = base.replace({setting.key: value})
            except ConfigError:  # at odds with another one
                continue
            pipeline = Pipeline((48, 64), profile, fps=5.0)
            for i in range(12):
                verdict = pipeline.step(frames[i % 4], FrameInfo(i, 200_000_000 * i))
            ran += 1
            assert pipeline.frames == 12
            assert np.isin(pipeline.mask, (0, 255)).all(), setting.key
            assert pipeline.mask.any() or not pipeline.regions.size, setting.key
            assert str(verdict) != "NO GAS", f"noise is no scene: {setting.key} {value}"
    assert ran >= len(list(base))


def test_examples_of_the_documents_are_accepted(tmp_path):
    example = profile_module.__doc__.split("as plain values:")[1].split("Ranges are")[0]
    file = tmp_path / "mine.toml"
    file.write_text(textwrap.dedent(example))
    assert load_profile(file)["background.slew_sigma_per_s"] == 1.0
    assert load_profile("sensitive")["background.slew_sigma_per_s"] == 0.5


def test_unknown_names_and_files():
    with pytest.raises(ConfigError, match="did you mean 'paper'"):
        load_profile("papr")
    with pytest.raises(MissingInputError, match="not there"):
        load_profile("nowhere.toml")


def test_replace_checks_too():
    profile = load_profile("sensitive")
    changed = profile.replace({"lag.span_s": 2}, lag__slots=2)
    assert (changed["lag.span_s"], changed["lag.slots"]) == (2.0, 2)
    assert profile["lag.slots"] == 4
    assert changed.name == "sensitive*"
    with pytest.raises(ConfigError, match="out of range"):
        profile.replace(lag__span_s=-1)
    with pytest.raises(ConfigError, match=r"nearest is 'lag\.span_s'"):
        profile.replace(lag__span=1)
    with pytest.raises(ConfigError, match="unknown"):
        _ = profile["nothing.here"]
