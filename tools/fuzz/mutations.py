# SPDX-License-Identifier: Apache-2.0
"""How a file is damaged: bits, cuts, splices, repeats, lengths, also inside of what is packed."""

import random
from collections.abc import Callable
from typing import Literal, NamedTuple

import seed_files

LENGTHS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)


def flip_bits(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def flip_head(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    for _ in range(rng.choice((1, 2, 4))):
        data[rng.randrange(min(len(data), 200))] = rng.randrange(256)
    return data


def cut(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    return data[: rng.randrange(len(data))]


def cut_middle(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 64) :]


def splice(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    size = rng.randrange(1, min(len(data), len(other), 300))
    return bytearray(other[:size]) + data[size:]


def repeat(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 500)]
    return data[:start] + piece * rng.choice((2, 3, 20)) + data[start:]


def set_length(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    width = rng.choice((1, 2, 4, 8))
    order: Literal["little", "big"] = rng.choice(("little", "big"))
    at = rng.randrange(max(len(data) - width, 1))
    data[at : at + width] = (rng.choice(LENGTHS) & (1 << 8 * width) - 1).to_bytes(width, order)
    return data


def digits(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    """Decimal numbers in headers (.npy shapes) become large ones."""
    places = [i for i, byte in enumerate(data[:256]) if 48 <= byte <= 57]
    if not places:
        return flip_bits(data, rng, other)
    at = rng.choice(places)
    return data[:at] + str(rng.choice(LENGTHS)).encode() + data[at + 1 :]


MUTATIONS = (flip_bits, flip_head, cut, cut_middle, splice, repeat, set_length, digits)
Mutation = Callable[[bytearray, random.Random, bytes], bytearray]


class Damaged(NamedTuple):
    """One damaged file; `is_summed` unless it was packed again or got another kind's head."""

    change: str
    data: bytes
    is_summed: bool


def mutate(kind: str, seeds: dict[str, bytes], rng: random.Random) -> Damaged:
    """A file that differs from its seed; damaged inside of gzip and zip half of the time."""
    while (found := mutate_once(kind, seeds, rng)).data == seeds[kind]:
        pass
    return found


def mutate_once(kind: str, seeds: dict[str, bytes], rng: random.Random) -> Damaged:
    """One change of one seed; it may leave the bytes as they are."""
    change: Mutation = rng.choice(MUTATIONS)
    other = seeds[rng.choice(list(seeds))]
    inside = rng.random() < 0.5
    if inside and kind.endswith("npz"):

        def one(member: bytes) -> bytes:
            return bytes(change(bytearray(member), rng, other))

        return Damaged(change.__name__, seed_files.rezip(seeds[kind], one), False)
    if inside and kind in seed_files.COMPRESSED_OUTSIDE:
        plain = bytearray(seed_files.unwrap(kind, seeds[kind]))
        again = seed_files.wrap(kind, bytes(change(plain, rng, other)))
        return Damaged(change.__name__, again, False)
    data = bytes(change(bytearray(seeds[kind]), rng, other))
    return Damaged(change.__name__, data, change is not splice)
