# SPDX-License-Identifier: Apache-2.0
# Argument checks shared by every kernel wrapper (inlined; no runtime module).

cdef inline int same_shape(str name, Py_ssize_t h0, Py_ssize_t w0,
                           Py_ssize_t h1, Py_ssize_t w1) except -1:
    if h0 != h1 or w0 != w1:
        raise ValueError(f"{name} has shape ({h1}, {w1}), expected ({h0}, {w0})")
    return 0


cdef inline int disjoint(const void *a, size_t a_nbytes,
                         const void *b, size_t b_nbytes) except -1:
    cdef size_t x = <size_t>a, y = <size_t>b
    if x < y + b_nbytes and y < x + a_nbytes:
        raise ValueError("arrays must not share memory")
    return 0


cdef inline int in_range(str name, long long value, long long low, long long high) except -1:
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low}..{high}, got {value}")
    return 0
