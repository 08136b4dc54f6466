// SPDX-License-Identifier: Apache-2.0
/* Includes EL_ISA_BODY once per instruction set; see isa.h.  No include guard on purpose. */
#ifndef EL_ISA_BODY
#error "define EL_ISA_BODY before including isa_passes.h"
#endif

#define EL_ISA(name) name##_base
#define EL_ISA_AVX2  0
#include EL_ISA_BODY
#undef EL_ISA
#undef EL_ISA_AVX2

#if EL_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2")
#endif
#define EL_ISA(name) name##_avx2
#define EL_ISA_AVX2  1
#include EL_ISA_BODY
#undef EL_ISA
#undef EL_ISA_AVX2
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#undef EL_ISA_BODY
