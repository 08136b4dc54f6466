/* SPDX-License-Identifier: Apache-2.0 */
/* +/-epsilon background, signed difference and mask of one image row, in one pass.
 *
 * Grey: frame UQ8.0, background UQ8.8.  Counts: frame UQ14.0, background UQ14.2.
 * The pixel is compared with the background as it was; the background moves
 * afterwards (paper, equation 5: I >= B goes up).  Nothing wraps: a background
 * above its largest value is brought back to it, a count above 16383 is 16383.
 * Rows must not overlap, except that frame may be const-shared between calls.
 */
#ifndef EDGELEAK_BACKGROUND_H
#define EDGELEAK_BACKGROUND_H

#include <stddef.h>
#include <stdint.h>

#define EL_BG_GREY_MAX_Q8 0xFF00u  /* 255 levels */
#define EL_BG_MAX_Q2 0xFFFCu       /* 16383 counts */

static inline uint16_t
el_bg_move(uint16_t cur, int is_up, uint16_t eps, uint16_t top)
{
    const uint16_t from = cur < top ? cur : top;
    const uint16_t room = (uint16_t)(top - from);
    const uint16_t up = (uint16_t)(from + (room < eps ? room : eps));
    const uint16_t down = (uint16_t)(from - (from < eps ? from : eps));
    return is_up ? up : down;
}

static inline uint8_t
el_bg_round_q8(uint16_t level_q8)
{
    return (uint8_t)(level_q8 > 0xFF7F ? 255 : (level_q8 + 128) >> 8);
}

static inline void
el_bg_grey_row(const uint8_t *restrict frame, uint16_t *restrict bg,
               uint8_t *restrict diff, uint8_t *restrict mask, size_t n,
               uint16_t eps, uint8_t threshold, int selective)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t cur = bg[i];
        const uint8_t pixel = frame[i];
        const uint8_t old = el_bg_round_q8(cur);
        const uint8_t d = (uint8_t)(pixel > old ? pixel - old : old - pixel);
        const int is_gas = d > threshold;
        const uint16_t moved =
            el_bg_move(cur, (pixel << 8) >= cur, eps, EL_BG_GREY_MAX_Q8);
        diff[i] = d;
        mask[i] = is_gas ? 255 : 0;
        bg[i] = (is_gas && selective) ? cur : moved;
    }
}

#endif /* EDGELEAK_BACKGROUND_H */
