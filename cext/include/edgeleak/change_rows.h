// SPDX-License-Identifier: Apache-2.0
/* Body of change.h, included once per instruction set: vectors as far as they go, then the
 * plain loop. */
#if EL_X86
#include "edgeleak/change_lanes.h"
#elif EL_NEON
#include "edgeleak/change_neon.h"
#endif

static void
EL_ISA(el_follow_step)(const uint16_t *counts, uint16_t *background, int16_t *difference,
                       const uint8_t *hold, size_t n, struct el_follow s)
{
    size_t i = 0;
#if EL_X86 || EL_NEON
    i = EL_ISA(el_follow_run)(counts, background, difference, hold, n, s);
#endif
    el_follow_plain(counts + i, background + i, difference + i, hold + i, n - i, s);
}

static void
EL_ISA(el_change_step)(const int16_t *smoothed, const int16_t *past, uint16_t *noise,
                       uint8_t *gas, uint8_t *mask, uint8_t *hold, size_t n, struct el_change s)
{
    size_t i = 0;
#if EL_X86 || EL_NEON
    i = EL_ISA(el_change_run)(smoothed, past, noise, gas, mask, hold, n, s);
#endif
    el_change_plain(smoothed + i, past + i, noise + i, gas + i, mask + i, hold + i, n - i, s);
}
