# SPDX-License-Identifier: Apache-2.0
"""The C headers on their own: warnings, sanitizers, and the same bytes on every machine.

tests/c/kernel_digests.c prints a checksum of every kernel over odd lengths, odd shapes and
extremes; the same lines must come from each instruction set, from aarch64 and armv7 under
qemu-user, from the compiled Python kernels and from their NumPy twins.
EDGELEAK_NEED_TARGETS=1 (CI) makes a missing cross compiler or emulator an error.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = ROOT / "cext" / "include"
HARNESS = ROOT / "tests" / "c"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
FLAGS = ["-std=gnu11", "-ffp-contract=off", "-fno-math-errno", f"-I{HARNESS}"]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TARGETS = {
    "aarch64": ("aarch64-linux-gnu-gcc", "qemu-aarch64-static", []),
    "armv7": ("arm-linux-gnueabihf-gcc", "qemu-arm-static", ["-march=armv7-a", "-mfpu=neon"]),
}
HEADERS = sorted(path.name for path in (INCLUDE / "edgeleak").glob("*.h"))
INCLUDED = re.compile(r'"edgeleak/(\w+\.h)"')
# What the wrappers include stands alone; the rest are parts of these.
ALONE = sorted({n for p in (ROOT / "cext").glob("*.pyx") for n in INCLUDED.findall(p.read_text())})
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def must_have(tool: str) -> str:
    if shutil.which(tool):
        return tool
    reason = f"{tool} is not installed"
    if os.environ.get("EDGELEAK_NEED_TARGETS"):
        pytest.fail(reason)
    pytest.skip(reason)


def build(
    out: Path, *flags: str, compiler: str = "gcc", include: Path = INCLUDE, optimise: str = "-O3"
) -> Path:
    command = [must_have(compiler), *FLAGS, optimise, *STRICT, *flags, f"-I{include}"]
    command += [str(HARNESS / "kernel_digests.c"), "-o", str(out), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def run(*command: str | Path, isa: str = "") -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "EDGELEAK_ISA": isa}
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env)


def lines_of(*command: str | Path, isa: str = "") -> list[str]:
    done = run(*command, isa=isa)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def isas() -> list[str]:
    from edgeleak.kernels import build_info, cpu_features

    has_avx2 = cpu_features()["avx2"] and "avx2" in build_info()["isa_variants"]
    return ["baseline", "avx2"] if has_avx2 else ["baseline"]


@pytest.fixture(scope="module")
def native(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("digests") / "native")


@pytest.fixture(scope="module")
def expected(native) -> list[str]:
    """What the portable build says; everybody else must agree."""
    return lines_of(native, isa="baseline")


@pytest.mark.parametrize("std", ["c99", "gnu11"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", ALONE)
def test_header_stands_alone_without_warnings(name, compiler, std, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text(f'#include "edgeleak/{name}"\nint main(void) {{ return 0; }}\n')
    command = [compiler, f"-std={std}", "-fsyntax-only", *STRICT, f"-I{INCLUDE}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_header_is_reached_from_a_wrapper():
    seen, todo = set(), list(ALONE)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += INCLUDED.findall((INCLUDE / "edgeleak" / name).read_text())
    assert seen == set(HEADERS)


def test_every_kernel_is_digested(expected):
    kernels = {line.split()[0] for line in expected}
    assert {"nuc", "agc", "clahe", "paper", "background", "smooth", "regions", "codec"} <= kernels
    assert not [line for line in expected if "lost" in line]
    assert len(set(expected)) == len(expected)


def test_every_isa_gives_the_same_bytes(native, expected):
    for isa in isas():
        assert lines_of(native, isa=isa) == expected, isa


def test_other_optimisation_gives_the_same_bytes(expected, tmp_path):
    plain = build(tmp_path / "plain", optimise="-O1")
    assert lines_of(plain) == expected


@pytest.mark.parametrize("kernels", ["edgeleak.kernels", "edgeleak.kernels.reference"])
def test_python_gives_the_same_bytes(kernels, expected, monkeypatch):
    monkeypatch.syspath_prepend(str(HARNESS))
    from kernel_digests import digests, reference_kernels

    import edgeleak.kernels

    is_twin = kernels.endswith("reference")
    assert digests(reference_kernels() if is_twin else edgeleak.kernels) == expected


@pytest.mark.parametrize("target", TARGETS)
def test_other_machines_give_the_same_bytes(target, expected, tmp_path):
    compiler, emulator, flags = TARGETS[target]
    must_have(emulator)
    built = build(tmp_path / target, "-static", *flags, compiler=compiler)
    assert lines_of(emulator, built) == expected


@pytest.mark.slow
def test_sanitizers_find_nothing(expected, tmp_path):
    built = build(tmp_path / "sanitized", *SANITIZE, optimise="-O1")
    for isa in isas():
        assert lines_of(built, isa=isa) == expected, isa


def defective(tmp_path: Path, name: str, right: str, wrong: str) -> Path:
    """A copy of the headers with one mistake in it."""
    include = tmp_path / "include"
    shutil.copytree(INCLUDE, include)
    header = include / "edgeleak" / name
    text = header.read_text()
    assert right in text, f"{name} no longer says '{right}': choose another defect"
    header.write_text(text.replace(right, wrong))
    return include


def test_a_rounding_defect_shows(expected, tmp_path):
    include = defective(tmp_path, "nuc.h", "(sum + 2) >> 2", "(sum + 1) >> 2")
    got = lines_of(build(tmp_path / "wrong", include=include, optimise="-O1"), isa="baseline")
    changed = {a.split(" kind")[0] for a, b in zip(expected, got, strict=True) if a != b}
    assert "replace_bad_pixels" in changed
    assert "nuc" not in changed


@pytest.mark.slow
def test_a_read_past_the_end_shows(tmp_path):
    include = defective(tmp_path, "nuc.h", "for (; i < n; i++)", "for (; i <= n; i++)")
    built = build(tmp_path / "wrong", *SANITIZE, include=include, optimise="-O1")
    done = run(built, isa="baseline")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-rs"]))
