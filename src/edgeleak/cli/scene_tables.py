# SPDX-License-Identifier: Apache-2.0
"""`edgeleak scene list | gases | limits | led`: tables."""

import argparse
import json

import numpy as np

from edgeleak.errors import UsageError
from edgeleak.sim.scene import family_names, limits, load_family
from edgeleak.sim.scene.bands import Band
from edgeleak.sim.scene.camera import Camera
from edgeleak.sim.scene.gases import formula, gas_in, names
from edgeleak.sim.scene.led import Led, black_body_equivalent_k, reach

LED_DIFFERENCES_K = (0.5, 1.0, 2.0, 5.0)


def list_action(args: argparse.Namespace) -> int:
    """Families, their splits, one sentence each."""
    rows = [load_family(name) for name in family_names()]
    if args.json:
        print(json.dumps([{"name": f.name, "splits": f.splits, "summary": f.summary,
                           "file": f.origin} for f in rows]))  # fmt: skip
        return 0
    for family in rows:
        print(f"{family.name:7} {' '.join(family.splits):15} {family.summary}")
    return 0


def _band(short_um: float, long_um: float) -> Band:
    try:
        return Band(short_um, long_um)
    except ValueError as error:
        raise UsageError(f"--band: {error}") from error


def gases_action(args: argparse.Namespace) -> int:
    """Every gas: absorption where the band sees it, the reason where not."""
    band, found = _band(*args.band), []
    for name in names():
        row: dict[str, object] = {"name": name, "formula": formula(name)}
        try:
            gas = gas_in(name, band)
        except UsageError as error:
            row |= {"visible": False, "reason": str(error)}
        else:
            row |= {"visible": True, "absorption_per_ppm_m": gas.thin_absorption_per_ppm_m,
                    "error": gas.error, "led_um": gas.led_um, "source": gas.source}  # fmt: skip
        found.append(row)
    if args.json:
        print(json.dumps({"band_um": list(args.band), "gases": found}))
        return 0
    print(f"band {band.short_um:g} to {band.long_um:g} um; absorbed share of a thin gas, per ppm m")
    for row in found:
        if row["visible"]:
            print(f"{row['name']!s:9} {row['formula']!s:6} {row['absorption_per_ppm_m']:.2e}"
                  f" +-{100 * row['error']:.0f}%  LED {row['led_um']} um  {row['source']}")  # type: ignore[operator]  # fmt: skip
        else:
            print(f"{row['name']!s:9} {row['formula']!s:6} {row['reason']}")
    return 0


def limits_action(args: argparse.Namespace) -> int:
    """Zeng and Morris 2019 beside simulated plumes."""
    if not 1 <= args.pixels <= 20000 or not 0 < args.contrast < 1 or not 0 < args.wind <= 20:
        raise UsageError("use --pixels 1 to 20000, --contrast 0 to 1, --wind above 0 to 20")
    rows = limits.table(args.pixels, args.contrast, args.wind)
    constant, of_k, of_m = limits.exponents(rows)
    if args.json:
        print(json.dumps({"rows": rows, "constant": constant, "exponent_k": of_k,
                          "exponent_m": of_m}))  # fmt: skip
        return 0
    print(
        f"methane: smallest g/h at which {args.pixels} of 320x240 pixels (24 deg) have a"
        f" contrast of {100 * args.contrast:g} % in half of the frames; wind {args.wind:g} m/s"
    )
    print("distance m    dT K   published   simulated   ratio")
    for distance_m, difference_k, published, simulated in rows:
        print(f"{distance_m:10g} {difference_k:7g} {published:11.1f} {simulated:11.1f}"
              f" {simulated / published:7.2f}")  # fmt: skip
    ratios = np.array([row[3] / row[2] for row in rows])
    print("published  18.41 |dT|^-1.094 d^2.00")
    print(f"simulated  {constant:.2f} |dT|^{of_k:.3f} d^{of_m:.2f} (dT above 0);"
          f" ratio {ratios.min():.2f} to {ratios.max():.2f}")  # fmt: skip
    return 0


def led_action(args: argparse.Namespace) -> int:
    """Ranges of lit-minus-dark imaging."""
    _check_led(args)
    band = Band(3.2, 3.4)
    methane = gas_in("methane", band)
    camera = Camera(np.random.default_rng(0), band, (240, 320), 9.0, args.netd, "none", 0.0, 0.0)
    lamp = Led(args.power, args.half_angle, methane.led_um)
    rows = [(k, reach(lamp, camera, methane, args.reflectivity, k, args.column, args.pairs))
            for k in LED_DIFFERENCES_K]  # fmt: skip
    kelvins = [(m, black_body_equivalent_k(lamp, camera, args.reflectivity, m))
               for m in (0.5, 1.0, 2.0, 4.0)]  # fmt: skip
    if args.json:
        facts = [{"difference_k": k, "beats_passive_m": r.beats_passive_m, "sees_m": r.sees_m,
                  "helps_m": r.helps_m} for k, r in rows]  # fmt: skip
        print(json.dumps({"ranges": facts, "brightens_k": dict(kelvins)}))
        return 0
    print(f"LED {args.power:g} mW, +-{args.half_angle:g} deg, background reflects"
          f" {args.reflectivity:g}, {args.pairs} pairs, NETD {args.netd:g} mK")  # fmt: skip
    print(
        "it brightens the background by " + ", ".join(f"{k:.2f} K at {m:g} m" for m, k in kelvins)
    )
    print(f"dT K   beats passive to   sees {args.column:g} ppm m to   helps to")
    for difference_k, ranges in rows:
        print(f"{difference_k:4g} {ranges.beats_passive_m:16.2f} m {ranges.sees_m:16.2f} m"
              f" {ranges.helps_m:10.2f} m")  # fmt: skip
    return 0


def _check_led(args: argparse.Namespace) -> None:
    ranges = {"power": (0.001, 1e4), "half_angle": (1, 60), "reflectivity": (1e-3, 1),
              "pairs": (1, 1e6), "column": (0.1, 1e6), "netd": (10, 200)}  # fmt: skip
    for name, (low, high) in ranges.items():
        if not low <= getattr(args, name) <= high:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {getattr(args, name):g}: use {low:g} to {high:g}")
