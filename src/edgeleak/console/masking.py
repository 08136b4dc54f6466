# SPDX-License-Identifier: Apache-2.0
"""What of a line that somebody types is a PIN, or was meant for one: neither shown nor kept."""

import difflib
import re
from functools import lru_cache

WORD = re.compile(r"[A-Za-z]+")
LEVELS = ("operate", "oper", "service", "serv")
LEVEL = r"o[pe]{2}[a-z]*|se[rv]{2}[a-z]*|look"
BEFORE_PIN = re.compile(
    rf"\??\s*(['\"]?({LEVEL})\b['\"]?\s*,?\s*|['\"]?(o|op|ope|s|se|ser)$)?", re.IGNORECASE
)
"""Between the word and the PIN: a level, or its beginning while it is typed."""
WORD_MOST = 11
"""Letters of a word that is near any of those looked for."""
KEPT_MOST = 4096
"""Words whose answers are kept, as a line is looked at after each key; none behind a PIN's word."""


def shown(line: str) -> str:
    """A line as it may stand on a screen: stars for a PIN."""
    at = _pin_at(line)
    return line[:at] + "*" * (len(line) - at)


def is_secret(line: str) -> bool:
    """It holds a PIN, or what a hand that slipped may have meant for one."""
    return bool(line[_pin_at(line) :].strip(" ?"))


def _pin_at(line: str) -> int:
    """Where a PIN begins: behind a word that is nearly login or pin, or behind a level."""
    for found in WORD.finditer(line):
        if _leads_to_pin(line, found):
            behind = BEFORE_PIN.match(line, found.end())
            return behind.end() if behind else found.end()
    return len(line)


def _leads_to_pin(line: str, found: re.Match[str]) -> bool:
    word, at = found[0].lower(), found.start()
    if len(word) > WORD_MOST:
        return False
    if _is_pin_word(word) or (word in ("lev", "level") and "sys" in line[:at].lower()):
        return True
    is_argument = at > 0 and line[at - 1] in "'\", " and not line.startswith("help")
    return is_argument and _is_level(word)


@lru_cache(KEPT_MOST)
def _is_pin_word(word: str) -> bool:
    is_login = _is_near(word, "login", 0.7) and word != "log"
    return is_login or (len(word) <= 4 and _is_near(word, "pin", 0.66) and word != "min")


@lru_cache(KEPT_MOST)
def _is_level(word: str) -> bool:
    return any(_is_near(word, level, 0.75) for level in LEVELS)


def _is_near(word: str, wanted: str, ratio: float) -> bool:
    return difflib.SequenceMatcher(None, word, wanted).ratio() >= ratio
