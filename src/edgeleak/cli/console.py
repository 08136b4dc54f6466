# SPDX-License-Identifier: Apache-2.0
"""Talk to an instrument: at this machine's serial ports, a rig's pty, or the local socket.

Without a port: the local instrument's socket, else /dev/edgeleak-console, else the only serial
port.  The port is held exclusively.  Ctrl-] leaves; a reset of the instrument is waited for, at a
serial cable from the first key that gets no echo.

  edgeleak console                              a person's console: status, help, watch
  edgeleak console /dev/ttyUSB0 --command "*IDN?" --command "COOL:SETP -15"
  edgeleak console --grab leak.png              a frame as PNG or TIFF; --plane RAW, --plane MASK
  edgeleak console --plot                       temperatures and histogram, drawn as text
"""

import argparse
import contextlib
import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeleak.clock import NS_PER_S, SystemClock
from edgeleak.errors import (
    BusError,
    MissingInputError,
    StorageError,
    UnavailableError,
    UsageError,
)

HELP = "talk to an instrument over serial port, pty or socket"
PLANES = ("PICT", "RAW", "CORR", "MASK", "BACK", "GAS")
FORGET_LINE = b"\x01"
REFUSED = 1
BARS = " ▁▂▃▄▅▆▇█"
PLOT_COLUMNS = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("port", nargs="?", metavar="PORT", help="device, pty or socket")
    parser.add_argument("--baud", type=int, default=115_200, help="of a serial port (115200)")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="S",
                        help="longest silence within an answer (5)")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="ports of this machine, then stop")
    parser.add_argument("--command", action="append", default=[], metavar="LINE", dest="lines",
                        help="send a line and print its answer; may be repeated")  # fmt: skip
    parser.add_argument("--grab", type=Path, metavar="FILE", help="save a frame, .png or .tif")
    parser.add_argument("--plane", choices=PLANES, default="PICT", help="of --grab (PICT)")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="save a bug report's zip")
    parser.add_argument("--plot", action="store_true", help="draw the live values as text")
    parser.add_argument("--seconds", type=float, metavar="N", help="end --plot after so long")
    parser.add_argument("--json", action="store_true",
                        help="ports, answers and what was saved as JSON on stdout")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """0, or 1 when the instrument refused something."""
    from edgeleak import config
    from edgeleak.console import client

    if args.list:
        return _list(client.ports(), args.json)
    settings = config.load(config.files()).config.console
    port = args.port or client.find(settings.socket)
    if not (args.lines or args.grab or args.bundle or args.plot):
        from edgeleak.cli.console_terminal import Terminal

        return Terminal(port, args.baud).run()
    if args.plot:
        return _plot(port, args)
    with client.Client(client.connect(port, args.baud), args.timeout) as asked:
        asked.start()
        try:
            return _ask(asked, args)
        finally:  # a cable keeps its level, and the next program would have it
            with contextlib.suppress(BusError):
                asked.write(FORGET_LINE + b"SYST:LOG")


def _ask(asked: Any, args: argparse.Namespace) -> int:
    """Lines first, then files."""
    told = [_command(asked, line, args.json) for line in args.lines]
    saved = []
    if args.grab is not None:
        saved.append(_grab(asked, args.plane, args.grab))
    if args.bundle is not None:
        saved.append(_save(args.bundle, asked.block("SYST:BUND?")))
    if args.json:
        print(json.dumps({"commands": told, "saved": saved}, indent=2))
    else:
        print("".join(f"{line}\n" for line in saved), end="")
    return REFUSED if any(row["errors"] for row in told) else 0


def _list(found: list[Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps([port._asdict() for port in found], indent=2))
        return 0
    for port in found:
        print(f"{port.device:<16} {port.description}  {port.serial_number}".rstrip())
    if not found:
        print("no serial ports", file=sys.stderr)
    return 0


# --- one question after another ------------------------------------------------------------------


def _command(asked: Any, line: str, as_json: bool) -> dict[str, Any]:
    """Send a line; its answer and errors, printed as they come."""
    answer, errors = asked.ask(line)
    text = None if answer is None else f"{len(answer)} bytes of data; --grab and --bundle save such"
    if answer is not None and answer.isascii():
        text = answer.decode().rstrip("\n")
    if not as_json:
        print(f"{text}\n" if text is not None else "", end="", flush=True)
        for number, words in errors:
            print(f"{number} {words}", file=sys.stderr)
    return {"line": line, "answer": text, "errors": errors}


def _grab(asked: Any, plane: str, path: Path) -> str:
    """One line that says what was saved."""
    import numpy as np

    height, width = map(int, asked.query("FRAM:SHAP?").split(","))
    dtype = np.dtype(asked.query(f"FRAM:DTYP? {plane}").lower()).newbyteorder("<")
    palette = asked.query("PAL?").lower().replace("_", "-")
    asked.write("FRAM:HOLD ON")
    try:
        data = asked.block(f"FRAM:DATA? {plane}")
        sequence = asked.query("FRAM:INFO?").split(",")[0]
    finally:
        with contextlib.suppress(BusError):
            asked.write("FRAM:HOLD OFF")
    picture = np.frombuffer(data, dtype).reshape(height, width)
    _write_picture(path, picture, palette if plane == "PICT" else "grey")
    return f"{path}: frame {sequence}, {plane}, {width}x{height}, {dtype.name}"


def _write_picture(path: Path, picture: Any, palette: str) -> None:
    """Every bit is kept: 16-bit PNG or TIFF; a picture of 8 bits gets the palette."""
    from edgeleak.picture import colour

    if picture.dtype == "uint8" and palette != "grey":
        picture = colour(picture, palette)
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            tifffile.imwrite(path, picture)
        elif path.suffix.lower() == ".png":
            from PIL import Image

            Image.fromarray(picture).save(path)
        else:
            raise UsageError(f"--grab {path}: name it .png or .tif")
    except ImportError as error:
        raise UnavailableError(f"{error.name} is missing: pip install 'edgeleak[host]'") from error
    except OSError as error:
        raise StorageError(f"{path} was not saved: {error}") from error


def _save(path: Path, data: bytes) -> str:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{path} was not saved: {error.strerror}") from error
    return f"{path}: {len(data)} bytes"


# --- drawing -------------------------------------------------------------------------------------


def _plot(port: str, args: argparse.Namespace) -> int:
    """Once a second until Ctrl-C; each picture is 20 lines."""
    clock = SystemClock()
    begin_ns = clock.monotonic_ns()
    clear = "\x1b[H\x1b[J" if sys.stdout.isatty() else ""
    with contextlib.suppress(KeyboardInterrupt):
        for picture in pictures(port, args.baud, args.timeout):
            print(clear + picture, flush=True)
            now_ns = clock.monotonic_ns()
            if args.seconds is not None and now_ns - begin_ns >= args.seconds * NS_PER_S:
                break
            clock.wait_until_ns(now_ns + NS_PER_S)
    return 0


def pictures(port: str, baud: int, timeout_s: float) -> Iterator[str]:
    """What to show, for ever: a picture, or a line that says that the instrument is waited for.

    Raises what `connect` raises when there is no instrument at first; later a reset, a cable that
    was pulled and a port that is gone only pause it, and the courses of temperature go on.
    """
    from edgeleak.console import client

    past: tuple[deque[float], ...] = (deque(maxlen=PLOT_COLUMNS), deque(maxlen=PLOT_COLUMNS))
    while True:
        try:
            with client.Client(client.connect(port, baud), timeout_s) as asked:
                asked.start()
                while True:
                    yield _picture(asked, past)
        except (BusError, UnavailableError, MissingInputError) as error:
            if not past[0]:
                raise
            yield f"{port} is gone; waiting for it, Ctrl-C ends ({error})"


def _picture(asked: Any, past: tuple[deque[float], ...]) -> str:
    import numpy as np

    told = asked.query("SYST:STAT?;:VERD?;:MEAS:FPS?;:MEAS:TEMP?;TEMP:HOTS?;:MEAS:TEC:CURR?")
    return drawn(told.split(";"), past, np.frombuffer(asked.block("HIST:DATA? PICT"), "<u4"))


def drawn(told: list[str], past: tuple[deque[float], ...], bins: Any) -> str:
    """State, two courses of temperature, histogram of the picture.

    told : state, verdict, fps, detector degC, hot side degC, TEC A
    past : temperatures so far; the new ones are added
    bins : (256,) of the picture's levels
    """
    for course, value in zip(past, told[3:5], strict=True):
        course.append(float(value))
    rows = bins.reshape(16, 16).sum(axis=1)
    most = max(int(rows.max()), 1)
    lines = [f"{told[0]:<10} {told[1]:<8} {float(told[2]):5.1f} fps  {float(told[5]):6.3f} A"]
    lines += [f"{name:<9}{course[-1]:8.2f} degC {spark(course)}"
              for name, course in zip(("detector", "hot side"), past, strict=True)]  # fmt: skip
    lines += [f"{16 * k:4d} {'█' * round(PLOT_COLUMNS * int(n) / most)}"
              for k, n in enumerate(rows)]  # fmt: skip
    return "\n".join(lines)


def spark(course: Any) -> str:
    """A line of bars from the lowest to the highest value; what is unknown is a gap."""
    known = [value for value in course if value < 1e37]
    low, span = (min(known), max(max(known) - min(known), 0.1)) if known else (0.0, 1.0)
    return "".join(
        BARS[1 + min(7, int(8 * (value - low) / span))] if value < 1e37 else " " for value in course
    )
