// SPDX-License-Identifier: Apache-2.0
/* What bounds background + difference + mask on x86-64: the step beside a loop that only moves
 * the same bytes (a pixel reads 1 + 2 and writes 2 + 1 + 1) and computes nothing.
 *
 *     gcc -std=gnu11 -O3 -Icext/include tools/bench/background_bound.c -o build/bound && build/bound
 */
#include <stdio.h>
#include <time.h>

#include "edgeleak/background.h"

#define ROUNDS 400
#define FRAMES 16

static double
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline, target("avx2"))) static void
move_bytes(const uint8_t *frame, uint16_t *bg, uint8_t *diff, uint8_t *mask, size_t n)
{
    for (size_t i = 0; i + 32 <= n; i += 32) {
        const __m256i f = _mm256_loadu_si256((const __m256i *)(const void *)(frame + i));
        __m256i *b = (__m256i *)(void *)(bg + i);
        const __m256i b0 = _mm256_loadu_si256(b), b1 = _mm256_loadu_si256(b + 1);
        _mm256_storeu_si256((__m256i *)(void *)(diff + i), f);
        _mm256_storeu_si256((__m256i *)(void *)(mask + i), f);
        _mm256_storeu_si256(b, b1);
        _mm256_storeu_si256(b + 1, b0);
    }
}

/* ns per pixel, the minimum; way 0 moves bytes, 1 is SSE2, 2 is AVX2. */
static double
best_of(int way, const uint8_t *frames, uint16_t *bg, uint8_t *diff, uint8_t *mask, size_t n)
{
    double best = 1e18;
    el_isa_chosen = way == 2 ? EL_ISA_HAS_AVX2 : EL_ISA_BASELINE;
    for (size_t i = 0; i < ROUNDS * FRAMES; i++) {
        const uint8_t *frame = frames + i % FRAMES * n;
        const double start = now_ns();
        if (way == 0)
            move_bytes(frame, bg, diff, mask, n);
        else
            el_bg_grey_row(frame, bg, diff, mask, n, 256, 12, 0);
        const double spent = now_ns() - start;
        best = spent < best ? spent : best;
    }
    return best / (double)n;
}

int
main(void)
{
    static const size_t sizes[][2] = {{640, 480}, {160, 120}, {64, 64}};
    if (el_isa_choose("avx2") != EL_ISA_HAS_AVX2)
        return puts("this machine has no AVX2"), 69;
    puts("ns per pixel      only moved    AVX2    SSE2");
    for (size_t s = 0; s < 3; s++)
        for (size_t behind = 0; behind <= 16; behind += 16) { /* bytes behind a cache line */
            const size_t n = sizes[s][0] * sizes[s][1];
            uint8_t *block = (uint8_t *)aligned_alloc(64, n * (FRAMES + 4) + 64);
            if (block == NULL)
                return 70;
            uint8_t *bg = block + behind, *diff = bg + 2 * n, *mask = diff + n;
            for (size_t i = 0; i < n * (FRAMES + 4); i++)
                bg[i] = (uint8_t)(i * 2654435761u >> 13);
            double ns[3];
            for (int way = 0; way < 3; way++)
                ns[way] = best_of(way, mask + n, (uint16_t *)(void *)bg, diff, mask, n);
            printf("%zux%zu, %2zu behind %11.3f %7.3f %7.3f\n", sizes[s][0], sizes[s][1], behind,
                   ns[0], ns[2], ns[1]);
            free(block);
        }
    return 0;
}
