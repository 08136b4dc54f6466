#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Methane's lines at 3.3 um, averaged over a band: the numbers of `gases.toml`.

Lines: P, Q and R branches of nu3 up to J = 16 with the level counts and nuclear spin weights of
T_d (A 5, E 2, F 3), Boltzmann factors of B = 5.241 cm-1, air-broadened half-widths of 0.049 to
0.059 cm-1, tetrahedral splitting spread evenly over what the measured manifolds show.
One strength constant, fitted to six manifolds of the PNNL spectrum (R5..R10, 298 K, decadic,
as in the FEAST project's pnnl_methane.csv): their ratios agree within 2 %, and all lines add up
to 1.08e-17 cm/molecule; the published strength of nu3 is 1.09e-17.

Prints mean absorption and a sum of exponentials for transmission.  Needs scipy.
"""

import argparse

import numpy as np
from scipy.optimize import nnls

MEASURED = {5: 1.725e-19, 6: 2.80e-19, 7: 2.04e-19, 8: 1.673e-19, 9: 1.535e-19, 10: 1.074e-19}
"""Area of manifold R(J) in the PNNL spectrum, cm/molecule, decadic."""
LEVELS = ((1, 0, 0), (0, 0, 1), (0, 1, 1), (1, 0, 2), (1, 1, 2), (0, 1, 3), (2, 1, 3), (1, 1, 4),
          (1, 2, 4), (2, 1, 5), (2, 2, 5), (1, 2, 6))  # fmt: skip
SPIN = (5, 2, 3)
C2_CM_K, B_PER_CM, KELVIN = 1.4387769, 5.2410, 296.0
PER_CM2_PER_PPM_M = 101325 / (1.380649e-23 * 293.15) * 1e-10
HIGHEST_J = 16


def levels(j: int) -> tuple[int, ...]:
    """How many A, E and F levels a rotational state has."""
    turns, rest = divmod(j, 12)
    return tuple(n + more * turns for n, more in zip(LEVELS[rest], (2, 2, 6), strict=True))


def boltzmann(j: int) -> float:
    return float(np.exp(-C2_CM_K * B_PER_CM * j * (j + 1) / KELVIN))


def manifold_r(j: int) -> float:
    """Relative strength of R(J)."""
    return sum(n * w for n, w in zip(levels(j), SPIN, strict=True)) * (2 * j + 3) * boltzmann(j)


def lines() -> np.ndarray:
    """(N, 3): wavenumber, relative strength, half-width."""
    rows = []
    for j in range(HIGHEST_J + 1):
        weights = [w for n, w in zip(levels(j), SPIN, strict=True) for _ in range(n)]
        np.random.default_rng(j).shuffle(weights)
        spread = np.linspace(-0.5, 0.5, len(weights)) * 0.055 * max(0.0, j - 1.5)
        for branch, centre, share in (
            ("R", 3028.75 + 9.68 * j - 0.0325 * j * j, 2 * j + 3),
            ("Q", 3018.92 - 0.022 * j * (j + 1), 2 * j + 1),
            ("P", 3018.92 - 9.93 * j - 0.024 * j * j, 2 * j - 1),
        ):
            if branch == "R" or j > 0:
                rows += [(centre + off, w * share * boltzmann(j), 0.0585 - 0.0006 * j)
                         for off, w in zip(spread, weights, strict=True)]  # fmt: skip
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--band", type=float, nargs=2, default=(3.2, 3.4), metavar="UM")
    parser.add_argument("--parts", type=int, default=12, help="exponentials to choose from")
    args = parser.parse_args()
    constant = np.mean([MEASURED[j] / manifold_r(j) for j in MEASURED]) * np.log(10)
    table = lines()
    wave = np.arange(1e4 / args.band[1], 1e4 / args.band[0], 0.004)
    section = np.zeros_like(wave)
    for centre, strength, width in table:
        section += constant * strength * width / np.pi / ((wave - centre) ** 2 + width**2)
    per_ppm_m = section * PER_CM2_PER_PPM_M
    column = np.concatenate(([0], np.geomspace(1, 1e6, 200)))
    passed = np.array([np.exp(-per_ppm_m * c).mean() for c in column])
    offered = np.geomspace(1e-6, per_ppm_m.max(), args.parts)
    weight = 1 / np.maximum(1 - passed, 1e-3)
    weight[0] = 1e3
    share, _ = nnls(np.exp(-np.outer(column, offered)) * weight[:, None], passed * weight)
    share /= share.sum()
    error = np.exp(-np.outer(column, offered)) @ share - passed
    print(f"all lines {constant * table[:, 1].sum():.3e} cm/molecule,"
          f" mean {per_ppm_m.mean():.3e} per ppm m")  # fmt: skip
    print("absorption_per_ppm_m =", [float(f"{k:.3g}") for k in offered[share > 0]])
    print("weight =", [float(f"{w:.4g}") for w in share[share > 0]])
    print(f"largest error of the absorbed share {np.abs(error[1:] / (1 - passed[1:])).max():.4f}")


if __name__ == "__main__":
    main()
