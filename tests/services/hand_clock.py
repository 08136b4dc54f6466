# SPDX-License-Identifier: Apache-2.0
"""A clock that tests move by hand."""

START_UTC_NS = 1_790_000_000_000_000_000


class HandClock:
    """Monotonic time and wall clock, both moved by the test only."""

    def __init__(self, now_ns=0, utc_ns=START_UTC_NS):
        self.now_ns, self.offset_ns = now_ns, utc_ns - now_ns

    def monotonic_ns(self):
        return self.now_ns

    def utc_ns(self):
        return self.now_ns + self.offset_ns

    def wait_until_ns(self, time_ns):
        self.now_ns = max(self.now_ns, time_ns)

    def pass_s(self, seconds):
        self.now_ns += round(seconds * 1e9)
