# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, embedsignature=True
"""How the kernels were built and which instruction set this process uses."""

import os

cdef extern from *:
    """
    #include "edgeleak/isa.h"
    #if EL_X86
    #define EL_MACHINE "x86-64"
    #define EL_CPU_AVX2 __builtin_cpu_supports("avx2")
    #define EL_CPU_BMI2 __builtin_cpu_supports("bmi2")
    #else
    #define EL_CPU_AVX2 0
    #define EL_CPU_BMI2 0
    #if defined(__aarch64__)
    #define EL_MACHINE "aarch64"
    #elif defined(__arm__) && EL_NEON
    #define EL_MACHINE "armv7 with NEON"
    #elif defined(__arm__)
    #define EL_MACHINE "arm without NEON"
    #else
    #define EL_MACHINE "other"
    #endif
    #endif
    #if defined(__clang__)
    #define EL_COMPILER "clang " __clang_version__
    #else
    #define EL_COMPILER "gcc " __VERSION__
    #endif
    """
    const char *EL_MACHINE
    const char *EL_COMPILER
    const char *EL_BUILD_FLAGS
    const char *EL_SOURCE_HASH
    int EL_X86
    int EL_NEON
    int el_isa_chosen
    int EL_ISA_HAS_AVX2
    int EL_ISA_REFUSED
    int EL_CPU_AVX2
    int EL_CPU_BMI2

VARIANTS = ("baseline", "avx2") if EL_X86 else ("baseline",)


def _refuse_unknown_isa():
    if el_isa_chosen != EL_ISA_REFUSED:
        return
    wanted = os.environ.get("EDGELEAK_ISA", "")
    if wanted in VARIANTS:
        raise ValueError(
            f"EDGELEAK_ISA={wanted}: this CPU does not have it; unset EDGELEAK_ISA")
    raise ValueError(
        f"EDGELEAK_ISA={wanted!r} is unknown; this build ({EL_MACHINE.decode()}) has "
        f"{' and '.join(VARIANTS)}; unset EDGELEAK_ISA to let the CPU decide")


_refuse_unknown_isa()


def cpu_features():
    """What this CPU offers to the kernels: dict of feature name to bool."""
    return {
        "avx2": bool(EL_CPU_AVX2),
        "bmi2": bool(EL_CPU_BMI2),
        "neon": bool(EL_NEON),
    }


def build_info():
    """How the kernels were built: dict of str, and two tuples/names of instruction sets.

    machine, compiler, flags, source_hash : fixed when the package was built
    isa_variants : instruction sets in this build
    isa          : the one this process uses, see EDGELEAK_ISA
    """
    return {
        "machine": EL_MACHINE.decode(),
        "compiler": EL_COMPILER.decode(),
        "flags": EL_BUILD_FLAGS.decode(),
        "source_hash": EL_SOURCE_HASH.decode(),
        "isa_variants": VARIANTS,
        "isa": "avx2" if el_isa_chosen == EL_ISA_HAS_AVX2 else "baseline",
    }
