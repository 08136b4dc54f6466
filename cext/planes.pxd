# SPDX-License-Identifier: Apache-2.0
# Borrowed (H, W) arrays: buffer, type and order checked, released together.
#
# A typed memoryview does the same but builds a Python object each; at 160x120 five of them
# cost as much as the background itself.
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_WRITABLE,
    Py_buffer,
    PyBuffer_Release,
    PyObject_GetBuffer,
)

cdef enum:
    MAX_PLANES = 6

cdef struct Planes:
    int n
    Py_ssize_t height
    Py_ssize_t width
    Py_buffer view[MAX_PLANES]


cdef inline str dtype_name(char kind):
    return {b"B": "uint8", b"H": "uint16", b"h": "int16", b"i": "int32"}.get(bytes([kind]), "?")


cdef inline void release(Planes *planes) noexcept:
    cdef int i
    for i in range(planes.n):
        PyBuffer_Release(&planes.view[i])
    planes.n = 0


cdef inline int borrow_buffer(Py_buffer *view, object array, str name, int flags) except -1:
    try:
        PyObject_GetBuffer(array, view, flags)
    except TypeError:
        raise TypeError(f"{name} must be a NumPy array, got {type(array).__name__}") from None
    except (ValueError, BufferError) as error:
        raise ValueError(f"{name}: {error}") from None
    return 0


# NumPy on 32-bit machines calls its 4-byte integers long.
cdef inline char kind_of(const char *format) noexcept:
    if sizeof(long) == 4 and format[0] == c"l":
        return c"i"
    if sizeof(long) == 4 and format[0] == c"L":
        return c"I"
    return format[0]


# The kind of the element ("B", "H", ...) of a borrowed plane; kinds lists the ones allowed.
cdef inline char borrow(Planes *planes, object array, str name, const char *kinds,
                        bint writable) except 0:
    cdef Py_buffer *view = &planes.view[planes.n]
    cdef int flags = PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0)
    cdef const char *kind = kinds
    borrow_buffer(view, array, name, flags)
    planes.n += 1
    while kind[0] and kind[0] != kind_of(view.format):
        kind += 1
    if not kind[0] or view.format[1]:
        allowed = " or ".join([dtype_name(k) for k in <bytes>kinds])
        raise ValueError(
            f"{name} must be {allowed}, got {getattr(array, 'dtype', view.format.decode())}")
    if view.ndim != 2:
        raise ValueError(f"{name} must have two dimensions (H, W), got {view.ndim}")
    if planes.n == 1:
        planes.height, planes.width = view.shape[0], view.shape[1]
    elif view.shape[0] != planes.height or view.shape[1] != planes.width:
        raise ValueError(
            f"{name} has shape ({view.shape[0]}, {view.shape[1]}), "
            f"expected ({planes.height}, {planes.width})")
    return kind[0]


# A uint64 array of at least `needed` words, any shape: scratch memory.
cdef inline int borrow_words(Planes *planes, object array, str name,
                             Py_ssize_t needed) except -1:
    cdef Py_buffer *view = &planes.view[planes.n]
    borrow_buffer(view, array, name, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
    planes.n += 1
    if view.itemsize != 8 or view.format[0] not in b"LQ" or view.format[1]:
        raise ValueError(
            f"{name} must be uint64, got {getattr(array, 'dtype', view.format.decode())}")
    if view.len < 8 * needed:
        raise ValueError(f"{name} has {view.len // 8} words, needs at least {needed}")
    return 0


# No two borrowed planes may share a byte.
cdef inline int planes_disjoint(Planes *planes) except -1:
    cdef int i, k
    cdef size_t a, b
    for i in range(planes.n):
        a = <size_t>planes.view[i].buf
        for k in range(i):
            b = <size_t>planes.view[k].buf
            if a < b + <size_t>planes.view[k].len and b < a + <size_t>planes.view[i].len:
                raise ValueError("arrays must not share memory")
    return 0
