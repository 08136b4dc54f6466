// SPDX-License-Identifier: Apache-2.0
/* Rows at a glance: is anything set in them, and sums down their columns. */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_SCAN_H
#define EDGELEAK_SCAN_H

#define EL_SCAN_LONG 64 /* bytes from where whole vectors pay */

#define EL_ISA_BODY "edgeleak/scan.h"
#include "edgeleak/isa_passes.h"

static inline int
el_scan_any_short(const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    uint64_t found = 0, word;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, bytes + i, 8);
        found |= word;
    }
    for (; i < n; i++)
        found |= bytes[i];
    return found != 0;
}

/* Is any of n bytes not 0? */
static inline int
el_scan_any(const uint8_t *bytes, size_t n)
{
    return n < EL_SCAN_LONG ? el_scan_any_short(bytes, n) : EL_ISA_CALL(el_scan_any, bytes, n);
}

/* sums[x] = the counts of `height` rows (1 and more), `stride` apart, in column x of n. */
static inline void
el_scan_columns(const uint16_t *counts, size_t stride, size_t height, size_t n, uint32_t *sums)
{
    EL_ISA_CALL(el_scan_columns, counts, stride, height, n, sums);
}

#endif
#else

static int
EL_ISA(el_scan_any)(const uint8_t *bytes, size_t n)
{
    uint8_t found = 0;
    for (size_t i = 0; i < n; i++)
        found |= bytes[i];
    return found != 0;
}

/* Two rows at a time: half the loads and stores of the sums. */
static void
EL_ISA(el_scan_columns)(const uint16_t *restrict counts, size_t stride, size_t height, size_t n,
                        uint32_t *restrict sums)
{
    const uint16_t *restrict below = counts + stride;
    const size_t first = height & 1 ? 1 : 2;
    for (size_t x = 0; x < n; x++)
        sums[x] = (uint32_t)counts[x] + (first == 2 ? below[x] : 0);
    for (size_t y = first; y < height; y += 2) {
        const uint16_t *restrict row = counts + y * stride;
        below = row + stride;
        for (size_t x = 0; x < n; x++)
            sums[x] += (uint32_t)row[x] + below[x];
    }
}
#endif
