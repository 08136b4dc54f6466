# SPDX-License-Identifier: Apache-2.0
"""What the running instrument says of itself, from the status file it renews every second.

edgeleak status
edgeleak status --json
"""

import argparse
import json
from pathlib import Path
from typing import Any

from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.errors import UnavailableError

HELP = "state, verdict and counters of the running instrument"
STATUS_NAME, DETECTABILITY_NAME = "status.json", "detectability.json"
SEEN_S = 600.0
"""What `edgeleak detectability --live` measured is of its last ten minutes."""
OLD_S = 3.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--run", type=Path, metavar="DIR", dest="run_folder",
                        default=Path("/run/edgeleak"), help="where it runs")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="everything as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """0 when it runs, whatever it says; 69 when it does not."""
    from edgeleak.services.boot_test import BootTest
    from edgeleak.services.life import line_of as life_line
    from edgeleak.services.thermal_status import effort_line

    try:
        status = read(args.run_folder / STATUS_NAME, SystemClock().monotonic_ns())
    except UnavailableError as error:
        if rows := BootTest(args.run_folder).failed():
            raise UnavailableError(f"{error}; the self-test at boot failed: {rows}") from error
        raise
    if args.json:
        print(json.dumps(status, indent=2))
        return 0
    print(line_of(status))
    print(f"reason     {status['reason']}")
    if status["note"]:
        print(f"note       {status['note']}")
    print(f"frames     {status['frames']} in {status['uptime_s']:.0f} s,"
          f" {status['link']['drops']} dropped")  # fmt: skip
    if cooler := status["cooler"]:
        print("cooler     " + effort_line(cooler["energy_to_set_point_j"], cooler["cool_down_s"],
                                          cooler["holding_w"]))  # fmt: skip
    print(f"life       {life_line(status['life'])}")
    if seen := detectability_line(args.run_folder / DETECTABILITY_NAME, status["written_ns"]):
        print(f"would find {seen}")
    for leak in status["leaks"]["open"]:
        print(f"leak       {leak_line(leak)}")
    for what, count in status["counts"].items():
        print(f"           {count:4d} x {what}")
    return 0


def read(path: Path, now_ns: int) -> dict[str, Any]:
    """The file, if the instrument renewed it lately."""
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
        age_s = (now_ns - status["written_ns"]) / NS_PER_S
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(
            f"{path}: no status ({error}); is it running? See: systemctl status edgeleak"
        ) from error
    if not 0 <= age_s <= OLD_S:
        raise UnavailableError(
            f"{path}: last renewed {age_s:.0f} s ago, expected every second; the instrument has"
            " stopped or hangs. See: journalctl -u edgeleak"
        )
    return dict(status)


def line_of(status: dict[str, Any]) -> str:
    """One calm line: state, temperature and set-point, rate, verdict, drops."""
    cooler, link = status["cooler"], status["link"]
    cold = "uncooled"
    if cooler is not None:
        cold = f"{_number(cooler['cold_degc'])} ({_number(cooler['set_point_degc'])}) degC"
    marks = "".join(f"  {word}" for word in ("recording", "degraded") if status[word])
    code = f" {status['code']} {status['reason'].split(':')[0]}" if status["code"] else ""
    return (f"{status['state']:<9}  {cold}  {status['fps']:4.1f} fps  {status['verdict']}{code}"
            f"  drops {link['drops']}{marks}")  # fmt: skip


def detectability_line(path: Path, now_ns: int) -> str:
    """What was measured lately of what would be found; "" when nobody measures."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        age_s = (now_ns - found["written_ns"]) / NS_PER_S
        if not 0 <= age_s <= SEEN_S or not found["tried"]:
            return ""
        half, most = found["ppm_m_50"], found["ppm_m_90"]
        air = found["air"]["words"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    shares = [f"{share} from {ppm_m:.3g} ppm m" for share, ppm_m in (("half", half), ("90 %", most))
              if ppm_m is not None]  # fmt: skip
    words = ", ".join(shares) or "no share within what was tried"
    return f"{words} ({found['tried']} trials, {age_s:.0f} s ago; air {air})"


def leak_line(leak: dict[str, Any]) -> str:
    """One leak that lasts."""
    x, y = leak["origin_xy"]
    source = "?" if x is None else f"{x:.0f},{y:.0f} +/- {leak['origin_error_px']:.0f} px"
    again = f", again at {leak['same_place_as']}" if leak["same_place_as"] else ""
    return (f"{leak['id']}  for {leak['duration_s']:.0f} s  source {source}"
            f"  evidence {leak['evidence']:.3g}  {leak['polarity']}{again}")  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
