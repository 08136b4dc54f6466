# SPDX-License-Identifier: Apache-2.0
"""The rig suite: the same tests on an emulated board and on a real one.

pytest tools/hil                          the emulated board of env.yaml
pytest tools/hil --hil-target board       a real one at the port that env.yaml names
pytest tools/hil --hil-port /dev/ttyACM0 --hil-target board   at another port than it names
pytest tools/hil -m hour                  an hour of operation; --hil-hours 0.2 for twelve minutes
pytest tools/hil --junitxml rig.xml --measurements rig.json
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import inf, isfinite
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
os.environ.setdefault("LG_ENV", str(HERE / "env.yaml"))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hil", "hardware in the loop")
    group.addoption("--hil-target", default=os.environ.get("HIL_TARGET", "emulated"),
                    help="target of the environment file (default: emulated)")  # fmt: skip
    group.addoption("--hil-port", metavar="PORT", help="instead of the target's port")
    group.addoption("--hil-hours", type=float, default=1.0, metavar="H",
                    help="length of `-m hour` (default: 1)")  # fmt: skip
    group.addoption("--measurements", type=Path, metavar="FILE",
                    help="every measured value with unit, limits and verdict, as JSON")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.hasplugin("labgrid"):
        raise pytest.UsageError("labgrid is not installed: pip install 'edgeleak[hil]'")
    config.addinivalue_line("markers", "hour: takes --hil-hours; only with -m hour")
    config.stash[RESULTS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nobody waits an hour who did not ask for it."""
    if "hour" in config.getoption("markexpr"):
        return
    long = [item for item in items if item.get_closest_marker("hour") is not None]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


RESULTS, TARGET = pytest.StashKey[list[dict[str, Any]]](), pytest.StashKey[Any]()
Measure = Callable[..., None]


@pytest.fixture(scope="session")
def target(env: Any, request: pytest.FixtureRequest) -> Any:
    """The chosen target of the environment file."""
    name, port = (request.config.getoption(f"--hil-{part}") for part in ("target", "port"))
    if port:
        env.config.data["targets"][name]["resources"]["RawSerialPort"]["port"] = port
    found = env.get_target(name)
    if found is None:
        pytest.exit(
            f"{env.config_file} has no target {name}: {', '.join(env.config.get_targets())}"
        )
    request.config.stash[TARGET] = found
    return found


@pytest.fixture(scope="session")
def console(target: Any, strategy: Any) -> Any:
    """The console driver; a test brings it up with the strategy."""
    return strategy.console


@pytest.fixture
def ready(strategy: Any, console: Any) -> Any:
    """The console of an instrument that gives verdicts."""
    strategy.transition("ready")
    console.write("*CLS")
    return console


@pytest.fixture
def plant(target: Any) -> Iterator[Any]:
    """The plant behind an emulated board; its judge must have seen no limit broken."""
    driver = _plant_of(target)
    if driver is None:
        pytest.skip("a real board has no plant that could be told; do it by hand")
    yield driver
    assert driver.violations() == []


@pytest.fixture
def power(strategy: Any) -> Any:
    """The power switch."""
    if strategy.power is None:
        pytest.skip("no power driver in the environment file")
    return strategy.power


@pytest.fixture
def operate(ready: Any) -> Any:
    """A console logged in to level operate."""
    if not ready.log_in("operate"):
        pytest.skip("no PIN for level operate in the environment file")
    return ready


@pytest.fixture
def service(ready: Any) -> Any:
    """A console logged in to level service."""
    if not ready.log_in("service"):
        pytest.skip("no PIN for level service in the environment file")
    return ready


@pytest.fixture
def measure(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
            ) -> Measure:  # fmt: skip
    """measure(name, value, unit, low, high): keep it for the report, fail when out of limits."""
    kept = request.config.stash[RESULTS]

    def note(name: str, value: float, unit: str, low: float = -inf, high: float = inf) -> None:
        is_good = low <= value <= high
        kept.append({
            "test": request.node.name, "name": name, "value": _plain(value), "unit": unit,
            "low": _plain(low), "high": _plain(high), "verdict": "pass" if is_good else "FAIL",
        })  # fmt: skip
        record_property(f"{name} [{unit}]", f"{value:.6g} ({low:g} .. {high:g})")
        assert is_good, f"{name}: {value:.6g} {unit}, limits {low:g} to {high:g}"

    return note


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--measurements")
    if path is not None:
        document = {
            "target": session.config.getoption("--hil-target"),
            "written_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "measurements": session.config.stash[RESULTS],
        }
        path.write_text(json.dumps(document, indent=1) + "\n")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[RESULTS]
    if not rows:
        return
    terminalreporter.section("measurements")
    for row in rows:
        low, high = (("-inf", "inf")[i] if row[k] is None else f"{row[k]:g}"
                     for i, k in enumerate(("low", "high")))  # fmt: skip
        value = "unknown" if row["value"] is None else f"{row['value']:.5g}"
        line = f"{row['verdict']:<5}{row['name']:<34}{value:>10} {row['unit']:<9}{low} .. {high}"
        terminalreporter.write_line(line)
    for driver in config.stash[TARGET].drivers:
        if machine := getattr(driver, "machine", ""):
            terminalreporter.write_line(f"the machine that emulates the board {machine}")


def _plant_of(target: Any) -> Any:
    from labgrid.exceptions import NoDriverFoundError

    try:
        return target.get_driver("PlantDriver")
    except NoDriverFoundError:
        return None


def _plain(value: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return float(value) if isfinite(value) else None
