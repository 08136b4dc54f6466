# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, embedsignature=True
"""Compiled CLAHE, equal to OpenCV's; twin: kernels/reference/clahe.py."""
from libc.stdint cimport int32_t, uint8_t
from checks cimport in_range

cdef extern from "edgeleak/clahe.h" nogil:
    """
    /* The last plan that was used, kept so that a stream of frames allocates nothing and
     * prepares its weights once; a second thread makes its own. */
    typedef struct { el_clahe_plan plan; double clip_limit; } el_kept_plan;
    static el_kept_plan *el_kept;

    static el_kept_plan *
    el_take_plan(int32_t width, int32_t height, int32_t tiles_x, int32_t tiles_y,
                 double clip_limit)
    {
        el_kept_plan *own = __atomic_exchange_n(&el_kept, NULL, __ATOMIC_ACQ_REL);
        if (own && own->plan.width == width && own->plan.height == height &&
            own->plan.tiles_x == tiles_x && own->plan.tiles_y == tiles_y) {
            if (own->clip_limit != clip_limit)
                el_clahe_set_limit(&own->plan, clip_limit);
            own->clip_limit = clip_limit;
            own->plan.band = -1;
            return own;
        }
        free(own);
        el_clahe_plan plan;
        el_clahe_set_geometry(&plan, width, height, tiles_x, tiles_y);
        const size_t head = (sizeof *own + 63) & ~(size_t)63;
        own = aligned_alloc(64, head + el_clahe_layout(&plan, NULL));
        if (own == NULL)
            return NULL;
        el_clahe_layout(&plan, (char *)own + head);
        el_clahe_prepare(&plan, clip_limit);
        own->plan = plan;
        own->clip_limit = clip_limit;
        return own;
    }

    static void
    el_keep_plan(el_kept_plan *own)
    {
        free(__atomic_exchange_n(&el_kept, own, __ATOMIC_ACQ_REL));
    }
    """
    enum: EL_MAX_SIDE
    enum: EL_CLAHE_MAX_TILES
    ctypedef struct el_clahe_plan:
        int32_t width
    ctypedef struct el_kept_plan:
        el_clahe_plan plan
    el_kept_plan *el_take_plan(int32_t width, int32_t height, int32_t tiles_x, int32_t tiles_y,
                               double clip_limit)
    void el_keep_plan(el_kept_plan *own)
    void el_clahe_plane(el_clahe_plan *plan, uint8_t *grey)


def clahe(uint8_t[:, ::1] grey not None, tiles=(8, 8), double clip_limit=2.0):
    """Contrast limited adaptive histogram equalisation, in place.

    grey       : (H, W) uint8, H and W up to 32767
    tiles      : (tiles_x, tiles_y), each 1..64
    clip_limit : a bin holds at most max(int(clip_limit * area / 256), 1) pixels; <= 0: no limit

    Every pixel equals that of cv2.createCLAHE(clip_limit, tiles) of OpenCV 5 on x86-64.
    After the first frame of a size nothing is allocated.  Raises ValueError on wrong
    arguments, MemoryError when there is no room for the tables.  Releases the GIL.
    """
    cdef int32_t h, w, tiles_x, tiles_y
    cdef el_kept_plan *own
    in_range("height", grey.shape[0], 0, EL_MAX_SIDE)
    in_range("width", grey.shape[1], 0, EL_MAX_SIDE)
    tiles_x, tiles_y = tiles
    in_range("tiles_x", tiles_x, 1, EL_CLAHE_MAX_TILES)
    in_range("tiles_y", tiles_y, 1, EL_CLAHE_MAX_TILES)
    if clip_limit != clip_limit:
        raise ValueError("clip_limit must be a number, got NaN")
    h, w = <int32_t>grey.shape[0], <int32_t>grey.shape[1]
    if h == 0 or w == 0:
        return
    with nogil:
        own = el_take_plan(w, h, tiles_x, tiles_y, clip_limit)
        if own != NULL:
            el_clahe_plane(&own.plan, &grey[0, 0])
            el_keep_plan(own)
    if own == NULL:
        raise MemoryError(f"no memory for the CLAHE tables of a {w}x{h} image")
