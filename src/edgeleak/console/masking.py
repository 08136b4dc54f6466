# SPDX-License-Identifier: Apache-2.0
"""What of a line that somebody types is a PIN, or was meant for one: neither shown nor kept."""

import difflib
import re

WORD = re.compile(r"[A-Za-z]+")
LEVELS = ("operate", "oper", "service", "serv")
LEVEL = r"o[pe]{2}[a-z]*|se[rv]{2}[a-z]*|look"
BEFORE_PIN = re.compile(
    rf"\??\s*(['\"]?({LEVEL})\b['\"]?\s*,?\s*|['\"]?(o|op|ope|s|se|ser)$)?", re.IGNORECASE
)
"""Between the word and the PIN: a level, or its beginning while it is typed."""


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
    word, before = found[0].lower(), line[: found.start()]
    if _is_near(word, "login", 0.7) and word != "log":
        return True
    if len(word) <= 4 and _is_near(word, "pin", 0.66) and word != "min":
        return True
    if "sys" in before.lower() and word in ("lev", "level"):
        return True
    is_argument = before[-1:] in ("'", '"', ",", " ") and not before.startswith("help")
    return is_argument and any(_is_near(word, level, 0.75) for level in LEVELS)


def _is_near(word: str, wanted: str, ratio: float) -> bool:
    return difflib.SequenceMatcher(None, word, wanted).ratio() >= ratio
