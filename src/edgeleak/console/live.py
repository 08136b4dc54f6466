# SPDX-License-Identifier: Apache-2.0
"""Settings that change while the camera runs: checked, applied between two frames, and kept in
tuned.toml when somebody says so."""

import dataclasses
from collections.abc import Callable
from math import isnan, nan
from typing import Any

from edgeleak import config
from edgeleak.clock import NS_PER_MS
from edgeleak.errors import UnsettledError
from edgeleak.pipeline import live
from edgeleak.pipeline import profile as profiles
from edgeleak.services import tuned
from edgeleak.services.illumination import MODES

TAKEN_NS = 200 * NS_PER_MS
"""Two steps of the slowest control task that takes wishes, and room."""
SECTIONS = ("picture", "led", "sensor", "cooler")
Values = dict[str, dict[str, Any]]
"""By section of the settings, then by name."""
Written = tuple[Values, UnsettledError | None]
"""What the file has now, and why a power cut may take it back."""


class Live:
    """Everything belongs to the frames thread, but the work that `saving` returns.

    instrument : whose picture it is

    `picture` is config.PictureConfig as it is now; `led` and `set_point_degc` are wishes.
    """

    def __init__(self, instrument: Any) -> None:
        self._instrument = instrument
        self._base = profiles.load(instrument.config.detection.profile)
        self._asked: dict[str, tuple[float, int]] = {}
        self._written: set[tuple[str, str]] = set()
        self._filed = {name: getattr(instrument.config, name) for name in SECTIONS}
        self.picture, self.led = config.PictureConfig(), instrument.config.led
        self.restore()

    def restore(self) -> None:
        """As the settings files say."""
        self._take(self.filed("picture"))
        self.led = self.filed("led")

    def filed(self, section: str) -> Any:
        """One of `SECTIONS` as the settings files have it, with what was saved since the start."""
        return self._filed[section]

    def change(self, **values: Any) -> None:
        """Other picture settings, already in range; an error leaves all as it was."""
        self._take(dataclasses.replace(self.picture, **values))

    def lock_now(self) -> None:
        """Hold the level and span that the automatic found."""
        gain = self._instrument.pipeline.gain
        low, high = max(gain.low_counts, 1), max(gain.high_counts, 5)
        self.change(agc_mode="locked", agc_level_counts=(low + high) / 2,
                    agc_span_counts=float(max(high - low, 4)))  # fmt: skip

    def span_counts(self) -> tuple[float, float]:
        """(black, white): as locked, or as the automatic has them."""
        if self.picture.agc_mode == "locked":
            return live.span_of(self.picture)
        gain = self._instrument.pipeline.gain
        return float(gain.low_counts), float(gain.high_counts)

    def _take(self, wanted: config.PictureConfig) -> None:
        live.apply(self._instrument.pipeline, self._base, wanted, self.picture)
        self.picture = wanted

    def asked(self, what: str, value: float) -> None:
        """Remember a wish that the control loop has yet to take."""
        self._asked[what] = (value, self._instrument.clock.monotonic_ns() + TAKEN_NS)

    def wish(self, what: str, taken: float) -> float:
        """What was asked for lately, or what the control loop says by now."""
        value, until_ns = self._asked.get(what, (taken, 0))
        return value if self._instrument.clock.monotonic_ns() < until_ns else taken

    def set_light(self, **values: Any) -> None:
        """Ask for light; UsageError names the limit that the wish breaks."""
        wanted = dataclasses.replace(self.led, **values)
        self._instrument.light.request(wanted.mode, wanted.current_ma)
        self.led = wanted
        self.asked("mode", MODES[wanted.mode])

    def set_exposure(self, integration_us: int) -> None:
        """Ask for another; UsageError when light or sensor forbid it."""
        self._instrument.light.request_exposure(integration_us)
        self.asked("us", integration_us)

    def cool(self, degc: float) -> None:
        """Have the cooler drive to a set-point; UsageError for one that it cannot have."""
        self._instrument.cooler.request(degc)
        self.asked("degc", degc)
        self.asked("drive", 1)

    def warm_up(self) -> None:
        """Switch the cooler off, on the ramp."""
        self._instrument.cooler.request("off")
        self.asked("drive", 0)

    def is_cooler_on(self) -> bool:
        """It is wished to drive to a set-point, whether it can or not."""
        return bool(self.wish("drive", self._instrument.cooler.wants_drive))

    def exposure_us(self) -> float:
        """As it is wished, or set by now; NaN where the sensor has none."""
        return self.wish("us", getattr(self._instrument.sensor, "integration_us", nan))

    def saving(self) -> Callable[[], Written]:
        """Work that writes what differs from the settings files, or was written before, and
        returns it; `saved` comes after it."""
        on, wanted = self._instrument, {}
        for section, values in self._now().items():
            filed = self.filed(section)
            found = {
                name: value
                for name, value in values.items()
                if value != getattr(filed, name) or (section, name) in self._written
            }
            self._written |= {(section, name) for name in found}
            if found:
                wanted[section] = found
        path = on.folders.state / config.TUNED_NAME

        def work() -> Written:
            try:
                if wanted:
                    tuned.write(path, wanted)
            except UnsettledError as error:
                return wanted, error
            return wanted, None

        return work

    def saved(self, done: Written) -> None:
        """The settings files have these values now; raises what the save has still to say."""
        written, doubt = done
        for section, values in written.items():
            self._filed[section] = dataclasses.replace(self._filed[section], **values)
        if doubt is not None:
            raise doubt

    def _now(self) -> Values:
        """Everything that `saving` may write, by section."""
        found = {"picture": dataclasses.asdict(self.picture), "led": dataclasses.asdict(self.led)}
        if not isnan(us := self.exposure_us()):
            found["sensor"] = {"integration_us": round(us)}
        cooler = self._instrument.cooler
        if cooler is not None:
            wish_degc = self.wish("degc", cooler.status.wish_degc)
            found["cooler"] = {} if isnan(wish_degc) else {"set_point_degc": wish_degc}
            if cooler.tuning is not None and cooler.tuning.gains is not None:
                gains = cooler.gains
                found["cooler"] |= {"kp_a_per_k": gains.kp, "ki_a_per_k_s": gains.ki,
                                    "kd_a_s_per_k": gains.kd}  # fmt: skip
        return found
