# SPDX-License-Identifier: Apache-2.0
"""Which reader a file wants: by its first bytes, then by its extension.

Content wins, because files get renamed; the user is told when the two differ.
"""

from pathlib import Path

MAGIC = (
    (b"\x93NUMPY", "arrays"),
    (b"PK\x03\x04", "arrays"),
    (b"PK\x05\x06", "arrays"),
    (b"\x89MCAP0\r\n", "mcap"),
    (b"\x89PNG\r\n\x1a\n", "pictures"),
    (b"\xff\xd8\xff", "pictures"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x1f\x8b", "cptv"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"OggS", "video"),
    (b"FLV\x01", "video"),
    (b"\0\0\x01\xba", "video"),
    (b"\0\0\x01\xb3", "video"),
)
EXTENSIONS = {
    ".npy": "arrays",
    ".npz": "arrays",
    ".mcap": "mcap",
    ".part": "mcap",
    ".png": "pictures",
    ".jpg": "pictures",
    ".jpeg": "pictures",
    ".pgm": "pictures",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".cptv": "cptv",
    **dict.fromkeys(
        (
            ".avi",
            ".mp4",
            ".mov",
            ".mkv",
            ".webm",
            ".mjpg",
            ".mjpeg",
            ".mpg",
            ".ts",
            ".m4v",
            ".h264",
        ),
        "video",
    ),
}
MJPEG_STREAMS = (".mjpg", ".mjpeg")


def kind_by_content(head: bytes) -> str | None:
    """Reader name from the first 16 bytes of a file, None when unknown."""
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video"
    return "video" if head[4:8] == b"ftyp" else None


def kind_of(path: Path, head: bytes) -> tuple[str | None, str | None]:
    """(by content, by extension); an MJPEG stream starts like one JPEG."""
    by_name = EXTENSIONS.get(path.suffix.lower())
    if path.suffix.lower() in MJPEG_STREAMS:
        return "video", by_name
    return kind_by_content(head), by_name
