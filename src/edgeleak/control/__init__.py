# SPDX-License-Identifier: Apache-2.0
"""Pure control: numbers and a time step in, numbers out."""
