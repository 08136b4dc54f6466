# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys

import numpy as np

from edgeleak import __version__
from edgeleak.app import main
from edgeleak.errors import ConfigError
from edgeleak.kernels import build_info


def test_json_names_build_and_machine(capsys):
    assert main(["version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["edgeleak"] == __version__
    assert found["numpy"] == np.__version__
    assert found["isa"] in found["isa_variants"]
    assert "-ffp-contract=off" in found["flags"]
    assert len(found["kernels"]) == 16


def test_text_has_one_fact_a_line(capsys):
    assert main(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"compiler          {build_info()['compiler']}" in lines
    assert any(line.startswith("isa variants      baseline") for line in lines)


def run_with_isa(isa):
    return subprocess.run(
        [sys.executable, "-m", "edgeleak", "version", "--json"],
        env=os.environ | {"EDGELEAK_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )


def test_forced_instruction_set_shows():
    found = json.loads(run_with_isa("baseline").stdout)
    assert (found["isa"], found["isa_forced"]) == ("baseline", True)


def test_unknown_instruction_set_is_one_sentence():
    run = run_with_isa("mmx")
    assert run.returncode == ConfigError.exit_code
    assert "EDGELEAK_ISA='mmx' is unknown" in run.stderr
    assert "Traceback" not in run.stderr
