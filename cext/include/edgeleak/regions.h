// SPDX-License-Identifier: Apache-2.0
/* Connected regions (8 neighbours) of a mask, by runs and union-find.
 *
 * Every row becomes a bitmap of run edges (start, end, start, ...) with a running count per
 * word.  How many edges of the row above lie before a run's start and up to its end says
 * which of the runs above it touches; counting bits instead of merging two lists leaves no
 * branch to guess on noise.  A run that touches none starts a part; parts that meet are
 * united, the older one staying the root, so a root is the part with the region's first pixel
 * in raster order.  Sums are kept for each part and folded into the roots at the end.
 *
 * Memory is fixed: a row has at most (W + 1) / 2 runs, an image at most
 * (W + 1) / 2 * (H + 1) / 2 parts (every other pixel of every other row).
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_REGIONS_H
#define EDGELEAK_REGIONS_H

#include "edgeleak/bitmap.h"

#define EL_REGIONS_MAX_SIDE      65534
#define EL_REGIONS_WORDS(width) ((size_t)(width) / 64 + 2)

typedef struct el_region_part {
    uint64_t sum_2x; /* twice the sum of x: runs add (start + end - 1) * length */
    uint64_t sum_y;
    int64_t contrast; /* sum of frame - background in the background's unit */
    uint32_t area;
    uint16_t x0_left; /* 65535 - x0, so that a fresh part is all zeros and both ends grow */
    uint16_t x1, y0, y1;
} el_region_part;

typedef struct el_region {
    int32_t label, x, y, w, h, area_px;
    double cx, cy, contrast;
    int8_t polarity;
} el_region;

/* 64 places of a row: bit i is set where a run starts or where it has just ended. */
typedef struct el_regions_edges {
    uint64_t bits;
    uint32_t before; /* edges in the words before */
} el_regions_edges;

typedef struct el_regions_work {
    el_regions_edges *edges[2]; /* W / 64 + 2 each: the row above and this one */
    uint16_t *places;           /* (W + 1) / 2 * 2: the edges of this row as a list */
    uint32_t *owner[2];         /* (W + 1) / 2 + 1 each: part of every run */
    uint32_t *parent;   /* one for every part, and one spare */
    el_region_part *part;
} el_regions_work;

/* What the contrast is measured on; one frame pointer or none. */
typedef struct el_regions_scene {
    const uint8_t *grey;
    const uint16_t *counts;
    const uint16_t *background;
    int32_t level;
} el_regions_scene;

static inline size_t
el_regions_parts(size_t height, size_t width)
{
    return ((width + 1) / 2) * ((height + 1) / 2);
}

EL_INLINE uint32_t
el_regions_root(uint32_t *parent, uint32_t part)
{
    while (parent[part] != part)
        part = parent[part] = parent[parent[part]];
    return part;
}

/* The older root becomes the root of both. */
EL_INLINE uint32_t
el_regions_unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = el_regions_root(parent, a);
    b = el_regions_root(parent, b);
    const uint32_t old = a < b ? a : b;
    return parent[a < b ? b : a] = old;
}

/* Sum of frame - background over one run, in the background's unit. */
EL_INLINE int64_t
el_regions_contrast(const el_regions_scene *scene, size_t from, size_t length)
{
    const uint16_t *background = scene->background + from;
    int64_t sum = 0;
    if (scene->grey)
        for (size_t i = 0; i < length; i++)
            sum += (scene->grey[from + i] << 8) - background[i];
    else
        for (size_t i = 0; i < length; i++) {
            const uint16_t counts = scene->counts[from + i];
            sum += ((counts < 16383 ? counts : 16383) << 2) - background[i];
        }
    return sum;
}

/* Folds every part into its root; afterwards parent[i] is the root of i. */
static inline void
el_regions_fold(el_regions_work *work, uint32_t n_parts)
{
    for (uint32_t i = 0; i < n_parts; i++) {
        const uint32_t root = work->parent[i] = work->parent[work->parent[i]];
        if (root == i)
            continue;
        const el_region_part *p = work->part + i;
        el_region_part *r = work->part + root;
        r->sum_2x += p->sum_2x;
        r->sum_y += p->sum_y;
        r->contrast += p->contrast;
        r->area += p->area;
        r->x0_left = p->x0_left > r->x0_left ? p->x0_left : r->x0_left;
        r->x1 = p->x1 > r->x1 ? p->x1 : r->x1;
        r->y1 = p->y1 > r->y1 ? p->y1 : r->y1;
    }
}

static inline el_region
el_regions_row(const el_region_part *p, int32_t label, const el_regions_scene *scene)
{
    const double area = p->area;
    const int32_t x0 = UINT16_MAX - p->x0_left;
    el_region row = {label, x0, p->y0, p->x1 - x0 + 1, p->y1 - p->y0 + 1,
                     (int32_t)p->area, (double)p->sum_2x / 2 / area, (double)p->sum_y / area,
                     __builtin_nan(""), 0};
    if (scene->background) {
        const int64_t sum = p->contrast - (int64_t)scene->level * p->area;
        row.contrast = (double)sum / area / (scene->grey ? 256 : 4);
        row.polarity = (int8_t)((sum > 0) - (sum < 0));
    }
    return row;
}

/* Writes the regions of at least min_area pixels, at most `capacity`; returns how many there
 * are.  final, if not NULL, receives the label of every part: 0 where it is not written. */
static inline size_t
el_regions_write(el_regions_work *work, uint32_t n_parts, const el_regions_scene *scene,
                 uint32_t min_area, size_t capacity, el_region *out, int32_t *final)
{
    size_t n = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        const uint32_t root = work->parent[i];
        if (root == i && work->part[i].area >= min_area) {
            if (n < capacity)
                out[n] = el_regions_row(work->part + i, (int32_t)(n + 1), scene);
            if (final)
                final[i] = n < capacity ? (int32_t)(n + 1) : 0;
            n++;
        } else if (final) {
            final[i] = root == i ? 0 : final[root];
        }
    }
    return n;
}

/* Labels hold part + 1 until now.  The parts' own memory is free by now and takes the table. */
static inline void
el_regions_relabel(int32_t *labels, size_t n, const int32_t *final)
{
    for (size_t i = 0; i < n; i++)
        labels[i] = labels[i] ? final[labels[i] - 1] : 0;
}

#define EL_ISA_BODY "edgeleak/regions.h"
#include "edgeleak/isa_passes.h"

/* Parts of the mask, folded; labels (part + 1) where it is not NULL. */
static inline uint32_t
el_regions_parts_of(const uint8_t *mask, size_t height, size_t width, el_regions_work *work,
                    const el_regions_scene *scene, int32_t *labels)
{
    const uint32_t n = EL_ISA_CALL(el_regions_scan, mask, height, width, work, scene, labels);
    el_regions_fold(work, n);
    return n;
}

#endif /* EDGELEAK_REGIONS_H */
#else  /* the body, once per instruction set */

EL_INLINE uint32_t
EL_ISA(el_regions_popcount)(uint64_t bits)
{
#if EL_ISA_AVX2 || !EL_X86
    return (uint32_t)__builtin_popcountll(bits);
#else /* the baseline has no such instruction, and the compiler would call a function */
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
#endif
}

/* Edges at places before x. */
EL_INLINE uint32_t
EL_ISA(el_regions_rank)(const el_regions_edges *edges, uint32_t x)
{
    const el_regions_edges *word = edges + x / 64;
    return word->before + EL_ISA(el_regions_popcount)(word->bits &
                                                      ((UINT64_C(1) << (x % 64)) - 1));
}

/* Fills edges and places from one row; returns the number of runs. */
EL_INLINE size_t
EL_ISA(el_regions_edges_of)(const uint8_t *mask, size_t width, el_regions_edges *edges,
                            uint16_t *places)
{
    const size_t whole = width / 64, words = EL_REGIONS_WORDS(width);
    uint16_t *place = places;
    uint64_t carry = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t bits = 0;
        if (i < whole)
            bits = EL_ISA(el_bitmap_pack64)(mask + 64 * i);
        else if (i == whole && width % 64)
            bits = EL_ISA(el_bitmap_pack_last)(mask + 64 * i, width % 64);
        uint64_t left = bits ^ (bits << 1 | carry);
        carry = bits >> 63;
        edges[i] = (el_regions_edges){left, (uint32_t)(place - places)};
        for (; left; left &= left - 1)
            *place++ = (uint16_t)(64 * i + (size_t)__builtin_ctzll(left));
    }
    return (size_t)(place - places) / 2;
}

/* Adds max(by, 0) without a branch: on noise it would be a guess. */
EL_INLINE uint16_t
EL_ISA(el_regions_raised)(uint16_t value, int32_t by)
{
    return (uint16_t)(value + (by & ~(by >> 31)));
}

EL_INLINE void
EL_ISA(el_regions_add_run)(el_region_part *p, uint32_t start, uint32_t end, uint32_t y)
{
    const uint32_t length = end - start, last = end - 1;
    p->sum_2x += (uint64_t)(start + last) * length;
    p->sum_y += (uint64_t)y * length;
    p->area += length;
    p->x0_left = EL_ISA(el_regions_raised)(p->x0_left, (UINT16_MAX - (int32_t)start) - p->x0_left);
    p->x1 = EL_ISA(el_regions_raised)(p->x1, (int32_t)last - p->x1);
    p->y1 = (uint16_t)y;
}

/* Gives every run of row y its part; returns the number of parts so far.  The part after the
 * last one is always open, so that taking it costs no branch. */
EL_INLINE uint32_t
EL_ISA(el_regions_join)(el_regions_work *work, size_t row, size_t n_runs, uint32_t n_parts)
{
    const el_regions_edges *above = work->edges[(row + 1) & 1];
    const uint32_t *owner_above = work->owner[(row + 1) & 1];
    const uint16_t *place = work->places;
    uint32_t *owner = work->owner[row & 1], *const owner_end = owner + n_runs;
    uint32_t *parent = work->parent;
    el_region_part *part = work->part;
    const uint32_t y = (uint32_t)row;
    for (; owner < owner_end; owner++, place += 2) {
        const uint32_t start = place[0], end = place[1];
        const uint32_t first = EL_ISA(el_regions_rank)(above, start) / 2;
        const uint32_t behind = (EL_ISA(el_regions_rank)(above, end + 1) + 1) / 2;
        const uint32_t is_new = first == behind;
        uint32_t mine = owner_above[first];
        mine ^= (mine ^ n_parts) & (0 - is_new);
        parent[n_parts] = n_parts;
        part[n_parts] = (el_region_part){.y0 = (uint16_t)y};
        n_parts += is_new;
        for (uint32_t k = first + 1; k < behind; k++)
            if (owner_above[k] != mine)
                mine = el_regions_unite(parent, mine, owner_above[k]);
        *owner = mine;
        EL_ISA(el_regions_add_run)(part + mine, start, end, y);
    }
    return n_parts;
}

/* Contrast and label image of one row's runs: apart, because most callers want neither. */
static void
EL_ISA(el_regions_extras)(el_regions_work *work, size_t y, size_t width, size_t n_runs,
                          const el_regions_scene *scene, int32_t *labels)
{
    const uint16_t *edges = work->places;
    const uint32_t *owner = work->owner[y & 1];
    int32_t *row = labels ? labels + y * width : NULL;
    if (row)
        memset(row, 0, width * sizeof *row);
    for (size_t i = 0; i < n_runs; i++) {
        const size_t start = edges[2 * i], length = edges[2 * i + 1] - start;
        if (scene->background)
            work->part[owner[i]].contrast +=
                el_regions_contrast(scene, y * width + start, length);
        for (size_t k = 0; row && k < length; k++)
            row[start + k] = (int32_t)owner[i] + 1;
    }
}

static uint32_t
EL_ISA(el_regions_scan)(const uint8_t *mask, size_t height, size_t width, el_regions_work *work,
                        const el_regions_scene *scene, int32_t *labels)
{
    const int has_extras = scene->background || labels;
    uint32_t n_parts = 0;
    memset(work->edges[1], 0, EL_REGIONS_WORDS(width) * sizeof *work->edges[1]);
    for (size_t y = 0; y < height; y++) {
        const size_t n_runs = EL_ISA(el_regions_edges_of)(mask + y * width, width,
                                                          work->edges[y & 1], work->places);
        n_parts = EL_ISA(el_regions_join)(work, y, n_runs, n_parts);
        if (has_extras)
            EL_ISA(el_regions_extras)(work, y, width, n_runs, scene, labels);
    }
    return n_parts;
}

#endif /* EL_ISA */
