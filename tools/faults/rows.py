# SPDX-License-Identifier: Apache-2.0
"""All rows of the fault table, in its order."""

import rows_led
import rows_storage
from row import Row

ROWS: tuple[Row, ...] = (*rows_led.ROWS, *rows_storage.ROWS)
