# SPDX-License-Identifier: Apache-2.0
"""EdgeLeak: a handheld camera that makes invisible methane leaks visible."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Imported on first use: `import edgeleak` costs nothing on the board.
_LAZY = {
    "open": ("edgeleak.sources", "open_source"),
    "Pipeline": ("edgeleak.pipeline", "Pipeline"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgeleak' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    return getattr(importlib.import_module(module), attribute)
