// SPDX-License-Identifier: Apache-2.0
/* Difference to a background that holds still under what was changed lately, and the change.
 *
 * follow: difference = counts - level - background in quarter counts; the background moves
 * +/-step toward the frame, by another (slower) step where `hold` is not 0.
 * change: mask = |smoothed| above the pixel's own noise; the noise follows the median of the
 * lagged |change|; `hold` is set under the mask and runs out with time.  All intermediate
 * values fit 32 bits; everything saturates.
 */
#ifndef EDGELEAK_CHANGE_H
#define EDGELEAK_CHANGE_H

#include "edgeleak/background.h"
#include "edgeleak/isa.h"

#define EL_CHANGE_MAX_COUNTS 16383
#define EL_CHANGE_MAX_Q2     65532
#define EL_CHANGE_LOW_GAIN   255 /* a gain that 16-bit products hold */

struct el_follow {
    int32_t level;     /* -65532..65532, quarter counts */
    int32_t step;      /* 0..65532 */
    int32_t held_step; /* 0..65532 */
};

struct el_change {
    int32_t factor_q4;  /* 0..4095 */
    int32_t floor_q2;   /* 0..32767 */
    int32_t noise_step; /* 0..4095 */
    int32_t most_noise; /* 0..65535 */
    int32_t sway_noise; /* 0..65535 */
    int32_t hold_drop;  /* 0..255 */
    int32_t gain_q8;    /* 0..65535 */
};

static inline int32_t
el_change_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t
el_change_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t
el_change_abs(int32_t a)
{
    return a < 0 ? -a : a;
}

/* The plain loops: the reference, the last pixels, and every other machine. */
EL_INLINE void
el_follow_plain(const uint16_t *restrict counts, uint16_t *restrict background,
                int16_t *restrict difference, const uint8_t *restrict hold, size_t n,
                struct el_follow s)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t known = background[i];
        const int32_t frame = el_change_min(counts[i], EL_CHANGE_MAX_COUNTS) * 4 - s.level;
        const int32_t target = el_change_min(el_change_max(frame, 0), EL_CHANGE_MAX_Q2);
        const int32_t step = hold[i] ? s.held_step : s.step;
        const int32_t moved = known + (target >= known ? step : -step);
        const int32_t d = el_change_min(el_change_max(target - known, -32768), 32767);
        difference[i] = (int16_t)d;
        background[i] = (uint16_t)el_change_min(el_change_max(moved, 0), EL_CHANGE_MAX_Q2);
    }
}

EL_INLINE void
el_change_plain(const int16_t *restrict smoothed, const int16_t *restrict past,
                uint16_t *restrict noise, uint8_t *restrict gas, uint8_t *restrict mask,
                uint8_t *restrict hold, size_t n, struct el_change s)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t now = smoothed[i], before = past[i], known = noise[i];
        const int32_t size = el_change_min(el_change_abs(now), 32767);
        const int32_t change = el_change_min(el_change_abs(now - before), 32767);
        const int32_t own = known > s.most_noise ? known : 0;
        const int32_t scaled = el_change_min((own * s.factor_q4) >> 6, 32767);
        const int32_t threshold = el_change_max(s.floor_q2, scaled);
        const int32_t is_free = hold[i] == 0;
        const int32_t has_crossed = (now ^ before) < 0 && change > threshold;
        const int32_t most = has_crossed ? s.sway_noise : is_free ? s.most_noise : 0;
        const int32_t up = el_change_max(known, el_change_min(known + s.noise_step, most));
        const int32_t down = is_free ? el_change_max(known - s.noise_step, 0) : known;
        const int32_t left = el_change_max(hold[i] - s.hold_drop, 0);
        mask[i] = size > threshold ? 255 : 0;
        hold[i] = (uint8_t)(size > threshold ? 255 : left);
        gas[i] = (uint8_t)el_change_min(el_change_max(128 + ((now * s.gain_q8 + 128) >> 8), 0),
                                        255);
        noise[i] = (uint16_t)(change * 4 > known ? up : down);
    }
}

#define EL_ISA_BODY "edgeleak/change_rows.h"
#include "edgeleak/isa_passes.h"

static inline void
el_follow_step(const uint16_t *counts, uint16_t *background, int16_t *difference,
               const uint8_t *hold, size_t n, struct el_follow s)
{
    EL_ISA_CALL(el_follow_step, counts, background, difference, hold, n, s);
}

static inline void
el_change_step(const int16_t *smoothed, const int16_t *past, uint16_t *noise, uint8_t *gas,
               uint8_t *mask, uint8_t *hold, size_t n, struct el_change s)
{
    EL_ISA_CALL(el_change_step, smoothed, past, noise, gas, mask, hold, n, s);
}

#endif /* EDGELEAK_CHANGE_H */
