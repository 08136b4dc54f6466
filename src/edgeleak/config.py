# SPDX-License-Identifier: Apache-2.0
"""What the user wants: every setting of the instrument with unit, range and reason.

Three layers, later ones win: the defaults here, `edgeleak.toml` with `conf.d/*.toml`, and
`tuned.toml`, which only the instrument writes.  `origin` remembers which file set what.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeleak import schema
from edgeleak.errors import ConfigError
from edgeleak.schema import number, switch, word

SYSTEM_FILE = Path("/etc/edgeleak/edgeleak.toml")
STATE_FOLDER = Path("/var/lib/edgeleak")
TUNED_NAME = "tuned.toml"
FRAMES_OF_PATIENCE = 2
"""One frame that is lost must not be silence already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentConfig:
    """The instrument as a whole."""

    board: str = word("name of the board, or path of its board.toml", "el1-a")
    serial: str = word("shown to clients and written into recordings", "0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """How the sensor is run."""

    integration_us: int = number("us", 10, 60_000, "half well for a room scene", 8000)
    binning: bool = switch("320x240 at four times the rate instead of 640x480", False)
    fps: float = number("1/s", 0.5, 60, "what the bus of a Zero 2 W carries, with margin", 11.0)
    stale_ms: int = number("ms", 50, 5000, "without a frame this long there is no answer", 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolerConfig:
    """How the detector is cooled; the board's absolute limits stand above all of this."""

    set_point_degc: float = number("degC", -40, 30, "dark current a tenth of that at 10", -20.0)
    is_on_at_start: bool = switch("False waits for a command", True)
    ramp_k_per_s: float = number("K/s", 0.05, 2, "measured limit; the course aims at 85 %", 0.7)
    accel_k_per_s2: float = number("K/s2", 0.02, 1, "no step in the feed-forward", 0.15)
    kp_a_per_k: float = number("A/K", 0.001, 10, "2 rad/s on the liveliest cooler", 0.5)
    ki_a_per_k_s: float = number("A/(K s)", 0, 5, "a tenth of kp: 10 s reset time", 0.05)
    kd_a_s_per_k: float = number("A s/K", 0, 5, "makes up for half the thermistor's lag", 0.15)
    tolerance_k: float = number("K", 0.02, 0.5, "fixed pattern moves by less than the noise", 0.1)
    stable_s: float = number("s", 1, 60, "within tolerance this long is steady", 5.0)
    max_power_w: float = number("W", 0.5, 30, "what supply and battery are built for", 5.0)
    max_delta_k: float = number("K", 10, 120, "hot to cold side: stress in the module", 80.0)
    no_progress_s: float = number("s", 5, 60, "at the current limit without cooling", 10.0)
    dew_margin_k: float = number("K", 0.5, 20, "window above the dew point", 2.0)
    window_share: float = number("1", 0.01, 0.5, "of housing to FPA the window is colder", 0.05)
    min_supply_v: float = number("V", 4.4, 12, "below this the processor is next", 4.6)
    usual_fan_rpm: float = number("rpm", 100, 20_000, "fan of the board; 60 % is worth a note",
                                  3000.0)  # fmt: skip
    min_fan_rpm: float = number("rpm", 100, 20_000, "slower is lost, where there is a tacho",
                                600.0)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LedConfig:
    """What the LED does after the start; the board's four limits stand above it."""

    mode: str = word("light in no, every or every second frame", "off", ("off", "on", "alternate"))
    current_ma: float = number("mA", 0, 2000, "half of the part's peak", 200.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NucConfig:
    """When the non-uniformity correction is taken again."""

    frames: int = number("frames", 4, 256, "16 frames leave a quarter of the noise", 16)
    settle_s: float = number("s", 0, 30, "frames after the shutter moved teach nothing", 1.0)
    drift_k: float = number("K", 0.05, 5, "a new offset after this FPA drift", 0.3)
    every_s: float = number("s", 30, 3600, "and at the latest after this", 600.0)
    has_shutter: bool = switch("False asks the user to put the cap on", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionConfig:
    """What decides."""

    profile: str = word("profile of the pipeline: name or .toml file", "sensitive")


PALETTES = ("grey", "grey-inverted", "iron", "arctic", "rainbow", "green", "amber")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureConfig:
    """Live settings over the profile's own; the console changes them while the camera runs."""

    palette: str = word("colours of viewers", "grey", PALETTES)
    agc_mode: str = word("follow the scene, or hold level and span", "auto", ("auto", "locked"))
    agc_level_counts: float = number("counts", 1, 16383, "middle when locked", 8192.0)
    agc_span_counts: float = number("counts", 4, 16383, "black to white when locked", 4096.0)
    clahe_tiles: int = number("", 0, 16, "each way; 0 takes the profile's", 0)
    clahe_clip: float = number("", -1, 100, "0 is no limit, -1 takes the profile's", -1.0)
    background_slew: float = number("", 0, 8, "times the profile's; 0 holds it", 1.0)
    sensitivity: float = number("", 0.25, 2.5, "thresholds are divided by it", 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderConfig:
    """What is kept of the frames."""

    folder: str = word("where recordings go", "/var/lib/edgeleak/recordings")
    ring_s: float = number("s", 8, 60, "shared memory between camera and recorder", 8.0)
    preroll_s: float = number("s", 0, 30, "what happened just before the event", 5.0)
    postroll_s: float = number("s", 0, 60, "and just after it", 5.0)
    on_alarm: bool = switch("every alarm is recorded", True)
    keep_free_mib: int = number("MiB", 1, 100_000, "recording stops below this", 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentConfig:
    """The network beside the detector: a second opinion that never changes the answer."""

    is_on: bool = switch("off: it has not beaten the detector on real recordings", False)
    model: str = word("card of the model; empty takes the one in the package", "")
    every_ms: int = number("ms", 100, 60_000, "two looks a second see a plume drift", 500)
    deadline_ms: int = number("ms", 20, 10_000, "a later answer is of another scene; ten times as"
                              " long ends the process", 1000)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmConfig:
    """The alarm output."""

    hold_s: float = number("s", 1, 600, "a short plume is noticed too", 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig:
    """Where commands come from."""

    serial_device: str = word("empty for none", "/dev/serial0")
    baud: int = number("Bd", 9600, 3_000_000, "the console cable", 115_200)
    socket: str = word("unix socket for local clients; empty for none", "/run/edgeleak/scpi")
    idle_logout_s: float = number("s", 10, 86_400, "an open console is nobody's", 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All sections."""

    instrument: InstrumentConfig = field(default_factory=InstrumentConfig)
    sensor: SensorConfig = field(default_factory=SensorConfig)
    cooler: CoolerConfig = field(default_factory=CoolerConfig)
    led: LedConfig = field(default_factory=LedConfig)
    nuc: NucConfig = field(default_factory=NucConfig)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    recorder: RecorderConfig = field(default_factory=RecorderConfig)
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    alarm: AlarmConfig = field(default_factory=AlarmConfig)
    console: ConsoleConfig = field(default_factory=ConsoleConfig)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where each value came from.

    config : the values
    origin : "section.name" -> file; a name that is missing is a default
    """

    config: Config
    origin: dict[str, str]


def files(system: Path = SYSTEM_FILE, state: Path = STATE_FOLDER) -> list[Path]:
    """The files that exist, in the order they are applied."""
    drop_ins = sorted((system.parent / "conf.d").glob("*.toml"))
    return [path for path in (system, *drop_ins, state / TUNED_NAME) if path.is_file()]


def load(paths: list[Path]) -> Loaded:
    """Merge files over the defaults; ConfigError with file, line, nearest name and range."""
    merged: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    for path in paths:
        table, text = schema.read_whole(path)
        schema.build(Config, table, str(path), text)  # errors name this file, not the sum
        for section, values in table.items():
            merged.setdefault(section, {}).update(values)
            origin |= {f"{section}.{name}": str(path) for name in values}
    loaded = Loaded(schema.build(Config, merged, "merged configuration"), origin)
    _check(loaded)
    return loaded


def _check(loaded: Loaded) -> None:
    """Rules over more than one value."""
    recorder = loaded.config.recorder
    if recorder.preroll_s > recorder.ring_s - 1:
        raise ConfigError(
            f"recorder.preroll_s = {recorder.preroll_s:g} s does not fit in recorder.ring_s ="
            f" {recorder.ring_s:g} s with 1 s to spare; raise ring_s or lower preroll_s"
        )
    sensor = loaded.config.sensor
    least_ms = FRAMES_OF_PATIENCE * 1000 / sensor.fps
    if sensor.stale_ms < least_ms:
        raise ConfigError(
            f"sensor.stale_ms = {sensor.stale_ms} ms never gives an answer at sensor.fps ="
            f" {sensor.fps:g}: use at least {least_ms:.0f} ms, or more frames a second"
        )
    cooler = loaded.config.cooler
    if cooler.min_fan_rpm >= cooler.usual_fan_rpm:
        raise ConfigError(
            f"cooler.min_fan_rpm = {cooler.min_fan_rpm:g} rpm is not below cooler.usual_fan_rpm ="
            f" {cooler.usual_fan_rpm:g} rpm: a good fan would count as lost"
        )


def rows(loaded: Loaded) -> Iterator[tuple[str, Any, "dataclasses.Field[Any]", str]]:
    """("section.name", value, field, origin) of every setting, in order."""
    for section in dataclasses.fields(loaded.config):
        values = getattr(loaded.config, section.name)
        for entry in dataclasses.fields(values):
            key = f"{section.name}.{entry.name}"
            yield key, getattr(values, entry.name), entry, loaded.origin.get(key, "default")


def as_toml(loaded: Loaded) -> str:
    """The whole configuration as a commented TOML file, every default in place."""
    lines = ["# EdgeLeak configuration: every setting with its unit, range and reason.",
             "# A line that starts with # is the default; remove the # to change it."]  # fmt: skip
    section = ""
    for key, value, entry, origin in rows(loaded):
        here, name = key.split(".")
        if here != section:
            section = here
            lines += ["", f"[{section}]"]
        mark = "# " if origin == "default" else ""
        lines += [f"# {_explained(entry)}", f"{mark}{name} = {_literal(value)}"]
    return "\n".join(lines) + "\n"


def _explained(entry: "dataclasses.Field[Any]") -> str:
    facts = entry.metadata
    if "low" in facts:
        unit = f" {facts['unit']}" if facts["unit"] else ""
        return f"{facts['low']:g}..{facts['high']:g}{unit}: {facts['why']}"
    if facts.get("choices"):
        return f"{', '.join(facts['choices'])}: {facts['why']}"
    return str(facts["why"])


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
