# SPDX-License-Identifier: Apache-2.0
"""State machines over drivers and control: what the instrument does."""
