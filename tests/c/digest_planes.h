/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of kernels that need a whole image: odd shapes. */
#ifndef DIGEST_PLANES_H
#define DIGEST_PLANES_H

#include <string.h>

#include "edgeleak/chain.h"
#include "edgeleak/codec.h"
#include "edgeleak/level.h"
#include "edgeleak/morphology.h"
#include "edgeleak/regions.h"
#include "edgeleak/smooth.h"
#include "sample.h"

#define N_SHAPES 7
static const size_t shapes[N_SHAPES][2] = {{1, 1},   {1, 17},  {3, 5},   {7, 67},
                                           {33, 31}, {61, 80}, {120, 163}}; /* rows, columns */

static void *
make_plan(el_clahe_plan *plan, const size_t shape[2], int32_t tx, int32_t ty, double clip)
{
    el_clahe_set_geometry(plan, (int32_t)shape[1], (int32_t)shape[0], tx, ty);
    const size_t nbytes = (el_clahe_layout(plan, NULL) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, nbytes ? nbytes : 64);
    if (block == NULL)
        exit(70);
    el_clahe_layout(plan, block);
    el_clahe_prepare(plan, clip);
    return block;
}

static void
digest_clahe(void)
{
    static const int32_t grids[][2] = {{8, 8}, {1, 1}, {3, 2}, {16, 16}};
    static const double clips[] = {2.0, 0.0, 0.25, 40.0};
    for (int g = 0; g < 4; g++)
        for (int c = 0; c < 4; c++) {
            uint32_t crc = 0;
            for (int s = 0; s < N_SHAPES; s++)
                for (enum sample_kind kind = SAMPLE_NOISE; kind <= SAMPLE_HIGH; kind++) {
                    const size_t n = shapes[s][0] * shapes[s][1];
                    el_clahe_plan plan;
                    void *block = make_plan(&plan, shapes[s], grids[g][0], grids[g][1], clips[c]);
                    uint8_t *grey = sample_bytes(n, (uint32_t)s, kind);
                    el_clahe_plane(&plan, grey);
                    crc = sample_crc(crc, grey, n);
                    free(grey), free(block);
                }
            printf("clahe grid %d clip %d %08x\n", g, c, crc);
        }
}

static uint32_t
digest_chain_shape(uint32_t crc, const size_t shape[2])
{
    const size_t n = shape[0] * shape[1];
    const int32_t last = (int32_t)n - 1;
    const int32_t table[2 * EL_BAD_COLUMNS] = {0, last, last, last, last, last, 0, 0, last, last};
    el_chain_state chain;
    memset(&chain, 0, sizeof chain);
    void *block = make_plan(&chain.clahe, shape, 8, 8, 2.0);
    int16_t *gain = (int16_t *)sample_words(n, 11, SAMPLE_COUNTS);
    int16_t *offset = (int16_t *)sample_words(n, 12, SAMPLE_LOW);
    uint8_t *lut = sample_bytes(EL_LUT_PADDED, 5, SAMPLE_NOISE);
    chain.background = sample_words(n, 13, SAMPLE_NOISE);
    chain.gain_q14 = gain, chain.offset = offset, chain.lut = lut;
    chain.bad_pixels = table, chain.n_bad = n > 1 ? 2 : 0;
    chain.lag = el_chain_lag(table, chain.n_bad, (int32_t)shape[1]);
    chain.grey = (uint8_t *)sample_room(n, 1);
    chain.difference = (uint8_t *)sample_room(n, 1);
    chain.mask = (uint8_t *)sample_room(n, 1);
    chain.eps_q8 = 256, chain.threshold = 12;
    for (uint32_t step = 0; step < 3; step++) {
        chain.counts = sample_words(n, 20 + step, SAMPLE_NOISE);
        chain.raw = chain.counts;
        el_chain_pass_a(&chain);
        el_chain_pass_b(&chain);
        crc = sample_crc(sample_crc(crc, chain.counts, 2 * n), chain.grey, n);
        crc = sample_crc(sample_crc(crc, chain.background, 2 * n), chain.difference, n);
        crc = sample_crc(crc, chain.mask, n);
        free(chain.counts);
    }
    free(block), free(gain), free(offset), free(lut), free(chain.background);
    free(chain.grey), free(chain.difference), free(chain.mask);
    return crc;
}

static void
digest_chain(void)
{
    uint32_t crc = 0;
    for (int s = 0; s < N_SHAPES; s++)
        crc = digest_chain_shape(crc, shapes[s]);
    printf("paper chain %08x\n", crc);
}

static void
digest_smooth(void)
{
    for (size_t size = 1; size <= 11; size += 2) {
        uint32_t crc = 0;
        for (int s = 0; s < N_SHAPES; s++) {
            const size_t h = shapes[s][0], w = shapes[s][1];
            int16_t *src = (int16_t *)sample_words(h * w, (uint32_t)s, SAMPLE_NOISE);
            int16_t *out = (int16_t *)sample_room(h * w, 2);
            int32_t *columns = (int32_t *)sample_room(w + size - 1, 4);
            el_smooth(src, out, h, w, size, columns);
            crc = sample_crc(crc, out, 2 * h * w);
            free(src), free(out), free(columns);
        }
        printf("smooth size %zu %08x\n", size, crc);
    }
}

static void
digest_level(void)
{
    for (size_t step = 1; step <= 4; step++) {
        uint32_t crc = 0;
        for (int s = 0; s < N_SHAPES; s++) {
            const size_t h = shapes[s][0], w = shapes[s][1];
            uint16_t *counts = sample_words(h * w, (uint32_t)s, SAMPLE_NOISE);
            uint16_t *bg = sample_words(h * w, (uint32_t)s + 1000, SAMPLE_NOISE);
            uint32_t *keys = (uint32_t *)sample_room(h * w, 4);
            const size_t n = el_level_shift_keys(counts, bg, h, w, step, keys);
            const int32_t median = (int32_t)el_level_select(keys, n, (n - 1) / 2) - 65536;
            const uint32_t area = (uint32_t)el_level_area((const uint8_t *)counts, h * w);
            crc = sample_crc(sample_crc(crc, &median, 4), &area, 4);
            free(counts), free(bg), free(keys);
        }
        printf("median_shift and area step %zu %08x\n", step, crc);
    }
}

static void
digest_morphology(void)
{
    static const char *const names[] = {"erode", "dilate", "open", "close"};
    for (int op = 0; op < 4; op++)
        for (size_t size = 3; size <= 9; size += 2) {
            uint32_t crc = 0;
            for (int s = 0; s < N_SHAPES; s++) {
                const size_t h = shapes[s][0], w = shapes[s][1];
                uint8_t *mask = sample_bytes(h * w, (uint32_t)s, SAMPLE_LOW);
                uint64_t *scratch = (uint64_t *)sample_room(el_morphology_words(h, w, size), 8);
                el_morphology(mask, h, w, size, (el_morphology_op)op, scratch);
                crc = sample_crc(crc, mask, h * w);
                free(mask), free(scratch);
            }
            printf("%s size %zu %08x\n", names[op], size, crc);
        }
}

static uint32_t
digest_region(uint32_t crc, const el_region *row)
{
    const int32_t box[] = {row->label, row->x, row->y, row->w, row->h, row->area_px};
    const double facts[] = {row->cx, row->cy, row->contrast};
    crc = sample_crc(sample_crc(crc, box, sizeof box), facts, sizeof facts);
    return sample_crc(crc, &row->polarity, 1);
}

static uint32_t
digest_regions_shape(uint32_t crc, size_t h, size_t w, enum sample_kind kind)
{
    const size_t most = el_regions_parts(h, w), runs = (w + 1) / 2;
    uint8_t *mask = sample_bytes(h * w, (uint32_t)h, kind);
    for (size_t i = 0; i < h * w; i++)
        mask[i] &= mask[i] >> 1;
    uint16_t *counts = sample_words(h * w, 3, SAMPLE_NOISE);
    uint16_t *bg = sample_words(h * w, 4, SAMPLE_NOISE);
    el_regions_work work;
    for (int k = 0; k < 2; k++) {
        work.edges[k] = sample_room(EL_REGIONS_WORDS(w), sizeof *work.edges[k]);
        work.owner[k] = (uint32_t *)sample_room(runs + 1, 4);
        memset(work.owner[k], 0, 4 * (runs + 1));
    }
    work.places = (uint16_t *)sample_room(2 * runs + 1, 2);
    work.parent = (uint32_t *)sample_room(most + 1, 4);
    work.part = (el_region_part *)sample_room(most + 1, sizeof *work.part);
    int32_t *final = (int32_t *)sample_room(most + 1, 4);
    int32_t *labels = (int32_t *)sample_room(h * w, 4);
    el_region *rows = (el_region *)sample_room(most, sizeof *rows);
    const el_regions_scene scene = {NULL, counts, bg, 40};
    const uint32_t parts = el_regions_parts_of(mask, h, w, &work, &scene, labels);
    const size_t n = el_regions_write(&work, parts, &scene, 2, most, rows, final);
    el_regions_relabel(labels, h * w, final);
    for (size_t i = 0; i < n; i++)
        crc = digest_region(crc, rows + i);
    crc = sample_crc(crc, labels, 4 * h * w);
    for (int k = 0; k < 2; k++)
        free(work.edges[k]), free(work.owner[k]);
    free(work.places), free(work.parent), free(work.part), free(final), free(labels), free(rows);
    free(mask), free(counts), free(bg);
    return crc;
}

static void
digest_regions(void)
{
    for (enum sample_kind kind = SAMPLE_NOISE; kind <= SAMPLE_HIGH; kind++) {
        uint32_t crc = 0;
        for (int s = 0; s < N_SHAPES; s++)
            crc = digest_regions_shape(crc, shapes[s][0], shapes[s][1], kind);
        printf("regions kind %d %08x\n", (int)kind, crc);
    }
}

static void
digest_codec(void)
{
    for (enum sample_kind kind = SAMPLE_NOISE; kind < SAMPLE_KINDS; kind++)
        for (int fast = 0; fast < 2; fast++) {
            uint32_t crc = 0;
            for (int s = 0; s < N_SHAPES; s++) {
                const size_t h = shapes[s][0], w = shapes[s][1];
                uint16_t *counts = sample_words(h * w, (uint32_t)s, kind);
                uint16_t *back = (uint16_t *)sample_room(h * w, 2);
                uint8_t *blob = (uint8_t *)sample_room(el_codec_bound(h, w), 1);
                const size_t n = el_codec_pack(counts, h, w, fast, blob);
                uint8_t *exact = (uint8_t *)sample_room(n, 1);
                memcpy(exact, blob, n); /* so that reading past the end is seen */
                if (el_codec_unpack(exact, n, back, h, w) || memcmp(back, counts, 2 * h * w))
                    printf("codec lost a frame of %zux%zu\n", h, w);
                crc = sample_crc(crc, blob, n);
                free(counts), free(back), free(blob), free(exact);
            }
            printf("codec kind %d fast %d %08x\n", (int)kind, fast, crc);
        }
}

#endif /* DIGEST_PLANES_H */
