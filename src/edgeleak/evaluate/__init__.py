# SPDX-License-Identifier: Apache-2.0
"""Comparisons on recordings: background methods, contrast methods; numbers, tables, pictures."""
