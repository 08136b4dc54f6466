# SPDX-License-Identifier: Apache-2.0
"""Sub-commands of the `edgeleak` program, one a file."""
