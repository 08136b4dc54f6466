# SPDX-License-Identifier: Apache-2.0
"""OUT/weights.npz (of fit.py) to OUT/plume.tflite; runs in the training environment.

    convert.py OUT

Fails when the converted network answers other than the fitted one did to the same planes.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras_net import build, set_weights

MOST_DIFFERENCE = 1e-3


def convert(model: keras.Model) -> bytes:
    """TFLite with 16-bit weights, computed in 32-bit: half the size, the same mask everywhere."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    found = np.load(args.out / "weights.npz")
    model = build()
    set_weights(model, [found[f"w{k}"] for k in range(len(found.files) - 2)])
    answer = model(found["planes"], training=False).numpy()[..., 0]
    difference = float(np.abs(answer - found["gas"]).max())
    print(f"keras against torch: largest difference {difference:.1e}")
    if difference > MOST_DIFFERENCE:
        print("the two networks differ; their layers are not the same", file=sys.stderr)
        return 70
    (args.out / "plume.tflite").write_bytes(convert(model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
