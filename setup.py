# SPDX-License-Identifier: Apache-2.0
"""Metadata, and the compiled kernels: cext/<name>.pyx -> edgeleak.kernels._<name>."""

import os

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

KERNELS = ()
ONLY = os.environ.get("EDGELEAK_ONLY", "").split()
FLAGS = ["-std=gnu11", "-O3", "-ffp-contract=off", "-Wall", "-Wextra"]

HOST = ["pillow", "matplotlib", "mcap", "tifffile", "av", "cptv", "rich"]
BENCH = ["opencv-python-headless>=5.0", "scikit-image", "numba", "blosc2", "imagecodecs"]
DEV = ["pytest", "hypothesis", "ruff", "cython-lint", "mypy", "psutil"]

extensions = [
    Extension(
        f"edgeleak.kernels._{name}",
        [f"cext/{name}.pyx"],
        include_dirs=["cext/include"],
        extra_compile_args=FLAGS,
    )
    for name in KERNELS
    if not ONLY or name in ONLY
]
setup(
    name="edgeleak",
    version="0.1.0",
    description="Firmware of a camera that makes invisible methane leaks visible",
    license="Apache-2.0",
    python_requires=">=3.11",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={"edgeleak": ["py.typed"], "edgeleak.pipeline": ["profiles/*.toml"]},
    install_requires=["numpy>=1.24", "pyserial>=3.5", "spidev>=3.5", "smbus2>=0.4"],
    extras_require={"host": HOST, "bench": BENCH, "dev": DEV + HOST + BENCH},
    entry_points={"console_scripts": ["edgeleak = edgeleak.app:main"]},
    ext_modules=cythonize(extensions, include_path=["cext"], build_dir="build/cython"),
)
