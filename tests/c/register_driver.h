/* SPDX-License-Identifier: Apache-2.0 */
/* A hand-held camera's shift, for chain_driver's register stages: as pipeline/registration.py
 * looks for it with profile `sensitive`, and by a shift that is whole in neither direction. */
#ifndef REGISTER_DRIVER_H
#define REGISTER_DRIVER_H

#include <string.h>

#include "edgeleak/motion.h"
#include "edgeleak/register.h"
#include "sample.h"

enum { REGISTER_BANDS = 4, REGISTER_GAP = 8, REGISTER_MARGIN = 2, REGISTER_LIMIT = 40 };
enum { REGISTER_DX_Q8 = 700, REGISTER_DY_Q8 = -300 };

struct shift {
    size_t w, h, reach;
    uint32_t *columns, *rows; /* now, then those of the picture it is compared with */
    int64_t found;
};

static void
shift_find(struct shift *shift, const uint16_t *counts)
{
    const size_t w = shift->w, h = shift->h;
    const uint32_t *past_columns = shift->columns + REGISTER_BANDS * w;
    const uint32_t *past_rows = shift->rows + REGISTER_BANDS * h;
    el_motion_project_bands(counts, h, w, REGISTER_BANDS, shift->columns, shift->rows);
    for (size_t i = 0; i < REGISTER_BANDS; i++) {
        shift->found += el_motion_shift(past_columns + i * w, shift->columns + i * w, w,
                                        shift->reach, REGISTER_GAP).best;
        shift->found += el_motion_shift(past_rows + i * h, shift->rows + i * h, h, shift->reach,
                                        REGISTER_GAP).best;
    }
}

static void
shift_make(struct shift *shift, const uint16_t *counts, size_t w, size_t h)
{
    const size_t side = w > h ? w : h;
    shift->w = w, shift->h = h;
    shift->reach = (side + REGISTER_LIMIT - 1) / REGISTER_LIMIT + REGISTER_MARGIN;
    shift->columns = (uint32_t *)sample_room(2 * REGISTER_BANDS * w, 4);
    shift->rows = (uint32_t *)sample_room(2 * REGISTER_BANDS * h, 4);
    el_motion_project_bands(counts, h, w, REGISTER_BANDS, shift->columns + REGISTER_BANDS * w,
                            shift->rows + REGISTER_BANDS * h);
}

/* As the extension calls it: with constants in their places the compiler makes other loops. */
__attribute__((noipa)) static void
shift_move(uint16_t *counts, size_t h, size_t w, int32_t dx_q8, int32_t dy_q8)
{
    el_register_move(counts, h, w, dx_q8, dy_q8);
}

static int
shift_run(struct shift *shift, const char *stage, uint16_t *counts)
{
    if (strcmp(stage, "register_find") == 0)
        shift_find(shift, counts);
    else if (strcmp(stage, "register_move") == 0)
        shift_move(counts, shift->h, shift->w, REGISTER_DX_Q8, REGISTER_DY_Q8);
    else
        return 0;
    return 1;
}

#endif /* REGISTER_DRIVER_H */
