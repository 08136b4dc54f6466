# SPDX-License-Identifier: Apache-2.0
"""From verdicts to leaks: events with an id, where they come from, and what could be seen."""
