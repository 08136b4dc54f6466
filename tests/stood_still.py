# SPDX-License-Identifier: Apache-2.0
"""A test in real time that fails while the machine stands still proves nothing: it runs again.

It fails where the machine had time, and is skipped, with the reason, where it never had.
"""

from _pytest.runner import runtestprotocol

from edgeleak.sim.pacer import Pacer, in_words

TRIES = 2


class Judged:
    """Runs one test; remembers the stops of its module, whose fixtures may have met them."""

    def __init__(self):
        self._module, self._stops = None, []

    def run(self, item, nextitem):
        """Reports of the last try."""
        if item.path != self._module:
            self._module, self._stops = item.path, []
        for left in reversed(range(TRIES)):
            reports = self._once(item, nextitem)
            if not self._stops or not any(report.failed for report in reports):
                break
            item.session._setupstate.teardown_exact(None)  # what its fixtures saw is worth nothing
            if left:
                self._stops = []
        else:
            reports = [self._not_judged(item, report) for report in reports]
        return reports

    def _once(self, item, nextitem):
        pacer = Pacer()
        with pacer:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        self._stops += pacer.stops
        return reports

    def _not_judged(self, item, report):
        if report.failed:
            report.outcome = "skipped"
            reason = f"NOT JUDGED: in {TRIES} tries the machine stood still {in_words(self._stops)}"
            report.longrepr = (str(item.path), item.location[1], reason)
        return report
