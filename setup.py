# SPDX-License-Identifier: Apache-2.0
"""Metadata, and the compiled kernels: cext/<name>.pyx -> edgeleak.kernels._<name>.

Environment: EDGELEAK_ONLY="nuc clahe" builds just these kernels, EDGELEAK_DEBUG=1 keeps symbols,
CC chooses the compiler; the flags follow the machine that this compiler makes code for.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

KERNELS = (
    "build",
    "nuc",
    "agc",
    "clahe",
    "chain",
    "codec",
    "background",
    "morphology",
    "level",
    "smooth",
    "change",
    "places",
    "faint",
    "ghosts",
    "objects",
    "regions",
    "motion",
    "link",
)
ONLY = os.environ.get("EDGELEAK_ONLY", "").split()
DEBUG = os.environ.get("EDGELEAK_DEBUG", "") not in ("", "0")
# No FMA contraction: CLAHE must round every float step as OpenCV does.
FLAGS = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra"]
# Debian's armhf compiler vectorises nothing unless it is told that NEON is there.
MACHINE_FLAGS = {"arm": ["-march=armv7-a", "-mfpu=neon"]}

HOST = ["pillow", "matplotlib", "mcap", "tifffile", "av", "cptv", "rich"]
_ON_ARM = "python_version < '3.12' and platform_machine in 'armv7l aarch64'"
SEGMENT = [
    # tflite-runtime is built for NumPy 1 and has wheels for both kinds of board.
    f"tflite-runtime>=2.14; {_ON_ARM}",
    f"numpy<2; {_ON_ARM}",
    "ai-edge-litert>=2.1; platform_machine == 'x86_64' or python_version >= '3.12'",
]
HIL = ["labgrid>=25", "pytest", "pyvisa", "pyvisa-py", "mcap"]
BENCH = ["opencv-python-headless>=5.0", "scikit-image", "numba", "blosc2", "imagecodecs"]
DEV = [
    "setuptools>=70.1",
    "cython>=3.1",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "ruff",
    "cython-lint",
    "mypy",
    "psutil",
    "gpiod",
    "adafruit-circuitpython-ads1x15",
    "adafruit-circuitpython-tmp117",
    "adafruit-circuitpython-sht4x",
    "adafruit-circuitpython-ad569x",
    "pyvisa",
    "pyvisa-py",
    "atheris; python_version < '3.14' and platform_machine == 'x86_64'",
    "coverage",
]


def headers_of(source: Path, found: set[Path] | None = None) -> set[Path]:
    """Every project header that *source* includes, directly or not."""
    found = set() if found is None else found
    for name in re.findall(r'"(edgeleak/\w+\.h)"', source.read_text()):
        header = Path("cext/include", name)
        if header not in found and header.is_file():
            found.add(header)
            headers_of(header, found)
    return found


def source_hash() -> str:
    """First 16 hex digits of SHA-256 over everything in cext, name and content."""
    digest = hashlib.sha256()
    for path in sorted(Path("cext").rglob("*")):
        if path.suffix in {".pyx", ".pxd", ".h"}:
            digest.update(path.as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def machine_flags() -> list[str]:
    """Flags for the machine the compiler makes code for, not the one it runs on."""
    try:
        target = subprocess.run(
            [*compiler(), "-dumpmachine"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return []  # check_toolchain says what is missing
    return MACHINE_FLAGS.get(target.split("-")[0], [])


def is_cross_build() -> bool:
    """True for a board's wheel: it has real devices and needs no source of emulated ones."""
    return "_PYTHON_HOST_PLATFORM" in os.environ


def check_toolchain() -> None:
    """Stop with one sentence that says what to install."""
    command = compiler()[0]
    if shutil.which(command) is None:
        sys.exit(f"edgeleak: no C compiler: '{command}' is not there; run: sudo apt install gcc")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        sys.exit(
            "edgeleak: Python.h is not in "
            f"{sysconfig.get_path('include')}; run: sudo apt install python3-dev"
        )


class BuildKernels(build_ext):
    """build_ext on every processor, which names a missing Debian package instead of a page of
    compiler output."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count()

    def run(self) -> None:
        check_toolchain()
        super().run()


class BuildModules(build_py):
    """build_py that puts every board/<name>/board.toml into the package, as edgeleak/boards."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source in sorted(Path("board").glob("*/board.toml")):
            target = Path(self.build_lib, "edgeleak", "boards", source.parent.name)
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def extension(name: str) -> Extension:
    source = Path("cext", f"{name}.pyx")
    macros: list[tuple[str, str | None]] = []
    depends = headers_of(source) | {Path("cext/checks.pxd")}
    if name == "build":
        macros = [
            ("EL_BUILD_FLAGS", f'"{" ".join(FLAGS + machine_flags())}"'),
            ("EL_SOURCE_HASH", f'"{source_hash()}"'),
        ]
        depends |= set(Path("cext").rglob("*.pyx")) | set(Path("cext").rglob("*.h"))
    return Extension(
        f"edgeleak.kernels._{name}",
        [str(source)],
        include_dirs=["cext/include"],
        define_macros=macros,
        depends=sorted(map(str, depends)),
        extra_compile_args=FLAGS + machine_flags() + ([] if DEBUG else ["-g0"]),
        extra_link_args=[] if DEBUG else ["-Wl,-s"],
    )


def extensions() -> list[Extension]:
    try:
        from Cython.Build import cythonize
    except ImportError:
        sys.exit("edgeleak: Cython is missing; run: pip install 'cython>=3.1'")
    wanted = [extension(name) for name in KERNELS if not ONLY or name in ONLY]
    return cythonize(wanted, include_path=["cext"], build_dir="build/cython", quiet=True)


setup(
    name="edgeleak",
    version="0.1.0",
    description="Firmware of a camera that makes invisible methane leaks visible",
    license="Apache-2.0",
    python_requires=">=3.11",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={
        "edgeleak": ["py.typed", "codes.toml"],
        "edgeleak.kernels": ["*.pyi"],
        "edgeleak.pipeline": ["profiles/*.toml", "rules.toml"],
        "edgeleak.segment": ["models/*"],
        "edgeleak.sim": ["scenarios/*.toml"],
        "edgeleak.sim.scene": ["gases.toml", "families/*.toml"],
        "edgeleak.sim.native": [] if is_cross_build() else ["preload.c", "*.h"],
    },
    install_requires=["numpy>=1.24", "pyserial>=3.5", "spidev>=3.5", "smbus2>=0.4"],
    extras_require={
        "host": HOST,
        "hil": HIL,
        "bench": BENCH,
        "segment": SEGMENT,
        "dev": DEV + HOST + BENCH + SEGMENT,
    },
    entry_points={"console_scripts": ["edgeleak = edgeleak.app:main"]},
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildKernels, "build_py": BuildModules},
)
