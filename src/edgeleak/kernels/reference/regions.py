# SPDX-License-Identifier: Apache-2.0
"""NumPy reference for connected regions: the definition, not the fast path."""

import numpy as np

REGION_DTYPE = np.dtype(
    [
        ("label", np.int32),
        ("x", np.int32),
        ("y", np.int32),
        ("w", np.int32),
        ("h", np.int32),
        ("area_px", np.int32),
        ("cx", np.float64),
        ("cy", np.float64),
        ("contrast_counts", np.float64),
        ("polarity", np.int8),
    ],
    align=True,
)


def _runs(is_set):
    """Every run of the mask as (y, start, end), end outside; rows from the top."""
    edges = np.diff(np.pad(is_set.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    y, start = np.nonzero(edges == 1)
    return y, start, np.nonzero(edges == -1)[1]


def _root(parent, run):
    while parent[run] != run:
        run = parent[run]
    return run


def _united(y, start, end):
    """The first run of every run's region: runs of neighbour rows that touch, corners too."""
    parent = list(range(len(y)))
    row_of: dict[int, list[int]] = {}
    for run in range(len(y)):
        row_of.setdefault(int(y[run]), []).append(run)
    for row, runs in sorted(row_of.items()):
        above = row_of.get(row - 1, [])
        first = 0
        for run in runs:
            while first < len(above) and end[above[first]] < start[run]:
                first += 1
            for other in above[first:]:
                if start[other] > end[run]:
                    break
                a, b = sorted((_root(parent, run), _root(parent, other)))
                parent[b] = a
    return np.array([_root(parent, run) for run in range(len(y))], np.int64)


def _label_image(is_set):
    y, start, end = _runs(is_set)
    _, index = np.unique(_united(y, start, end), return_inverse=True)
    labels = np.zeros(is_set.shape, np.int32)
    for row, a, b, label in zip(y, start, end, index, strict=True):
        labels[row, a:b] = label + 1
    return labels


def _sums(labels, n, values):
    return np.bincount(labels, values, n + 1)[1:].astype(np.int64)


def _contrast(frame, background, level):
    """Difference of every pixel in the background's unit, and that unit in counts."""
    if frame.dtype == np.uint8:
        return (frame.astype(np.int64) << 8) - background - level, 256
    return (np.minimum(frame, 16383).astype(np.int64) << 2) - background - level, 4


def regions(mask, *, frame=None, background=None, level=0, min_area_px=1, labels=None):
    """See edgeleak.kernels.RegionFinder.find; same contract, any speed."""
    if (frame is None) != (background is None):
        raise ValueError("frame and background belong together; give both or neither")
    image = _label_image(mask != 0)
    n = int(image.max(initial=0))
    y, x = np.nonzero(image)
    at = image[y, x]
    area = _sums(at, n, None)
    out = np.zeros(n, REGION_DTYPE)
    out["area_px"] = area
    for low, size, centre, values in (("x", "w", "cx", x), ("y", "h", "cy", y)):
        ends = np.full((2, n + 1), -1)
        np.maximum.at(ends[1], at, values)
        np.maximum.at(ends[0], at, mask.size - values)
        out[low] = mask.size - ends[0, 1:]
        out[size] = ends[1, 1:] - out[low] + 1
        out[centre] = _sums(at, n, values) / area
    out["contrast_counts"] = np.nan
    if frame is not None:
        difference, unit = _contrast(frame, background, level)
        total = _sums(at, n, difference[y, x])
        out["contrast_counts"] = total / area / unit
        out["polarity"] = np.sign(total)
    return _listed(out, image, min_area_px, labels)


def _listed(out, image, min_area_px, labels):
    is_listed = out["area_px"] >= min_area_px
    label = np.where(is_listed, np.cumsum(is_listed), 0)
    out["label"] = label
    if labels is not None:
        labels[...] = np.concatenate([[0], label])[image]
    return out[is_listed]


class RegionFinder:
    """See edgeleak.kernels.RegionFinder; same contract, any speed."""

    def __init__(self, shape, capacity=None):
        most = ((shape[0] + 1) // 2) * ((shape[1] + 1) // 2)
        self.shape = tuple(shape)
        self.capacity = max(most, 1) if capacity is None else capacity
        self.n_found = 0

    @property
    def is_truncated(self):
        return self.n_found > self.capacity

    def find(self, mask, *, labels=None, **arguments):
        """The regions of a mask, at most `capacity`; see edgeleak.kernels.RegionFinder.find."""
        if mask.shape != self.shape:
            raise ValueError(f"mask has shape {mask.shape}, expected {self.shape}")
        found = regions(mask, labels=labels, **arguments)
        self.n_found = len(found)
        if labels is not None:
            labels[labels > self.capacity] = 0
        found.flags.writeable = False
        return found[: self.capacity]
