# SPDX-License-Identifier: Apache-2.0
"""Housing temperature and humidity, once a second: what decides how cold the window may get."""

import errno
import math
from collections.abc import Callable

from edgeleak.clock import Clock
from edgeleak.drivers.sht4x import Sht4x
from edgeleak.drivers.tmp117 import Tmp117
from edgeleak.errors import BusError, NotReadyError
from edgeleak.services.thermal_status import Surroundings


class Climate:
    """Reads both chips in turn; a chip that fails keeps its last value, whose age tells.

    housing, humidity : the chips
    supply_v          : as the ADC round of the LED measures it; NaN unknown
    """

    def __init__(self, housing: Tmp117, humidity: Sht4x, clock: Clock,
                 supply_v: Callable[[], float]) -> None:  # fmt: skip
        self._housing, self._humidity, self._clock = housing, humidity, clock
        self._supply_v = supply_v
        self._housing_degc = self._percent = math.nan
        self._housing_ns = self._humidity_ns = clock.monotonic_ns()
        self._is_started = self._has_begun = self._is_held = False
        self.errors = 0

    def step(self, _due_ns: int) -> None:
        """Fetch what the last step began, begin anew.  Never raises.

        A time-out means that something holds the bus, and the control loop with every call: the
        other chip is left for the next step.
        """
        self._is_held = False
        self._read_housing()
        if not self._is_held:
            self._read_humidity()

    def surroundings(self) -> Surroundings:
        """For the cooler; as old as its older part."""
        return Surroundings(min(self._housing_ns, self._humidity_ns), self._housing_degc,
                            self._percent, self._supply_v())  # fmt: skip

    def _read_housing(self) -> None:
        try:
            if not self._is_started:
                self._housing.start()
                self._is_started = True
            self._housing_degc = self._housing.read_degc()
            self._housing_ns = self._clock.monotonic_ns()
        except NotReadyError:
            return
        except BusError as error:
            self._note(error)
            self._is_started = False  # it may have lost its supply and its settings

    def _read_humidity(self) -> None:
        try:
            if self._has_begun:
                self._has_begun = False
                _, self._percent = self._humidity.read()
                self._humidity_ns = self._clock.monotonic_ns()
            self._humidity.start()
            self._has_begun = True
        except NotReadyError:
            self.errors += 1
        except BusError as error:
            self._note(error)

    def _note(self, error: BusError) -> None:
        self.errors += 1
        self._is_held = error.errno == errno.ETIMEDOUT
