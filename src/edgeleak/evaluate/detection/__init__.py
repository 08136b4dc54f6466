# SPDX-License-Identifier: Apache-2.0
"""Detectors side by side on the same frames: found, missed, false alarms, with intervals."""
