# SPDX-License-Identifier: Apache-2.0
"""Saving: a kill, a power cut or a full disk leaves the old file or the new one."""

import errno
import itertools
import os
import resource
import signal
import time

import pytest

from edgeleak.durable import replace_file
from edgeleak.errors import MissingInputError, StorageError, UnsettledError

OLD = b"old" * 50_000
NEW = b"NEW!" * 60_000


def test_replaces_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.cal"
    for data in (OLD, NEW, b""):
        replace_file(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.cal"]


def test_link_keeps_pointing_to_the_new_contents(tmp_path):
    real, link = tmp_path / "real.cal", tmp_path / "link.cal"
    real.write_bytes(OLD)
    link.symlink_to(real)
    replace_file(link, NEW)
    assert link.is_symlink()
    assert real.read_bytes() == NEW


def test_remains_of_a_killed_writer_are_overwritten(tmp_path):
    (tmp_path / ".a.cal.part").write_bytes(OLD * 2)
    replace_file(tmp_path / "a.cal", NEW)
    assert (tmp_path / "a.cal").read_bytes() == NEW
    assert os.listdir(tmp_path) == ["a.cal"]


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(MissingInputError, match="nowhere"):
        replace_file(tmp_path / "nowhere" / "a.cal", NEW)


def test_kill_leaves_old_or_new(tmp_path, rng):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)
    interrupted = 0
    for _ in range(40):
        child, pipe = writer_in_a_loop(path)
        os.read(pipe, 1)
        stop = time.perf_counter() + rng.uniform(0, 0.003)
        while time.perf_counter() < stop:
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(pipe)
        assert path.read_bytes() in (OLD, NEW)
        interrupted += (tmp_path / ".a.cal.part").exists()
    assert interrupted > 3  # the kill did hit the middle of a save


def writer_in_a_loop(path):
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.write(writing, b"1")
        for data in itertools.cycle((OLD, NEW)):
            replace_file(path, data)
    finally:
        os._exit(1)


def test_two_writers_at_once_never_tear_the_file(tmp_path):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)
    children = [writer_in_a_loop_that_yields(path) for _ in range(2)]
    seen = {path.read_bytes() for _ in range(200)}
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert seen <= {OLD, NEW}


def writer_in_a_loop_that_yields(path):
    child = os.fork()
    if child:
        return child
    try:
        for data in itertools.cycle((OLD, NEW)):
            try:
                replace_file(path, data)
            except StorageError:
                continue  # the other one is saving
    finally:
        os._exit(1)


def test_a_first_save_that_fails_speaks_of_no_earlier_file(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(StorageError, match=r"No space left on device\. Free"):
        replace_file(tmp_path / "a.cal", NEW)


def test_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"not saved.*is kept"):
            replace_file(path, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["a.cal"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "ftruncate"])
def test_any_failing_step_keeps_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)

    def refuse(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match="No space left"):
            replace_file(path, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["a.cal"]


@pytest.mark.parametrize("call", ["close", "open", "fsync"])
@pytest.mark.parametrize("before", [OLD, None])
def test_a_step_that_fails_after_the_rename_says_that_the_new_file_is_there(
    tmp_path, monkeypatch, call, before
):
    path = tmp_path / "a.cal"
    if before:
        replace_file(path, before)
    rename = os.rename

    def refuse(*args):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(
            os, "rename", lambda *paths: (rename(*paths), patch.setattr(os, call, refuse))
        )
        with pytest.raises(UnsettledError) as caught:
            replace_file(path, NEW)
    assert path.read_bytes() == NEW
    said = str(caught.value)
    assert "the new file is in place" in said
    assert "may take it back" in said
    assert "save again" in said
    assert "not saved" not in said
    replace_file(path, OLD)  # what the words ask for
    assert path.read_bytes() == OLD


def test_a_folder_that_cannot_be_looked_at_is_no_missing_folder(tmp_path, monkeypatch):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)

    def refuse(*args, **options):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        with pytest.raises(StorageError, match="not saved: Input/output error"):
            replace_file(path, NEW)
    assert path.read_bytes() == OLD


class RecordedDisk:
    """Notes what replace_file asks of the disk, in order."""

    def __init__(self, monkeypatch):
        self.operations = []
        for name in ("write", "fsync", "rename"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name, call):
        def noted(*args):
            result = call(*args)
            if name == "write":
                self.operations.append(("write", bytes(args[1][:result])))
            elif name == "rename":
                self.operations.append(("rename", None))
            else:
                is_folder = os.path.isdir(f"/proc/self/fd/{args[0]}")
                self.operations.append(("fsync folder" if is_folder else "fsync", None))
            return result

        return noted


def states_after_power_cut(operations):
    """(contents of the file, saved was reported) for each cut and each loss of unsynced work."""
    for cut in range(len(operations) + 1):
        done = operations[:cut]
        synced = max((i for i, o in enumerate(done) if o[0] == "fsync"), default=-1)
        settled = max((i for i, o in enumerate(done) if o[0] == "fsync folder"), default=-1)
        loose = [
            i
            for i, o in enumerate(done)
            if (o[0] == "write" and i > synced) or (o[0] == "rename" and i > settled)
        ]
        for kept in itertools.product((0, 0.5, 1), repeat=len(loose)):
            part = dict(zip(loose, kept, strict=True))
            written = b"".join(
                o[1][: int(len(o[1]) * part.get(i, 1))]
                for i, o in enumerate(done)
                if o[0] == "write"
            )
            renamed = any(o[0] == "rename" and part.get(i, 1) == 1 for i, o in enumerate(done))
            yield written if renamed else OLD, cut == len(operations)


def bad_states(operations):
    return sum(
        contents not in (OLD, NEW) or (reported and contents != NEW)
        for contents, reported in states_after_power_cut(operations)
    )


def test_power_cut_at_any_moment_leaves_old_or_new(tmp_path, monkeypatch):
    path = tmp_path / "a.cal"
    replace_file(path, OLD)
    disk = RecordedDisk(monkeypatch)
    replace_file(path, NEW)
    assert bad_states(disk.operations) == 0


@pytest.mark.parametrize("missing", ["fsync", "fsync folder"])
def test_the_model_finds_a_missing_sync(tmp_path, monkeypatch, missing):
    disk = RecordedDisk(monkeypatch)
    replace_file(tmp_path / "a.cal", NEW)
    assert bad_states([o for o in disk.operations if o[0] != missing]) > 0
