# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from edgeleak import kernels
from edgeleak.kernels import PaperChain, build_info, log_lut, reference

SHAPES = [(1, 1), (1, 17), (13, 7), (33, 64), (60, 80), (120, 163), (480, 640)]
Q14 = 1 << 14


class Planes:
    """The arrays of one chain."""

    def __init__(self, shape):
        self.counts = np.zeros(shape, np.uint16)
        self.grey, self.difference, self.mask = np.zeros((3, *shape), np.uint8)
        self.background = np.full(shape, 100 << 8, np.uint16)

    def all(self):
        return self.counts, self.grey, self.background, self.difference, self.mask


def calibration(rng, shape):
    gain = (Q14 * rng.normal(1, 0.04, shape)).astype(np.int16)
    return {"gain_q14": gain, "offset": rng.integers(-200, 200, shape, dtype=np.int16)}


def bad_pixels(rng, shape, reach):
    """Bad pixels with sources up to *reach* pixels further on."""
    n = shape[0] * shape[1]
    bad = np.sort(rng.choice(n, max(1, n // 40), replace=False))
    sources = bad[:, None] + rng.integers(-reach, reach + 1, (bad.size, 4))
    return np.column_stack([bad, sources.clip(0, n - 1)]).astype(np.int32)


def frames(rng, shape, n, top=1 << 14):
    for _ in range(n):
        yield rng.normal(6000, 300, shape).clip(0, top - 1).astype(np.uint16)


def assert_same(got, want):
    for name in ("counts", "grey", "background", "difference", "mask"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("parts", ["all", "no calibration", "no bad pixels", "neither"])
def test_bit_exact_with_twin(rng, shape, parts):
    options = {}
    if parts in ("all", "no bad pixels"):
        options |= calibration(rng, shape)
    if parts in ("all", "no calibration"):
        options["bad_pixels"] = bad_pixels(rng, shape, 3 * shape[1])
    got, want = Planes(shape), Planes(shape)
    lut = log_lut(60, -600)
    fast = PaperChain(*got.all(), lut, **options)
    slow = reference.PaperChain(*want.all(), lut, **options)
    for frame in frames(rng, shape, 2):
        got.counts[...] = want.counts[...] = frame
        assert fast.step() == slow.step()
        assert_same(got, want)


@pytest.mark.parametrize("has_calibration", [True, False])
@pytest.mark.parametrize("is_read_only", [True, False])
def test_raw_counts_from_elsewhere(rng, has_calibration, is_read_only):
    shape = (61, 83)
    options = {"bad_pixels": bad_pixels(rng, shape, 3 * shape[1])}
    if has_calibration:
        options |= calibration(rng, shape)
    got, want = Planes(shape), Planes(shape)
    fast = PaperChain(*got.all(), log_lut(60, -600), **options)
    slow = reference.PaperChain(*want.all(), log_lut(60, -600), **options)
    for frame in frames(rng, shape, 2):
        raw = frame.copy()
        raw.flags.writeable = not is_read_only
        got.counts.fill(7)  # nothing of what was there may shine through
        assert fast.step(raw) == slow.step(raw)
        np.testing.assert_array_equal(raw, frame)
        assert_same(got, want)


def test_counts_themselves_are_raw_counts(rng):
    planes, again = Planes((61, 83)), Planes((61, 83))
    options = calibration(rng, (61, 83))
    frame = next(frames(rng, (61, 83), 1))
    for each, is_given in ((planes, True), (again, False)):
        each.counts[...] = frame
        chain = PaperChain(*each.all(), log_lut(60, -600), **options)
        chain.step(each.counts) if is_given else chain.step()
    assert_same(planes, again)


def test_raw_counts_that_do_not_fit_are_refused():
    planes = Planes((40, 30))
    chain = PaperChain(*planes.all(), log_lut(60, -600))
    wrong = [np.zeros((30, 40), np.uint16), np.zeros((40, 30), np.int16), np.zeros(1200, np.uint16)]
    for raw in [*wrong, np.zeros((40, 60), np.uint16)[:, ::2], planes.background]:
        with pytest.raises(ValueError, match=r"raw|memory"):
            chain.step(raw)
    block = np.zeros((41, 30), np.uint16)
    chain = PaperChain(block[:40], *planes.all()[1:], log_lut(60, -600))
    with pytest.raises(ValueError, match="memory"):
        chain.step(block[1:])
    with pytest.raises(TypeError, match="raw must be a NumPy array"):
        chain.step([1])


@pytest.mark.parametrize("reach", [0, 1, 100, 10**6])
def test_sources_anywhere_in_the_frame(rng, reach):
    """Also sources that are bad themselves: rows of the table run in order, as if staged."""
    shape = (40, 30)
    options = calibration(rng, shape) | {"bad_pixels": bad_pixels(rng, shape, reach)}
    got, want = Planes(shape), Planes(shape)
    for planes, chain in ((got, PaperChain), (want, reference.PaperChain)):
        planes.counts[...] = np.random.default_rng(3).integers(0, 1 << 16, shape)
        chain(*planes.all(), log_lut(60, -600), **options).step()
    assert_same(got, want)


@pytest.mark.parametrize("tiles", [(1, 1), (3, 5), (16, 2)])
@pytest.mark.parametrize("clip_limit", [0, 0.9, 40])
def test_tiles_and_limit(rng, tiles, clip_limit):
    shape = (61, 83)
    got, want = Planes(shape), Planes(shape)
    frame = next(frames(rng, shape, 1))
    for planes, chain in ((got, PaperChain), (want, reference.PaperChain)):
        planes.counts[...] = frame
        chain(*planes.all(), log_lut(60, -600), tiles=tiles, clip_limit=clip_limit).step()
    assert_same(got, want)


def test_equals_the_compiled_kernels_one_by_one(rng):
    shape = (480, 640)
    cal, table, lut = calibration(rng, shape), bad_pixels(rng, shape, 700), log_lut(60, -600)
    got, want = Planes(shape), Planes(shape)
    chain = PaperChain(*got.all(), lut, bad_pixels=table, eps_q8=64, threshold=3, **cal)
    for frame in frames(rng, shape, 3):
        got.counts[...] = want.counts[...] = frame
        chain.step()
        kernels.nuc(want.counts, cal["gain_q14"], cal["offset"])
        kernels.replace_bad_pixels(want.counts, table)
        kernels.agc(want.counts, lut, want.grey)
        kernels.clahe(want.grey)
        kernels.background_step(want.grey, want.background, want.difference, want.mask, 64, 3)
        assert_same(got, want)
    assert want.mask.any()
    assert not want.mask.all()


def test_settings_change_between_steps(rng):
    shape = (30, 40)
    planes = Planes(shape)
    chain = PaperChain(*planes.all(), log_lut(60, -600))
    frame = next(frames(rng, shape, 1))
    planes.counts[...] = frame
    chain.eps_q8 = 0  # a frame off the beat
    chain.step()
    assert (planes.background == 100 << 8).all()
    chain.eps_q8, chain.threshold = 256, 255
    chain.step()
    assert set(np.unique(planes.background)) <= {99 << 8, 101 << 8}
    assert not planes.mask.any()
    flat = np.full(16384, 77, np.uint8)
    chain.set_lut(flat)
    flat[...] = 0  # the chain has its own copy
    chain.step()
    want = np.full(shape, 77, np.uint8)
    reference.clahe(want)
    np.testing.assert_array_equal(planes.grey, want)


def chain_of(shape=(8, 8), replace=None, **options):
    planes = Planes(shape).__dict__ | {"lut": log_lut(60, -600)} | (replace or {})
    return PaperChain(**planes, **options)


@pytest.mark.parametrize("name", ["grey", "background", "difference", "mask"])
def test_shape_mismatch_names_the_array(name):
    wrong = np.zeros((8, 9), Planes((8, 8)).__dict__[name].dtype)
    with pytest.raises(ValueError, match=f"{name} has shape"):
        chain_of(replace={name: wrong})


@pytest.mark.parametrize("name", ["counts", "grey", "background", "difference", "mask"])
def test_wrong_dtype_and_read_only(name):
    array = getattr(Planes((8, 8)), name)
    with pytest.raises(ValueError, match="dtype"):
        chain_of(replace={name: array.astype(np.int32)})
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        chain_of(replace={name: array})


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"gain_q14": np.zeros((8, 8), np.int16)}, "belong together"),
        ({"tiles": (0, 1)}, "tiles_x"),
        ({"tiles": (1, 65)}, "tiles_y"),
        ({"clip_limit": float("nan")}, "NaN"),
        ({"eps_q8": -1}, "eps_q8"),
        ({"eps_q8": 65281}, "eps_q8"),
        ({"threshold": 256}, "threshold"),
        ({"bad_pixels": np.array([[64, 0, 0, 0, 0]], np.int32)}, "names pixel 64"),
    ],
)
def test_wrong_arguments(options, what):
    with pytest.raises(ValueError, match=what):
        chain_of(**options)


def test_shared_memory_is_refused():
    block = np.zeros(3 * 64, np.uint8)
    one, two = block[:64].reshape(8, 8), block[32:96].reshape(8, 8)
    with pytest.raises(ValueError, match="share memory"):
        chain_of(replace={"grey": one, "mask": two})
    counts = np.zeros((8, 8), np.uint16)
    plane = counts.view(np.int16)
    with pytest.raises(ValueError, match="share memory"):
        chain_of(replace={"counts": counts}, gain_q14=plane, offset=np.zeros((8, 8), np.int16))


def test_empty_frame_is_refused():
    with pytest.raises(ValueError, match="height"):
        chain_of((0, 8))


DIGEST = """
import hashlib, sys, numpy as np
sys.path.insert(0, sys.argv[1])
from test_chain import digest
print(digest())
"""


def digest():
    """One hash over every output of the kernels in this file, for one instruction set."""
    rng = np.random.default_rng(11)
    total = hashlib.sha256()
    for shape in [(13, 7), (120, 163), (240, 320)]:
        planes = Planes(shape)
        options = calibration(rng, shape) | {"bad_pixels": bad_pixels(rng, shape, 400)}
        chain = PaperChain(*planes.all(), log_lut(60, -600), **options)
        for frame in frames(rng, shape, 3):
            planes.counts[...] = frame
            chain.step()
            for plane in planes.all():
                total.update(plane.tobytes())
    return total.hexdigest()


def run_with_isa(isa):
    return subprocess.run(
        [sys.executable, "-c", DIGEST, os.path.dirname(__file__)],
        env=os.environ | {"EDGELEAK_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("isa", build_info()["isa_variants"])
def test_instruction_sets_give_the_same_bytes(isa):
    run = run_with_isa(isa)
    if "this CPU does not have it" in run.stderr:
        pytest.skip(f"this CPU has no {isa}")
    assert run.stdout.strip() == digest(), run.stderr


def test_unknown_instruction_set_is_named():
    run = run_with_isa("sse9")
    assert run.returncode != 0
    assert "EDGELEAK_ISA='sse9' is unknown" in run.stderr
    assert "baseline" in run.stderr
