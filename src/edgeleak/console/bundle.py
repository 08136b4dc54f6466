# SPDX-License-Identifier: Apache-2.0
"""One file for a bug report: what the instrument knows of itself, and nothing secret."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edgeleak import __version__, config, kernels
from edgeleak.console import checks
from edgeleak.console.history import FINE_ROWS, LONG_ROWS, as_csv

if TYPE_CHECKING:
    from edgeleak.console.desk import Desk


def gather(desk: "Desk") -> Callable[[], bytes]:
    """Copy what is needed now; the work that packs it may take long."""
    on, history = desk.instrument, desk.history
    fault = history.last_fault
    long, fine = history.long.newest(LONG_ROWS), history.fine.newest(FINE_ROWS)
    status, lines = on.status(), list(desk.lines())
    tasks = [row for loop in on.loops for row in loop.report()]
    test = [str(check) for check in checks.run(on)]
    settings = config.as_toml(config.Loaded(on.config, {}))

    def pack() -> bytes:
        texts = {
            "version.json": _json({"edgeleak": __version__, "numpy": np.__version__,
                                   "kernels": kernels.build_info(), "board": on.board.name}),
            "status.json": _json(status), "tasks.json": _json(tasks),
            "log.txt": "\n".join(lines) + "\n", "selftest.txt": "\n".join(test) + "\n",
            "settings.toml": settings,
            "ten-minutes.csv": as_csv(long), "half-minute.csv": as_csv(fine),
        }  # fmt: skip
        if fault is not None:
            texts["fault.csv"] = as_csv(fault.rows)
            texts["fault.txt"] = "\n".join((f"{fault.code} {fault.text}", *fault.lines)) + "\n"
        return _zipped(texts)

    return pack


def _zipped(texts: dict[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(f"edgeleak-bundle/{name}", text)
    return memory.getvalue()


def _json(facts: object) -> str:
    return json.dumps(facts, indent=1, default=str) + "\n"
