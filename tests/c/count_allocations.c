// SPDX-License-Identifier: Apache-2.0
/* Preloaded: counts malloc, calloc, realloc, aligned and mmap calls between start and stop.
 *
 * Python calls el_count_start() and el_count_stop() through ctypes; glibc's own
 * __libc_* entry points do the work, so nothing here allocates.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static volatile int counting;
static volatile long calls;

void el_count_start(void) { calls = 0; counting = 1; }

long
el_count_stop(void)
{
    counting = 0;
    return calls;
}

static void
seen(void)
{
    if (counting)
        __sync_fetch_and_add(&calls, 1);
}

void *malloc(size_t n) { seen(); return __libc_malloc(n); }
void *calloc(size_t n, size_t size) { seen(); return __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { seen(); return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { seen(); return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { seen(); return __libc_memalign(a, n); }

int
posix_memalign(void **p, size_t a, size_t n)
{
    seen();
    *p = __libc_memalign(a, n);
    return *p == NULL ? 12 : 0;
}

void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    seen();
    return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
}
