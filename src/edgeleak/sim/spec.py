# SPDX-License-Identifier: Apache-2.0
"""Text form of a simulated sensor: `sim:seed=3,leak=on,shape=240x320`."""

from collections.abc import Callable

from edgeleak.errors import UsageError
from edgeleak.sim.sensor import SimulatedSensor

PREFIX = "sim:"


def parse_shape(text: str) -> tuple[int, int]:
    """`480x640` -> (480, 640): rows first, as everywhere in EdgeLeak."""
    rows, _, cols = text.lower().partition("x")
    if not (rows.isdecimal() and cols.isdecimal()):
        raise UsageError(f"shape '{text}': write rows x columns, for example 480x640")
    return int(rows), int(cols)


def _switch(text: str) -> bool:
    words = {"on": True, "yes": True, "true": True, "1": True,
             "off": False, "no": False, "false": False, "0": False}  # fmt: skip
    return words[text.lower()]


FIELDS: dict[str, tuple[str, Callable]] = {
    "seed": ("seed", int),
    "shape": ("shape", parse_shape),
    "fps": ("fps", float),
    "leak": ("leak", _switch),
    "start": ("leak_start_s", float),
    "rate": ("rate_g_per_h", float),
    "seconds": ("seconds", float),
    "movers": ("movers", _switch),
    "fixed-pattern": ("fixed_pattern", _switch),
}


def open_sim(spec: str) -> SimulatedSensor:
    """A sensor from its text form; raises UsageError that names the word it did not know.

    spec : `sim:` and comma-separated seed=, shape=, fps=, leak=on|off, start= (s), rate= (g/h),
           seconds=, movers=on|off, fixed-pattern=on|off; 60 seconds unless stated
    """
    given: dict = {"seconds": 60.0}
    for word in filter(None, spec.removeprefix(PREFIX).split(",")):
        key, _, value = word.partition("=")
        if key not in FIELDS:
            raise UsageError(f"'{key}' in '{spec}': known are {', '.join(FIELDS)}")
        name, convert = FIELDS[key]
        try:
            given[name] = convert(value)
        except (KeyError, ValueError) as error:
            raise UsageError(f"'{word}' in '{spec}': the value of {key} is not valid") from error
    sensor = SimulatedSensor(**given)
    sensor.path = PREFIX + spec.removeprefix(PREFIX)
    return sensor
