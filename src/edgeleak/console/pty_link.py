# SPDX-License-Identifier: Apache-2.0
"""A pty as console port: for rigs and tests, opened by any program that opens serial ports."""

import os
import tty
from pathlib import Path

from edgeleak.console.links import DescriptorLink
from edgeleak.errors import StorageError


class PtyLink(DescriptorLink):
    """Keeps its far end open too, so that it stays raw and never hangs up.

    path : link to the far end, replaced if it is a link, removed by `close`
    """

    def __init__(self, path: Path) -> None:
        near, self._far = os.openpty()
        tty.setraw(self._far)
        self.path, self.device = path, os.ttyname(self._far)
        try:
            if path.is_symlink():
                path.unlink()
            path.symlink_to(self.device)
        except OSError as error:
            os.close(near)
            os.close(self._far)
            raise StorageError(
                f"console pty {path}: {error.strerror}; name a place that can be written and is"
                " not taken"
            ) from error
        super().__init__(near, f"pty {path}")

    def close(self) -> None:
        if self.path.is_symlink() and os.readlink(self.path) == self.device:
            self.path.unlink()
        super().close()
        os.close(self._far)
