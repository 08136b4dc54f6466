# SPDX-License-Identifier: Apache-2.0
"""Fill docs/console.md: the reference from the registry, two sessions from an emulated board.

write_console_docs.py                everything; takes half a minute
write_console_docs.py --reference    only what is generated from the code
"""

import argparse
import code
import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from edgeleak.codes import GROUPS
from edgeleak.console import commands, desk
from edgeleak.console.client import Client, connect
from edgeleak.console.shortcuts import table
from edgeleak.console.status import Register
from edgeleak.sim.launch import RunningPlant

FILE = Path(__file__).resolve().parents[1] / "docs" / "console.md"
PART = "(<!-- {name} -->\n).*?(<!-- end -->)"
SETTINGS = """
[cooler]
set_point_degc = 20.0
[console]
serial_device = ""
socket = "{folder}/scpi"
"""
FILTERS = ("PTRansition", "NTRansition")
PATIENCE_S = 60.0
QUIET_S = 0.6
TYPED = ("status", "SYST:PIN OPER,'4711'", "login operate 4711", "SENSITIVTY 1.5",
         "SENS 1.5", "bringup", "tec 18", "save", "selftest", "logout", "exit")  # fmt: skip
PROGRAM = (
    'inst = pyvisa.ResourceManager("@py").open_resource("ASRL/run/edgeleak/pty::INSTR",'
    ' read_termination="\\n", write_termination="\\n", timeout=20_000)',
    'inst.query("*IDN?")',
    'inst.query("SYST:STAT?;:VERD?;:MEAS:TEMP?")',
    'inst.write("NONSENSE")',
    'inst.query("SYST:ERR?")',
    'inst.query("*TST?")',
    'inst.write("FRAM:HOLD ON")',
    'shape = tuple(map(int, inst.query("FRAM:SHAP?").split(",")))',
    'counts = inst.query_binary_values("FRAM:DATA? CORR", datatype="H", container=numpy.array)',
    "counts.reshape(shape).mean(axis=1)[:3]",
    'inst.query("FRAM:INFO?")',
    'inst.query("STAT:OPER:COND?")',
)


def reference() -> str:
    """All commands by subject, as tables."""
    parts = []
    for subject, found in commands.SUBJECTS:
        parts += [f"### {subject}\n", "| command | level | what it does | parameters, answer |",
                  "|---|---|---|---|"]  # fmt: skip
        for command in found:
            facts = command.spoken() + ([f"answers {command.answer}"] if command.answer else [])
            cells = (f"`{command.header}`", command.level.name.lower(), command.help,
                     "; ".join(facts))  # fmt: skip
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts)


def operation() -> str:
    rows = [f"| {bit.bit_length() - 1} | {what} |" for bit, what in desk.OPERATION_BITS.items()]
    return "\n".join(["| bit | while |", "|---|---|", *rows]) + "\n"


def questionable() -> str:
    rows = {1: "a fault is latched"}
    codes = ", ".join(map(str, sorted(desk.NUC_CODES)))
    extra = {1: f", but none of {codes}", 7: f", or one of {codes}: calibration"}
    rows |= {bit: f"a code of group {group}, {GROUPS[group]}{extra.get(group, '')}, stands"
             for group, bit in desk.GROUP_BITS.items()}  # fmt: skip
    shown = [f"| {bit.bit_length() - 1} | {what} |" for bit, what in sorted(rows.items())]
    return "\n".join(["| bit | while |", "|---|---|", *shown]) + "\n"


def events() -> str:
    """What the event registers latch, and the filters that they have not got."""
    tree, found = commands.tree(), []
    for register in ("OPERation", "QUEStionable"):
        for absent in FILTERS:
            header = f"STATus:{register}:{absent}"
            if any(tree.has(tuple(header.upper().split(":")), is_query)
                   for is_query in (True, False)):  # fmt: skip
                sys.exit(f"{FILE}: {header} is there by now; say what it does")
            found.append(f"`{header}`")
    said = (f"There are no transition filters: {', '.join(found)} and their queries are error"
            f" -113.  What `STATus:OPERation?` and `STATus:QUEStionable?` latch is {_latched()},"
            " for each connection by itself, until it reads them or sends `*CLS`; for the end of"
            " something ask `:CONDition?`.")  # fmt: skip
    return textwrap.fill(said, 100, break_long_words=False, break_on_hyphens=False) + "\n"


def _latched() -> str:
    """As a register does it: tried, not remembered."""
    register = Register()
    for condition in (0b01, 0b10, 0b00):
        register.update(condition)
    words = {0b11: "every bit that rises, as with PTRansition 32767 and NTRansition 0"}
    return words[register.event]


def words() -> str:
    rows = [f"| `{word}` | {found.help} |" for word, found in sorted(table(None).items())]
    rows += ["| `watch [seconds]` | one line again and again |",
             "| `help [word]` | all of this, or what has to do with the word |"]  # fmt: skip
    return "\n".join(["| word | what it does |", "|---|---|", *rows]) + "\n"


GENERATED = {"events": events, "operation": operation, "questionable": questionable, "words": words,
             "reference": reference}  # fmt: skip


def filled(text: str, parts: dict[str, str]) -> str:
    """The document with these parts in place."""
    for name, part in parts.items():
        pattern = re.compile(PART.format(name=name), re.DOTALL)
        text, count = pattern.subn(lambda m, part=part: f"{m[1]}\n{part}\n{m[2]}", text)
        if count != 1:
            sys.exit(f"{FILE}: {count} places for {name}, expected one")
    return text


# --- sessions ------------------------------------------------------------------------------------


def person(port: Path) -> str:
    """What a terminal shows, typed key by key."""
    child, screen = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-m", "edgeleak", "console", str(port)])
    said = [_until(screen, "edgeleak> ")]
    for line in TYPED:
        os.write(screen, line.encode() + b"\r")
        said.append(_until(screen, None if line == "exit" else "edgeleak> "))
    os.write(screen, b"\x1d")
    os.waitpid(child, 0)
    os.close(screen)
    return "".join(said)


def _until(screen: int, end: str | None) -> str:
    text, limit = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        if not select.select([screen], [], [], QUIET_S)[0]:
            if end is None or text.endswith(end):
                break
            continue
        text += os.read(screen, 65536).decode(errors="replace")
    return text


def program(port: Path) -> str:
    """The same lines that a person may paste into Python."""
    import numpy
    import pyvisa

    shell = code.InteractiveInterpreter({"pyvisa": pyvisa, "numpy": numpy})
    said = [">>> import numpy, pyvisa"]
    for line in PROGRAM:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            shell.runsource(line.replace("/run/edgeleak/pty", str(port)))
        said += [f">>> {line}", *out.getvalue().splitlines()]
    return "\n".join(said)


def sessions() -> dict[str, str]:
    """Both, on one emulated board once it detects."""
    with tempfile.TemporaryDirectory() as name, RunningPlant() as plant:
        folder = Path(name)
        (folder / "edgeleak.toml").write_text(SETTINGS.format(folder=folder))
        command = [sys.executable, "-m", "edgeleak", "run", "--pty", str(folder / "pty"),
                   "--config", str(folder / "edgeleak.toml"), "--state", name, "--run", name,
                   "--out", str(folder / "out")]  # fmt: skip
        process = subprocess.Popen(command, env=plant.environment(), stderr=subprocess.DEVNULL)
        try:
            _wait_for_detecting(folder)
            shown = {"program": program(folder / "pty"), "person": person(folder / "pty")}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    return {key: _fenced(text.replace(name, "/run/edgeleak")) for key, text in shown.items()}


def _wait_for_detecting(folder: Path) -> None:
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        if (folder / "scpi").exists():
            with Client(connect(str(folder / "scpi"), 0)) as client:
                if client.query("SYST:STAT?") == "DETECTING":
                    return
        time.sleep(0.5)
    sys.exit("the emulated board did not detect in time")


def _fenced(text: str) -> str:
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).splitlines()]
    return "```\n" + "\n".join(lines).strip() + "\n```"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", action="store_true", help="only what needs no board")
    args = parser.parse_args()
    parts = {name: make() for name, make in GENERATED.items()}
    if not args.reference:
        parts |= sessions()
    FILE.write_text(filled(FILE.read_text(encoding="utf-8"), parts), encoding="utf-8")
    print(f"{FILE}: {len(parts)} parts, {sum(len(c) for _, c in commands.SUBJECTS)} commands")
    return 0


if __name__ == "__main__":
    sys.exit(main())
