# SPDX-License-Identifier: Apache-2.0
"""EdgeLeak: a handheld camera that makes invisible methane leaks visible."""

__version__ = "0.1.0"
