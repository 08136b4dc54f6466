# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True
"""Compiled means of places over seconds; reference: kernels/reference/faint.py."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from checks cimport disjoint, in_range, same_shape


cdef extern from "edgeleak/faint_judge.h" nogil:
    enum:
        EL_FAINT_MAX_WIDTH
        EL_FAINT_NOW
        EL_FAINT_PLANES
        EL_FAINT_SLOW
        EL_OBJECT_MEANS
        EL_PLACES_MAX_CELLS
        EL_PLACES_MAX_CELL_PX
    struct el_faint:
        int32_t slow_q16
        int32_t memory_q16
        int32_t duty_q16
        int32_t follow_q16
        int32_t held_q16
        int32_t learn_q16
        int32_t floor_q8
        int32_t cell_q8
        int32_t root_q8
        int32_t flicker_q16
        int32_t share_q16
        int32_t sign_q16
        int32_t rough_q16
        int32_t outline_q16
        int32_t thing_looks
        int32_t strong_q6
        int32_t stand_looks
        int32_t still_q16
        int32_t least_q6
        int32_t first_sign
    struct el_faint_found:
        int32_t area
        int32_t duty
        int32_t flicker
        int32_t sigma_q8
        int32_t is_kept
        int32_t strong
    size_t el_places_cells(size_t side, size_t cell)
    void el_faint_totals(const uint16_t *counts, size_t h, size_t w, size_t cell, int64_t *totals)
    void el_faint_means(int64_t *totals, const int32_t *pixels, size_t cells, int64_t n_frames,
                        int64_t *means)
    void el_faint_learn(int64_t *state, const int64_t *means, size_t rows, size_t columns,
                        int is_first)
    void el_faint_settle(int64_t *state, size_t rows, size_t columns, int64_t looks,
                         int64_t least_q6)
    void el_faint_update(int64_t *state, const int64_t *means, const int64_t *past, size_t rows,
                         size_t columns, const el_faint *s)
    int64_t el_faint_sigmas(int64_t *state, size_t cells, const el_faint *s)
    int32_t el_faint_things(int64_t *state, const int32_t *objects, size_t rows, size_t columns,
                            const el_faint *s)
    void el_faint_discount(int64_t *state, int32_t *objects, size_t rows, size_t columns,
                           int64_t scale, const el_faint *s)
    void el_faint_flickers(int64_t *state, size_t cells, const el_faint *s)
    el_faint_found el_faint_judge(int64_t *state, const int32_t *pixels, uint8_t *keep,
                                  size_t rows, size_t columns, const el_faint *s)
    void el_faint_follow(int64_t *state, size_t rows, size_t columns, const el_faint *s)


FAINT_PLANES, FAINT_NOW, FAINT_SLOW = EL_FAINT_PLANES, EL_FAINT_NOW, EL_FAINT_SLOW


def cell_totals(const uint16_t[:, ::1] counts not None, int64_t[:, ::1] totals not None, *,
                int cell_px):
    """Add the counts of the pixels of every cell to its total.

    counts  : (H, W) uint16, W at most 4096
    totals  : (rows, columns) int64, updated
    cell_px : side of a cell, 1..255; cells at the right and lower rim may be cut

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    cdef Py_ssize_t h = counts.shape[0], w = counts.shape[1]
    in_range("cell_px", cell_px, 1, EL_PLACES_MAX_CELL_PX)
    in_range("width", w, 0, EL_FAINT_MAX_WIDTH)
    same_shape("totals", <Py_ssize_t>el_places_cells(<size_t>h, <size_t>cell_px),
               <Py_ssize_t>el_places_cells(<size_t>w, <size_t>cell_px),
               totals.shape[0], totals.shape[1])
    if h == 0 or w == 0:
        return
    disjoint(&counts[0, 0], <size_t>(h * w) * sizeof(uint16_t), &totals[0, 0],
             <size_t>(totals.shape[0] * totals.shape[1]) * sizeof(int64_t))
    with nogil:
        el_faint_totals(&counts[0, 0], <size_t>h, <size_t>w, <size_t>cell_px, &totals[0, 0])


def cell_means(int64_t[:, ::1] totals not None, const int32_t[:, ::1] pixels not None,
               int64_t[:, ::1] means not None, *, int n_frames):
    """Means of the cells since the last look; the totals begin anew.

    totals   : (rows, columns) int64 of cell_totals, set to 0
    pixels   : (rows, columns) int32, pixels of each cell, above 0
    means    : (rows, columns) int64, written, counts Q6, rounded down
    n_frames : frames in the totals, 1 and more
    """
    cdef Py_ssize_t rows = totals.shape[0], columns = totals.shape[1]
    cdef size_t cells = <size_t>(rows * columns)
    in_range("cells", rows * columns, 1, EL_PLACES_MAX_CELLS)
    in_range("n_frames", n_frames, 1, 1 << 20)
    same_shape("pixels", rows, columns, pixels.shape[0], pixels.shape[1])
    same_shape("means", rows, columns, means.shape[0], means.shape[1])
    all_above_0(&pixels[0, 0], cells)
    disjoint(&totals[0, 0], cells * 8, &means[0, 0], cells * 8)
    disjoint(&pixels[0, 0], cells * 4, &totals[0, 0], cells * 8)
    disjoint(&pixels[0, 0], cells * 4, &means[0, 0], cells * 8)
    with nogil:
        el_faint_means(&totals[0, 0], &pixels[0, 0], cells, n_frames, &means[0, 0])


cdef int all_above_0(const int32_t *pixels, size_t cells) except -1:
    cdef size_t i
    for i in range(cells):
        if pixels[i] < 1:
            raise ValueError("pixels must be above 0 in every cell")
    return 0


cdef int state_of(const int64_t[:, :, ::1] state, const int64_t[:, ::1] means) except -1:
    in_range("planes of the state", state.shape[0], EL_FAINT_PLANES, EL_FAINT_PLANES)
    in_range("cells", state.shape[1] * state.shape[2], 1, EL_PLACES_MAX_CELLS)
    same_shape("means", state.shape[1], state.shape[2], means.shape[0], means.shape[1])
    cdef size_t nbytes = <size_t>(means.shape[0] * means.shape[1]) * sizeof(int64_t)
    return disjoint(&state[0, 0, 0], EL_FAINT_PLANES * nbytes, &means[0, 0], nbytes)


def learn_faint(int64_t[:, :, ::1] state not None, const int64_t[:, ::1] means not None, *,
                bint is_first):
    """One look of learning.

    state    : (FAINT_PLANES, rows, columns) int64, updated; begins anew at the first look
    means    : (rows, columns) int64, counts Q6, 0 to 16383 counts
    is_first : the first look after a new background

    Bit-exact with the NumPy reference.  Releases the GIL.
    """
    state_of(state, means)
    with nogil:
        el_faint_learn(&state[0, 0, 0], &means[0, 0], <size_t>means.shape[0],
                       <size_t>means.shape[1], is_first)


def settle_faint(int64_t[:, :, ::1] state not None, *, int looks, int least_q6):
    """End of learning: reference and noise of every cell.

    state    : (FAINT_PLANES, rows, columns) int64 of learn_faint, updated
    looks    : looks learnt from, 2 and more
    least_q6 : smallest noise of a cell, counts Q6
    """
    in_range("planes of the state", state.shape[0], EL_FAINT_PLANES, EL_FAINT_PLANES)
    in_range("cells", state.shape[1] * state.shape[2], 1, EL_PLACES_MAX_CELLS)
    in_range("looks", looks, 2, 1 << 20)
    in_range("least_q6", least_q6, 1, 1 << 20)
    with nogil:
        el_faint_settle(&state[0, 0, 0], <size_t>state.shape[1], <size_t>state.shape[2], looks,
                        least_q6)


cdef int settings(el_faint *s, dict values) except -1:
    s.slow_q16, s.memory_q16 = values["slow_q16"], values["memory_q16"]
    s.duty_q16, s.follow_q16 = values["duty_q16"], values["follow_q16"]
    s.held_q16, s.learn_q16 = values["held_q16"], values["learn_q16"]
    s.floor_q8, s.cell_q8, s.root_q8 = values["floor_q8"], values["cell_q8"], values["root_q8"]
    s.flicker_q16, s.share_q16 = values["flicker_q16"], values["share_q16"]
    s.outline_q16, s.thing_looks = values["outline_q16"], values["thing_looks"]
    s.sign_q16 = values["sign_q16"]
    s.strong_q6, s.stand_looks = values["strong_q6"], values["stand_looks"]
    s.still_q16 = values["still_q16"]
    s.least_q6, s.rough_q16 = values["least_q6"], values["rough_q16"]
    s.first_sign = values["first_sign"]
    if s.first_sign != 1 and s.first_sign != -1:
        raise ValueError(f"first_sign is {s.first_sign}; use 1 or -1")
    for name in ("slow_q16", "memory_q16", "duty_q16", "follow_q16", "held_q16", "learn_q16"):
        in_range(name, values[name], 0, 65536)
    in_range("floor_q8", s.floor_q8, 1, 1 << 16)
    in_range("cell_q8", s.cell_q8, 0, 1 << 16)
    in_range("root_q8", s.root_q8, 0, 1 << 16)
    in_range("flicker_q16", s.flicker_q16, 0, 65535)
    in_range("share_q16", s.share_q16, 0, 65535)
    in_range("sign_q16", s.sign_q16, 0, 65535)
    in_range("rough_q16", s.rough_q16, 0, 65535)
    in_range("outline_q16", s.outline_q16, 0, 65535)
    in_range("thing_looks", s.thing_looks, 0, 1 << 20)
    in_range("strong_q6", s.strong_q6, 0, 1 << 20)
    in_range("still_q16", s.still_q16, 0, 65536)
    in_range("stand_looks", s.stand_looks, 1, 1 << 20)
    return in_range("least_q6", s.least_q6, 1, 1 << 20)


def judge_faint(int64_t[:, :, ::1] state not None, const int64_t[:, ::1] means not None,
                const int64_t[:, ::1] past, int32_t[:, :, ::1] objects not None,
                const int32_t[:, ::1] pixels not None, uint8_t[:, ::1] keep not None,
                dict values not None):
    """One look after learning: what stands out of the noise of seconds, and may be gas.

    state   : (FAINT_PLANES, rows, columns) int64 after settle_faint, updated
    means   : (rows, columns) int64, counts Q6, 0 to 16383 counts
    past    : (rows, columns) int64, plane FAINT_NOW about a second ago; None: not known yet
    objects : (rows, columns, 4) int32 of remember_objects; the change of what drifts is
              set to 0 where the picture as a whole has left its reference by 2 noises
    pixels  : (rows, columns) int32, pixels of each cell
    keep    : (rows, columns) uint8, written: 255 for cells of groups that may be gas
    values  : the numbers below by name; a dict, since one made at every call would be allocated
    slow_q16, memory_q16, duty_q16 : share of the slow mean, of change and energy, of the duty
              that this look replaces
    follow_q16, held_q16 : step of the reference where quiet and where not, in noises
    learn_q16 : share of the noise that this look replaces where it is quiet
    floor_q8  : least scale of the picture, in noises
    cell_q8, root_q8 : sigmas of a cell that belongs to a group, of 2x2 cells that prove one
    flicker_q16, share_q16 : least flicker and duty of a cell that proves
    sign_q16 : least square of the mean over mean square, of a cell that proves
    rough_q16 : least change from look to look over that since `past`, of a cell that proves
    outline_q16 : share of an outline that makes a thing
    thing_looks : looks for which nothing counts where a thing was, and beside it
    strong_q6 : counts Q6 from where single pixels show it
    still_q16 : flicker below which what is so strong is a thing; 65536: always
    stand_looks : looks after which what is so strong stands, and the place is learnt again
    least_q6  : smallest noise of a cell, counts Q6
    first_sign : 1 where gas may be warmer or colder, -1 where it can only be colder

    Returns (area px of all that is kept, duty, flicker, sigmas Q8, is_kept) of the strongest
    cell that proves, else of the strongest; and how many cells are beyond strong_q6.
    Bit-exact with the NumPy reference.
    """
    cdef Py_ssize_t rows = means.shape[0], columns = means.shape[1]
    cdef size_t cells = <size_t>(rows * columns)
    cdef el_faint s
    cdef el_faint_found found
    cdef const int64_t *before = NULL
    cdef int64_t scale
    cdef int32_t strong
    state_of(state, means)
    same_shape("objects", rows, columns, objects.shape[0], objects.shape[1])
    in_range("values of a cell in objects", objects.shape[2], EL_OBJECT_MEANS, EL_OBJECT_MEANS)
    same_shape("pixels", rows, columns, pixels.shape[0], pixels.shape[1])
    same_shape("keep", rows, columns, keep.shape[0], keep.shape[1])
    if past is not None:
        same_shape("past", rows, columns, past.shape[0], past.shape[1])
        before = &past[0, 0]
        disjoint(&state[0, 0, 0], EL_FAINT_PLANES * cells * 8, before, cells * 8)
        disjoint(&keep[0, 0], cells, before, cells * 8)
        disjoint(&objects[0, 0, 0], cells * 16, before, cells * 8)
    settings(&s, values)
    disjoint(&state[0, 0, 0], EL_FAINT_PLANES * cells * 8, &objects[0, 0, 0], cells * 16)
    disjoint(&state[0, 0, 0], EL_FAINT_PLANES * cells * 8, &pixels[0, 0], cells * 4)
    disjoint(&state[0, 0, 0], EL_FAINT_PLANES * cells * 8, &keep[0, 0], cells)
    disjoint(&objects[0, 0, 0], cells * 16, &means[0, 0], cells * 8)
    disjoint(&objects[0, 0, 0], cells * 16, &pixels[0, 0], cells * 4)
    disjoint(&keep[0, 0], cells, &means[0, 0], cells * 8)
    disjoint(&keep[0, 0], cells, &objects[0, 0, 0], cells * 16)
    disjoint(&keep[0, 0], cells, &pixels[0, 0], cells * 4)
    with nogil:
        el_faint_update(&state[0, 0, 0], &means[0, 0], before, <size_t>rows, <size_t>columns, &s)
        scale = el_faint_sigmas(&state[0, 0, 0], cells, &s)
        strong = el_faint_things(&state[0, 0, 0], &objects[0, 0, 0], <size_t>rows,
                                 <size_t>columns, &s)
        el_faint_flickers(&state[0, 0, 0], cells, &s)
        el_faint_discount(&state[0, 0, 0], &objects[0, 0, 0], <size_t>rows, <size_t>columns,
                          scale, &s)
        found = el_faint_judge(&state[0, 0, 0], &pixels[0, 0], &keep[0, 0], <size_t>rows,
                               <size_t>columns, &s)
        found.strong = strong
        el_faint_follow(&state[0, 0, 0], <size_t>rows, <size_t>columns, &s)
    return (found.area, found.duty, found.flicker, found.sigma_q8, bool(found.is_kept),
            found.strong)
