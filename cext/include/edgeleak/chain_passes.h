// SPDX-License-Identifier: Apache-2.0
/* Body of chain.h, included once per instruction set. */

static void
EL_ISA(el_chain_pass_a)(el_chain_state *state)
{
    const int32_t width = state->clahe.width, height = state->clahe.height;
    const int32_t *bad = state->bad_pixels;
    const int32_t *bad_end = bad + state->n_bad * EL_BAD_COLUMNS;
    int32_t corrected = state->gain_q14 ? 0 : height;
    for (int32_t y = 0; y < height; y++) {
        const size_t at = (size_t)y * (size_t)width;
        for (; corrected < height && corrected <= y + state->lag; corrected++) {
            const size_t row = (size_t)corrected * (size_t)width;
            EL_ISA(el_nuc_row)(state->counts + row, state->gain_q14 + row, state->offset + row,
                               (size_t)width);
        }
        const int32_t *bad_next = bad;
        while (bad_next < bad_end && *bad_next < (int32_t)at + width)
            bad_next += EL_BAD_COLUMNS;
        el_replace_bad_pixels(state->counts, bad, (size_t)(bad_next - bad) / EL_BAD_COLUMNS);
        bad = bad_next;
        EL_ISA(el_agc_row)(state->counts + at, state->lut, state->grey + at, (size_t)width);
        EL_ISA(el_clahe_take_row)(&state->clahe, y, state->grey + at);
    }
    EL_ISA(el_clahe_take_padding)(&state->clahe, state->grey);
}

static void
EL_ISA(el_chain_pass_b)(el_chain_state *state)
{
    const size_t width = (size_t)state->clahe.width;
    const el_bg_rule rule = {state->eps_q8, state->threshold, 0, 0, 0, 0};
    for (int32_t y = 0; y < state->clahe.height; y++) {
        const size_t at = (size_t)y * width;
        EL_ISA(el_clahe_apply_row)(&state->clahe, y, state->grey + at);
        EL_ISA(el_bg_grey_rule_row)(state->grey + at, state->background + at,
                                    state->difference + at, state->mask + at, width, &rule);
    }
}
