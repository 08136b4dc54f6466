/* SPDX-License-Identifier: Apache-2.0
 * Functions of the C library that are replaced: how one is exported, and the real one behind it.
 */
#ifndef EDGELEAK_INTERPOSE_H
#define EDGELEAK_INTERPOSE_H

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort(); /* the program called a function that its own C library lacks */
    return found;
}

/* A result as the C library returns it: -1 and errno instead of -errno. */
static int finish(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

#endif
