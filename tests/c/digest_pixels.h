/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of kernels that work pixel by pixel: every length 0..67. */
#ifndef DIGEST_PIXELS_H
#define DIGEST_PIXELS_H

#include <string.h>

#include "edgeleak/agc.h"
#include "edgeleak/background.h"
#include "edgeleak/change.h"
#include "edgeleak/nuc.h"
#include "sample.h"

#define LONGEST 67

static void
digest_nuc(void)
{
    for (enum sample_kind kind = SAMPLE_NOISE; kind < SAMPLE_KINDS; kind++) {
        uint32_t crc = 0, mended = 0;
        for (size_t n = 0; n <= LONGEST; n++) {
            uint16_t *counts = sample_words(n, (uint32_t)n, kind);
            int16_t *gain = (int16_t *)sample_words(n, (uint32_t)n + 1000, SAMPLE_NOISE);
            int16_t *offset = (int16_t *)sample_words(n, (uint32_t)n + 2000, SAMPLE_NOISE);
            el_nuc_row(counts, counts, gain, offset, n);
            crc = sample_crc(crc, counts, 2 * n);
            if (n >= 5) {
                const int32_t last = (int32_t)n - 1;
                const int32_t table[2 * EL_BAD_COLUMNS] = {0,    1, 2, 3, last,
                                                           last, 0, 1, 1, last / 2};
                el_replace_bad_pixels(counts, table, 2);
                mended = sample_crc(mended, counts, 2 * n);
            }
            free(counts), free(gain), free(offset);
        }
        printf("nuc kind %d %08x\n", (int)kind, crc);
        printf("replace_bad_pixels kind %d %08x\n", (int)kind, mended);
    }
}

static void
digest_tables(void)
{
    int32_t *log_q16 = (int32_t *)sample_room(EL_COUNTS_BINS, sizeof *log_q16);
    uint8_t *lut = (uint8_t *)sample_room(EL_COUNTS_BINS, 1);
    uint32_t *histogram = (uint32_t *)sample_room(EL_COUNTS_BINS, sizeof *histogram);
    el_log2_table(log_q16);
    el_log_lut(lut, log_q16, (int32_t)(300.75 * 65536), (int32_t)(-3700.5 * 65536));
    printf("log_lut %08x\n", sample_crc(0, lut, EL_COUNTS_BINS));
    el_linear_lut(lut, 100, 9001);
    printf("linear_lut %08x\n", sample_crc(0, lut, EL_COUNTS_BINS));
    uint16_t *counts = sample_words(20000, 9, SAMPLE_NOISE);
    memset(histogram, 0, EL_COUNTS_BINS * sizeof *histogram);
    el_histogram_row(counts, 20000, histogram);
    printf("histogram %08x\n", sample_crc(0, histogram, EL_COUNTS_BINS * sizeof *histogram));
    el_plateau_lut(lut, histogram, 2, EL_TOP_LEVEL_Q16);
    printf("plateau_lut %08x\n", sample_crc(0, lut, EL_COUNTS_BINS));
    el_plateau_lut(lut, histogram, 40, 655);
    printf("plateau_lut limited %08x\n", sample_crc(0, lut, EL_COUNTS_BINS));
    free(log_q16), free(lut), free(histogram), free(counts);
}

static void
digest_agc(void)
{
    uint8_t *lut = sample_bytes(EL_LUT_PADDED, 5, SAMPLE_NOISE);
    for (enum sample_kind kind = SAMPLE_NOISE; kind < SAMPLE_KINDS; kind++) {
        uint32_t crc = 0;
        for (size_t n = 0; n <= LONGEST; n++) {
            uint16_t *counts = sample_words(n, (uint32_t)n, kind);
            uint8_t *grey = (uint8_t *)sample_room(n, 1);
            el_agc_row(counts, lut, grey, n);
            crc = sample_crc(crc, grey, n);
            el_agc_row(counts, lut, (uint8_t *)counts, n); /* in place */
            crc = sample_crc(crc, counts, n);
            free(counts), free(grey);
        }
        printf("agc kind %d %08x\n", (int)kind, crc);
    }
    free(lut);
}

static void
digest_grey(void)
{
    static const el_bg_rule rules[] = {
        {256, 8, 0, 0, 0, 0}, {7, 0, 700, 0, 0, 0}, {0xFF00, 40, -65000, 1, 0, 0}};
    for (int r = 0; r < 3; r++) {
        uint32_t crc = 0;
        for (size_t n = 0; n <= LONGEST; n++) {
            uint8_t *frame = sample_bytes(n, (uint32_t)n, SAMPLE_NOISE);
            uint16_t *bg = sample_words(n, (uint32_t)n + 1000, SAMPLE_NOISE);
            uint8_t *diff = (uint8_t *)sample_room(n, 1), *mask = (uint8_t *)sample_room(n, 1);
            el_bg_grey_rule_row(frame, bg, diff, mask, n, &rules[r]);
            crc = sample_crc(crc, bg, 2 * n);
            crc = sample_crc(sample_crc(crc, diff, n), mask, n);
            free(frame), free(bg), free(diff), free(mask);
        }
        printf("background grey rule %d %08x\n", r, crc);
    }
}

static uint32_t
digest_counts_rule(const el_bg_rule *rule, int has_noise)
{
    uint32_t crc = 0;
    for (size_t n = 0; n <= LONGEST; n++) {
        uint16_t *frame = sample_words(n, (uint32_t)n, SAMPLE_NOISE);
        uint16_t *bg = sample_words(n, (uint32_t)n + 1000, SAMPLE_NOISE);
        uint16_t *noise = sample_words(n, (uint32_t)n + 2000, SAMPLE_COUNTS);
        int16_t *diff = (int16_t *)sample_room(n, 2);
        uint8_t *mask = (uint8_t *)sample_room(n, 1);
        el_bg_counts_row(frame, bg, diff, mask, has_noise ? noise : NULL, n, rule);
        crc = sample_crc(sample_crc(crc, bg, 2 * n), diff, 2 * n);
        crc = sample_crc(sample_crc(crc, mask, n), noise, 2 * n);
        free(frame), free(bg), free(noise), free(diff), free(mask);
    }
    return crc;
}

static void
digest_counts(void)
{
    static const el_bg_rule rules[] = {{4, 200, 0, 0, 0, 0},
                                       {65532, 0, 5000, 1, 0, 0},
                                       {2, 40, -65532, 0, 48, 1},
                                       {3, 900, 123, 1, 255, 4095}};
    for (int r = 0; r < 4; r++)
        printf("background counts rule %d %08x\n", r, digest_counts_rule(&rules[r], r > 1));
}

static void
digest_follow(void)
{
    static const struct el_follow settings[] = {{0, 2, 1}, {5000, 65532, 7}, {-65532, 9, 0}};
    for (int s = 0; s < 3; s++) {
        uint32_t crc = 0;
        for (size_t n = 0; n <= LONGEST; n++) {
            uint16_t *counts = sample_words(n, (uint32_t)n, SAMPLE_NOISE);
            uint16_t *bg = sample_words(n, (uint32_t)n + 1000, SAMPLE_NOISE);
            uint8_t *hold = sample_bytes(n, (uint32_t)n + 2000, SAMPLE_LOW);
            int16_t *diff = (int16_t *)sample_room(n, 2);
            el_follow_step(counts, bg, diff, hold, n, settings[s]);
            crc = sample_crc(sample_crc(crc, bg, 2 * n), diff, 2 * n);
            free(counts), free(bg), free(hold), free(diff);
        }
        printf("follow_step setting %d %08x\n", s, crc);
    }
}

static void
digest_change(void)
{
    static const struct el_change settings[] = {{130, 8, 1, 100, 400, 3, 32},
                                                {4095, 0, 4095, 30000, 65535, 0, 65535},
                                                {9, 900, 50, 16000, 50000, 255, 1}};
    for (int s = 0; s < 3; s++) {
        uint32_t crc = 0;
        for (size_t n = 0; n <= LONGEST; n++) {
            int16_t *smoothed = (int16_t *)sample_words(n, (uint32_t)n, SAMPLE_NOISE);
            int16_t *past = (int16_t *)sample_words(n, (uint32_t)n + 1000, SAMPLE_NOISE);
            uint16_t *noise = sample_words(n, (uint32_t)n + 2000, SAMPLE_NOISE);
            uint8_t *hold = sample_bytes(n, (uint32_t)n + 3000, SAMPLE_LOW);
            uint8_t *gas = (uint8_t *)sample_room(n, 1), *mask = (uint8_t *)sample_room(n, 1);
            el_change_step(smoothed, past, noise, gas, mask, hold, n, settings[s]);
            crc = sample_crc(sample_crc(crc, noise, 2 * n), gas, n);
            crc = sample_crc(sample_crc(crc, mask, n), hold, n);
            free(smoothed), free(past), free(noise), free(gas), free(mask), free(hold);
        }
        printf("change_step setting %d %08x\n", s, crc);
    }
}

#endif /* DIGEST_PIXELS_H */
