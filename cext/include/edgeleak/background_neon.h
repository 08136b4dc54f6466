// SPDX-License-Identifier: Apache-2.0
/* The grey step of background.h for 16 pixels of NEON, without level and selection. */
#ifndef EDGELEAK_BACKGROUND_NEON_H
#define EDGELEAK_BACKGROUND_NEON_H

#include "edgeleak/background.h"

#if EL_NEON
/* el_bg_move of eight samples toward grey << 8. */
EL_INLINE uint16x8_t
el_bg_grey_move8(uint16x8_t bg, uint8x8_t grey, uint16x8_t eps)
{
    const uint16x8_t top = vdupq_n_u16(EL_BG_GREY_MAX_Q8), from = vminq_u16(bg, top);
    const uint16x8_t up = vminq_u16(vqaddq_u16(from, eps), top), down = vqsubq_u16(from, eps);
    return vbslq_u16(vcgeq_u16(vshll_n_u8(grey, 8), bg), up, down);
}

EL_INLINE void
el_bg_grey_neon16(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask,
                  uint16_t eps_q8, uint8_t threshold)
{
    const uint16x8_t eps = vdupq_n_u16(eps_q8), b0 = vld1q_u16(bg), b1 = vld1q_u16(bg + 8);
    const uint8x16_t grey = vld1q_u8(frame);
    const uint8x16_t old = vcombine_u8(vqrshrn_n_u16(b0, 8), vqrshrn_n_u16(b1, 8));
    const uint8x16_t d = vabdq_u8(grey, old);
    vst1q_u8(diff, d);
    vst1q_u8(mask, vcgtq_u8(d, vdupq_n_u8(threshold)));
    vst1q_u16(bg, el_bg_grey_move8(b0, vget_low_u8(grey), eps));
    vst1q_u16(bg + 8, el_bg_grey_move8(b1, vget_high_u8(grey), eps));
}
#endif

#endif /* EDGELEAK_BACKGROUND_NEON_H */
