/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one stage again and again, for tools/count_instructions.py.
 *
 *     chain_driver STAGE WIDTH HEIGHT REPEATS
 *
 * Everything but the stage happens once, so that the difference of two runs
 * with different REPEATS is the stage alone.
 */
#include <string.h>

#include "edgeleak/chain.h"
#include "edgeleak/change.h"
#include "edgeleak/faint.h"
#include "edgeleak/level.h"
#include "edgeleak/morphology.h"
#include "edgeleak/smooth.h"
#include "link_driver.h"
#include "look_driver.h"
#include "register_driver.h"
#include "sample.h"

#define SMOOTH_SIZE 5
#define LEVEL_STEP  4

struct frame {
    int32_t w, h;
    size_t n;
    uint16_t *counts, *background, *background_q2, *noise;
    int16_t *gain, *offset, *difference, *smoothed, *past;
    uint8_t *lut, *grey, *levels, *mask, *hold;
    int32_t *bad, *columns;
    uint32_t *keys;
    uint64_t *scratch;
    el_chain_state chain;
    el_clahe_plan clahe;
    struct link link;
    struct shift shift;
    struct look look;
};

/* Gradient, blocks and noise: a scene whose histogram looks like one. */
static void
fill_scene(struct frame *f)
{
    uint32_t seed = 1;
    for (int32_t y = 0; y < f->h; y++)
        for (int32_t x = 0; x < f->w; x++) {
            const size_t i = (size_t)y * (size_t)f->w + (size_t)x;
            const int32_t block = (int32_t)(((uint32_t)(x * 8 / f->w * 5 + y * 8 / f->h * 3)) % 7);
            const int32_t noise = (sample_next(&seed) & 31) + (sample_next(&seed) & 31) - 31;
            f->counts[i] = (uint16_t)(6000 + 1200 * y / f->h + 250 * block + noise);
            f->gain[i] = (int16_t)(16384 + (sample_next(&seed) & 1023) - 512);
            f->offset[i] = (int16_t)((sample_next(&seed) & 63) - 32);
            f->grey[i] = (uint8_t)(f->counts[i] >> 5);
            f->levels[i] = f->grey[i];
            f->background[i] = (uint16_t)(f->grey[i] << 8);
            f->background_q2[i] = (uint16_t)((f->counts[i] + 5) << 2);
            f->noise[i] = 128;
            f->mask[i] = sample_next(&seed) % 100 ? 0 : 255;
            f->hold[i] = f->mask[i];
            f->difference[i] = (int16_t)((sample_next(&seed) & 255) - 128);
            f->past[i] = (int16_t)((sample_next(&seed) & 255) - 128);
        }
}

/* 0.3 % bad pixels with their four neighbours. */
static size_t
fill_bad(struct frame *f)
{
    size_t n = 0;
    for (int32_t at = f->w + 1; at < (f->h - 1) * f->w - 1; at += 331) {
        const int32_t row[EL_BAD_COLUMNS] = {at, at - 1, at + 1, at - f->w, at + f->w};
        memcpy(f->bad + EL_BAD_COLUMNS * n++, row, sizeof row);
    }
    return n;
}

static void
make_clahe(el_clahe_plan *plan, int32_t w, int32_t h)
{
    el_clahe_set_geometry(plan, w, h, 8, 8);
    void *block = aligned_alloc(64, el_clahe_layout(plan, NULL));
    if (block == NULL)
        exit(70);
    el_clahe_layout(plan, block);
    el_clahe_prepare(plan, 2.0);
}

static void
make_frame(struct frame *f, int32_t w, int32_t h)
{
    f->w = w, f->h = h, f->n = (size_t)w * (size_t)h;
    uint16_t **const words[] = {&f->counts, &f->background, &f->background_q2, &f->noise};
    int16_t **const shorts[] = {&f->gain, &f->offset, &f->difference, &f->smoothed, &f->past};
    uint8_t **const bytes[] = {&f->grey, &f->levels, &f->mask, &f->hold};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        *words[i] = (uint16_t *)sample_room(f->n, 2);
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        *shorts[i] = (int16_t *)sample_room(f->n, 2);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        *bytes[i] = (uint8_t *)sample_room(f->n, 1);
    f->lut = (uint8_t *)sample_room(EL_LUT_PADDED, 1);
    f->bad = (int32_t *)sample_room(EL_BAD_COLUMNS * (f->n / 331 + 1), 4);
    f->columns = (int32_t *)sample_room((size_t)w + SMOOTH_SIZE, 4);
    f->keys = (uint32_t *)sample_room(f->n, 4);
    f->scratch = (uint64_t *)sample_room(el_morphology_words((size_t)h, (size_t)w, 3), 8);
    memset(f->lut, 0, EL_LUT_PADDED);
    el_linear_lut(f->lut, 5000, 9000);
    fill_scene(f);
    make_clahe(&f->clahe, w, h);
    make_clahe(&f->chain.clahe, w, h);
    f->chain.counts = f->counts, f->chain.raw = f->counts;
    f->chain.gain_q14 = f->gain, f->chain.offset = f->offset;
    f->chain.bad_pixels = f->bad, f->chain.n_bad = fill_bad(f);
    f->chain.lag = el_chain_lag(f->bad, f->chain.n_bad, w);
    f->chain.lut = f->lut, f->chain.grey = f->grey;
    f->chain.background = f->background;
    f->chain.difference = (uint8_t *)f->smoothed, f->chain.mask = f->mask;
    f->chain.eps_q8 = 256, f->chain.threshold = 12;
}

static void
run_grey(struct frame *f)
{
    const el_bg_rule rule = {256, 12, 0, 0, 0, 0};
    el_bg_grey_rule_row(f->levels, f->background, (uint8_t *)f->smoothed, f->mask, f->n, &rule);
}

static void
run_counts(struct frame *f, int level, uint16_t *noise)
{
    const el_bg_rule rule = {2, 40, level, 1, 48, 1};
    el_bg_counts_row(f->counts, f->background_q2, f->difference, f->mask, noise, f->n, &rule);
}

static void
run_follow(struct frame *f)
{
    const struct el_follow settings = {12, 2, 1};
    el_follow_step(f->counts, f->background_q2, f->difference, f->hold, f->n, settings);
}

static void
run_change(struct frame *f)
{
    const struct el_change settings = {130, 8, 1, 100, 400, 3, 32};
    el_change_step(f->smoothed, f->past, f->noise, f->levels, f->mask, f->hold, f->n, settings);
}

static void
run_level(struct frame *f)
{
    const size_t n = el_level_shift_keys(f->counts, f->background_q2, (size_t)f->h, (size_t)f->w,
                                         LEVEL_STEP, f->keys);
    f->columns[0] = (int32_t)el_level_select(f->keys, n, n / 2);
}

static int
run_stage(struct frame *f, const char *stage)
{
    const size_t h = (size_t)f->h, w = (size_t)f->w;
    if (strcmp(stage, "chain") == 0)
        el_chain_pass_a(&f->chain), el_chain_pass_b(&f->chain);
    else if (strcmp(stage, "pass_a") == 0)
        el_chain_pass_a(&f->chain);
    else if (strcmp(stage, "pass_b") == 0)
        f->chain.clahe.band = -1, el_chain_pass_b(&f->chain);
    else if (strcmp(stage, "nuc") == 0)
        el_nuc_row(f->counts, f->counts, f->gain, f->offset, f->n);
    else if (strcmp(stage, "bad_pixels") == 0)
        el_replace_bad_pixels(f->counts, f->bad, f->chain.n_bad);
    else if (strcmp(stage, "agc") == 0)
        el_agc_row(f->counts, f->lut, f->grey, f->n);
    else if (strcmp(stage, "clahe") == 0)
        f->clahe.band = -1, el_clahe_plane(&f->clahe, f->grey);
    else if (strcmp(stage, "background_grey") == 0)
        run_grey(f);
    else if (strcmp(stage, "background_counts") == 0)
        run_counts(f, 12, NULL);
    else if (strcmp(stage, "smooth") == 0)
        el_smooth(f->difference, f->smoothed, h, w, SMOOTH_SIZE, f->columns);
    else if (strcmp(stage, "level") == 0)
        run_level(f);
    else if (strcmp(stage, "follow") == 0)
        run_follow(f);
    else if (strcmp(stage, "change") == 0)
        run_change(f);
    else if (strcmp(stage, "open") == 0)
        el_morphology(f->mask, h, w, 3, EL_OPEN, f->scratch);
    else if (strcmp(stage, "faint") == 0)
        el_faint_totals(f->counts, h, w, 16, (int64_t *)f->scratch);
    else if (strcmp(stage, "area") == 0)
        f->columns[0] = (int32_t)el_level_area(f->mask, f->n);
    else
        return link_run(&f->link, stage, f->counts) || shift_run(&f->shift, stage, f->counts) ||
               look_run(&f->look, stage);
    return 1;
}

int
main(int argc, char **argv)
{
    static struct frame f;
    if (argc != 5) {
        fprintf(stderr, "usage: chain_driver STAGE WIDTH HEIGHT REPEATS\n");
        return 64;
    }
    make_frame(&f, atoi(argv[2]), atoi(argv[3]));
    link_make(&f.link, f.counts, (size_t)f.w, (size_t)f.h);
    shift_make(&f.shift, f.counts, (size_t)f.w, (size_t)f.h);
    look_make(&f.look, f.counts, f.background_q2, (size_t)f.w, (size_t)f.h);
    for (long left = atol(argv[4]); left > 0; left--)
        if (!run_stage(&f, argv[1])) {
            fprintf(stderr, "chain_driver: unknown stage '%s'\n", argv[1]);
            return 64;
        }
    printf("%08x\n", sample_crc(sample_crc(0, f.grey, f.n), f.mask, f.n));
    return 0;
}
