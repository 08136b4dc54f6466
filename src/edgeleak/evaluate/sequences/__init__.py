# SPDX-License-Identifier: Apache-2.0
"""Frame sequences that can be read more than once, some with their exact truth."""
