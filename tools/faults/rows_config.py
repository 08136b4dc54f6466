# SPDX-License-Identifier: Apache-2.0
"""Settings files that are damaged: one sentence and the right exit code, or what the text says.

TOML has no check sum, so a bit may make another setting that is as good as the first; what may
never be is a value that no file holds, one that is left out, or one that is cut in the middle.
"""

import argparse
import contextlib
import io
import os
import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from meter import Meter
from row import Outcome
from slip import is_slip

from edgeleak import app, config
from edgeleak.errors import EdgeLeakError

SETTING = re.compile(r"^# (\w+ = .*)$", re.MULTILINE)
VALUE = re.compile(r"^(\w+) = (.*)$", re.MULTILINE)
REFUSED = (os.EX_CONFIG, os.EX_NOINPUT)
"""A file that holds what it must not; a board that it names and that is not there."""
ODD = {"true": ("1", '"true"'), "false": ("0", "[]"), '"': ("5", "true", "{ a = 1 }")}
ODD_NUMBERS = ('"5"', "true", "[1]", "nan", "inf", "-inf", "1e300", "-1e300")
QUARRELS = (
    "[recorder]\nring_s = 8\npreroll_s = 9\n",
    "[sensor]\nfps = 2\nstale_ms = 400\n",
    "[sensor]\nbinning = true\nbinning = false\n",
    "[nuc]\nframes = 4\n[led]\n[nuc]\nframes = 8\n",
    "[cooler]\nset_point_degc = -20\nset_point_degc.max = 3\n",
)
LEAST_SEEDS = 20
Mutant = Callable[[str, random.Random], str]


def whole_file() -> str:
    """Every setting with its default, and no comments: each byte may count."""
    text = SETTING.sub(r"\1", config.as_toml(config.load([])))
    return "".join(line for line in text.splitlines(keepends=True) if line[0] not in "#\n")


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def _bits(text: str, rng: random.Random) -> str:
    data = bytearray(text.encode())
    for _ in range(rng.choice((1, 1, 2, 5))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data.decode("latin-1")


def _unknown(text: str, rng: random.Random) -> str:
    found = rng.choice([*VALUE.finditer(text)])
    at = rng.randrange(found.start(1), found.end(1) + 1)
    return text[:at] + rng.choice("xyz_7") + text[at:]


def _wrong_type(text: str, rng: random.Random) -> str:
    found = rng.choice([*VALUE.finditer(text)])
    value = found[2]
    odd = ODD.get(value, ODD['"'] if value.startswith('"') else ODD_NUMBERS)
    return text[: found.start(2)] + rng.choice(odd) + text[found.end(2) :]


def _contradictory(text: str, rng: random.Random) -> str:
    return rng.choice(QUARRELS)


MUTANTS: tuple[tuple[Mutant, bool], ...] = (
    (_cut, False), (_bits, False), (_unknown, True), (_wrong_type, True), (_contradictory, True),
)  # fmt: skip
"""(damage, whether it has to be refused)."""


def damaged_settings(outcome: Outcome, count: int, rng: random.Random, folder: Path) -> None:
    """Damage the user's file and the machine's in turn, and read them as the instrument does."""
    user, tuned = folder / "edgeleak.toml", folder / config.TUNED_NAME
    seeds = _seeds(rng)
    check = app.build_parser().parse_args(
        ["config", "check", "--config", str(user), "--state", str(folder)]
    )
    user.write_text(seeds[0])
    _answer(check)  # what the first call imports is nobody's excess
    meter = Meter()
    for n in range(count):
        text = seeds[n // len(MUTANTS) % len(seeds)]
        path, other = (user, tuned) if n % 2 else (tuned, user)
        other.write_text("")
        path.write_text(text)
        if n % len(MUTANTS) == 0 and n < len(MUTANTS) * len(seeds):
            outcome.clean += 1
            outcome.false_trips += not outcome.expect(
                not _answer(check)[0] and not _other_meaning(path, text), "whole file"
            )
        mutant, is_wrong = MUTANTS[n % len(MUTANTS)]
        bad = mutant(text, rng)
        path.write_bytes(bad.encode("latin-1"))
        outcome.executed += 1
        with meter.call():
            answer = _answer(check)
        trouble = _trouble(answer, path, text, is_wrong) or meter.excess()
        outcome.trips += outcome.expect(not trouble, f"{mutant.__name__} {n}: {trouble}")
    outcome.worst_ms = 1000 * meter.worst_s
    outcome.notes.append(f"settings of {len(seeds)} files, {meter.said()}")


def _seeds(rng: random.Random) -> list[str]:
    """The whole file, each section alone, and some together."""
    whole = whole_file()
    sections = ["[" + part for part in whole.split("[")[1:]]
    some = ["".join(section for section in sections if rng.random() < 0.5) or whole
            for _ in range(max(0, LEAST_SEEDS - len(sections) - 1))]  # fmt: skip
    return [whole, *sections, *some]


def _answer(check: argparse.Namespace) -> tuple[int, str]:
    """(exit code, sentence) of `edgeleak config check`."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return check.run(check), ""
    except EdgeLeakError as error:
        return error.exit_code, str(error)
    except Exception as error:  # what nobody expects is the finding
        if is_slip(error):
            raise
        return os.EX_SOFTWARE, repr(error)


def _trouble(answer: tuple[int, str], path: Path, text: str, is_wrong: bool) -> str:
    """What is wrong with the answer; empty when nothing is."""
    code, said = answer
    if code:
        is_clear = code in REFUSED and 0 < len(said) < 1000 and "\n" not in said
        return "" if is_clear else f"exit {code}: {said[:300]!r}"
    return "accepted" if is_wrong else _other_meaning(path, text)


def _other_meaning(path: Path, text: str) -> str:
    """How what was accepted differs from what the file says, or from all of what was cut."""
    written = tomllib.loads(path.read_text())
    said = {f"{section}.{name}": value for section, values in written.items()
            for name, value in values.items()}  # fmt: skip
    loaded = config.load([path])
    found = {key: value for key, value, _, origin in config.rows(loaded) if origin == str(path)}
    if found != said:
        return f"means {sorted(found.items() ^ said.items())[:2]}"
    if not text.startswith(path.read_text()):
        return ""
    whole = {key: value for key, value, _, _ in config.rows(config.load([]))}
    odd = [key for key, value in found.items() if value != whole[key]]
    return f"cut, and {odd[0]} is {found[odd[0]]}" if odd else ""
