# SPDX-License-Identifier: Apache-2.0
"""The arrows between the layers point one way, and heavy packages stay outside start-up."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src" / "edgeleak"
LOW = {"errors", "frame", "sensor", "durable", "codes"}
BOARD = {"errors", "board", "bus"}
ALLOWED = {  # layer -> project layers it may import besides itself
    "errors": set(),
    "codes": set(),
    "clock": set(),
    "sensor": set(),
    "durable": {"errors"},
    "frame": set(),
    "kernels": set(),
    "calibration": LOW | {"kernels"},
    "pipeline": LOW | {"kernels", "calibration", "config"},
    "console": LOW
    | {"board", "bus", "calibration", "clock", "config", "kernels", "loop", "pipeline"}
    | {"schema", "services"},
    "sources": LOW | {"sim", "recording"},
    "recording": LOW | {"kernels", "sources"},
    "sim": LOW | BOARD | {"control", "drivers", "clock", "kernels", "schema"},
    "schema": {"errors"},
    "board_parts": {"schema"},
    "board_rules": {"errors", "schema", "board_parts"},
    "board": {"errors", "schema", "board_parts", "board_rules"},
    "config": {"errors", "board", "schema"},
    "loop": {"errors", "clock"},
    "control": {"errors", "codes"},
    "bus": {"errors", "board"},
    "drivers": BOARD | {"clock", "frame", "kernels", "sensor"},
    "services": LOW
    | BOARD
    | {"calibration", "clock", "config", "control", "drivers", "kernels", "loop", "pipeline"}
    | {"events", "recording"},
    "cooler_bench": LOW | BOARD | {"clock", "config", "drivers", "loop", "services", "sim"},
    "rigs": LOW | BOARD | {"clock", "config", "drivers", "loop", "services"},
    "instrument": LOW
    | BOARD
    | {"calibration", "clock", "config", "drivers", "loop", "pipeline", "segment", "services"},
    "blackbox": LOW | BOARD | {"clock", "config", "drivers", "instrument", "kernels", "services"},
    "segment": LOW
    | {"clock", "config", "kernels", "pipeline", "schema", "services"}
    | {"evaluate"},
    "picture": LOW,
    "events": LOW | {"kernels", "pipeline"},
    "evaluate": LOW
    | {"kernels", "pipeline", "sources", "sim", "picture", "calibration", "events"}
    | {"segment"},
}
TOP = {"__init__", "__main__", "app", "cli"}
ONLY_APP_MAY = {"cli", "app"}
HARDWARE = {"spidev", "smbus2", "serial", "gpiod"}
HEAVY = {"matplotlib", "PIL", "cv2", "mcap", "av", "cptv", "rich", "tifffile", "skimage", "numba"}
HEAVY |= {"tflite_runtime", "ai_edge_litert", "tensorflow", "torch"}


def modules():
    return sorted(SRC.rglob("*.py"))


def layer_of(path):
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported_names(nodes):
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            if node.module == "edgeleak":
                yield from (f"edgeleak.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_there_is_something_to_check():
    assert len(modules()) > 20


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SRC)))
def test_layers_import_downwards_only(path):
    layer = layer_of(path)
    for name in imported_names(ast.walk(ast.parse(path.read_text()))):
        root, _, rest = name.partition(".")
        target = rest.split(".")[0]
        assert root not in HARDWARE or layer == "bus", f"{name} belongs to bus/"
        if root != "edgeleak" or target in ("", layer, "__version__"):
            continue
        if target in ONLY_APP_MAY:
            assert layer in ONLY_APP_MAY | {"__main__"}, f"{layer} imports {name}"
        assert layer in TOP or target in ALLOWED[layer], f"{layer} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SRC)))
def test_extras_are_imported_only_where_they_are_used(path):
    top_level = ast.parse(path.read_text()).body
    for name in imported_names(top_level):
        assert name.split(".")[0] not in HEAVY, f"{name} at the top of {path.name}"
