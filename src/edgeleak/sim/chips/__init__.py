# SPDX-License-Identifier: Apache-2.0
"""Chips of the board as their registers answer: one model a file."""
