# SPDX-License-Identifier: Apache-2.0
"""Tracks on disk, so that an interrupted or repeated run only does what is missing.

A track is found again by part, clip, method and the contents of everything it depends on: the
pipeline, the kernels, the simulator, this package.  A changed file makes it be run again.
"""

import hashlib
import re
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import edgeleak
from edgeleak.durable import replace_file
from edgeleak.errors import StorageError
from edgeleak.evaluate.detection.clip import Clip
from edgeleak.evaluate.detection.method import Method
from edgeleak.evaluate.detection.track import Track, run_clip
from edgeleak.evaluate.progress import Progress

_ALWAYS = ("pipeline", "kernels")
_OWN = ("classic.py", "clip.py", "method.py", "profiles.py", "track.py")
_NETWORK = ("segment",)
_KINDS = {".py", ".so", ".toml", ".tflite"}


class Store:
    """Runs what is missing; `done` and `reused` count tracks.

    folder : where tracks are kept; None keeps nothing
    """

    def __init__(self, folder: Path | None, progress: Progress, *, fresh: bool = False) -> None:
        self._folder, self._progress, self._fresh = folder, progress, fresh
        self.done = self.reused = 0

    def run(self, part: str, clip: Clip, methods: Sequence[Method]) -> dict[str, Track]:
        """Tracks of all methods on a clip, in their order."""
        found = {method.key: self._load(part, clip, method) for method in methods}
        missing = [method for method in methods if found[method.key] is None]
        self.reused += len(methods) - len(missing)
        if missing:
            label = f"{part}: {clip.name}"
            made = run_clip(clip, missing, lambda done: self._progress(label, done, clip.n_frames))
            for method in missing:
                found[method.key] = made[method.key]
                self._save(part, clip, method, made[method.key])
            self.done += len(missing)
        return {key: track for key, track in found.items() if track is not None}

    def _path(self, part: str, clip: Clip, method: Method) -> Path | None:
        if self._folder is None:
            return None
        facts = f"{method.parameters}|{clip.shape}|{clip.fps}|{clip.n_frames}"
        facts += fingerprint((*clip.depends, *(_NETWORK if method.key == "network" else ())))
        name = re.sub(r"[^\w.+-]+", "_", f"{clip.name}~{method.key}")
        return self._folder / part / f"{name}~{hashlib.sha256(facts.encode()).hexdigest()[:12]}.npz"

    def _load(self, part: str, clip: Clip, method: Method) -> Track | None:
        path = self._path(part, clip, method)
        if self._fresh or path is None or not path.is_file():
            return None
        try:
            return Track.from_bytes(path.read_bytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # cut short: it is made again

    def _save(self, part: str, clip: Clip, method: Method, track: Track) -> None:
        path = self._path(part, clip, method)
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{path.parent}: cannot be made ({error.strerror}); choose another --out"
            ) from error
        replace_file(path, track.to_bytes())


@cache
def fingerprint(more: tuple[str, ...]) -> str:
    """Of everything a track depends on besides the recording.

    more : files and folders of the package, besides those that count for every track
    """
    root = Path(edgeleak.__file__).parent
    total = hashlib.sha256()
    for name in (*_ALWAYS, *(f"evaluate/detection/{name}" for name in _OWN), *more):
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in _KINDS and file.is_file():
                total.update(file.read_bytes())
    return total.hexdigest()[:16]
