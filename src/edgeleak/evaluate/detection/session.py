# SPDX-License-Identifier: Apache-2.0
"""One run of the command: what its parts share."""

import argparse
from functools import cached_property
from pathlib import Path

from edgeleak.evaluate.detection.clip import find_data
from edgeleak.evaluate.detection.method import chosen_methods
from edgeleak.evaluate.detection.store import Store
from edgeleak.evaluate.detection.table import Part
from edgeleak.evaluate.detection.thresholds import presets
from edgeleak.evaluate.progress import Progress


class Session:
    """Runs parts by name; recordings are looked for when a part needs them."""

    def __init__(self, args: argparse.Namespace, progress: Progress) -> None:
        self.quick: bool = args.quick
        self.out: Path = args.out
        self.draws: bool = not args.no_figures
        self._data: Path | None = args.data
        self.store = Store(args.out / "tracks", progress, fresh=args.fresh)
        self.methods = chosen_methods(args.method)

    @cached_property
    def data(self) -> Path:
        return find_data(self._data)

    def check_data(self) -> None:
        """The recordings are there, or one error says what is missing, before anything runs."""
        self.data  # noqa: B018

    @cached_property
    def _presets(self) -> tuple:
        return presets(self.store, self.methods, self.quick)

    @property
    def thresholds(self) -> Part:
        """The part that says where thresholds come from."""
        return self._presets[1]

    def part(self, key: str) -> Part:
        """Run one part."""
        return getattr(self, f"_{key}")()

    def _methane(self) -> Part:
        from edgeleak.evaluate.detection.methane import methane

        part, tracks, labels = methane(
            self.store, self.data, self.methods, self._presets[0], self.quick
        )
        if self.draws:
            from edgeleak.evaluate.detection.figures import methane_figures

            part.plots += methane_figures(tracks, labels, self._names, self.out)
        return part

    def _clips(self) -> Part:
        from edgeleak.evaluate.detection.clips import clips_part, run_clips

        found = run_clips(self.store, self.data, self.methods, self.quick)
        part = clips_part(found, self.methods, self._presets[0])
        if self.draws:
            from edgeleak.evaluate.detection.clips import clips_figures

            part.pictures += clips_figures(found, self.methods, self.out)
        return part

    def _nozzle(self) -> Part:
        from edgeleak.evaluate.detection.nozzle import nozzle

        return nozzle(self.store, self.data, self.methods, self.draws, self.out)

    def _stills(self) -> Part:
        from edgeleak.evaluate.detection.stills import stills

        return stills(self.store, self.data, self.methods, self.draws, self.out)

    def _grid(self) -> Part:
        from edgeleak.evaluate.detection.grid import grid_part, run_grid

        grid = run_grid(self.store, self.methods, self._presets[0], self.quick)
        part = grid_part(grid, self.methods)
        if self.draws:
            from edgeleak.evaluate.detection.figures import grid_figures

            part.plots += grid_figures(grid, self._names, self.out)
        return part

    def _families(self) -> Part:
        from edgeleak.evaluate.detection.families import (
            families_part,
            run_families,
            run_leaves,
        )

        drawn = run_families(self.store, self.methods, self._presets[0], self.quick)
        leaves = run_leaves(self.store, self.methods, self._presets[0], self.quick)
        return families_part(drawn, leaves, self.methods)

    def _sweep(self) -> Part:
        from edgeleak.evaluate.detection.sweep import run_walks, sweep_part

        walks = run_walks(self.store, self.methods, self._presets[0], self.quick)
        part = sweep_part(walks, self.methods)
        if self.draws:
            from edgeleak.evaluate.detection.sweep import sweep_figure

            part.plots.append(sweep_figure(walks[0], self.methods, self.out / "sweep.png"))
        return part

    def _ablation(self) -> Part:
        from edgeleak.evaluate.detection.ablation import ablation_part, run_ablation, variants

        methods = variants()
        proof = run_ablation(self.store, self.data, methods, self.quick)
        return ablation_part(proof, methods)

    def _cost(self) -> Part:
        from edgeleak.evaluate.detection.cost import cost

        return cost(self.out, self.quick)

    @property
    def _names(self) -> dict[str, str]:
        return {method.key: method.label for method in self.methods}
