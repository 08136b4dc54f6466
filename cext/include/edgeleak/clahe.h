// SPDX-License-Identifier: Apache-2.0
/* Contrast limited adaptive histogram equalisation, pixel for pixel that of OpenCV 5 on x86-64.
 *
 * Two passes over 8-bit rows: el_clahe_take_row counts and turns each finished row of tiles
 * into maps (clahe_maps.h); el_clahe_apply_row interpolates between the maps of four tiles
 * (clahe_blend.h).  If either side is no multiple of its tiles, both grow by
 * `tiles - side % tiles`, mirrored without repeating the edge.
 */
#ifndef EDGELEAK_CLAHE_H
#define EDGELEAK_CLAHE_H

#include <math.h>

#include "edgeleak/fixed.h"
#include "edgeleak/isa.h"

#define EL_CLAHE_MAX_TILES 64
#define EL_CLAHE_WAYS      4 /* copies of a histogram: equal neighbours do not wait on each other */
#define EL_CLAHE_COPY      (EL_CLAHE_WAYS * EL_LEVELS)
#define EL_CLAHE_NO_LIMIT  INT32_MAX

typedef struct el_clahe_plan {
    int32_t width, height, tiles_x, tiles_y;
    int32_t tile_w, tile_h;     /* pixels */
    int32_t padded_w, padded_h; /* tiles x tile */
    int32_t area, limit;        /* pixels of a tile; of one bin of it */
    float scale;                /* 255 / area */
    int32_t uncounted;          /* pixels a 16-bit counter may hold, not yet moved to sums */
    int32_t band;               /* rows of tiles whose quads are built; -1 none */
    uint16_t *ways;             /* (tiles_x, 4, 256) counters of the present row of tiles */
    uint32_t *sums;             /* (tiles_x, 256), for tiles above 65535 pixels */
    uint8_t *maps;              /* (tiles_y, tiles_x, 256) levels */
    uint32_t *quads;            /* (tiles_x + 1, 256): upper left, right, lower left, right */
    float *left, *right;        /* (width) weights of the left and right tile */
    float *left_q16, *right_q8; /* the same divided by 2^16 and 2^8, which is exact */
    uint32_t *quad_at;          /* (width) first entry of the quad that rules the column */
    uint32_t *gathered;         /* (width) quads of one row */
    int32_t *run_end;           /* (tiles_x + 1) first column right of each quad */
    int32_t *mirror;            /* (padded_w - width) source columns of the padding */
} el_clahe_plan;

/* Index of a padded row or column in the image: ... 2 1 0 1 2 ..., edges not repeated. */
static inline int32_t
el_clahe_mirror(int32_t at, int32_t side)
{
    if (side == 1)
        return 0;
    const int32_t period = 2 * side - 2;
    at %= period;
    return at < side ? at : period - at;
}

/* Weight of the next tile at a pixel and, in *tile, the tile before it (-1 at the edge). */
static inline float
el_clahe_weight(int32_t at, float per_tile, int32_t *tile)
{
    const float place = (float)at * per_tile - 0.5f;
    const float whole = floorf(place);
    *tile = (int32_t)whole;
    return place - whole;
}

static inline void *
el_clahe_carve(uint8_t *block, size_t *used, size_t nbytes)
{
    void *part = block ? block + *used : NULL;
    *used += (nbytes + 63) & ~(size_t)63;
    return part;
}

/* Point the plan into *block* (64-byte aligned); returns the bytes it needs.  With
 * block = NULL only that size. */
static inline size_t
el_clahe_layout(el_clahe_plan *plan, void *block)
{
    const size_t width = (size_t)plan->width, tiles_x = (size_t)plan->tiles_x;
    const size_t tiles = tiles_x * (size_t)plan->tiles_y;
    uint8_t *bytes = (uint8_t *)block;
    size_t used = 0;
    plan->ways = (uint16_t *)el_clahe_carve(bytes, &used, tiles_x * EL_CLAHE_COPY * 2);
    plan->sums = (uint32_t *)el_clahe_carve(bytes, &used, tiles_x * EL_LEVELS * 4);
    plan->maps = (uint8_t *)el_clahe_carve(bytes, &used, tiles * EL_LEVELS);
    plan->quads = (uint32_t *)el_clahe_carve(bytes, &used, (tiles_x + 1) * EL_LEVELS * 4);
    plan->left = (float *)el_clahe_carve(bytes, &used, width * 4);
    plan->right = (float *)el_clahe_carve(bytes, &used, width * 4);
    plan->left_q16 = (float *)el_clahe_carve(bytes, &used, width * 4);
    plan->right_q8 = (float *)el_clahe_carve(bytes, &used, width * 4);
    plan->quad_at = (uint32_t *)el_clahe_carve(bytes, &used, width * 4);
    plan->gathered = (uint32_t *)el_clahe_carve(bytes, &used, width * 4);
    plan->run_end = (int32_t *)el_clahe_carve(bytes, &used, (tiles_x + 1) * 4);
    plan->mirror = (int32_t *)el_clahe_carve(
        bytes, &used, (size_t)(plan->padded_w - plan->width) * 4);
    return used;
}

static inline void
el_clahe_set_limit(el_clahe_plan *plan, double clip_limit)
{
    const double limit = clip_limit * plan->area / EL_LEVELS;
    plan->limit = EL_CLAHE_NO_LIMIT;
    if (clip_limit > 0.0 && limit < (double)plan->area)
        plan->limit = limit < 1.0 ? 1 : (int32_t)limit;
}

/* Geometry only; every side 1..32767, tiles 1..64. */
static inline void
el_clahe_set_geometry(el_clahe_plan *plan, int32_t width, int32_t height, int32_t tiles_x,
                      int32_t tiles_y)
{
    const int is_whole = width % tiles_x == 0 && height % tiles_y == 0;
    memset(plan, 0, sizeof *plan);
    plan->width = width;
    plan->height = height;
    plan->tiles_x = tiles_x;
    plan->tiles_y = tiles_y;
    plan->padded_w = is_whole ? width : width + tiles_x - width % tiles_x;
    plan->padded_h = is_whole ? height : height + tiles_y - height % tiles_y;
    plan->tile_w = plan->padded_w / tiles_x;
    plan->tile_h = plan->padded_h / tiles_y;
    plan->area = plan->tile_w * plan->tile_h;
    plan->scale = (float)(EL_LEVELS - 1) / (float)plan->area;
}

/* Weights and mirrored columns, once per geometry. */
static inline void
el_clahe_prepare(el_clahe_plan *plan, double clip_limit)
{
    const float per_tile = 1.0f / (float)plan->tile_w;
    memset(plan->run_end, 0, (size_t)(plan->tiles_x + 1) * 4);
    for (int32_t x = 0; x < plan->width; x++) {
        int32_t tile;
        plan->right[x] = el_clahe_weight(x, per_tile, &tile);
        plan->left[x] = 1.0f - plan->right[x];
        plan->left_q16[x] = plan->left[x] / 65536.0f;
        plan->right_q8[x] = plan->right[x] / 256.0f;
        plan->quad_at[x] = (uint32_t)(tile + 1) * EL_LEVELS;
        plan->run_end[tile + 1] = x + 1;
    }
    for (int32_t x = plan->width; x < plan->padded_w; x++)
        plan->mirror[x - plan->width] = el_clahe_mirror(x, plan->width);
    memset(plan->ways, 0, (size_t)plan->tiles_x * EL_CLAHE_COPY * 2);
    memset(plan->sums, 0, (size_t)plan->tiles_x * EL_LEVELS * 4);
    plan->uncounted = 0;
    plan->band = -1;
    el_clahe_set_limit(plan, clip_limit);
}

#include "edgeleak/clahe_blend.h"
#include "edgeleak/clahe_maps.h"

#define EL_ISA_BODY "edgeleak/clahe_plane.h"
#include "edgeleak/isa_passes.h"

/* The whole image in place. */
static inline void
el_clahe_plane(el_clahe_plan *plan, uint8_t *grey)
{
    EL_ISA_CALL(el_clahe_plane, plan, grey);
}

#endif /* EDGELEAK_CLAHE_H */
