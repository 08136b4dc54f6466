// SPDX-License-Identifier: Apache-2.0
/* Connected regions (8 neighbours) of a mask, by runs and union-find.
 *
 * Every row becomes a bitmap, the bitmap a list of run edges (start, end, start, ...), and the
 * runs meet those of the row above in one merge of two sorted lists.  A run without a
 * neighbour above starts a part; parts that meet are united, the older one staying the root,
 * so a root is the part with the region's first pixel in raster order.  Sums are kept for
 * each part and folded into the roots at the end.
 *
 * Memory is fixed: a row has at most (W + 1) / 2 runs, an image at most
 * (W + 1) / 2 * (H + 1) / 2 parts (every other pixel of every other row).
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_REGIONS_H
#define EDGELEAK_REGIONS_H

#include "edgeleak/bitmap.h"

#define EL_REGIONS_MAX_SIDE 65534 /* 65535 is the mark behind the last edge */
#define EL_REGIONS_NONE     UINT32_MAX

typedef struct el_region_part {
    uint64_t sum_2x; /* twice the sum of x: runs add (start + end - 1) * length */
    uint64_t sum_y;
    int64_t contrast; /* sum of frame - background in the background's unit */
    uint32_t area;
    uint16_t x0, x1, y0, y1; /* both ends inside */
} el_region_part;

typedef struct el_region {
    int32_t label, x, y, w, h, area_px;
    double cx, cy, contrast;
    int8_t polarity;
} el_region;

typedef struct el_regions_work {
    uint16_t *edges[2]; /* (W + 1) / 2 * 2 + 2 each: the row above and this one */
    uint32_t *owner[2]; /* (W + 1) / 2 + 1 each: part of every run */
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
        r->x0 = p->x0 < r->x0 ? p->x0 : r->x0;
        r->x1 = p->x1 > r->x1 ? p->x1 : r->x1;
        r->y1 = p->y1 > r->y1 ? p->y1 : r->y1;
    }
}

static inline el_region
el_regions_row(const el_region_part *p, int32_t label, const el_regions_scene *scene)
{
    const double area = p->area;
    el_region row = {label, p->x0, p->y0, p->x1 - p->x0 + 1, p->y1 - p->y0 + 1,
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

EL_INLINE uint16_t *
EL_ISA(el_regions_edges64)(uint64_t bits, size_t base, uint64_t *carry, uint16_t *edge)
{
    uint64_t edges = bits ^ (bits << 1 | *carry);
    *carry = bits >> 63;
    while (edges) {
        *edge++ = (uint16_t)(base + (size_t)__builtin_ctzll(edges));
        edges &= edges - 1;
    }
    return edge;
}

/* Edges of one row, start and end alternating, closed by two marks; returns the runs. */
EL_INLINE size_t
EL_ISA(el_regions_edges)(const uint8_t *mask, size_t width, uint16_t *edges)
{
    uint16_t *edge = edges;
    uint64_t carry = 0;
    size_t x = 0;
    for (; x + 64 <= width; x += 64)
        edge = EL_ISA(el_regions_edges64)(EL_ISA(el_bitmap_pack64)(mask + x), x, &carry, edge);
    if (x < width)
        edge = EL_ISA(el_regions_edges64)(EL_ISA(el_bitmap_pack_last)(mask + x, width - x), x,
                                          &carry, edge);
    if (carry)
        *edge++ = (uint16_t)width;
    edge[0] = edge[1] = UINT16_MAX;
    return (size_t)(edge - edges) / 2;
}

EL_INLINE void
EL_ISA(el_regions_open_part)(el_regions_work *work, uint32_t part, size_t y)
{
    work->parent[part] = part;
    work->part[part] =
        (el_region_part){0, 0, 0, 0, UINT16_MAX, 0, (uint16_t)y, (uint16_t)y};
}

EL_INLINE void
EL_ISA(el_regions_add_run)(el_region_part *p, uint32_t start, uint32_t end, size_t y)
{
    const uint32_t length = end - start, last = end - 1;
    p->sum_2x += (uint64_t)(start + last) * length;
    p->sum_y += (uint64_t)y * length;
    p->area += length;
    p->x0 = (uint16_t)(start < p->x0 ? start : p->x0);
    p->x1 = (uint16_t)(last > p->x1 ? last : p->x1);
    p->y1 = (uint16_t)y;
}

/* Gives every run of row y its part; returns the number of parts so far.  The part after the
 * last one is always open, so that taking it costs no branch. */
EL_INLINE uint32_t
EL_ISA(el_regions_merge)(el_regions_work *work, size_t y, size_t n_runs, uint32_t n_parts)
{
    const uint16_t *above = work->edges[(y + 1) & 1], *here = work->edges[y & 1];
    const uint32_t *owner_above = work->owner[(y + 1) & 1];
    uint32_t *owner = work->owner[y & 1];
    for (size_t i = 0; i < n_runs; i++) {
        const uint32_t start = here[2 * i], end = here[2 * i + 1];
        uint32_t mine = EL_REGIONS_NONE;
        while (above[1] < start) {
            above += 2;
            owner_above++;
        }
        while (above[0] <= end) {
            const uint32_t other = *owner_above;
            if (mine == EL_REGIONS_NONE)
                mine = other;
            else if (mine != other)
                mine = el_regions_unite(work->parent, mine, other);
            if (above[1] > end)
                break;
            above += 2;
            owner_above++;
        }
        const int is_new = mine == EL_REGIONS_NONE;
        mine = is_new ? n_parts : mine;
        owner[i] = mine;
        EL_ISA(el_regions_add_run)(work->part + mine, start, end, y);
        n_parts += (uint32_t)is_new;
        EL_ISA(el_regions_open_part)(work, n_parts, y);
    }
    return n_parts;
}

/* Contrast and label image of one row's runs: apart, because most callers want neither. */
static void
EL_ISA(el_regions_extras)(el_regions_work *work, size_t y, size_t width, size_t n_runs,
                          const el_regions_scene *scene, int32_t *labels)
{
    const uint16_t *edges = work->edges[y & 1];
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
    work->edges[1][0] = work->edges[1][1] = UINT16_MAX; /* nothing above the first row */
    for (size_t y = 0; y < height; y++) {
        const size_t n_runs = EL_ISA(el_regions_edges)(mask + y * width, width, work->edges[y & 1]);
        EL_ISA(el_regions_open_part)(work, n_parts, y);
        n_parts = EL_ISA(el_regions_merge)(work, y, n_runs, n_parts);
        if (has_extras)
            EL_ISA(el_regions_extras)(work, y, width, n_runs, scene, labels);
    }
    return n_parts;
}

#endif /* EL_ISA */
