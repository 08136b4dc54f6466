# SPDX-License-Identifier: Apache-2.0
"""Say which EdgeLeak this is, how its kernels were built and what this machine runs.

The kernels pick the best instruction set the CPU has; EDGELEAK_ISA=baseline forces the
portable one.  Paste the output into a report: it names everything a result depends on.
"""

import argparse
import json
import os
import platform
import sys
from typing import Any

HELP = "version, kernel build and machine"
VALUE_COLUMN = 18


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable, on stdout")


def facts() -> dict[str, Any]:
    """Everything a result may depend on besides its input."""
    import numpy

    from edgeleak import __version__, kernels

    build = kernels.build_info()
    return {
        "edgeleak": __version__,
        "kernels": build["source_hash"],
        "machine": build["machine"],
        "compiler": build["compiler"],
        "flags": build["flags"],
        "isa_variants": list(build["isa_variants"]),
        "isa": build["isa"],
        "isa_forced": bool(os.environ.get("EDGELEAK_ISA")),
        "cpu_features": [name for name, has in kernels.cpu_features().items() if has],
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else value


def run(args: argparse.Namespace) -> int:
    found = facts()
    if args.json:
        json.dump(found, sys.stdout, indent=2)
        print()
        return 0
    for name, value in found.items():
        print(f"{name.replace('_', ' '):<{VALUE_COLUMN}}{_text(value)}")
    return 0
