# SPDX-License-Identifier: Apache-2.0
"""Text form of a simulated sensor: `sim:seed=3,leak=on,shape=240x320`, `sim:family=rack,seed=3`."""

from collections.abc import Callable
from typing import Any

from edgeleak.errors import UsageError
from edgeleak.sim.scene.source import SceneSource
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


SCENE_FIELDS: dict[str, tuple[str, Callable]] = {
    "family": ("scenario", str),
    "seed": ("seed", int),
    "width": ("width", int),
    "height": ("height", int),
    "fps": ("fps", float),
    "netd": ("netd_mk", float),
}


def open_sim(spec: str) -> SimulatedSensor | SceneSource:
    """A sensor from its text form; raises UsageError that names the word it did not know.

    spec : `sim:` and comma-separated seed=, shape=, fps=, leak=on|off, start= (s), rate= (g/h),
           seconds=, movers=on|off, fixed-pattern=on|off; 60 seconds unless stated.
           With family= a scene (docs/scene-simulator.md): seed=, width=, height=, fps=, netd=
    """
    words = list(filter(None, spec.removeprefix(PREFIX).split(",")))
    if any(word.startswith("family=") for word in words):
        return SceneSource(**_given(words, spec, SCENE_FIELDS))
    sensor = SimulatedSensor(**{"seconds": 60.0, **_given(words, spec, FIELDS)})
    sensor.path = PREFIX + spec.removeprefix(PREFIX)
    return sensor


def _given(words: list[str], spec: str, fields: dict[str, tuple[str, Callable]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in fields:
            raise UsageError(f"'{key}' in '{spec}': known are {', '.join(fields)}")
        name, convert = fields[key]
        try:
            given[name] = convert(value)
        except (KeyError, ValueError) as error:
            raise UsageError(f"'{word}' in '{spec}': the value of {key} is not valid") from error
    return given
