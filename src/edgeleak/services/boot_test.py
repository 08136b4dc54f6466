# SPDX-License-Identifier: Apache-2.0
"""The self-test at boot: due until it has passed once, and told of while it has not.

The service unit runs it before each start of the instrument.  Passed, it is not repeated until
the service is stopped or the board switched off: a restart by the watchdog shall not wait for it.
Failed, the instrument does not start, and that counts as a start that never became ready.  After
STORM_STARTS of them it gives way: the instrument comes up in fault 906, outputs off, with console
and flashing LED, because a person in the field sees neither unit nor journal.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

from edgeleak.durable import replace_text
from edgeleak.errors import EdgeLeakError
from edgeleak.services.setup import STARTS_NAME
from edgeleak.services.watchdog import STORM_STARTS, Starts

RESULT_NAME = "selftest.json"


class BootTest:
    """Result and count in the run folder, which is lost at a reboot and at a stop.

    folder : of the start times; one that cannot be written makes the test due again
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._starts = folder / RESULT_NAME, Starts(folder / STARTS_NAME)

    def reason_to_skip(self, now_ns: int) -> str:
        """Why it is not due; "" when it is."""
        if self._read().get("passed") is True:
            return "it has passed since the service was stopped or the board was off"
        if (count := self._starts.count(now_ns)) >= STORM_STARTS:
            return f"{count} starts failed; the instrument shows it as fault 906"
        return ""

    def note(self, document: dict[str, Any], now_ns: int) -> None:
        """Keep the result; one that failed is a start that never became ready."""
        with contextlib.suppress(EdgeLeakError, OSError):  # a full tmpfs must not stop a start
            replace_text(self._path, json.dumps(document, indent=2) + "\n")
        if not document["passed"]:
            self._starts.begin(now_ns)

    def failed(self) -> str:
        """Names of the rows that failed last, or the error that ended it; "" when it passed."""
        found = self._read()
        if found.get("passed") is not False:
            return ""
        rows = found.get("checks", [])
        return found.get("error") or ", ".join(
            row["what"] for row in rows if row["verdict"] == "FAIL")  # fmt: skip

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
