# SPDX-License-Identifier: Apache-2.0
"""The lines of tests/c/kernel_digests.c from Python: compiled kernels or their NumPy twins.

    kernel_digests.py [edgeleak.kernels | edgeleak.kernels.reference]

Runs on any NumPy from 1.24 and needs nothing else, so that a cross-built wheel can be proved in
its own Python under qemu-user.
"""

import importlib
import struct
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import numpy as np

LONGEST = 67
SHAPES = ((1, 1), (1, 17), (3, 5), (7, 67), (33, 31), (61, 80), (120, 163))
NOISE, LOW, HIGH, COUNTS = range(4)
COLUMNS_SPARE = 16


def words(n: int, seed: int, kind: int = NOISE) -> np.ndarray:
    """(n,) uint16: the stream of sample_next, shaped like sample_shape."""
    powers = np.cumprod(np.full(n, 1664525, np.uint32), dtype=np.uint32)
    before = np.concatenate([np.ones(min(n, 1), np.uint32), powers[:-1]])
    steps = np.cumsum(before, dtype=np.uint32)
    state = powers * np.uint32(seed) + steps * np.uint32(1013904223)
    word = (state >> np.uint32(16)).astype(np.uint16)
    if kind == LOW:
        return word & np.uint16(3)
    if kind == HIGH:
        return np.uint16(0xFFFF) - (word & np.uint16(3))
    return word & np.uint16(0x3FFF) if kind == COUNTS else word


def shorts(n: int, seed: int, kind: int = NOISE) -> np.ndarray:
    return words(n, seed, kind).view(np.int16)


def octets(n: int, seed: int, kind: int = NOISE) -> np.ndarray:
    return words(n, seed, kind).astype(np.uint8)


class Sum:
    """CRC-32 over arrays, in the order they are added."""

    def __init__(self) -> None:
        self.crc = 0

    def add(self, *arrays: np.ndarray) -> None:
        for array in arrays:
            self.crc = zlib.crc32(np.ascontiguousarray(array).tobytes(), self.crc)

    def line(self, name: str) -> str:
        return f"{name} {self.crc:08x}"


def row(array: np.ndarray) -> np.ndarray:
    return array.reshape(1, -1)


def digest_nuc(k: ModuleType) -> Iterator[str]:
    for kind in range(4):
        crc, mended = Sum(), Sum()
        for n in range(1, LONGEST + 1):
            counts = row(words(n, n, kind))
            k.nuc(counts, row(shorts(n, n + 1000)), row(shorts(n, n + 2000)))
            crc.add(counts)
            if n >= 5:
                last = n - 1
                table = [[0, 1, 2, 3, last], [last, 0, 1, 1, last // 2]]
                k.replace_bad_pixels(counts, np.array(table, np.int32))
                mended.add(counts)
        yield crc.line(f"nuc kind {kind}")
        yield mended.line(f"replace_bad_pixels kind {kind}")


def line_of(name: str, *arrays: np.ndarray) -> str:
    crc = Sum()
    crc.add(*arrays)
    return crc.line(name)


def digest_tables(k: ModuleType) -> Iterator[str]:
    yield line_of("log_lut", k.log_lut(300.75, -3700.5))
    yield line_of("linear_lut", k.linear_lut(100, 9001))
    histogram = np.zeros(16384, np.uint32)
    k.histogram(row(words(20000, 9)), histogram)
    yield line_of("histogram", histogram)
    yield line_of("plateau_lut", k.plateau_lut(histogram, 2))
    yield line_of("plateau_lut limited", k.plateau_lut(histogram, 40, 655 / 65536))


def digest_agc(k: ModuleType) -> Iterator[str]:
    lut = octets(16384, 5)
    for kind in range(4):
        crc = Sum()
        for n in range(1, LONGEST + 1):
            counts, grey = row(words(n, n, kind)), np.empty((1, n), np.uint8)
            k.agc(counts, lut, grey)
            crc.add(grey)
            in_place = counts.view(np.uint8)[:, :n]
            k.agc(counts, lut, in_place)
            crc.add(in_place)
        yield crc.line(f"agc kind {kind}")


GREY_RULES = ((256, 8, 0, 0), (7, 0, 700, 0), (0xFF00, 40, -65000, 1))
COUNTS_RULES = (
    (4, 200, 0, 0, 0, 0),
    (65532, 0, 5000, 1, 0, 0),
    (2, 40, -65532, 0, 48, 1),
    (3, 900, 123, 1, 255, 4095),
)


def digest_grey(k: ModuleType) -> Iterator[str]:
    for index, (eps, threshold, level, selective) in enumerate(GREY_RULES):
        crc = Sum()
        for n in range(1, LONGEST + 1):
            frame, background = row(octets(n, n)), row(words(n, n + 1000))
            difference, mask = np.empty((1, n), np.uint8), np.empty((1, n), np.uint8)
            k.background_step(
                frame, background, difference, mask, eps, threshold,
                level=level, selective=bool(selective),
            )  # fmt: skip
            crc.add(background, difference, mask)
        yield crc.line(f"background grey rule {index}")


def digest_counts(k: ModuleType) -> Iterator[str]:
    for index, (eps, threshold, level, selective, gain, step) in enumerate(COUNTS_RULES):
        crc = Sum()
        for n in range(1, LONGEST + 1):
            frame, background = row(words(n, n)), row(words(n, n + 1000))
            noise = row(words(n, n + 2000, COUNTS))
            difference, mask = np.empty((1, n), np.int16), np.empty((1, n), np.uint8)
            k.background_step(
                frame, background, difference, mask, eps, threshold,
                level=level, selective=bool(selective),
                noise=noise if index > 1 else None, noise_gain_q4=gain, noise_eps=step,
            )  # fmt: skip
            crc.add(background, difference, mask, noise)
        yield crc.line(f"background counts rule {index}")


FOLLOW_SETTINGS = ((0, 2, 1), (5000, 65532, 7), (-65532, 9, 0))
CHANGE_SETTINGS = (
    (130, 8, 1, 100, 400, 3, 32),
    (4095, 0, 4095, 30000, 65535, 0, 65535),
    (9, 900, 50, 16000, 50000, 255, 1),
)


def digest_follow(k: ModuleType) -> Iterator[str]:
    for index, (level, step, held_step) in enumerate(FOLLOW_SETTINGS):
        crc = Sum()
        for n in range(1, LONGEST + 1):
            counts, bg = row(words(n, n)), row(words(n, n + 1000))
            hold, diff = row(octets(n, n + 2000, LOW)), np.empty((1, n), np.int16)
            k.follow_step(counts, bg, diff, hold, level=level, step=step, held_step=held_step)
            crc.add(bg, diff)
        yield crc.line(f"follow_step setting {index}")


def digest_change(k: ModuleType) -> Iterator[str]:
    names = ("factor_q4", "floor_q2", "noise_step", "most_noise", "sway_noise", "hold_drop",
             "gain_q8")  # fmt: skip
    for index, setting in enumerate(CHANGE_SETTINGS):
        crc = Sum()
        for n in range(1, LONGEST + 1):
            smoothed, past = row(shorts(n, n)), row(shorts(n, n + 1000))
            noise, hold = row(words(n, n + 2000)), row(octets(n, n + 3000, LOW))
            gas, mask = np.empty((1, n), np.uint8), np.empty((1, n), np.uint8)
            named = dict(zip(names, setting, strict=True))
            k.change_step(smoothed, past, noise, gas, mask, hold, **named)
            crc.add(noise, gas, mask, hold)
        yield crc.line(f"change_step setting {index}")


def digest_clahe(k: ModuleType) -> Iterator[str]:
    for g, grid in enumerate(((8, 8), (1, 1), (3, 2), (16, 16))):
        for c, clip in enumerate((2.0, 0.0, 0.25, 40.0)):
            crc = Sum()
            for s, (h, w) in enumerate(SHAPES):
                for kind in (NOISE, LOW, HIGH):
                    grey = octets(h * w, s, kind).reshape(h, w)
                    k.clahe(grey, grid, clip)
                    crc.add(grey)
            yield crc.line(f"clahe grid {g} clip {c}")


def chain_arrays(n: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    return {
        "counts": np.empty(shape, np.uint16),
        "grey": np.empty(shape, np.uint8),
        "background": words(n, 13).reshape(shape),
        "difference": np.empty(shape, np.uint8),
        "mask": np.empty(shape, np.uint8),
    }


def digest_chain(k: ModuleType) -> Iterator[str]:
    crc = Sum()
    for shape in SHAPES:
        n = shape[0] * shape[1]
        last, planes = n - 1, chain_arrays(n, shape)
        rows = [[0, last, last, last, last], [last, 0, 0, last, last]] if n > 1 else []
        chain = k.PaperChain(
            *planes.values(),
            octets(16384, 5),
            gain_q14=shorts(n, 11, COUNTS).reshape(shape),
            offset=shorts(n, 12, LOW).reshape(shape),
            bad_pixels=np.array(rows, np.int32).reshape(-1, 5),
            eps_q8=256,
            threshold=12,
        )
        for step in range(3):
            planes["counts"][...] = words(n, 20 + step).reshape(shape)
            chain.step()
            crc.add(*planes.values())
    yield crc.line("paper chain")


def digest_smooth(k: ModuleType) -> Iterator[str]:
    for size in range(1, 12, 2):
        crc = Sum()
        for s, (h, w) in enumerate(SHAPES):
            out = np.empty((h, w), np.int16)
            columns = np.empty(w + size + COLUMNS_SPARE, np.int32)
            k.smooth(shorts(h * w, s).reshape(h, w), out, size, columns)
            crc.add(out)
        yield crc.line(f"smooth size {size}")


def digest_level(k: ModuleType) -> Iterator[str]:
    for step in range(1, 5):
        crc = Sum()
        for s, (h, w) in enumerate(SHAPES):
            counts = words(h * w, s).reshape(h, w)
            background = words(h * w, s + 1000).reshape(h, w)
            median = k.median_shift(counts, background, step, np.empty(h * w, np.uint32))
            mask = counts.reshape(-1).view(np.uint8)[: h * w].reshape(h, w)
            crc.add(np.int32(median), np.uint32(k.area(mask)))
        yield crc.line(f"median_shift and area step {step}")


def digest_morphology(k: ModuleType) -> Iterator[str]:
    for name in ("erode", "dilate", "open", "close"):
        for size in range(3, 10, 2):
            crc = Sum()
            for s, (h, w) in enumerate(SHAPES):
                mask = octets(h * w, s, LOW).reshape(h, w)
                scratch = np.empty(k.mask_scratch_words((h, w), size), np.uint64)
                getattr(k, f"{name}_mask")(mask, scratch, size)
                crc.add(mask)
            yield crc.line(f"{name} size {size}")


def digest_regions(k: ModuleType) -> Iterator[str]:
    for kind in (NOISE, LOW, HIGH):
        crc = Sum()
        for h, w in SHAPES:
            mask = octets(h * w, h, kind).reshape(h, w)
            mask &= mask >> np.uint8(1)
            counts, background = words(h * w, 3).reshape(h, w), words(h * w, 4).reshape(h, w)
            labels = np.empty((h, w), np.int32)
            found = k.RegionFinder((h, w)).find(
                mask, frame=counts, background=background, level=40, min_area_px=2, labels=labels
            )
            for r in found:
                box = [r[name] for name in ("label", "x", "y", "w", "h", "area_px")]
                facts = [r["cx"], r["cy"], r["contrast_counts"]]
                packed = struct.pack("<6i3db", *map(int, box), *map(float, facts), r["polarity"])
                crc.add(np.frombuffer(packed, np.uint8))
            crc.add(labels)
        yield crc.line(f"regions kind {kind}")


def digest_codec(k: ModuleType) -> Iterator[str]:
    for kind in range(4):
        for fast in (0, 1):
            crc = Sum()
            for s, (h, w) in enumerate(SHAPES):
                counts = words(h * w, s, kind).reshape(h, w)
                blob = np.empty(k.packed_bound(h, w), np.uint8)
                crc.add(blob[: k.pack_frame(counts, blob, bool(fast))])
            yield crc.line(f"codec kind {kind} fast {fast}")


LINK_LONGEST, LINK_HEIGHT = 300, 5


def digest_crc16(k: ModuleType) -> Iterator[str]:
    crc = Sum()
    for n in range(LINK_LONGEST + 1):
        crc.add(np.uint16(k.crc16(octets(n, n), n * 257 & 0xFFFF)))
    yield crc.line("crc16")


def digest_el640_link(k: ModuleType) -> Iterator[str]:
    for seed, w in enumerate((16, 20, 36, 100, 320, 640)):
        crc, h, nbytes = Sum(), LINK_HEIGHT, 8 + w // 4 * 7 + 2
        pixels = words(w * h, seed).reshape(h, w)
        packets = octets((h + 1) * nbytes, seed + 100).reshape(h + 1, nbytes)
        k.pack_el640(pixels, packets, 0xABCD, 5)
        k.seal_el640(packets[h], w, 0x7FFE, 0xABCD, 1)
        crc.add(packets)
        counts = np.zeros(9, np.uint32)
        crc.add(np.uint32(k.gather_el640(packets, w, 0, h + 1, counts)), counts)
        out = np.empty((h, w), np.uint16)
        always, ever = k.unpack_el640(packets, out)
        crc.add(out, np.uint32(always << 16 | ever), np.uint64(k.digest_el640(packets, w)))
        packets[h // 2, 11] ^= 4
        counts[:] = 0
        crc.add(np.uint32(k.gather_el640(packets, w, 0, h + 1, counts)), counts)
        yield crc.line(f"el640 width {w}")


def digest_vospi(k: ModuleType) -> Iterator[str]:
    for seed, (segments, per) in enumerate(((1, 60), (1, 63), (4, 60), (4, 61))):
        crc, n = Sum(), segments * per
        video = words(n * 80, seed, COUNTS).reshape(n, 80)
        packets = np.zeros((n, 164), np.uint8)
        for s in range(segments):
            part = slice(s * per, (s + 1) * per)
            k.pack_vospi(video[part], s + 1 if segments > 1 else 0, packets[part])
        crc.add(packets)
        packets[7, 0] = 0x0F
        counts = np.zeros(7, np.uint32)
        crc.add(np.uint32(k.gather_vospi(packets, segments, 0, n, counts)), counts)
        k.unpack_vospi(packets, video)
        crc.add(video)
        yield crc.line(f"vospi segments {segments} of {per}")


DIGESTS = (
    digest_nuc,
    digest_tables,
    digest_agc,
    digest_grey,
    digest_counts,
    digest_follow,
    digest_change,
    digest_clahe,
    digest_chain,
    digest_smooth,
    digest_level,
    digest_morphology,
    digest_regions,
    digest_codec,
    digest_crc16,
    digest_el640_link,
    digest_vospi,
)


def reference_kernels() -> SimpleNamespace:
    """Every twin under one roof, whatever reference/__init__ exports."""
    found: dict[str, object] = {}
    modules = "nuc agc background change clahe chain smooth level morphology regions codec link"
    for name in modules.split():
        twin = importlib.import_module(f"edgeleak.kernels.reference.{name}")
        found |= {k: v for k, v in vars(twin).items() if not k.startswith("_")}
    return SimpleNamespace(**found)


def digests(kernels: object) -> list[str]:
    return [line for digest in DIGESTS for line in digest(kernels)]


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "edgeleak.kernels"
    is_twin = name.endswith(".reference")
    kernels = reference_kernels() if is_twin else importlib.import_module(name)
    print("\n".join(digests(kernels)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
