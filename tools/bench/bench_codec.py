# SPDX-License-Identifier: Apache-2.0
"""Frame codec against the alternatives: ratio and ns per pixel, one table, one thread.

    python tools/bench/bench_codec.py
    python tools/bench/bench_codec.py --json

Needs the [bench] packages and lz4, zstandard.
Every peer gets the frame as its users would give it; "delta+" is the best
simple preparation (difference to the left neighbour, zigzag).  Round trips are
checked.  Times are the smallest of many runs, so read them side by side only.
FFV1 is timed without opening the encoder; its figure is a mean over frames.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from edgeleak.kernels import pack_frame, packed_bound, unpack_frame
from edgeleak.sources import open_source

DATA = Path(os.environ.get("EDGELEAK_DATA", Path(__file__).parents[3] / "shared" / "data"))
FFV1_FRAMES = 8
Pack = Callable[[np.ndarray], bytes]
Unpack = Callable[[bytes, tuple[int, int]], np.ndarray]


def ours(fast: bool) -> tuple[Pack, Unpack]:
    scratch = np.empty(packed_bound(480, 640), np.uint8)

    def pack(frame: np.ndarray) -> bytes:
        return scratch[: pack_frame(frame, scratch, fast)].tobytes()

    def unpack(blob: bytes, shape: tuple[int, int]) -> np.ndarray:
        frame = np.empty(shape, np.uint16)
        unpack_frame(np.frombuffer(blob, np.uint8), frame)
        return frame

    return pack, unpack


def delta(frame: np.ndarray) -> np.ndarray:
    step = frame.copy()
    step[:, 1:] -= frame[:, :-1]
    return (step << 1) ^ (step.view(np.int16) >> 15).view(np.uint16)


def undo_delta(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    code = np.frombuffer(data, np.uint16).reshape(shape)
    step = (code >> 1) ^ (0 - (code & 1)).astype(np.uint16)
    return np.cumsum(step, axis=1, dtype=np.uint16)


def blosc(codec: str, with_delta: bool) -> tuple[Pack, Unpack]:
    import blosc2

    options = {
        "codec": getattr(blosc2.Codec, codec), "typesize": 2, "clevel": 5, "nthreads": 1,
        "filters": [blosc2.Filter.BITSHUFFLE],
    }  # fmt: skip

    def pack(frame: np.ndarray) -> bytes:
        return blosc2.compress2((delta(frame) if with_delta else frame).tobytes(), **options)

    def unpack(blob: bytes, shape: tuple[int, int]) -> np.ndarray:
        data = blosc2.decompress2(blob, nthreads=1)
        return undo_delta(data, shape) if with_delta else raw(data, shape)

    return pack, unpack


def raw(data: bytes, shape: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(data, np.uint16).reshape(shape)


def lz4_plain() -> tuple[Pack, Unpack]:
    import lz4.block

    return (lambda f: lz4.block.compress(f.tobytes())), (
        lambda b, shape: raw(lz4.block.decompress(b), shape)
    )


def zstd(with_delta: bool) -> tuple[Pack, Unpack]:
    import zstandard

    packer, unpacker = zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor()

    def pack(frame: np.ndarray) -> bytes:
        return packer.compress((delta(frame) if with_delta else frame).tobytes())

    def unpack(blob: bytes, shape: tuple[int, int]) -> np.ndarray:
        data = unpacker.decompress(blob)
        return undo_delta(data, shape) if with_delta else raw(data, shape)

    return pack, unpack


def png() -> tuple[Pack, Unpack]:
    from PIL import Image

    def pack(frame: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "PNG", compress_level=1)
        return out.getvalue()

    return pack, lambda blob, shape: np.asarray(Image.open(io.BytesIO(blob)))


def imagecodecs_(name: str, **options: object) -> tuple[Pack, Unpack]:
    import imagecodecs

    encode = getattr(imagecodecs, f"{name}_encode")
    decode = getattr(imagecodecs, f"{name}_decode")
    return (lambda f: bytes(encode(f, **options))), lambda blob, shape: decode(blob)


def ffv1_figures(frame: np.ndarray) -> tuple[float, float, float]:
    """(ratio, encode ns/px, decode ns/px) of FFV1 gray16, intra, one thread."""
    import av

    stream = av.CodecContext.create("ffv1", "w")
    stream.width, stream.height, stream.pix_fmt = frame.shape[1], frame.shape[0], "gray16le"
    stream.time_base = Fraction(1, 10)
    stream.thread_count = 1
    stream.gop_size = 1
    picture = av.VideoFrame.from_ndarray(frame, format="gray16le")
    stream.encode(picture)
    began = time.perf_counter()
    packets = [p for _ in range(FFV1_FRAMES) for p in stream.encode(picture)]
    pack_s = (time.perf_counter() - began) / FFV1_FRAMES
    reader = av.CodecContext.create("ffv1", "r")
    reader.extradata, reader.thread_count = stream.extradata, 1
    reader.width, reader.height = frame.shape[1], frame.shape[0]
    began = time.perf_counter()
    frames = [f for p in packets for f in reader.decode(p)]
    unpack_s = (time.perf_counter() - began) / FFV1_FRAMES
    np.testing.assert_array_equal(frames[0].to_ndarray(format="gray16le"), frame)
    ns = 1e9 / frame.size
    return frame.nbytes / packets[0].size, pack_s * ns, unpack_s * ns


PEERS: dict[str, Callable[[], tuple[Pack, Unpack]]] = {
    "ELC1": lambda: ours(False),
    "ELC1 fast": lambda: ours(True),
    "delta+bitshuffle+LZ4": lambda: blosc("LZ4", True),
    "delta+bitshuffle+zstd": lambda: blosc("ZSTD", True),
    "bitshuffle+LZ4": lambda: blosc("LZ4", False),
    "LZ4": lz4_plain,
    "zstd 3": lambda: zstd(False),
    "delta+zstd 3": lambda: zstd(True),
    "PNG16 level 1": png,
    "JPEG-LS (CharLS)": lambda: imagecodecs_("jpegls"),
    "JPEG XL lossless e1": lambda: imagecodecs_("jpegxl", lossless=True, effort=1, numthreads=1),
}


def contents() -> dict[str, np.ndarray]:
    """Real frames, then semi-real ones with known noise."""
    found = {
        "lepton garden": one("lepton-clips-160x120/garden-357.npz", 50),
        "lepton bench": one("lepton-clips-160x120/bench.npz", 50),
        "blackbody 320": one("blackbody-320x240/bb20C.npz", 5),
        "flat, cold 640": one("flat-fields-640x480/flats.npz", 2),
        "flat, hot 640": one("flat-fields-640x480/flats.npz", 18),
    }
    rng = np.random.default_rng(0)
    scene = one("lwir-scenes-640x480/scenes.npz", 0).astype(float)
    flat = one("flat-fields-640x480/flats.npz", 10)
    for name, base, sigma in (
        ("scene+flat, noise 8", scene + flat, 8),
        ("scene, noise 8", scene + 4000, 8),
        ("scene, noise 2.5", scene + 4000, 2.5),
    ):
        noisy = np.rint(base + rng.normal(0, sigma, base.shape))
        found[name] = np.clip(noisy, 0, 16383).astype(np.uint16)
    found["noise, 14 bits"] = rng.integers(0, 16384, (480, 640), dtype=np.uint16)
    return found


def one(name: str, index: int) -> np.ndarray:
    with open_source(DATA / name) as source:
        for number, (pixels, _) in enumerate(source):
            if number == index:
                return np.ascontiguousarray(pixels, np.uint16)
    raise SystemExit(f"{name} has no frame {index}")


def best_s(call: Callable[[], object], budget_s: float = 0.15) -> float:
    best, end = float("inf"), time.perf_counter() + budget_s
    while time.perf_counter() < end or best == float("inf"):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


def figures(make: Callable[[], tuple[Pack, Unpack]], frame: np.ndarray) -> tuple[float, ...]:
    pack, unpack = make()
    blob = pack(frame)
    np.testing.assert_array_equal(unpack(blob, frame.shape), frame)
    ns = 1e9 / frame.size
    return (
        frame.nbytes / len(blob),
        best_s(lambda: pack(frame)) * ns,
        best_s(lambda: unpack(blob, frame.shape)) * ns,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    table: dict[str, dict[str, tuple[float, ...]]] = {}
    for content, frame in contents().items():
        table[content] = {name: figures(make, frame) for name, make in PEERS.items()}
        table[content]["FFV1 gray16"] = ffv1_figures(frame)
    if args.json:
        print(json.dumps(table))
        return 0
    names = [*PEERS, "FFV1 gray16"]
    for index, title in enumerate(("ratio", "encode, ns/px", "decode, ns/px")):
        print(f"\n{title:<22}" + "".join(f"{c:>21}" for c in table))
        for name in names:
            cells = "".join(f"{table[c][name][index]:>21.2f}" for c in table)
            print(f"{name:<22}{cells}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
