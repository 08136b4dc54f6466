# SPDX-License-Identifier: Apache-2.0
"""Profiles: every number explained; every mistake named with file, line, range."""

import pytest

from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.pipeline import PROFILES, load_profile


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
