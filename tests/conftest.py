# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every test may use."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from stood_still import Judged

ROOT = Path(__file__).resolve().parents[1]
JUDGED = Judged()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Tests in real time need a machine that has time."""
    if item.get_closest_marker("realtime") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in JUDGED.run(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish():
    """Nothing watches the machine any more."""
    JUDGED.close()


@pytest.fixture(params=range(2))
def rng(request):
    """Two seeds: enough to notice a value that only one draw covers."""
    return np.random.default_rng(request.param)


@pytest.fixture(scope="session")
def data_dir():
    """Folder of the real recordings; they are not part of the repository."""
    found = Path(os.environ.get("EDGELEAK_DATA", ROOT.parent / "shared" / "data"))
    if not found.is_dir():
        pytest.skip(f"real recordings not found at {found}; set EDGELEAK_DATA to their folder")
    return found


@pytest.fixture
def loose_folders(monkeypatch):
    """The storage takes files and refuses to make their names last."""
    sync = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def running(tmp_path):
    """An instrument that watches a still room."""
    from instrument_rig import Rig

    from edgeleak.services.health import State

    return Rig(tmp_path).run_to(State.DETECTING)
