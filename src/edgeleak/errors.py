# SPDX-License-Identifier: Apache-2.0
"""Errors EdgeLeak raises on purpose, each with the exit code a shell sees.

Exit codes follow sysexits.h, so a unit file can tell "try again" from
"never restart": 64 usage, 65 bad data, 66 missing input, 69 unavailable,
70 our own defect, 74 input/output, 75 try again, 77 permission, 78 configuration.
"""


class EdgeLeakError(Exception):
    """Base class.  The message says what happened, where, and what to do next."""

    exit_code = 70


class UsageError(EdgeLeakError, ValueError):
    """The arguments cannot be meant."""

    exit_code = 64


class DataError(EdgeLeakError, ValueError):
    """A file or frame is damaged, truncated or of the wrong kind."""

    exit_code = 65


class MissingInputError(EdgeLeakError, FileNotFoundError):
    """A named file or folder is not there."""

    exit_code = 66


class UnavailableError(EdgeLeakError, RuntimeError):
    """A part, screen or optional package is absent."""

    exit_code = 69


class StorageError(EdgeLeakError, OSError):
    """A file could not be written; what was saved before is kept."""

    exit_code = 74


class UnsettledError(StorageError):
    """The new file is in place under its name, and a power cut may take it back."""


class ConfigError(EdgeLeakError, ValueError):
    """A setting is unknown or out of range."""

    exit_code = 78


class BusError(EdgeLeakError, OSError):
    """A transfer failed: no answer, time-out, short read, node gone."""

    exit_code = 69


class WrongDeviceError(UnavailableError):
    """Something answered, but it is not the part the board file names."""


class NotReadyError(EdgeLeakError):
    """The part has no valid sample yet; ask again later."""

    exit_code = 75


class LinkLost(UnavailableError):
    """The sensor gives no frames, whatever was tried; the supervisor may start us again."""


class TaskError(EdgeLeakError):
    """A task of the firmware raised what it never should: a defect of ours."""
