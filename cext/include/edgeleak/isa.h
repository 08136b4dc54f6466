// SPDX-License-Identifier: Apache-2.0
/* Two instruction sets from one source, without per-file compiler flags.
 *
 * A kernel header includes itself once per instruction set:
 *
 *     #include "edgeleak/isa.h"
 *     #ifndef EL_ISA                              // seen from outside
 *     #ifndef EDGELEAK_NUC_H
 *     #define EDGELEAK_NUC_H
 *     ...constants, types, includes of the headers it builds on...
 *     #define EL_ISA_BODY "edgeleak/nuc.h"
 *     #include "edgeleak/isa_passes.h"            // the body below, twice on x86-64
 *     static inline void el_nuc_row(args) { EL_ISA_CALL(el_nuc_row, args); }
 *     #endif
 *     #else                                       // the body, once per instruction set
 *     static void EL_ISA(el_nuc_row)(args) { ...; EL_ISA(el_other)(...); }
 *     #endif
 *
 * EL_ISA(f) is f_base or f_avx2; a body calls its siblings as EL_ISA(f)(...), so that
 * the compiler can inline them.  Inside the AVX2 pass EL_ISA_AVX2 is 1 and intrinsics
 * may be used; NEON code stands under `#if EL_NEON`.  FMA is never enabled, and the
 * compiler must be given -ffp-contract=off: floats that touch a result must round alike
 * on every machine.
 *
 * The choice is made once, when the module is loaded: the best the CPU has, or what
 * EDGELEAK_ISA=baseline|avx2 says.  edgeleak.kernels refuses any other value.
 */
#ifndef EDGELEAK_ISA_H
#define EDGELEAK_ISA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define EL_X86 1
#include <immintrin.h>
#else
#define EL_X86 0
#endif

#if defined(__ARM_NEON) || defined(__ARM_NEON__)
#define EL_NEON 1
#include <arm_neon.h>
#else
#define EL_NEON 0
#endif

enum el_isa { EL_ISA_BASELINE = 0, EL_ISA_HAS_AVX2 = 1, EL_ISA_REFUSED = -1 };

/* What EDGELEAK_ISA and the CPU allow; EL_ISA_REFUSED when they contradict. */
static inline enum el_isa
el_isa_choose(const char *wanted)
{
#if EL_X86
    const int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
    const int has_avx2 = 0;
#endif
    if (wanted == NULL || *wanted == '\0')
        return has_avx2 ? EL_ISA_HAS_AVX2 : EL_ISA_BASELINE;
    if (strcmp(wanted, "baseline") == 0)
        return EL_ISA_BASELINE;
    return strcmp(wanted, "avx2") == 0 && has_avx2 ? EL_ISA_HAS_AVX2 : EL_ISA_REFUSED;
}

static enum el_isa el_isa_chosen __attribute__((unused)) = EL_ISA_BASELINE;

__attribute__((constructor)) static void
el_isa_init(void)
{
#if EL_X86
    __builtin_cpu_init();
#endif
    el_isa_chosen = el_isa_choose(getenv("EDGELEAK_ISA"));
}

#if EL_X86
#define EL_ISA_CALL(name, ...) \
    (el_isa_chosen == EL_ISA_HAS_AVX2 ? name##_avx2(__VA_ARGS__) : name##_base(__VA_ARGS__))
#else
#define EL_ISA_CALL(name, ...) name##_base(__VA_ARGS__)
#endif

/* Makes the compiler forget where a pointer came from: on ARM it would otherwise add up one
 * base and several offsets for every access instead of keeping several bases. */
#if EL_NEON
#define EL_OWN_BASE(pointer) __asm__("" : "+r"(pointer))
#else
#define EL_OWN_BASE(pointer) ((void)(pointer))
#endif

#define EL_INLINE static inline __attribute__((always_inline, unused))

#endif /* EDGELEAK_ISA_H */
