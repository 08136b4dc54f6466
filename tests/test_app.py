# SPDX-License-Identifier: Apache-2.0
"""The program as a shell sees it: help, exit codes, one sentence instead of a traceback."""

import os
import subprocess
import sys

import pytest

from edgeleak import app, errors


def leaf_parsers(parser, words=()):
    """Every command without sub-commands, with the words that reach it."""
    for action in parser._actions:
        if isinstance(action, app.argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from leaf_parsers(sub, (*words, name))
            return
    yield words, parser


LEAVES = {" ".join(words): parser for words, parser in leaf_parsers(app.build_parser())}


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_speaks_json_and_explains_itself(command):
    parser = LEAVES[command]
    options = {word for action in parser._actions for word in action.option_strings}
    assert "--json" in options
    assert parser.description
    assert all(action.help for action in parser._actions), "an option without help"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], errors.UsageError.exit_code, "COMMAND"),
        (["fly"], errors.UsageError.exit_code, "invalid choice"),
        (["replay", "no-such-file.npz"], errors.MissingInputError.exit_code, "no such file"),
        (["replay", __file__], errors.UsageError.exit_code, "unknown kind"),
        (
            ["console", "/no/port", "--bogus"],
            errors.UsageError.exit_code,
            "usage: edgeleak console",
        ),
        (
            ["console", "/no/port", "--command", "*IDN?"],
            errors.MissingInputError.exit_code,
            "edgeleak console: port /no/port",
        ),
        (
            ["console", "/no/port", "--command", "*IDN?", "--grab", "x.png"],
            errors.MissingInputError.exit_code,
            "edgeleak console: port /no/port",
        ),
        (["sim", "--seconds", "0"], errors.UsageError.exit_code, "edgeleak sim: --seconds must be"),
    ],
)
def test_wrong_calls_are_one_sentence_and_a_code(arguments, code, words):
    run = subprocess.run(
        [sys.executable, "-m", "edgeleak", *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == code
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_reader_that_leaves_early_is_no_error_message():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        run = subprocess.run(
            [sys.executable, "-m", "edgeleak", "version"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.stderr == ""


@pytest.mark.parametrize(
    "arguments", [["version"], ["version", "--json"], ["--help"], ["--version"]]
)
def test_an_answer_that_does_not_fit_is_one_sentence(arguments):
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "edgeleak", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == errors.StorageError.exit_code
    assert "No space left on device" in run.stderr
    assert run.stderr.count("\n") == 1, run.stderr


def test_closed_stdout_is_no_traceback():
    run = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -m edgeleak version >&-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr


def test_kernels_that_do_not_load_say_what_to_do(monkeypatch, capsys):
    def broken(name):
        raise ImportError("no module named _nuc")

    real = app.importlib.import_module
    monkeypatch.setattr(
        app.importlib,
        "import_module",
        lambda name: broken(name) if name == "edgeleak.kernels" else real(name),
    )
    assert app.main(["version"]) == errors.UnavailableError.exit_code
    assert "pip install ." in capsys.readouterr().err
