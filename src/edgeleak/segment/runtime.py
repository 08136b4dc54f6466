# SPDX-License-Identifier: Apache-2.0
"""The TFLite interpreter: tflite-runtime where it is installed, else ai-edge-litert.

tflite-runtime is first because it is the one with an armv7 wheel, and because what a board
without AVX can run was measured with it.  Models come as bytes whose hash was checked.
"""

import importlib
from typing import Any

import numpy as np

from edgeleak.errors import UnavailableError
from edgeleak.segment.card import Card, ModelRefused, ModelWrong

CANDIDATES = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")
INT8, UINT8, FLOAT = np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.float32)


def find_interpreter(candidates: tuple[str, ...] = CANDIDATES) -> tuple[type[Any], str]:
    """(Interpreter class, name of its package); UnavailableError when there is none."""
    refusals = []
    for name in candidates:
        package = name.split(".")[0]
        try:
            return importlib.import_module(name).Interpreter, package
        # NumPy 2 under a tflite-runtime built for 1.x raises AttributeError or ImportError.
        except (ImportError, AttributeError) as error:
            refusals.append(f"{package}: {error}")
    raise UnavailableError(
        f"no TFLite runtime ({'; '.join(refusals)}); run: pip install 'edgeleak[segment]'"
    )


class Runner:
    """One loaded model.

    card    : says what it has to look like
    content : its bytes, checked against the card's hash

    Raises ModelRefused when it cannot be loaded or is of another geometry.
    """

    def __init__(self, card: Card, content: bytes,
                 candidates: tuple[str, ...] = CANDIDATES) -> None:  # fmt: skip
        interpreter, self.runtime = find_interpreter(candidates)
        self._shape = (1, card.model.rows, card.model.columns, 3)
        try:
            self._model = interpreter(model_content=content, num_threads=1)
            self._model.allocate_tensors()
        except (ValueError, RuntimeError, TypeError) as error:
            raise ModelRefused(
                f"{card.model.file}: {self.runtime} cannot load it ({error});"
                " make the model again with tools/train"
            ) from error
        self._source = self._only(self._model.get_input_details(), self._shape)
        self._target = self._only(self._model.get_output_details(), (*self._shape[:3], 1))

    def _only(self, details: list[dict[str, Any]], shape: tuple[int, ...]) -> dict[str, Any]:
        found = [(tuple(int(side) for side in one["shape"]), np.dtype(one["dtype"]).name)
                 for one in details]  # fmt: skip
        if len(found) != 1 or found[0][0] != shape or found[0][1] not in ("int8", "float32"):
            raise ModelRefused(
                f"model with tensors {found}, the card says one of {shape}, int8 or float32;"
                " use the card that belongs to it"
            )
        return details[0]

    def run(self, planes: np.ndarray) -> np.ndarray:
        """Probability of gas.

        planes : (rows, columns, 3) uint8, see planes.make_planes
        returns (rows, columns) uint8, 255 is certain; ModelWrong when it gives no numbers
        """
        centred = planes.astype(np.int16) - 128
        if np.dtype(self._source["dtype"]) == FLOAT:
            given = centred.astype(np.float32) / 128
        else:
            given = centred.astype(np.int8)
        self._model.set_tensor(self._source["index"], given[None])
        self._model.invoke()
        return self._as_probability(self._model.get_tensor(self._target["index"])[0, ..., 0])

    def _as_probability(self, answer: np.ndarray) -> np.ndarray:
        if answer.dtype == INT8:
            scale, zero = self._target["quantization"]
            answer = (answer.astype(np.float32) - zero) * scale
        # Arithmetic rounding may leave a sigmoid a little outside.
        if not np.isfinite(answer).all() or answer.min() < -0.01 or answer.max() > 1.01:
            raise ModelWrong(
                "the model's answer is no probability (NaN or outside 0..1);"
                " make the model again with tools/train", float(answer.max()), 1.0,
            )  # fmt: skip
        return np.rint(np.clip(answer, 0, 1) * 255).astype(np.uint8)
