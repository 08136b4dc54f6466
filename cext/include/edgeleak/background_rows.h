// SPDX-License-Identifier: Apache-2.0
/* Body of background.h, included once per instruction set: vectors as far as they go, then
 * the plain loop. */
#if EL_X86
#include "edgeleak/background_lanes.h"
#elif EL_NEON
#include "edgeleak/background_neon.h"
#endif

static void
EL_ISA(el_bg_grey_rule_row)(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                            size_t n, const el_bg_rule *rule)
{
    size_t i = 0;
#if EL_X86 || EL_NEON
    if (rule->threshold > 254) /* one more must fit a byte */
        i = 0;
    else if (rule->level)
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 1, rule->selective);
    else if (rule->selective)
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 0, 1);
    else
        i = EL_ISA(el_bg_grey_run)(frame, bg, diff, mask, n, rule, 0, 0);
#endif
    el_bg_grey_plain(frame + i, bg + i, diff + i, mask + i, n - i, rule);
}

static void
EL_ISA(el_bg_counts_row)(const uint16_t *frame, uint16_t *bg, int16_t *diff, uint8_t *mask,
                         uint16_t *noise, size_t n, const el_bg_rule *rule)
{
    size_t i = 0;
#if EL_X86 || EL_NEON
    if (noise && rule->selective)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, noise, n, rule, 1);
    else if (noise)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, noise, n, rule, 0);
    else if (rule->selective)
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, NULL, n, rule, 1);
    else
        i = EL_ISA(el_bg_counts_run)(frame, bg, diff, mask, NULL, n, rule, 0);
#endif
    el_bg_counts_plain(frame + i, bg + i, diff + i, mask + i, noise ? noise + i : NULL, n - i,
                       rule);
}
