# SPDX-License-Identifier: Apache-2.0
"""Fill docs/hil.md: the transcript of the suite, and throughput through a cable's pace.

write_docs.py               suite and throughput; takes nine minutes
write_docs.py --rates       only the throughput; two and a half minutes
write_docs.py --run FILE    the transcript from a kept output of `pytest tools/hil`
write_docs.py --board FILE  the one of `board_on_pty.py --switch -rs`
write_docs.py --hour FILE   the one of `pytest tools/hil -m hour -s`
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgeleak.console.client import Client, connect
from edgeleak.console.visa import read_ahead
from edgeleak.sim.launch import RunningPlant
from edgeleak.sources import open_source

HERE = Path(__file__).resolve().parent
FILE = HERE.parents[1] / "docs" / "hil.md"
PART = "(<!-- {name} -->\n).*?(<!-- end -->)"
SETTINGS = '[cooler]\nset_point_degc = 20.0\n[console]\nserial_device = ""\nsocket = "{0}/scpi"\n'
PATIENCE_S = 60.0
TIMEOUT_MS = 70_000
"""Of the client, for a whole answer; a 16-bit frame takes 53.4 s at 115,200 Bd."""
RECORDED_S = 1
"""What came in the five seconds before is recorded too, the held frame with it."""
BITS_A_BYTE = 10
KEPT = {
    "board": "python tools/hil/board_on_pty.py --switch -rs",
    "hour": "pytest tools/hil -m hour -s",
}
"""Parts that take too long to be made here, and the commands whose output is kept for them."""


class Case(NamedTuple):
    """One reading through one cable; `ahead` is edgeleak.console.visa.read_ahead."""

    baud: int
    what: str
    datatype: str
    ahead: bool


CASES = (
    Case(115_200, "HIST:DATA? COUN", "I", False),
    Case(115_200, "FRAM:DATA? MASK", "B", False),
    Case(115_200, "FRAM:DATA? RAW", "H", False),
    Case(3_000_000, "HIST:DATA? COUN", "I", False),
    Case(3_000_000, "FRAM:DATA? RAW", "H", False),
    Case(3_000_000, "FRAM:DATA? RAW", "H", True),
)


def wait_for(is_so: Any, what: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > end_s:
            sys.exit(f"{what}: waited {PATIENCE_S:g} s in vain")
        time.sleep(0.1)


def rates() -> str:
    """A table: each case through its cable, by pyvisa-py; frames compared with the recording."""
    rows = [
        "| cable | read | client | bytes | s | kB/s | of the line |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name, RunningPlant() as plant:
        folder = Path(name)
        (folder / "edgeleak.toml").write_text(SETTINGS.format(name))
        command = [sys.executable, "-m", "edgeleak", "run", "--pty", str(folder / "pty"),
                   "--config", str(folder / "edgeleak.toml"), "--state", name, "--run", name,
                   "--out", str(folder / "out")]  # fmt: skip
        firmware = subprocess.Popen(command, env=plant.environment(), stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: (folder / "scpi").exists(), "the console's socket")
            with Client(connect(str(folder / "scpi"), 0)) as control:
                wait_for(lambda: int(control.query("MEAS:FRAM?")) > 30, "frames")
                kept = [measured(folder, case, rows, control) for case in CASES]
            frames = [one for one in kept if one is not None]
            wait_for(lambda: len(list((folder / "out").glob("*.mcap"))) == len(frames),
                     "the recordings")  # fmt: skip
            compare(folder / "out", frames)
        finally:
            firmware.send_signal(signal.SIGTERM)
            firmware.wait()
    return "\n".join(rows)


def measured(folder: Path, case: Case, rows: list[str], control: Client
             ) -> tuple[int, np.ndarray] | None:  # fmt: skip
    """One reading; (sequence, counts) of a raw frame, which is recorded while it is held."""
    import pyvisa

    link = folder / "cable"
    relay = subprocess.Popen([sys.executable, str(HERE / "paced_relay.py"), str(folder / "pty"),
                              "--baud", str(case.baud), "--link", str(link)],
                             stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert relay.stdout is not None
    relay.stdout.readline()
    manager = pyvisa.ResourceManager("@py")
    inst: Any = manager.open_resource(f"ASRL{link}::INSTR", read_termination="\n",
                                      write_termination="\n", timeout=TIMEOUT_MS)  # fmt: skip
    if case.ahead:
        read_ahead(inst)
    inst.write("*CLS;:FRAM:HOLD ON")
    inst.query("*OPC?")
    if "RAW" in case.what:
        control.write(f'REC:STAR "rates",{RECORDED_S}')
    began_s = time.monotonic()
    found = inst.query_binary_values(case.what, datatype=case.datatype, container=np.array)
    took_s = time.monotonic() - began_s
    sequence = int(inst.query("FRAM:INFO?").split(",")[0])
    inst.write("FRAM:HOLD OFF")
    inst.query("*OPC?")
    manager.close()
    relay.terminate()
    relay.wait()
    rate = found.nbytes / took_s
    client = "pyvisa-py with `read_ahead`" if case.ahead else "pyvisa-py"
    share = 100 * rate * BITS_A_BYTE / case.baud
    rows.append(f"| {case.baud:,} Bd | `{case.what}` | {client} | {found.nbytes} | {took_s:.2f} |"
                f" {rate / 1000:.1f} | {share:.0f} % |")  # fmt: skip
    print(rows[-1], flush=True)
    return (sequence, found) if "RAW" in case.what else None


def compare(folder: Path, frames: list[tuple[int, np.ndarray]]) -> None:
    """Every frame that was read is, count by count, the one in a recording."""
    recorded = {}
    for path in folder.glob("*.mcap"):
        recorded |= {info.sequence: pixels.copy() for pixels, info in open_source(path)}
    for sequence, counts in frames:
        if not np.array_equal(recorded[sequence].reshape(-1), counts):
            sys.exit(f"frame {sequence} differs from the one that was recorded")
    print(f"{len(frames)} frames equal to the recorded ones")


def transcript(kept: Path | None) -> str:
    """What `pytest tools/hil` prints."""
    if kept is not None:
        return shown("pytest tools/hil", kept.read_text())
    text = subprocess.run([sys.executable, "-m", "pytest", str(HERE), "-rs"],
                          capture_output=True, text=True).stdout  # fmt: skip
    return shown("pytest tools/hil", text)


def shown(command: str, text: str) -> str:
    """A command and what it printed, without dates."""
    lines = [
        line.rstrip() for line in text.splitlines() if not re.match(r"\w{3} \w{3} \d\d ", line)
    ]
    return "\n".join(["```", f"$ {command}", *lines, "```"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", action="store_true")
    for name in ("run", *KEPT):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    args = parser.parse_args()
    parts = {name: shown(command, getattr(args, name).read_text())
             for name, command in KEPT.items() if getattr(args, name) is not None}  # fmt: skip
    is_all = not (parts or args.rates or args.run)
    if args.rates or is_all:
        parts["rates"] = rates()
    if args.run is not None or is_all:
        parts["transcript"] = transcript(args.run)
    text = FILE.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = re.compile(PART.format(name=name), re.DOTALL)
        text, count = pattern.subn(lambda m, part=part: f"{m[1]}\n{part}\n{m[2]}", text)
        if count != 1:
            sys.exit(f"{FILE}: {count} places for {name}, expected one")
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
