# SPDX-License-Identifier: Apache-2.0
"""The instrument's command language: IEEE 488.2 and SCPI over any stream of bytes."""
