# SPDX-License-Identifier: Apache-2.0
"""All rows of the fault table, in its order."""

import rows_bus
import rows_calls
import rows_console
import rows_control
import rows_cooldown
import rows_cooler
import rows_failing_saves
import rows_files
import rows_handles
import rows_inputs
import rows_kill
import rows_led
import rows_link
import rows_liveness
import rows_pairs
import rows_peers
import rows_sanitizer
import rows_saturation
import rows_storage
import rows_system
import rows_tuning
from row import Row

ROWS: tuple[Row, ...] = (
    *rows_bus.ROWS,
    *rows_cooler.ROWS,
    *rows_tuning.ROWS,
    *rows_control.ROWS,
    *rows_saturation.ROWS,
    *rows_cooldown.ROWS,
    *rows_led.ROWS,
    *rows_link.ROWS,
    *rows_storage.ROWS,
    *rows_failing_saves.ROWS,
    *rows_inputs.ROWS,
    *rows_system.ROWS,
    *rows_pairs.ROWS,
    *rows_sanitizer.ROWS,
    *rows_liveness.ROWS,
    *rows_handles.ROWS,
    *rows_kill.ROWS,
    *rows_calls.ROWS,
    *rows_console.ROWS,
    *rows_files.ROWS,
    *rows_peers.ROWS,
)
