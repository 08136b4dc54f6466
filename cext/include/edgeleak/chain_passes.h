// SPDX-License-Identifier: Apache-2.0
/* Body of chain.h, included once per instruction set. */

#if EL_ISA_AVX2 /* gathers and counters in one loop hinder each other: 0.88 against 0.70 ns */
EL_INLINE void
EL_ISA(el_chain_level_row)(el_chain_state *state, int32_t y, const uint16_t *counts,
                           uint8_t *grey)
{
    EL_ISA(el_agc_row)(counts, state->lut, grey, (size_t)state->clahe.width);
    EL_ISA(el_clahe_take_row)(&state->clahe, y, grey);
}
#else
/* Gain control of one row of one tile; the levels are counted while they are at hand. */
EL_INLINE void
EL_ISA(el_chain_level_tile)(const uint16_t *restrict counts, const uint8_t *restrict lut,
                            uint8_t *restrict grey, size_t n, uint16_t *restrict ways)
{
    uint16_t *second = ways + EL_LEVELS, *third = ways + 2 * EL_LEVELS;
    uint16_t *fourth = ways + 3 * EL_LEVELS;
    EL_OWN_BASE(second);
    EL_OWN_BASE(third);
    EL_OWN_BASE(fourth);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight[2];
        memcpy(eight, counts + i, sizeof eight);
        if (__builtin_expect(((eight[0] | eight[1]) & 0xC000C000C000C000u) != 0, 0)) {
            eight[0] = el_counts_limit4(eight[0]);
            eight[1] = el_counts_limit4(eight[1]);
        }
        for (size_t k = 0; k < 2; k++) {
            const uint64_t four = eight[k];
            const uint32_t a = lut[four & 0xFFFF], b = lut[four >> 16 & 0xFFFF];
            const uint32_t c = lut[four >> 32 & 0xFFFF], d = lut[four >> 48];
            const uint32_t levels = a | b << 8 | c << 16 | d << 24; /* low byte first */
            ways[a]++;
            second[b]++;
            third[c]++;
            fourth[d]++;
            memcpy(grey + i + 4 * k, &levels, sizeof levels);
        }
    }
    for (; i < n; i++) {
        grey[i] = lut[el_counts_limit(counts[i])];
        ways[grey[i]]++;
    }
}

EL_INLINE void
EL_ISA(el_chain_level_row)(el_chain_state *state, int32_t y, const uint16_t *counts,
                           uint8_t *grey)
{
    el_clahe_plan *plan = &state->clahe;
    const int32_t width = plan->width, tile_w = plan->tile_w;
    uint16_t *ways = plan->ways;
    int32_t x = 0;
    EL_ISA(el_clahe_begin_row)(plan);
    for (; x + tile_w <= width; x += tile_w, ways += EL_CLAHE_COPY)
        EL_ISA(el_chain_level_tile)(counts + x, state->lut, grey + x, (size_t)tile_w, ways);
    EL_ISA(el_agc_row)(counts + x, state->lut, grey + x, (size_t)(width - x));
    EL_ISA(el_clahe_end_row)(plan, x, y, grey);
}
#endif

/* Row y of the raw counts, corrected, to counts. */
EL_INLINE void
EL_ISA(el_chain_correct_row)(el_chain_state *state, int32_t y)
{
    const size_t width = (size_t)state->clahe.width, at = (size_t)y * width;
    if (state->gain_q14)
        EL_ISA(el_nuc_row)(state->raw + at, state->counts + at, state->gain_q14 + at,
                           state->offset + at, width);
    else if (state->raw != state->counts)
        memcpy(state->counts + at, state->raw + at, width * sizeof *state->counts);
}

/* Ask for what the correction of row y reads, while the levels of another row are looked up: a row
 * is too short for the machine's own prefetcher.  SSE2 has no load to spare for it. */
EL_INLINE void
EL_ISA(el_chain_fetch_row)(const el_chain_state *state, int32_t y)
{
#if EL_ISA_AVX2
    const size_t width = (size_t)state->clahe.width, at = (size_t)y * width;
    for (size_t x = 0; state->gain_q14 && x < width; x += 32) {
        _mm_prefetch((const char *)(state->raw + at + x), _MM_HINT_T0);
        _mm_prefetch((const char *)(state->gain_q14 + at + x), _MM_HINT_T0);
        _mm_prefetch((const char *)(state->offset + at + x), _MM_HINT_T0);
    }
#else
    (void)state, (void)y;
#endif
}

static void
EL_ISA(el_chain_pass_a)(el_chain_state *state)
{
    const int32_t width = state->clahe.width, height = state->clahe.height;
    const int32_t *bad = state->bad_pixels;
    const int32_t *bad_end = bad ? bad + state->n_bad * EL_BAD_COLUMNS : NULL;
    int32_t corrected = 0;
    for (int32_t y = 0; y < height; y++) {
        const size_t at = (size_t)y * (size_t)width;
        for (; corrected < height && corrected <= y + state->lag; corrected++)
            EL_ISA(el_chain_correct_row)(state, corrected);
        for (; bad != bad_end && *bad < (int32_t)at + width; bad += EL_BAD_COLUMNS)
            el_replace_bad_pixels(state->counts, bad, 1);
        if (corrected < height)
            EL_ISA(el_chain_fetch_row)(state, corrected);
        EL_ISA(el_chain_level_row)(state, y, state->counts + at, state->grey + at);
    }
    EL_ISA(el_clahe_take_padding)(&state->clahe, state->grey);
}

static size_t
EL_ISA(el_chain_pass_b)(el_chain_state *state)
{
    const size_t width = (size_t)state->clahe.width;
    const el_bg_rule rule = {state->eps_q8, state->threshold, 0, 0, 0, 0};
    size_t area = 0;
    for (int32_t y = 0; y < state->clahe.height; y++) {
        const size_t at = (size_t)y * width;
        EL_ISA(el_clahe_apply_row)(&state->clahe, y, state->grey + at);
        EL_ISA(el_bg_grey_rule_row)(state->grey + at, state->background + at,
                                    state->difference + at, state->mask + at, width, &rule);
        area += EL_ISA(el_level_area)(state->mask + at, width); /* while the row is at hand */
    }
    return area;
}
