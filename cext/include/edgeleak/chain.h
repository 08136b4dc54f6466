// SPDX-License-Identifier: Apache-2.0
/* The chain of profile `paper` in two passes over the frame, equal to the kernels one by one.
 *
 * Pass A, row by row: correction (from where the raw counts are), bad pixels (a few rows behind, so that their sources are
 * corrected), gain control, histograms of the tiles; the last row of a row of tiles makes
 * its maps.  Pass B: CLAHE in place, background, difference, mask and its area.  What is absent (no
 * calibration, no bad pixels) is skipped as a whole row.  Nothing is allocated.
 */
#ifndef EDGELEAK_CHAIN_H
#define EDGELEAK_CHAIN_H

#include "edgeleak/agc.h"
#include "edgeleak/background.h"
#include "edgeleak/clahe.h"
#include "edgeleak/level.h"
#include "edgeleak/nuc.h"

typedef struct el_chain_state {
    uint16_t *counts;                   /* (height, width), corrected */
    const uint16_t *raw;                /* where raw counts come from; may be counts */
    const int16_t *gain_q14, *offset;   /* NULL: no correction */
    const int32_t *bad_pixels;          /* (n_bad, 5) */
    size_t n_bad;
    int32_t lag;                        /* rows that correction runs ahead of gain control */
    const uint8_t *lut;                 /* EL_LUT_PADDED bytes */
    uint8_t *grey;
    uint16_t *background;               /* UQ8.8 */
    uint8_t *difference, *mask;
    uint16_t eps_q8;
    uint8_t threshold;                  /* levels */
    el_clahe_plan clahe;
} el_chain_state;

/* How many rows below a bad pixel its farthest source lies. */
static inline int32_t
el_chain_lag(const int32_t *bad_pixels, size_t n_bad, int32_t width)
{
    int32_t lag = 0;
    for (const int32_t *row = bad_pixels; row < bad_pixels + n_bad * EL_BAD_COLUMNS;
         row += EL_BAD_COLUMNS)
        for (size_t k = 1; k < EL_BAD_COLUMNS; k++) {
            const int32_t below = row[k] / width - row[0] / width;
            lag = below > lag ? below : lag;
        }
    return lag;
}

#define EL_ISA_BODY "edgeleak/chain_passes.h"
#include "edgeleak/isa_passes.h"

static inline void
el_chain_pass_a(el_chain_state *state)
{
    EL_ISA_CALL(el_chain_pass_a, state);
}

/* Returns the pixels of the mask. */
static inline size_t
el_chain_pass_b(el_chain_state *state)
{
    return EL_ISA_CALL(el_chain_pass_b, state);
}

#endif /* EDGELEAK_CHAIN_H */
