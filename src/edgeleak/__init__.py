# SPDX-License-Identifier: Apache-2.0
"""EdgeLeak: a handheld camera that makes invisible methane leaks visible."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeleak.pipeline import Pipeline
    from edgeleak.sources import open_source as open

__version__ = "0.1.0"
__all__ = ["Pipeline", "__version__", "open"]

_LAZY = {"Pipeline": ("edgeleak.pipeline", "Pipeline"), "open": ("edgeleak.sources", "open_source")}


def __getattr__(name: str) -> Any:
    """Load the pipeline or the readers when they are first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'edgeleak' has no attribute '{name}'")
    from importlib import import_module

    module, attribute = _LAZY[name]
    found = getattr(import_module(module), attribute)
    globals()[name] = found
    return found
