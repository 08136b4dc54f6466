# SPDX-License-Identifier: Apache-2.0
"""A test in real time that fails while the machine stands still proves nothing: it runs again.

It fails where the machine had time, and is skipped, with the reason, where it never had.
"""

from _pytest.runner import runtestprotocol

from edgeleak.sim.pacer import Pacer, in_words

TRIES = 2


class Judged:
    """Runs the tests of one module after the other under one pacer, which a failure asks."""

    def __init__(self):
        self._module, self._pacer = None, None

    def run(self, item, nextitem):
        """Reports of the last try."""
        if item.path != self._module:
            self.close()
            self._module = item.path
        for left in reversed(range(TRIES)):
            reports = self._once(item, nextitem)
            if not any(report.failed for report in reports):
                break
            stops = self.close()
            if not stops:
                break
            item.session._setupstate.teardown_exact(None)  # what its fixtures saw is worth nothing
            if not left:
                reports = [self._not_judged(item, report, stops) for report in reports]
        return reports

    def _once(self, item, nextitem):
        if self._pacer is None:
            self._pacer = Pacer().__enter__()
        return runtestprotocol(item, log=False, nextitem=nextitem)

    def close(self):
        """How the machine stood still in this module, whose fixtures may have met it."""
        pacer, self._pacer = self._pacer, None
        if pacer is None:
            return []
        pacer.__exit__()
        return pacer.stops

    @staticmethod
    def _not_judged(item, report, stops):
        if report.failed:
            report.outcome = "skipped"
            reason = f"NOT JUDGED: in {TRIES} tries the machine stood still {in_words(stops)}"
            report.longrepr = (str(item.path), item.location[1], reason)
        return report
