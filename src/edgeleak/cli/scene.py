# SPDX-License-Identifier: Apache-2.0
"""Simulated gas leaks with exact truth: frames, masks, column density, rates.

edgeleak scene list                            families and what their seeds are for
edgeleak scene gases [--band 8 14]             what a band sees, and why not
edgeleak scene show rack --seed 3              one scene's values
edgeleak scene render rack --seed 3 --out DIR  recording, truth masks, contact sheet
edgeleak scene limits                          beside the published detection limits
edgeleak scene led                             how far lit-minus-dark imaging helps

A family may be a file of one's own: docs/scene-simulator.md.
"""

import argparse
import importlib

HELP = "simulate gas leaks with exact truth (masks, ppm m, g/h)"
ACTIONS = {
    "list": "families of scenes and what their seeds are for",
    "gases": "gases and which a band sees",
    "show": "the values of one scene",
    "render": "write a recording, its truth and a contact sheet",
    "limits": "simulated beside published detection limits",
    "led": "range in which on/off imaging helps",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `edgeleak scene`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    subs = {name: actions.add_parser(name, help=text, description=text.capitalize() + ".")
            for name, text in ACTIONS.items()}  # fmt: skip
    for sub in subs.values():
        sub.add_argument("--json", action="store_true", help="facts as JSON on stdout")
    subs["gases"].add_argument("--band", type=float, nargs=2, default=(3.2, 3.4), metavar="UM",
                               help="shortest and longest wavelength (3.2 3.4)")  # fmt: skip
    for name in ("show", "render"):
        _add_scene(subs[name])
    _add_render(subs["render"])
    _add_checks(subs["limits"], subs["led"])


def _add_scene(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("family", help="name (edgeleak scene list) or a .toml file")
    sub.add_argument("--seed", type=int, default=0, help="picks the scene (0)")
    sub.add_argument("--width", type=int, metavar="PX", help="columns")
    sub.add_argument("--height", type=int, metavar="PX", help="rows")
    sub.add_argument("--fps", type=float, help="frames a second")
    sub.add_argument("--netd", type=float, metavar="MK", help="noise at 20 degC, mK")
    sub.add_argument("--seconds", type=float, help="length")
    sub.add_argument("--gas", help="what leaks (edgeleak scene gases)")
    sub.add_argument("--rate", type=float, metavar="G/H", help="of every leak")
    sub.add_argument("--no-gas", action="store_true", help="the same scene, nothing leaks")


def _add_render(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    sub.add_argument("--force", action="store_true", help="replace existing results")


def _add_checks(limits: argparse.ArgumentParser, led: argparse.ArgumentParser) -> None:
    limits.add_argument("--pixels", type=int, default=200, help="that must stand out (200)")
    limits.add_argument("--contrast", type=float, default=0.01, help="share of the light (0.01)")
    limits.add_argument("--wind", type=float, default=0.2, metavar="M/S", help="mean (0.2)")
    led.add_argument("--power", type=float, default=3.0, metavar="MW",
                     help="optical, inside the band (3)")  # fmt: skip
    led.add_argument(
        "--half-angle", type=float, default=10.0, metavar="DEG", help="of the beam (10)"
    )
    led.add_argument("--reflectivity", type=float, default=0.1, help="of the background (0.1)")
    led.add_argument("--pairs", type=int, default=16, help="lit and dark frames averaged (16)")
    led.add_argument("--column", type=float, default=100.0, metavar="PPM_M",
                     help="to be seen in one pixel (100)")  # fmt: skip
    led.add_argument("--netd", type=float, default=30.0, metavar="MK", help="of the camera (30)")


def run(args: argparse.Namespace) -> int:
    """Exit code 0, or that of the error."""
    module = "scene_render" if args.action in ("show", "render") else "scene_tables"
    actions = importlib.import_module(f"edgeleak.cli.{module}")
    return int(getattr(actions, args.action + "_action")(args))
