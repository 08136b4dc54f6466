# SPDX-License-Identifier: Apache-2.0
"""Mappings from 14-bit counts to 8-bit levels side by side: one family a file."""
