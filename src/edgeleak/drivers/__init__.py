# SPDX-License-Identifier: Apache-2.0
"""One chip or sensor a file: registers and raw values, no policy."""
