# SPDX-License-Identifier: Apache-2.0
"""Replace a file so that a power cut leaves the old or the new one, never a mixture.

Four steps, none of which may be left out: write a temporary file beside the
old one, fsync it, rename it over the old one, fsync the folder.  Without the
first fsync the rename may reach the disk before the contents; without the
second the file may be the old one again after it was reported as saved.

The rename is the moment that decides.  Whatever fails before it leaves the old
file; what fails after it leaves the new one, which a power cut may take back.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edgeleak.errors import MissingInputError, StorageError, UnsettledError


def replace_file(path: Path, data: bytes, mode: int | None = None) -> None:
    """Make *path* hold exactly *data*.

    mode : of the new file, set before anything is in it; None leaves it to the umask

    Raises UnsettledError with the new file in place, any other error with the old one as it was.
    """
    target = Path(os.path.realpath(path))  # a link stays a link to the new contents
    # One fixed name: what a killed writer left is overwritten, never collected.
    part = target.with_name(f".{target.name}.part")
    is_in_place = False
    try:
        if not target.parent.is_dir():
            raise MissingInputError(f"folder {target.parent} does not exist; create it first")
        with _locked(part) as descriptor:
            if mode is not None:
                os.fchmod(descriptor, mode)
            _fill_and_rename(descriptor, part, target, data)
            is_in_place = True
        sync_folder(target.parent)
    except MissingInputError:
        raise
    except OSError as error:
        if is_in_place:
            raise unsettled(path, error) from error
        kept = "; the file before is kept" if os.path.exists(target) else ""
        raise StorageError(
            f"{path} was not saved: {error.strerror}{kept}. Free some space or choose another --out"
        ) from error


def unsettled(path: Path, error: OSError, again: str = "save again") -> UnsettledError:
    """What to raise when the storage refused something after the rename to *path*."""
    return UnsettledError(
        f"{path}: the new file is in place, but the storage did not confirm it"
        f" ({error.strerror}): a power cut may take it back. Look at the storage and {again}"
    )


def replace_text(path: Path, text: str, mode: int | None = None) -> Path:
    """replace_file with UTF-8 text; the path, for lists of what was written."""
    replace_file(path, text.encode(), mode)
    return path


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[int]:
    """Descriptor of *part* that no other writer holds, kept until after the rename."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_still(part, descriptor):
            raise BlockingIOError(0, "another program is saving it at this moment")
        yield descriptor
    finally:
        os.close(descriptor)


def _fill_and_rename(descriptor: int, part: Path, target: Path, data: bytes) -> None:
    try:
        os.ftruncate(descriptor, 0)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        os.rename(part, target)
    except OSError:
        with contextlib.suppress(OSError):  # the next save overwrites it
            part.unlink()
        raise


def _is_still(part: Path, descriptor: int) -> bool:
    """False when another writer renamed the part away between our open and our lock."""
    try:
        return os.path.samestat(os.stat(part), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Make a rename last: the folder is what holds the name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
