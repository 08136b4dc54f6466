# SPDX-License-Identifier: Apache-2.0
"""All mappings on one picture: plume contrast, order of counts, entropy, time."""

import time
from dataclasses import dataclass, field

import numpy as np

from edgeleak.evaluate.contrast.bilateral import bilateral_mappings
from edgeleak.evaluate.contrast.equalisation import equalisation_mappings
from edgeleak.evaluate.contrast.local import local_mappings
from edgeleak.evaluate.contrast.mapping import Mapping
from edgeleak.evaluate.contrast.measures import entropy_bits, rank_distortion
from edgeleak.evaluate.contrast.plume import contrast_to_noise, make_plume, noisy_pair
from edgeleak.evaluate.contrast.stills import Still
from edgeleak.evaluate.contrast.straight import straight_mappings

TIMED_ROUNDS = 7


@dataclass(frozen=True)
class Conditions:
    """The plume and noise that are added.

    dt_k : apparent temperature difference of gas and scene, K
    """

    dt_k: float = 0.25
    response_counts_per_k: float = 57.3
    noise_counts: float = 3.0
    seed: int = 1


@dataclass(frozen=True)
class MappingResult:
    """One mapping on one picture.

    cnr            : plume contrast over noise of the mapped difference
    discordant     : share of pixel pairs shown in the wrong order
    tied           : share of pairs of different counts shown alike
    ns_per_px      : median of repeated runs, tables included
    grey           : (H, W) uint8 mapped picture, without plume and added noise
    """

    mapping: Mapping
    cnr: float
    discordant: float
    tied: float
    entropy_bits: float
    ns_per_px: float
    grey: np.ndarray


@dataclass(frozen=True)
class StillResult:
    """All mappings on one picture; counts_cnr is the same measure before any mapping."""

    still: Still
    counts_cnr: float
    mappings: list[MappingResult] = field(default_factory=list)

    def has(self, key: str) -> bool:
        return any(m.mapping.key == key for m in self.mappings)

    def mapping(self, key: str) -> MappingResult:
        """The result of the mapping with that key; KeyError where it did not run."""
        return {m.mapping.key: m for m in self.mappings}[key]


def all_mappings(with_opencv: bool = True) -> list[Mapping]:
    peers = bilateral_mappings() if with_opencv else []
    return [*straight_mappings(), *equalisation_mappings(), *local_mappings(), *peers]


def compare_still(
    still: Still, conditions: Conditions, with_opencv: bool = True, rounds: int = TIMED_ROUNDS
) -> StillResult:
    """Map the picture in every way; mappings take turns in the timed rounds."""
    mappings = all_mappings(with_opencv)
    plume = make_plume(still.counts.shape, conditions.dt_k, conditions.response_counts_per_k)
    pair = noisy_pair(still.counts, plume, conditions.noise_counts, conditions.seed)
    times_ns = _times_ns(mappings, still.counts, rounds)
    results = []
    for mapping, ns in zip(mappings, times_ns, strict=True):
        grey = mapping.apply(still.counts)
        cnr = contrast_to_noise(mapping.apply(pair[0]), mapping.apply(pair[1]), plume)
        discordant, tied = rank_distortion(still.counts, grey, conditions.seed)
        per_px = float(ns) / grey.size
        results.append(
            MappingResult(mapping, cnr, discordant, tied, entropy_bits(grey), per_px, grey)
        )
    return StillResult(still, contrast_to_noise(*pair, plume), results)


def _times_ns(mappings: list[Mapping], counts: np.ndarray, rounds: int) -> np.ndarray:
    taken = np.empty((rounds, len(mappings)))
    for turn in range(rounds):
        for i, mapping in enumerate(mappings):
            begin = time.perf_counter_ns()
            mapping.apply(counts)
            taken[turn, i] = time.perf_counter_ns() - begin
    return np.median(taken, axis=0)
