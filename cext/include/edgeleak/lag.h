// SPDX-License-Identifier: Apache-2.0
/* Lagged difference, threshold by each pixel's own noise, noise update and picture: one pass.
 *
 * noise is UQ12.4 counts and follows the median of |change| by sign-LMS.  All intermediate
 * values fit 32 bits; everything saturates.
 */
#include "edgeleak/isa.h"
#ifndef EL_ISA
#ifndef EDGELEAK_LAG_H
#define EDGELEAK_LAG_H

struct el_lag {
    int32_t factor_q4;   /* 0..4095 */
    int32_t floor_q2;    /* 0..32767 */
    int32_t noise_step;  /* 0..4095 */
    int32_t masked_step; /* 0..4095 */
    int32_t gain_q8;     /* 0..65535 */
};

static inline int32_t
el_lag_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t
el_lag_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

#define EL_ISA_BODY "edgeleak/lag.h"
#include "edgeleak/isa_passes.h"

static inline void
el_lag_step(const int16_t *smoothed, const int16_t *past, uint16_t *noise, uint8_t *gas,
            uint8_t *mask, size_t n, struct el_lag s)
{
    EL_ISA_CALL(el_lag_step, smoothed, past, noise, gas, mask, n, s);
}

#endif
#else

static void
EL_ISA(el_lag_step)(const int16_t *smoothed, const int16_t *past, uint16_t *restrict noise,
                    uint8_t *restrict gas, uint8_t *restrict mask, size_t n, struct el_lag s)
{
    for (size_t i = 0; i < n; i++) {
        const int32_t now = smoothed[i];
        const int32_t known = noise[i];
        const int32_t signed_change = now - past[i];
        const int32_t change =
            el_lag_min(signed_change < 0 ? -signed_change : signed_change, 32767);
        const int32_t scaled = el_lag_min((known * s.factor_q4) >> 6, 32767);
        const int32_t over = change > el_lag_max(s.floor_q2, scaled);
        const int32_t step = over ? s.masked_step : s.noise_step;
        const int32_t moved = known + (change * 4 > known ? step : -step);
        mask[i] = over ? 255 : 0;
        gas[i] = (uint8_t)el_lag_min(el_lag_max(128 + ((now * s.gain_q8 + 128) >> 8), 0), 255);
        noise[i] = (uint16_t)el_lag_min(el_lag_max(moved, 0), 65535);
    }
}
#endif
