# SPDX-License-Identifier: Apache-2.0
"""Small healthy files of every kind the sources read, made here, a few kB each."""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

SHAPE = (24, 32)
FRAMES = 6


def frames() -> np.ndarray:
    """(6, 24, 32) uint16: a slope, a moving spot, noise."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    stack = 3000 + 3 * x + y + rng.integers(0, 8, (FRAMES, *SHAPE))
    for i in range(FRAMES):
        stack[i, 5:9, 3 * i : 3 * i + 4] += 200
    return stack.astype(np.uint16)


def npy(path: Path) -> None:
    np.save(path, frames())


def npz(path: Path) -> None:
    np.savez_compressed(path, frames=frames(), other=np.arange(5))


def difference(path: Path) -> None:
    stack = frames().astype(np.int32)
    steps = np.diff(stack, axis=0)
    code = (steps << 1) ^ (steps >> 31)
    lo, hi = (code & 255).astype(np.uint8), (code >> 8).astype(np.uint8)
    np.savez_compressed(path, first=stack[0].astype(np.uint16), lo=lo, hi=hi)


def tiff(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, frames(), photometric="minisblack", compression="zlib")


def tiff_plain(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, frames(), photometric="minisblack", imagej=True)


def png(path: Path) -> None:
    from PIL import Image

    Image.fromarray(frames()[0]).save(path)


def jpeg(path: Path) -> None:
    from PIL import Image

    Image.fromarray((frames()[0] >> 5).astype(np.uint8)).save(path)


def mcap(path: Path) -> None:
    from edgeleak.frame import FrameInfo
    from edgeleak.recording import Writer

    with Writer(path, SHAPE, 9.0, overwrite=True) as writer:
        for i, pixels in enumerate(frames()):
            writer.write(pixels, FrameInfo(sequence=i), {"verdict": "GAS"})
        writer.event({"kind": "note"})


def cptv(path: Path) -> None:
    """Written here to the public layout: the package's writer knows one size only."""
    out = io.BytesIO()
    out.write(b"CPTV\x02")
    fields = [
        (b"T", struct.pack("<Q", 1_700_000_000_000_000)),
        (b"X", struct.pack("<I", SHAPE[1])),
        (b"Y", struct.pack("<I", SHAPE[0])),
        (b"C", b"\x01"),
        (b"D", b"seed"),
        (b"Z", b"\x09"),
    ]
    out.write(b"H" + bytes([len(fields)]) + b"".join(field(*f) for f in fields))
    before = np.zeros(SHAPE, np.int32)
    for i, pixels in enumerate(frames().astype(np.int32)):
        delta = snake(pixels - before)
        before = pixels
        steps = np.diff(delta)
        packed = struct.pack("<i", delta[0]) + steps.astype(">i2").tobytes()
        fields = [
            (b"w", b"\x10"),
            (b"f", struct.pack("<I", len(packed))),
            (b"t", struct.pack("<I", 60_000 + i * 111)),
            (b"c", struct.pack("<I", 30_000)),
        ]
        out.write(b"F" + bytes([len(fields)]) + b"".join(field(*f) for f in fields) + packed)
    path.write_bytes(gzip.compress(out.getvalue(), mtime=0))


def field(code: bytes, data: bytes) -> bytes:
    return bytes([len(data)]) + code + data


def snake(frame: np.ndarray) -> np.ndarray:
    turned = frame.copy()
    turned[1::2] = turned[1::2, ::-1]
    return turned.ravel()


def avi(path: Path) -> None:
    video(path, "mjpeg", "yuvj420p")


def mkv(path: Path) -> None:
    video(path, "ffv1", "gray16le")


def mp4(path: Path) -> None:
    video(path, "mpeg4", "yuv420p")


def video(path: Path, codec: str, pixel_format: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=9)
        stream.height, stream.width = SHAPE
        stream.pix_fmt = pixel_format
        for pixels in frames():
            deep = pixel_format.startswith("gray16")
            plane = pixels if deep else np.repeat((pixels >> 5).astype(np.uint8)[..., None], 3, 2)
            frame = av.VideoFrame.from_ndarray(plane, format="gray16le" if deep else "rgb24")
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode())


KINDS = {
    "npy": npy, "npz": npz, "difference.npz": difference, "tif": tiff, "plain.tif": tiff_plain,
    "png": png, "jpg": jpeg, "mcap": mcap, "cptv": cptv, "avi": avi, "mkv": mkv, "mp4": mp4,
}  # fmt: skip
VIDEO = ("avi", "mkv", "mp4")
COMPRESSED_OUTSIDE = ("cptv",)


def unwrap(kind: str, data: bytes) -> bytes:
    """Mutations of a gzip file mostly break its checksum: damage what is inside as well."""
    return gzip.decompress(data) if kind in COMPRESSED_OUTSIDE else data


def wrap(kind: str, data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0) if kind in COMPRESSED_OUTSIDE else data


def rezip(data: bytes, change: "callable") -> bytes:  # type: ignore[valid-type]
    """Apply *change* to one stored member of an archive, so that its CRC fits again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, change(old.read(info)))
    return out.getvalue()


def make(folder: Path) -> dict[str, bytes]:
    """All seeds as bytes."""
    seeds = {}
    for kind, function in KINDS.items():
        path = folder / f"seed.{kind}"
        function(path)
        seeds[kind] = path.read_bytes()
    return seeds
