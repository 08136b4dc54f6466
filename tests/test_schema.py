# SPDX-License-Identifier: Apache-2.0
"""Typed tables from TOML: what fits is built, what does not is named with file and line."""

import re
import tomllib
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeleak import schema
from edgeleak.errors import ConfigError, MissingInputError
from edgeleak.schema import number, switch, word


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    size: int = number("mm", 1, 10, "how big")
    gain: float = number("dB", -3, 3, "how loud", 0.0)
    kind: str = word("which", "plain", ("plain", "fancy"))
    is_on: bool = switch("at start", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    name: str = word("what it is called")
    part: Part
    spare: Part | None = None
    parts: dict[str, Part] = field(default_factory=dict)


TEXT = """\
name = "thing"  # a comment

[part]
size = 3
gain = 1

[parts.left]
size = 4

[parts."right hand"]
size = 5
is_on = true
"""


def build(text, path="x.toml"):
    return schema.build(Whole, tomllib.loads(text), path, text)


def test_builds_nested_tables_with_defaults_and_types():
    whole = build(TEXT)
    assert whole == Whole(
        name="thing",
        part=Part(size=3, gain=1.0),
        parts={"left": Part(size=4), "right hand": Part(size=5, is_on=True)},
    )
    assert isinstance(whole.part.gain, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("size = 3", "size = 11"),
         "x.toml, line 4: part.size = 11 is out of range; expected 1 to 10 mm"),
        (("size = 3", "size = 0"), "part.size = 0 is out of range"),
        (("size = 3", "size = 3.0"), "part.size = 3.0 is no whole number; expected 1 to 10 mm"),
        (("size = 3", "size = true"), "part.size = True is no number"),
        (("size = 3", 'size = "3"'), "part.size = '3' is no number"),
        (("gain = 1", "gain = nan"), "x.toml, line 5: part.gain = nan is out of range"),
        (("gain = 1", "gain = inf"), "part.gain = inf is out of range"),
        (("is_on = true", "is_on = 1"),
         "x.toml, line 12: parts.right hand.is_on = 1 is no true or false"),
        (('"thing"', "7"), "x.toml, line 1: name = 7 is no text; what it is called"),
        (("size = 3", 'size = 3\\nkind = "odd"'),
         "line 5: part.kind = 'odd' is not known; expected one of plain, fancy"),
        (("gain = 1", "gian = 1"),
         "line 5: unknown setting 'part.gian'; nearest is 'gain', expected -3 to 3 dB"),
        (("gain = 1", "colour = 1"),
         "unknown setting 'part.colour'; known are size, gain, kind, is_on"),
        (("size = 3\\n", ""), "part.size is missing; expected 1 to 10 mm"),
        (('name = "thing"', ""), "x.toml: name is missing; what it is called"),
        (("[part]\\nsize = 3\\ngain = 1", "part = 5"), "part = 5: expected a table"),
        (('"right hand"', "b.c"), "unknown setting 'parts.b.c'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change, message):
    old, new = (text.encode().decode("unicode_escape") for text in change)
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    if new == "part = 5":
        text = text.replace("part = 5", "").replace("# a comment", "# a comment\npart = 5")
    with pytest.raises(ConfigError, match=re.escape(message)):
        build(text)


def test_scalar_where_tables_belong():
    with pytest.raises(ConfigError, match="parts = 3: expected a table of tables"):
        build('name = "x"\nparts = 3\n[part]\nsize = 1')
    with pytest.raises(ConfigError, match=r"parts\.left = 3: expected a table"):
        build('name = "x"\nparts.left = 3\n[part]\nsize = 1')


def test_optional_table_is_checked_when_it_is_there():
    assert build(TEXT).spare is None
    with pytest.raises(ConfigError, match=r"spare\.size = 99"):
        build(TEXT + "[spare]\nsize = 99\n")


def test_line_is_found_in_inline_tables_and_odd_spacing():
    text = 'name="x"\npart = { size = 50 }\n'
    with pytest.raises(ConfigError, match=r"x\.toml, line 2: part\.size = 50"):
        build(text)
    spaced = 'name = "x"\n[ part ]  # here\n  size   =   50\n'
    with pytest.raises(ConfigError, match=r"x\.toml, line 3: part\.size = 50"):
        build(spaced)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(MissingInputError, match="is not there"):
        schema.read(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        schema.read(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"a = \xff\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        schema.read(bad)
    bad.write_text("a = 1\na = 2\n")
    with pytest.raises(ConfigError, match=r"bad\.toml: not TOML: .*line 2"):
        schema.read(bad)
    bad.write_text("a = 1\n")
    assert schema.read(bad) == schema.read_whole(bad) == ({"a": 1}, "a = 1\n")
    bad.write_text("a = 1")
    assert schema.read(bad) == ({"a": 1}, "a = 1")
    with pytest.raises(ConfigError, match=r"bad\.toml: its last line has no end"):
        schema.read_whole(bad)


SCALARS = st.sampled_from([None, True, 0, 5, -(10**30), 2.5, float("nan"), "", "plain", [1]])
KEYS = st.sampled_from(["name", "part", "spare", "parts", "size", "gain", "kind", "is_on", "x"])
TABLES = st.dictionaries(KEYS, SCALARS, max_size=4)
VALUES = SCALARS | TABLES | st.dictionaries(KEYS, TABLES | SCALARS, max_size=2)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_table_is_built_or_refused_with_a_config_error(table):
    try:
        whole = schema.build(Whole, table, "x.toml")
    except ConfigError:
        return
    assert 1 <= whole.part.size <= 10
    assert -3 <= whole.part.gain <= 3
