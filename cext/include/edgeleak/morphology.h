// SPDX-License-Identifier: Apache-2.0
/* Erosion, dilation, opening and closing of a mask by a square of odd size, on bitmaps.
 *
 * Only erosion is written: dilation is erosion of the complement.  Outside the image every
 * bit is set, so the border never erodes; on the complement that means it never dilates.
 * Sizes up to 13 are rounds of 3x3 (measured: faster up to there).  Longer windows are built by
 * doubling: the AND of 2 pixels, of 4, of 8, and one last AND of two that overlap, so the work
 * grows with the logarithm of the size.
 *
 * Scratch: `height + 4 r` rows of `words` (r = size / 2) and one longer row.  A pass reads
 * rows that start 2 r higher than where it leaves its result, which makes it in place.
 */
#include "edgeleak/isa.h"

#ifndef EL_ISA /* seen from outside */
#ifndef EDGELEAK_MORPHOLOGY_H
#define EDGELEAK_MORPHOLOGY_H

#include "edgeleak/bitmap.h"

typedef enum { EL_ERODE, EL_DILATE, EL_OPEN, EL_CLOSE } el_morphology_op;

#define EL_MORPHOLOGY_ROUNDS 13 /* largest size that is made of rounds of 3x3 */

/* Words on each side of the long row: the window reaches r pixels out. */
#define EL_MORPHOLOGY_MARGIN(r) ((r) / 64 + 1)

static inline size_t
el_morphology_words(size_t height, size_t width, size_t size)
{
    const size_t words = EL_BITMAP_WORDS(width), r = size / 2;
    return (height + 4 * r) * words + words + 2 * EL_MORPHOLOGY_MARGIN(r) + 1;
}

/* row[i] &= the bit `shift` further right, for whole words; reads one word behind. */
EL_INLINE void
el_morphology_and_right(uint64_t *row, size_t words, size_t shift)
{
    const size_t far = shift / 64, bit = shift % 64;
    for (size_t i = 0; i + far < words; i++) {
        const uint64_t low = row[i + far] >> bit;
        row[i] &= low | (bit ? row[i + far + 1] << (64 - bit) : 0);
    }
}

#define EL_ISA_BODY "edgeleak/morphology.h"
#include "edgeleak/isa_passes.h"

/* size: odd.  scratch: el_morphology_words.  mask is read and written, 0 or 255. */
static inline void
el_morphology(uint8_t *mask, size_t height, size_t width, size_t size, el_morphology_op op,
              uint64_t *scratch)
{
    EL_ISA_CALL(el_morphology, mask, height, width, size, op, scratch);
}

#endif /* EDGELEAK_MORPHOLOGY_H */
#else  /* the body, once per instruction set */

/* One row of out = AND over size pixels of row, which has a margin of set words. */
EL_INLINE void
EL_ISA(el_morphology_across)(uint64_t *restrict row, size_t words, size_t size,
                             uint64_t *restrict out, uint64_t flip)
{
    const size_t r = size / 2, margin = EL_MORPHOLOGY_MARGIN(r), all = words + 2 * margin;
    size_t length = 1;
    for (; 2 * length <= size; length *= 2)
        el_morphology_and_right(row, all, length);
    el_morphology_and_right(row, all, size - length);
    for (size_t i = 0; i < words; i++) { /* the window starts r pixels to the left */
        const size_t at = (margin + i) * 64 - r;
        const uint64_t low = row[at / 64] >> (at % 64);
        out[i] = (low | (at % 64 ? row[at / 64 + 1] << (64 - at % 64) : 0)) ^ flip;
    }
}

/* rows[0..height) = 3x3 erosion of rows[1..height], the rows above and below being set. */
EL_INLINE void
EL_ISA(el_morphology_3x3)(uint64_t *rows, size_t height, size_t words, uint64_t behind,
                          uint64_t flip)
{
    memset(rows, 0xFF, words * sizeof *rows);
    memset(rows + (1 + height) * words, 0xFF, words * sizeof *rows);
    for (size_t y = 0; y < height; y++) {
        uint64_t *a = rows + y * words, *b = a + words, *c = b + words;
        uint64_t left = ~UINT64_C(0), here = a[0] & b[0] & c[0];
        for (size_t i = 0; i < words; i++) {
            const int is_last = i + 1 == words;
            const uint64_t right = is_last ? ~UINT64_C(0) : a[i + 1] & b[i + 1] & c[i + 1];
            const uint64_t kept = here & (here << 1 | left >> 63) & (here >> 1 | right << 63);
            a[i] = is_last ? (kept ^ flip) | behind : kept ^ flip;
            left = here;
            here = right;
        }
    }
}

/* rows[0..height) = erosion of rows[r..r+height), the r rows above and below being set. */
EL_INLINE void
EL_ISA(el_morphology_pass)(uint64_t *rows, size_t height, size_t width, size_t size,
                           uint64_t *row, uint64_t flip)
{
    const size_t words = EL_BITMAP_WORDS(width), r = size / 2, margin = EL_MORPHOLOGY_MARGIN(r);
    const uint64_t behind = el_bitmap_behind(width);
    if (size > 1 && size <= EL_MORPHOLOGY_ROUNDS) {
        for (size_t i = r; i-- > 0;)
            EL_ISA(el_morphology_3x3)(rows + i * words, height, words, behind, i ? 0 : flip);
        return;
    }
    memset(rows, 0xFF, r * words * sizeof *rows);
    memset(rows + (r + height) * words, 0xFF, r * words * sizeof *rows);
    size_t length = 1;
    for (; 2 * length <= size; length *= 2)
        for (size_t i = 0; i < (height + 2 * r - length) * words; i++)
            rows[i] &= rows[i + length * words];
    for (size_t y = 0; y < height; y++) {
        uint64_t *out = rows + y * words;
        const uint64_t *far = out + (size - length) * words;
        memset(row, 0xFF, margin * sizeof *row);
        memset(row + margin + words, 0xFF, (margin + 1) * sizeof *row);
        for (size_t i = 0; i < words; i++)
            row[margin + i] = out[i] & far[i];
        EL_ISA(el_morphology_across)(row, words, size, out, flip);
        out[words - 1] |= behind;
    }
}

static void
EL_ISA(el_morphology)(uint8_t *mask, size_t height, size_t width, size_t size,
                      el_morphology_op op, uint64_t *scratch)
{
    const size_t words = EL_BITMAP_WORDS(width), r = size / 2;
    const int is_double = op == EL_OPEN || op == EL_CLOSE;
    const uint64_t first = op == EL_DILATE || op == EL_CLOSE ? ~UINT64_C(0) : 0;
    const uint64_t last = op == EL_DILATE || op == EL_OPEN ? ~UINT64_C(0) : 0;
    uint64_t *row = scratch + (height + 4 * r) * words;
    for (size_t y = 0; y < height; y++)
        EL_ISA(el_bitmap_pack_row)(mask + y * width, width,
                                   scratch + (y + (is_double ? 2 * r : r)) * words, first);
    if (is_double)
        EL_ISA(el_morphology_pass)(scratch + r * words, height, width, size, row, ~UINT64_C(0));
    EL_ISA(el_morphology_pass)(scratch, height, width, size, row, 0);
    for (size_t y = 0; y < height; y++)
        EL_ISA(el_bitmap_spread_row)(scratch + y * words, width, mask + y * width, last);
}

#endif /* EL_ISA */
