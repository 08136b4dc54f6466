# SPDX-License-Identifier: Apache-2.0
"""The retriggerable monostable behind each enable line: silence is off."""


class Monostable:
    """Output on for `refresh_ns` after each rising edge, off when low for `bridge_ns`.

    `changes` collects (time_ns, is_on) until somebody takes them; times are those of the
    hardware, not of the call that noticed.
    """

    def __init__(self, refresh_ns: int, bridge_ns: int) -> None:
        self._refresh_ns, self._bridge_ns = refresh_ns, bridge_ns
        self._level = False
        self._rise_ns = self._fall_ns = 0
        self.is_on = False
        self.changes: list[tuple[int, bool]] = []

    @property
    def level(self) -> bool:
        """The input as last set."""
        return self._level

    def off_due_ns(self) -> int:
        """When the output drops if nobody does anything; only meaningful while on."""
        run_out_ns = self._rise_ns + self._refresh_ns
        return run_out_ns if self._level else min(run_out_ns, self._fall_ns + self._bridge_ns)

    def set(self, level: bool, now_ns: int) -> None:
        """Input edge; the same level again is none."""
        self.settle(now_ns)
        if level and not self._level:
            self._rise_ns = now_ns
            if not self.is_on:
                self._change(now_ns, True)
        elif self._level and not level:
            self._fall_ns = now_ns
        self._level = level

    def settle(self, now_ns: int) -> None:
        """Let time pass; call it often enough or rarely, the result is the same."""
        if self.is_on and now_ns >= (due_ns := self.off_due_ns()):
            self._change(due_ns, False)

    def take_changes(self) -> list[tuple[int, bool]]:
        """Changes since the last call, oldest first."""
        taken, self.changes = self.changes, []
        return taken

    def _change(self, time_ns: int, is_on: bool) -> None:
        self.is_on = is_on
        self.changes.append((time_ns, is_on))
