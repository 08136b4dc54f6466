# SPDX-License-Identifier: Apache-2.0
"""docs/console.md is made from the registry and is the current one."""

import importlib.util
from pathlib import Path

from edgeleak.console import commands
from edgeleak.console.human import described
from edgeleak.console.masking import shown

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("write_console", ROOT / "tools/write_console_docs.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
TEXT = (ROOT / "docs/console.md").read_text(encoding="utf-8")
EVERY = [command for _, found in commands.SUBJECTS for command in found]


def test_the_reference_is_current():
    parts = {name: make() for name, make in tool.GENERATED.items()}
    assert tool.filled(TEXT, parts) == TEXT, "run: python tools/write_console_docs.py"


def test_every_command_is_there_once_with_help_and_answer():
    for command in EVERY:
        assert TEXT.count(f"| `{command.header}` |".replace("|", "|")) == 1, command.header
        assert command.help
        assert bool(command.answer) == command.is_query, command.header
        assert command.header in described(command)


def test_the_sessions_hold_what_they_show():
    for typed in tool.TYPED:
        assert shown(typed) in TEXT
    assert "edgeleak> login operate ****" in TEXT
    for line in tool.PROGRAM:
        assert f">>> {line}" in TEXT
    assert "EdgeLeak,el1-a," in TEXT
    assert "Traceback" not in TEXT
