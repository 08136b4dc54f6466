# SPDX-License-Identifier: Apache-2.0
"""Background methods side by side: one family a file, one runner, one report."""
