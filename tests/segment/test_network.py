# SPDX-License-Identifier: Apache-2.0
"""The network in this process."""

import numpy as np
import pytest
from segment_bench import SHAPE, copied_card, needs_runtime

from edgeleak import Pipeline
from edgeleak.errors import UnavailableError, UsageError
from edgeleak.segment import Network
from edgeleak.segment.card import ModelRefused, ModelWrong
from edgeleak.segment.runtime import find_interpreter
from edgeleak.sim.scene import octave_noise


def test_without_a_runtime_it_says_what_to_install():
    with pytest.raises(UnavailableError, match=r"edgeleak\[segment\]"):
        find_interpreter(("no_such_runtime.interpreter",))


@needs_runtime
def test_the_second_runtime_is_taken_when_the_first_is_missing():
    name = find_interpreter()[1] + ".interpreter"
    assert find_interpreter(("no_such_runtime.interpreter", name))[1] == name.split(".")[0]


@pytest.fixture(scope="module")
def network():
    return Network()


def scene(shape, seed=1):
    return 6500 + 60 * octave_noise(np.random.default_rng(seed), shape, 1.5)


def learnt(shape, plume, seed=1):
    """A pipeline that has learnt a scene, on a frame with a ragged plume in it."""
    pipeline = Pipeline(shape, "sensitive", fps=10, is_corrected=True)
    rng, still = np.random.default_rng(seed), scene(shape)
    y, x = np.indices(shape) / shape[0]
    cloud = np.exp(-(((x - 0.6) / 0.2) ** 2 + ((y - 0.5) / 0.1) ** 2))
    for k in range(40):
        gas = plume * cloud * (1 + 0.3 * np.sin(9 * x + k)) if k >= 34 else 0
        pipeline.step((still + rng.normal(0, 3, shape) - gas).astype(np.uint16))
    return pipeline


@needs_runtime
@pytest.mark.parametrize("shape", [SHAPE, (240, 320)])
def test_it_sees_a_plume_where_one_is(network, shape):
    threshold = network.card.model.threshold
    gas = network.look(learnt(shape, plume=60)) >= threshold
    assert gas.shape == shape
    rows, column = slice(int(0.45 * shape[0]), int(0.55 * shape[0])), int(0.5 * shape[0])
    assert gas[rows, column].mean() > 0.8
    none = network.look(learnt(shape, plume=0)) >= threshold
    assert none[rows, column].mean() < 0.2
    assert none.mean() < gas.mean() / 2


@needs_runtime
def test_the_same_planes_give_the_same_answer_by_both_doors(network):
    pipeline = learnt(SHAPE, plume=60)
    arena = pipeline.arena
    planes = network.planes(arena["counts"], arena["background"], arena["smoothed"],
                            pipeline.verdict.noise_counts)  # fmt: skip
    found = network.detect(planes[..., 0], planes[..., 1], planes[..., 2])
    np.testing.assert_array_equal(found, network.look(pipeline))


@needs_runtime
def test_planes_of_another_size_are_refused(network):
    plane = np.zeros((60, 80), np.uint8)
    with pytest.raises(UsageError, match="planes"):
        network.detect(plane, plane, plane)
    with pytest.raises(UsageError, match="sensitive"):
        network.look(Pipeline(SHAPE, "paper", fps=10, is_corrected=True))


@needs_runtime
def test_a_card_of_another_geometry_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match="tensors"):
        Network(copied_card(tmp_path, rows="128"))


@needs_runtime
def test_a_model_that_answers_otherwise_is_refused(tmp_path):
    with pytest.raises(ModelWrong, match="test picture") as caught:
        Network(copied_card(tmp_path, gas_px="3", tolerance_px="1"))
    assert caught.value.expected == 3
