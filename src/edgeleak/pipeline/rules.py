# SPDX-License-Identifier: Apache-2.0
"""The knowledge base of rules: what each asks, measures and means, and the numbers of events.

`rules.toml` is the data; the numbers that rules compare with are settings of the profile.  A rule
is switched off by the profile setting `rule.NAME = false` (an ablation: the profile's name then
carries a star, and the rule is named as off in every trace).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgeleak.errors import ConfigError
from edgeleak.pipeline.profile import Profile, Setting

PATH = Path(__file__).with_name("rules.toml")
SPEAKS = ("for gas", "against gas", "against an answer")


@dataclass(frozen=True, slots=True)
class Known:
    """One rule of the knowledge base; fields as rules.toml says.

    limit      : profile setting it compares with, "" for none of its own
    complement : its limit is 1 - that setting
    switch     : it may be switched off
    """

    name: str
    question: str
    fact: str
    speaks: str
    unit: str
    yes: str
    no: str
    reason: str
    limit: str = ""
    complement: bool = False
    switch: bool = True

    @property
    def key(self) -> str:
        """Profile setting that switches it."""
        return f"rule.{self.name}"


@cache
def knowledge() -> Mapping[str, Known]:
    """Every rule by name; ConfigError where the file of the package is damaged."""
    rules = {name: _known(name, table) for name, table in _data()["rule"].items()}
    return MappingProxyType(rules)


@cache
def event_settings() -> Mapping[str, Setting]:
    """Numbers of events by name without "event."."""
    return MappingProxyType({name: _number(name, row) for name, row in _data()["event"].items()})


def is_on(profile: Profile, name: str) -> bool:
    """A rule is on unless the profile switches it off."""
    setting = profile.settings.get(f"rule.{name}")
    return setting is None or bool(setting.value)


def off_in(profile: Profile) -> tuple[str, ...]:
    """Names of the rules that the profile switches off."""
    return tuple(name for name in knowledge() if not is_on(profile, name))


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def _known(name: str, table: dict[str, Any]) -> Known:
    try:
        known = Known(name, **table)
    except TypeError as error:
        raise ConfigError(f"{PATH}: rule {name}: {error}") from error
    if known.speaks not in SPEAKS:
        raise ConfigError(f"{PATH}: rule {name} speaks '{known.speaks}', not one of {SPEAKS}")
    return known


def _number(name: str, table: dict[str, Any]) -> Setting:
    low, high = table["range"]
    made = Setting(f"event.{name}", table["value"], table["unit"], low, high, (), table["reason"])
    return made.checked(made.value, str(PATH))
