// SPDX-License-Identifier: Apache-2.0
/* Body of clahe.h: both passes over a whole image; included once per instruction set. */

/* Rows below the image, mirrored; they complete the last rows of tiles. */
static inline void
EL_ISA(el_clahe_take_padding)(el_clahe_plan *plan, const uint8_t *grey)
{
    for (int32_t y = plan->height; y < plan->padded_h; y++) {
        const size_t from = (size_t)el_clahe_mirror(y, plan->height);
        EL_ISA(el_clahe_take_row)(plan, y, grey + from * (size_t)plan->width);
    }
}

static void
EL_ISA(el_clahe_plane)(el_clahe_plan *plan, uint8_t *grey)
{
    const size_t width = (size_t)plan->width;
    for (int32_t y = 0; y < plan->height; y++)
        EL_ISA(el_clahe_take_row)(plan, y, grey + (size_t)y * width);
    EL_ISA(el_clahe_take_padding)(plan, grey);
    for (int32_t y = 0; y < plan->height; y++)
        EL_ISA(el_clahe_apply_row)(plan, y, grey + (size_t)y * width);
}
