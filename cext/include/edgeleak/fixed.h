// SPDX-License-Identifier: Apache-2.0
/* Number formats that several kernels share. */
#ifndef EDGELEAK_FIXED_H
#define EDGELEAK_FIXED_H

#include <stdint.h>

#define EL_MAX_COUNTS     16383 /* largest 14-bit value */
#define EL_COUNTS_BINS    16384
#define EL_LEVELS         256
#define EL_GAIN_FRAC_BITS 14
#define EL_GAIN_ONE_Q14   (1 << EL_GAIN_FRAC_BITS)
#define EL_MAX_SIDE       32767 /* largest width or height a kernel takes */

/* A sensor word above 14 bits is a defect of the link: it counts as full scale. */
static inline uint16_t
el_counts_limit(uint16_t raw)
{
    return raw < EL_MAX_COUNTS ? raw : EL_MAX_COUNTS;
}

#endif /* EDGELEAK_FIXED_H */
